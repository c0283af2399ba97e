"""The rows that move along with a row to another document: block contents and links."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.base import Entity
from db.requirements.collaboration import Assignment, TraceLink
from db.requirements.comments import CommentThread
from db.requirements.documents import Block
from db.requirements.properties import Column
from db.requirements.requirements import Requirement
from graph.kit.moving import Scopes
from graph.kit.positions import Line, spaced

LINKS: tuple[tuple[type[Any], str], ...] = ((TraceLink, "source_id"), (Assignment, "entity_id"))
"""The models kept in the project of the row they refer to, and the column that refers to it."""


@dataclass
class Followers:
    """Rows that move along, each with the row it follows, and rows that are renumbered."""

    rows: list[tuple[UUID, Entity, Mapping[str, Any]]] = field(default_factory=list)
    renumbered: list[tuple[Entity, float]] = field(default_factory=list)

    def change(self, transaction: Transaction, moved: Collection[UUID]) -> None:
        """Change the rows that follow one of those that have been moved, and renumber others."""
        for leader, row, values in self.rows:
            if leader in moved:
                transaction.change(row, None, **values)
        for row, position in self.renumbered:
            transaction.renumber(row, position)


async def followers(
    transaction: Transaction,
    model: type[Block | Requirement],
    crossed: Mapping[UUID, UUID],
    scopes: Scopes,
    other_project: bool,
) -> Followers:
    """Return the rows that follow others to other documents, deleted ones too, locked.

    `crossed` maps each row to its new document. Links follow only to an `other_project`.
    """
    found = Followers()
    leaders = {id: id for id in crossed}
    if model is Block:
        inside = await transaction.find_by_id(Requirement, crossed, key="block_id", deleted=None)
        await _requirements(transaction, inside, crossed, scopes, found)
        leaders |= {row.id: row.block_id for row in inside.values() if row.block_id}
        columns = await transaction.find_by_id(Column, crossed, key="block_id", deleted=None)
        for column in columns.values():
            found.rows.append((column.block_id, column, scopes(crossed[column.block_id])))
    for kept, key in LINKS if other_project else ():
        links = await transaction.find_by_id(kept, leaders, key=key, deleted=None)
        for link in links.values():
            leader = leaders[getattr(link, key)]
            there = {"project_id": scopes(crossed[leader])["project_id"]}
            found.rows.append((leader, link, there))
    threads = await transaction.find_by_id(CommentThread, leaders, key="entity_id", deleted=None)
    for thread in threads.values():
        leader = leaders[thread.entity_id]
        found.rows.append((leader, thread, scopes(crossed[leader])))
    return found


async def _requirements(
    transaction: Transaction,
    inside: Mapping[UUID, Requirement],
    crossed: Mapping[UUID, UUID],
    scopes: Scopes,
    found: Followers,
) -> None:
    """Put requirements last in their new documents, in their order."""
    arriving: dict[UUID, list[Requirement]] = defaultdict(list)
    for row in sorted(inside.values(), key=lambda row: (row.document_id, row.position, row.id)):
        if row.block_id:
            arriving[crossed[row.block_id]].append(row)
    if not arriving:
        return
    last = await transaction.last(Requirement, "position", "document_id", arriving)
    for document, rows in arriving.items():
        ids = [row.id for row in rows]
        positions = await _at_end(transaction, document, ids, last.get(document))
        for row in rows:
            values = {**scopes(document), "position": positions.pop(row.id)}
            found.rows.append((_leader(row), row, values))
        others = await transaction.find_by_id(Requirement, positions, deleted=None)
        found.renumbered += [(row, positions[id]) for id, row in others.items()]


def _leader(row: Requirement) -> UUID:
    assert row.block_id is not None  # noqa: S101 (it was found by it)
    return row.block_id


async def _at_end(
    transaction: Transaction, document_id: UUID, ids: list[UUID], last: float | None
) -> dict[UUID, float]:
    """Return positions behind all others; those are renumbered if no room is left behind them."""
    found = spaced(last, None, len(ids))
    if found is not None:
        return dict(zip(ids, found, strict=True))
    here = Requirement.document_id == document_id
    line = Line(await transaction.values(Requirement, ("id", "position"), here, deleted=None))
    return line.put(ids, len(line.keys))
