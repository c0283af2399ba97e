"""What a client wants written, item by item: sets of rows, of which each may be refused by itself.

A single mutation writes one item, a bulk mutation up to 500; the statements are the same, and no
more for many than for one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.merge import Change
from db.base import Entity
from db.problem import Problem


@dataclass(eq=False)
class Item:
    """One row to be created, changed or deleted, and what has become of it so far.

    `values` are what the client says of it, by column. `id`, `expected_version` and `force` are
    those of a row that is there; `before` is what it held where `values` change it. A `problem`
    names fields as columns, but one that was there from the start names them as the API does.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    id: UUID | None = None
    expected_version: int = 0
    force: bool = False
    row: Any = None
    before: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None

    def refuse(self, problem: Problem) -> None:
        """Write nothing of this one; the first problem counts."""
        self.problem = self.problem or problem

    def require(self) -> Any:
        """The row, or the problem as an exception."""
        if self.problem:
            raise self.problem
        return self.row


Found = Mapping[UUID, Entity]
"""Rows by their ids."""

Prepare = Callable[[Transaction, Sequence[Item], Found], Awaitable[None]]
"""What an entity does with its items before they are sent: it completes rows or refuses items.

It reads set-based, whatever their number. Rows that are changed have their new values already, and
are not sent by what it reads. It is given the rows that were found to change them, and no others.
"""

Find = Callable[[Transaction, Sequence[Item]], Awaitable[Found]]
"""How an entity finds and locks the rows to change, where locking them by id is not enough."""


def unrefused(items: Sequence[Item]) -> list[Item]:
    """Those that nothing speaks against so far."""
    return [item for item in items if not item.problem]


async def create_rows(
    transaction: Transaction,
    model: type[Entity],
    within: tuple[type[Entity], str],
    items: Sequence[Item],
    prepare: Prepare | None = None,
    *,
    ordered: bool = False,
) -> None:
    """New rows, not sent yet, each beneath the parent that its item names, in the parent's scopes.

    `within` is the parent's model, and the column that names it. Where its rows are `ordered`, the
    parent is locked, so that who adds to them takes turns with those who do, and who move them.
    """
    parent_model, key = within
    wanted = {item.values[key] for item in unrefused(items)}
    parents = await transaction.find_by_id(parent_model, wanted, lock=ordered, to_create=model)
    lost = wanted - parents.keys()
    reasons: Mapping[UUID, Problem] = {}
    if lost:
        reasons = await transaction.why_not_found(parent_model, lost, to_create=model)
    for item in unrefused(items):
        parent = parents.get(item.values[key])
        if parent is None:
            reason = reasons[item.values[key]]
            item.refuse(Problem(reason.code, reason.message, field=[key]))
        else:
            item.row = model(**{**scopes_beneath(parent_model, parent), **item.values})
    await _prepare(transaction, items, {}, prepare)


async def update_rows(
    transaction: Transaction,
    model: type[Entity],
    items: Sequence[Item],
    prepare: Prepare | None = None,
    find: Find | None = None,
) -> None:
    """The rows that the items name, locked and changed, merged with what others have changed."""

    def revise(item: Item, since: Sequence[Change]) -> None:
        version, values = item.expected_version, item.values
        item.before = {name: getattr(item.row, name) for name in values}
        transaction.revise(item.row, version, values, since, force=item.force)

    found = await _changed(transaction, model, items, revise, find)
    await _prepare(transaction, items, found, prepare)


async def delete_rows(transaction: Transaction, model: type[Entity], items: Sequence[Item]) -> None:
    """The rows that the items name, locked and hidden."""

    def hide(item: Item, since: Sequence[Change]) -> None:
        transaction.hide(item.row, item.expected_version, since, force=item.force)

    await _changed(transaction, model, items, hide)


async def find_rows(
    transaction: Transaction,
    model: type[Entity],
    items: Sequence[Item],
    find: Find | None = None,
) -> Found:
    """Give each item its row, locked; refuse those whose row is not there, or not to be locked."""
    open_ = unrefused(items)
    ids = [item.id for item in open_ if item.id]
    found = await (find(transaction, open_) if find else transaction.find_by_id(model, ids))
    lost = [id for id in ids if id not in found]
    reasons = await transaction.why_not_found(model, lost) if lost else {}
    for item in open_:
        item.row = found.get(item.id) if item.id else None
        if item.id in reasons:
            item.refuse(reasons[item.id])
    return found


async def _changed(
    transaction: Transaction,
    model: type[Entity],
    items: Sequence[Item],
    change: Callable[[Item, Sequence[Change]], None],
    find: Find | None = None,
) -> Found:
    found = await find_rows(transaction, model, items, find)
    open_ = unrefused(items)
    changes = await transaction.changes_since((item.row, item.expected_version) for item in open_)
    for item in open_:
        try:
            change(item, changes.get(item.row.id, ()))
        except Problem as problem:
            item.refuse(problem)
    return found


async def _prepare(
    transaction: Transaction, items: Sequence[Item], found: Found, prepare: Prepare | None
) -> None:
    if prepare and (open_ := unrefused(items)):
        with transaction.unsent():
            await prepare(transaction, open_, found)


async def send_items(transaction: Transaction, items: Sequence[Item]) -> None:
    """Send the rows, each for itself, and refuse the items of which PostgreSQL refuses the row."""
    problems = await transaction.send_each([item.row for item in unrefused(items)])
    for item in items:
        if item.row is not None and item.row.id in problems:
            item.refuse(problems[item.row.id])
