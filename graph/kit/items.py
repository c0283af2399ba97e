"""Items of a mutation: sets of rows to write, of which each may be refused by itself.

A single mutation writes one item, a bulk mutation up to 500; the statements are the same, and no
more for many than for one.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.sql.functions import Function

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.write.merge import Change
from db.base import Entity
from db.problem import Problem


@dataclass(eq=False)
class Item:
    """One row to be created, changed or deleted, and its result so far.

    `values` are those the client sent, by column. `id`, `expected_version` and `force` are for an
    existing row; `before` has its values in the columns of `values`. A `problem` names fields as
    columns, except one of the input, which names them as the API does.
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
        """Return the row, or raise the item's problem."""
        if self.problem:
            raise self.problem
        return self.row


Found = Mapping[UUID, Entity]
"""Rows by their ids."""

Prepare = Callable[[Transaction, Sequence[Item], Found], Awaitable[None]]
"""A function that prepares an entity's items before they are sent: it completes or refuses them.

It reads in sets, whatever the number of items. Rows to change have their new values already, and
its reads do not flush them. It is passed the rows that were found for the change, and no others.
"""

Find = Callable[[Transaction, Sequence[Item]], Awaitable[Found]]
"""A function that finds and locks the rows to change, where locking them by ID is not enough."""

Finish = Callable[[Transaction, Sequence[Item]], Awaitable[None]]
"""A function that writes what follows from items, once they are sent; some may be refused."""


class Numbering(Protocol):
    """The numbering of new rows without an identifier, by rules that stand beneath a project."""

    @property
    def column(self) -> str:
        """Return the column of the identifier."""

    def question(self, parents: Collection[UUID]) -> Function[Any]:
        """Return the function that tells whether rows in these parents may be numbered."""

    async def give(self, transaction: Transaction, rows: Sequence[Any]) -> None:
        """Give numbers to these new rows, where a rule applies to them."""


def unrefused(items: Sequence[Item]) -> list[Item]:
    """Return the items without a problem so far."""
    return [item for item in items if not item.problem]


async def create_rows(
    transaction: Transaction,
    model: type[Entity],
    within: tuple[type[Entity], str],
    items: Sequence[Item],
    prepare: Prepare | None = None,
    *,
    ordered: bool = False,
    question: Function[Any] | None = None,
) -> Any:
    """Create rows, not sent yet, beneath the parents that the items name, in their scopes.

    `within` is the parent's model, and the column that names it. Where its rows are `ordered`, the
    parent is locked, so that concurrent additions and moves are serialized. The statement that
    reads the parents answers the `question`; the answer is returned.
    """
    parent_model, key = within
    wanted = {item.values[key] for item in unrefused(items)}
    parents, answer = await transaction.find_and_call(
        parent_model, wanted, question, lock=ordered, to_create=model
    )
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
            try:
                item.row = model(**{**scopes_beneath(parent_model, parent), **item.values})
            except Problem as problem:  # a name that is none
                item.refuse(problem)
    await _prepare(transaction, items, {}, prepare)
    return answer


async def create_numbered_rows(
    transaction: Transaction,
    model: type[Entity],
    within: tuple[type[Entity], str],
    items: Sequence[Item],
    prepare: Prepare | None = None,
    numbering: Numbering | None = None,
    *,
    ordered: bool = False,
) -> None:
    """Create rows as `create_rows` does, and give numbers to those without an identifier."""
    key, column = within[1], numbering.column if numbering else None
    nameless = [item for item in unrefused(items) if column and column not in item.values]
    question = None
    if numbering and nameless:
        question = numbering.question({item.values[key] for item in nameless})
    arguments: Any = (transaction, model, within, items, prepare)
    may_be_numbered = await create_rows(*arguments, ordered=ordered, question=question)
    rows = [item.row for item in unrefused(nameless)]
    if may_be_numbered and rows and numbering:
        with transaction.unsent():
            await numbering.give(transaction, rows)


async def update_rows(
    transaction: Transaction,
    model: type[Entity],
    items: Sequence[Item],
    prepare: Prepare | None = None,
    find: Find | None = None,
) -> None:
    """Lock and change the rows that the items name, merged with what others have changed."""

    async def revise(item: Item, since: Sequence[Change]) -> None:
        version, values = item.expected_version, item.values
        item.before = {name: getattr(item.row, name) for name in values}
        await transaction.edits.revise(item.row, version, values, since, force=item.force)

    found = await _changed(transaction, model, items, revise, find)
    await _prepare(transaction, items, found, prepare)


async def delete_rows(
    transaction: Transaction,
    model: type[Entity],
    items: Sequence[Item],
    prepare: Prepare | None = None,
) -> None:
    """Lock and soft-delete the rows that the items name."""

    async def hide(item: Item, since: Sequence[Change]) -> None:
        transaction.edits.hide(item.row, item.expected_version, since, force=item.force)

    found = await _changed(transaction, model, items, hide)
    await _prepare(transaction, items, found, prepare)


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
    change: Callable[[Item, Sequence[Change]], Awaitable[None]],
    find: Find | None = None,
) -> Found:
    found = await find_rows(transaction, model, items, find)
    open_ = unrefused(items)
    changes = await transaction.changes_since((item.row, item.expected_version) for item in open_)
    for item in open_:
        try:
            await change(item, changes.get(item.row.id, ()))
        except Problem as problem:
            item.refuse(problem)
    return found


async def _prepare(
    transaction: Transaction, items: Sequence[Item], found: Found, prepare: Prepare | None
) -> None:
    if prepare and (open_ := unrefused(items)):
        with transaction.unsent():
            await prepare(transaction, open_, found)
        for item in open_:
            if item.problem and item.id:
                transaction.reset(item.row)  # or the next flush would send it


async def send_items(transaction: Transaction, items: Sequence[Item]) -> None:
    """Send the rows, each for itself, and refuse the items of which PostgreSQL refuses the row."""
    problems = await transaction.send_each([item.row for item in unrefused(items)])
    for item in items:
        if item.row is not None and item.row.id in problems:
            item.refuse(problems[item.row.id])
