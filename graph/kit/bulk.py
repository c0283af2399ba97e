"""Bulk mutations: up to 500 items in one transaction, and in a few statements however many.

Each factory makes the mutation of many from what makes the mutation of one. An answer tells of
every item, in the order of the input.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, get_args, get_type_hints
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from auth.session import Transaction
from db.base import Entity
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.items import (
    Find,
    Item,
    Prepare,
    create_rows,
    delete_rows,
    send_items,
    update_rows,
)
from graph.kit.mutations import Place, given, name_fields, path_of, writing
from graph.kit.scalars import BigInt

MOST_ITEMS = 500
"""Items of one bulk mutation."""

Write = Callable[[Transaction, Sequence[Item]], Awaitable[None]]
"""What is to be done with the items; it leaves rows to be sent, and refuses some items."""


@strawberry.enum(description="What becomes of the other items when one is refused.")
class OnError(Enum):
    ABORT = strawberry.enum_value(
        "abort", description="None is written, and the error tells of every item refused."
    )
    CONTINUE = strawberry.enum_value(
        "continue", description="They are written; the answer tells which were refused, and why."
    )


@strawberry.type(description="A field that others have changed differently, and what it was.")
class FieldConflict:
    field: str = described("The field.")
    base: JSON | None = described("Its value in the version you have seen.")
    current: JSON | None = described("Its value now.")
    yours: JSON | None = described("The value you have sent.")
    changed_by: UUID | None = described("Who changed it last.")
    changed_at: datetime = described("When that was.")


@strawberry.type(description="Why an item was refused, as an error of a single mutation says it.")
class ItemError:
    code: str = described("One of the table of codes.")
    message: str = described("The same for people.")
    retryable: bool = described("Whether trying again can help.")
    field: list[str] = described("The path of the input at fault, outermost first.")
    current_version: BigInt | None = described("The row's version now, where that is the matter.")
    conflicts: list[FieldConflict] = described("The fields of a CONFLICT.")


@strawberry.type(description="What became of one item.")
class BulkResult:
    index: int = described("Its place in the input, from 0.")
    merged: bool = described("Whether others had changed the row since expectedVersion.")
    merged_versions: list[BigInt] = described("The versions it was merged with.")
    error: ItemError | None = described("Why it was refused; null when it was not.")


@strawberry.type(description="What became of many items.")
class BulkPayload:
    succeeded: int = described("How many items were written, or would have been.")
    failed: int = described("How many were refused.")
    dry_run: bool = described("Whether nothing was written because only that was asked for.")


@strawberry.input(description="A row to delete.")
class DeleteItem:
    id: UUID
    expected_version: BigInt
    force: bool = False


Errors = Annotated[
    OnError,
    strawberry.argument(description="Whether one refused item stops all, or only itself."),
]
DryRun = Annotated[
    bool,
    strawberry.argument(description="Answer as if it were done, and write and record nothing."),
]


def creates(
    model: type[Entity],
    payload: Any,
    input_: Any,
    text: str,
    *,
    within: tuple[type[Entity], str],
    prepare: Prepare | None = None,
    ordered: bool = False,
) -> Any:
    """`create` for many."""

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await create_rows(transaction, model, within, items, prepare, ordered=ordered)

    def item(input: Any, place: Place) -> Item:
        return Item(given(input, place))

    return bulk(payload, input_, text, item, write)


def updates(
    model: type[Entity],
    payload: Any,
    item_: Any,
    text: str,
    *,
    prepare: Prepare | None = None,
    find: Find | None = None,
) -> Any:
    """`update` for many; an item has `id`, `expected_version`, `input` and `force`."""

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await update_rows(transaction, model, items, prepare, find)

    def item(input: Any, place: Place) -> Item:
        values = given(input.input, (*place, "input"))
        return Item(values, input.id, input.expected_version, input.force)

    return bulk(payload, item_, text, item, write, argument="input")


def deletes(model: type[Entity], payload: Any, text: str) -> Any:
    """`delete` for many."""

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await delete_rows(transaction, model, items)

    def item(input: DeleteItem, _: Place) -> Item:
        return Item({}, input.id, input.expected_version, input.force)

    return bulk(payload, DeleteItem, text, item, write)


def bulk(
    payload: Any,
    item_: Any,
    text: str,
    read: Callable[[Any, Place], Item],
    write: Write,
    *,
    argument: str | None = None,
) -> Any:
    """A mutation of many items, each read from its input and all written together.

    `read` raises what is wrong with an input by itself, with a full path. `argument` is the field
    of an item under which a row's columns are named. The payload has a list `results` of a type
    with `BulkResult`'s fields and one more for the row.
    """

    async def resolve(
        info: Info, items: list[item_], on_error: Errors = OnError.ABORT, dry_run: DryRun = False
    ) -> payload | None:
        if not 0 < len(items) <= MOST_ITEMS:
            raise Problem("INVALID", f"Give 1 to {MOST_ITEMS} items.", field=["items"])
        drafts = _read(items, read)
        named = [item for item in drafts if item.problem]
        async with writing(info, None) as transaction:
            await write(transaction, drafts)
            await send_items(transaction, drafts)
            refused = [index for index, item in enumerate(drafts) if item.problem]
            stopped = bool(refused) and on_error is OnError.ABORT
            if stopped or dry_run:
                await transaction.abandon()
        for index in refused:
            if drafts[index] not in named:
                _name_fields(drafts[index], ("items", index), argument)
        if stopped:
            raise _all_refused(drafts)
        return payload(
            results=_results(payload, drafts, transaction),
            succeeded=len(drafts) - len(refused),
            failed=len(refused),
            dry_run=dry_run,
        )

    return strawberry.mutation(resolve, description=text)


def _read(inputs: Sequence[Any], read: Callable[[Any, Place], Item]) -> list[Item]:
    items: list[Item] = []
    first: dict[UUID, int] = {}
    for index, input in enumerate(inputs):
        try:
            item = read(input, ("items", index))
        except Problem as problem:
            item = Item(problem=problem)
        if item.id and first.setdefault(item.id, index) != index:
            message = f"Item {first[item.id]} is of the same row."
            item.refuse(Problem("INVALID", message, field=["items", index, "id"]))
        items.append(item)
    return items


def _name_fields(item: Item, place: Place, argument: str | None) -> None:
    problem = item.problem
    assert problem is not None  # noqa: S101 (only refused items are named)
    if item.id and item.row is None and not problem.field:
        place = (*place, "id")
    name_fields(problem, place, argument)


def _all_refused(items: Sequence[Item]) -> Problem:
    """The first item's problem, which tells of the others."""
    problems = [(index, item.problem) for index, item in enumerate(items) if item.problem]
    told = [
        {"index": index, "message": problem.message, **problem.extensions}
        for index, problem in problems
    ]
    _, first = problems[0]
    details = {
        name: value
        for name, value in first.extensions.items()
        if name not in ("code", "retryable", "field")
    }
    return Problem(first.code, first.message, field=path_of(first), **details, items=told)


def _results(payload: Any, items: Sequence[Item], transaction: Transaction) -> list[Any]:
    (result,) = get_args(get_type_hints(payload)["results"])
    (name,) = get_type_hints(result).keys() - get_type_hints(BulkResult).keys()
    results = []
    for index, item in enumerate(items):
        problem = item.problem
        row = None if problem else item.row
        versions = transaction.merged.get(row.id, ()) if row is not None else ()
        results.append(
            result(
                index=index,
                merged=bool(versions),
                merged_versions=[BigInt(version) for version in versions],
                error=_error(problem) if problem else None,
                **{name: row},
            )
        )
    return results


def _error(problem: Problem) -> ItemError:
    told: dict[str, Any] = problem.extensions
    conflicts = [
        FieldConflict(
            field=conflict["field"],
            base=conflict["base"],
            current=conflict["current"],
            yours=conflict["yours"],
            changed_by=UUID(conflict["changedBy"]) if conflict["changedBy"] else None,
            changed_at=datetime.fromisoformat(conflict["changedAt"]),
        )
        for conflict in told.get("conflicts", [])
    ]
    version = told.get("currentVersion")
    return ItemError(
        code=problem.code,
        message=problem.message,
        retryable=bool(told["retryable"]),
        field=[str(step) for step in path_of(problem)],
        current_version=BigInt(version) if version is not None else None,
        conflicts=conflicts,
    )
