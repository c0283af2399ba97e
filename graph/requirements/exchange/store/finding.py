"""The stored rows that a draft is compared with, found by external ID, restored if deleted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

from auth.session import Transaction
from db.fields import among
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.requirements.exchange.model.draft import own_identifier

R = TypeVar("R", Block, Requirement)

Key = tuple[UUID, str]
"""A document, and an external ID in it."""


@dataclass
class Stored(Generic[R]):
    """The rows of some documents, in their order."""

    rows: list[R] = field(default_factory=list)
    restored: set[UUID] = field(default_factory=set)
    names: Mapping[UUID, Key] = field(default_factory=dict)
    """Keys by which rows are found first, whatever their external IDs are."""

    def by_key(self) -> dict[Key, R]:
        """Return the rows by their key; the first of several.

        A row is also found by the identifier that the gateway writes for one without an external
        ID, unless another row has that as its external ID.
        """
        found: dict[Key, R] = {}
        for row in self.rows:
            if row.external_id is not None:
                found.setdefault((row.document_id, row.external_id), row)
        for row in self.rows:
            found.setdefault((row.document_id, own_identifier(row.id)), row)
        return found | {self.names[row.id]: row for row in self.rows if row.id in self.names}

    def nameless(self) -> dict[Key, list[R]]:
        """Return the rows without an external ID, by document and name."""
        found: dict[Key, list[R]] = defaultdict(list)
        for row in self.rows:
            if row.external_id is None:
                found[row.document_id, row.name].append(row)
        return found

    def positions(self, document: UUID) -> list[float]:
        """Return the positions of the rows of a document."""
        return [row.position for row in self.rows if row.document_id == document]


async def stored(
    transaction: Transaction,
    model: type[R],
    documents: Sequence[Document],
    wanted: Iterable[Key],
) -> Stored[R]:
    """Return the rows of these documents, locked; restore deleted ones that are wanted first.

    A restored block brings back the blocks and requirements in it, so the search is repeated until
    no missing row can be restored.
    """
    found: Stored[R] = Stored()
    ids = [document.id for document in documents]
    keys = set(wanted)
    while ids:
        found.rows = await transaction.find_all(
            model, among(model.document_id, ids), order=(model.position, model.id)
        )
        missing = keys - found.by_key().keys()
        gone = await _deleted(transaction, model, ids, missing) if missing else []
        if not gone:
            break
        for row in gone:
            await transaction.edits.restore(row, None)
            found.restored.add(row.id)
        await transaction.flush()
    return found


async def _deleted(
    transaction: Transaction, model: type[R], ids: list[UUID], missing: set[Key]
) -> list[R]:
    """Return the most recently deleted row of each missing key."""
    last: dict[Key, R] = {}
    rows = await transaction.find_all(
        model,
        among(model.document_id, ids),
        order=(model.deleted_at, model.id),
        deleted=True,
        lock=False,
    )
    for row in rows:
        for identifier in (row.external_id, own_identifier(row.id)):
            if identifier is not None and (row.document_id, identifier) in missing:
                last[row.document_id, identifier] = row
    return list(last.values())
