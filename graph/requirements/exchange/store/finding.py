"""The stored rows that a draft is compared with, found by external ID, restored if deleted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from auth.session import Transaction
from db.fields import among
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.requirements.exchange.model.draft import own_id, own_identifier

R = TypeVar("R", Block, Requirement)

Key = tuple[UUID, str]
"""A document, and an external ID in it."""
COLUMNS = ("id", "document_id", "external_id", "name", "position")


class Placed(Protocol):
    """The columns of a row by which it is found, and others are placed beside it."""

    id: UUID
    document_id: UUID
    external_id: str | None
    name: str
    position: float


@dataclass
class Stored:
    """The rows of some documents, in their order."""

    rows: list[Any] = field(default_factory=list)
    """Each is a `Placed`."""
    restored: set[UUID] = field(default_factory=set)
    names: Mapping[UUID, Key] = field(default_factory=dict)
    """Keys by which rows are found first, whatever their external IDs are."""

    def finder(self) -> Callable[[Key], Any]:
        """Return a function that returns the row of a key, or None; the first of several.

        A row is also found by the identifier that the gateway writes for one without an external
        ID, unless another row has that as its external ID.
        """
        named: dict[Key, Any] = {}
        by_id: dict[UUID, Any] = {row.id: row for row in self.rows}
        for row in self.rows:
            if row.external_id is not None:
                named.setdefault((row.document_id, row.external_id), row)
        named |= {key: by_id[id] for id, key in self.names.items() if id in by_id}

        def find(key: Key) -> Any:
            document, name = key
            found = named.get(key)
            if found is None and (id := own_id(name)):
                found = by_id.get(id)
                return found if found and found.document_id == document else None
            return found

        return find

    def nameless(self) -> dict[Key, list[Any]]:
        """Return the rows without an external ID, by document and name."""
        found: dict[Key, list[Any]] = defaultdict(list)
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
) -> Stored:
    """Return the rows of these documents, locked; restore deleted ones that are wanted first.

    A restored block brings back the blocks and requirements in it, so the search is repeated until
    no missing row can be restored.
    """
    found = Stored()
    ids = [document.id for document in documents]
    keys = set(wanted)
    while ids:
        here = among(model.document_id, ids)
        await transaction.lock_all(model, here)
        found.rows = await transaction.values(
            model, COLUMNS, here, order=(model.position, model.id)
        )
        find = found.finder()
        missing = {key for key in keys if find(key) is None}
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
