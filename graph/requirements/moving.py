"""Moving requirements and blocks within their document, to another one, and to another project.

Whoever moves locks the documents on both sides first, then the rows, each in the order of their
ids, so that moves take turns and never wait for each other in a circle.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from auth.session import Transaction
from auth.session.refusal import missing, stale
from db.base import Entity
from db.problem import Problem
from db.requirements.collaboration import Assignment, TraceLink
from db.requirements.documents import Block, Column, Document
from db.requirements.requirements import Requirement
from graph.requirements.ordering import END, INSIDE, PLACE, P, Place, gap_at
from graph.requirements.tree import Tree, require_block, require_parent

LINKS: tuple[tuple[type[Entity], str], ...] = ((TraceLink, "source_id"), (Assignment, "entity_id"))
"""What is kept in the project of the thing it is about, by the column that names the thing."""


async def move(
    transaction: Transaction, model: type[P], id: UUID, expected_version: int, to: Place
) -> P:
    """Put a row elsewhere; to another document, a block takes along what stands in it."""
    seen = await transaction.find(model, id, lock=False)
    source, target = await _lock_documents(transaction, seen, to)
    crosses = source.id != target.id
    ids = [id]
    field = [*PLACE, INSIDE[model]]
    if model is Block and (crosses or to.inside):
        below = (await Tree.of(transaction, source.id)).beneath(id)
        ids = below if crosses else ids
        if to.inside:
            await require_parent(transaction, target.id, to.inside, below, field)
    elif to.inside:
        await require_block(transaction, target.id, to.inside, field)
    gap = await gap_at(transaction, model, target.id, ids, to)
    rows = await transaction.find_by_id(model, gap.positions, deleted=None)
    row = rows.get(id)
    if row is None or row.deleted_at is not None:
        raise missing(model)
    if row.document_id != source.id:
        raise stale(row)  # it has gone to another document since we locked this one
    scopes = {"project_id": target.project_id, "document_id": target.id}
    placed: dict[str, Any] = scopes | {"position": gap.positions[id]}
    if not crosses and gap.holds(row.position):
        placed["position"] = row.position
    if to.inside_given or crosses:
        placed[INSIDE[model]] = to.inside
    # All is read before anything is changed: a changed block takes its parts along by their keys.
    along = Changes()
    along.arrange(rows, gap.positions, ids[1:], scopes, besides=id)
    if crosses:
        await _take_along(transaction, model, ids, scopes, source.project_id, along)
    await transaction.update(row, expected_version, placed)
    if any(getattr(row, name) != value for name, value in placed.items()):
        raise stale(row)  # a place is one thing: no merge of where two have put the row
    along.make(transaction)
    return row


class Changes:
    """What else a move changes, until all of it has been read."""

    def __init__(self) -> None:
        self.moved: list[tuple[Entity, dict[str, Any]]] = []
        self.renumbered: list[tuple[Entity, float]] = []

    def arrange(
        self,
        rows: Mapping[UUID, P],
        positions: Mapping[UUID, float],
        moved: Collection[UUID],
        scopes: Mapping[str, UUID],
        besides: UUID | None = None,
    ) -> None:
        """Rows that are moved along take their new scopes; the others have made room for them."""
        along = set(moved)
        for id, position in positions.items():
            if id in along:
                self.moved.append((rows[id], {**scopes, "position": position}))
            elif id != besides:
                self.renumbered.append((rows[id], position))

    def make(self, transaction: Transaction) -> None:
        """Make them."""
        for row, values in self.moved:
            transaction.change(row, None, **values)
        for row, position in self.renumbered:
            transaction.renumber(row, position)


async def _lock_documents(
    transaction: Transaction, seen: Block | Requirement, to: Place
) -> tuple[Document, Document]:
    """The documents on both sides, locked in one statement."""
    target_id = to.document_id or seen.document_id
    documents = await transaction.find_by_id(Document, {seen.document_id, target_id})
    if len(documents) < len({seen.document_id, target_id}):  # says what is missing, and which
        for id in (target_id, seen.document_id):
            documents[id] = await transaction.find(Document, id, field=[*PLACE, "document_id"])
    source, target = documents[seen.document_id], documents[target_id]
    if source.organization_id != target.organization_id:
        message = f"A {type(seen).__name__.lower()} stays in its organization."
        raise Problem("INVALID", message, field=[*PLACE, "document_id"])
    return source, target


async def _take_along(
    transaction: Transaction,
    model: type[Block | Requirement],
    ids: Sequence[UUID],
    scopes: Mapping[str, UUID],
    from_project: UUID,
    along: Changes,
) -> None:
    """What stands in the blocks, deleted or not, follows them, and is recorded like them."""
    moved = list(ids)
    if model is Block:
        inside = await transaction.find_by_id(Requirement, ids, key="block_id", deleted=None)
        in_order = sorted(inside.values(), key=lambda row: (row.position, row.id))
        below = [row.id for row in in_order]
        if below:
            gap = await gap_at(transaction, Requirement, scopes["document_id"], below, END)
            others = gap.positions.keys() - inside.keys()
            rows = await transaction.find_by_id(Requirement, others, deleted=None) if others else {}
            along.arrange(inside | rows, gap.positions, below, scopes)
        columns = await transaction.find_by_id(Column, ids, key="block_id", deleted=None)
        along.moved += [(column, dict(scopes)) for column in columns.values()]
        moved += below
    if from_project != scopes["project_id"]:
        for kept, key in LINKS:
            links = await transaction.find_by_id(kept, moved, key=key, deleted=None)
            there = {"project_id": scopes["project_id"]}
            along.moved += [(link, there) for link in links.values()]
