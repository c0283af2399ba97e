"""Bulk mutations: up to 500 items in one transaction, and in a few statements however many.

Each factory returns the mutation of many rows from the arguments of the mutation of one. The
payload has a result for every item, in the order of the input.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, TypeVar, get_args, get_type_hints
from uuid import UUID

import strawberry

from auth.session import Transaction
from db.base import Entity
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.declared import class_of
from graph.kit.items import (
    Find,
    Finish,
    Item,
    Numbering,
    Prepare,
    create_numbered_rows,
    delete_rows,
    send_items,
    update_rows,
)
from graph.kit.mutations import (
    EXPECTED_VERSION,
    FORCE,
    Place,
    given,
    name_fields,
    path_of,
    writing,
)
from graph.kit.payloads import MERGE, bulk_payload_of, item_error, merge_of
from graph.kit.scalars import BigInt
from graph.kit.words import plural, spoken

MAX_ITEMS = 500
"""Items of one bulk mutation."""

Write = Callable[[Transaction, Sequence[Item]], Awaitable[None]]
"""A function that writes the items: it queues rows to be sent, and refuses some items."""


@strawberry.enum(description="What happens to the other items when one is refused.")
class OnError(Enum):
    ABORT = strawberry.enum_value(
        "abort", description="Nothing is written. The error lists every refused item."
    )
    CONTINUE = strawberry.enum_value(
        "continue", description="The other items are written. Each refused item has an `error`."
    )


def item_input(name: str, text: str, more: Mapping[str, tuple[Any, Any]]) -> Any:
    """Return the input of an item about an object that exists, at the version that is expected."""
    members = {
        "id": (UUID, strawberry.field(description="The ID of the object.")),
        "expected_version": (BigInt, strawberry.field(description=EXPECTED_VERSION)),
    }
    return strawberry.input(class_of(name, {**members, **more}), description=text)


DELETE_ITEM = item_input(
    "DeleteItemInput",
    "An object to delete.",
    {"force": (bool, strawberry.field(default=False, description=FORCE))},
)


T = TypeVar("T")
Items = Annotated[T, strawberry.argument(description=f"The items, at most {MAX_ITEMS}.")]
Errors = Annotated[
    OnError,
    strawberry.argument(description="What happens to the other items when one is refused."),
]
DryRun = Annotated[
    bool,
    strawberry.argument(description="Whether to check the items without writing anything."),
]


def creates(
    type_: Any,
    input_: Any,
    text: str,
    *,
    within: tuple[type[Entity], str],
    prepare: Prepare | None = None,
    numbering: Numbering | None = None,
    ordered: bool = False,
) -> Any:
    """Return the mutation that creates many rows as `create` does one."""

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        arguments: Any = (transaction, type_.model, within, items, prepare, numbering)
        await create_numbered_rows(*arguments, ordered=ordered)

    def item(input: Any, place: Place) -> Item:
        return Item(given(input, place))

    return bulk(bulk_payload_of(type_), input_, text, item, write)


def updates(
    type_: Any,
    input_: Any,
    text: str,
    *,
    prepare: Prepare | None = None,
    find: Find | None = None,
) -> Any:
    """Return the mutation that updates many rows as `update` does one; items have an `input_`."""
    text_ = f"The changes of one {spoken(type_.__name__)}."
    item_ = item_input(
        f"{plural(type_.__name__)}UpdateItemInput",
        text_,
        {
            "input": (input_, strawberry.field(description="The fields to change.")),
            "force": (bool, strawberry.field(default=False, description=FORCE)),
        },
    )

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await update_rows(transaction, type_.model, items, prepare, find)

    def item(input: Any, place: Place) -> Item:
        values = given(input.input, (*place, "input"))
        return Item(values, input.id, input.expected_version, input.force)

    payload = bulk_payload_of(type_, merges=True)
    return bulk(payload, item_, text, item, write, argument="input")


def deletes(type_: Any, text: str, *, prepare: Prepare | None = None) -> Any:
    """Return the mutation that deletes many rows as `delete` does one."""

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await delete_rows(transaction, type_.model, items, prepare)

    def item(input: Any, _: Place) -> Item:
        return Item({}, input.id, input.expected_version, input.force)

    return bulk(bulk_payload_of(type_), DELETE_ITEM, text, item, write)


def bulk(
    payload: Any,
    item_: Any,
    text: str,
    read: Callable[[Any, Place], Item],
    write: Write,
    *,
    argument: str | None = None,
    finish: Finish | None = None,
) -> Any:
    """Return a mutation of many items, each read from its input and all written together.

    `read` raises the problem of an invalid input, with a full path. `argument` is the field of an
    item that has a row's columns. The payload is one of `bulk_payload_of`. `finish` writes what
    follows from the items that were accepted, once they are sent.
    """

    async def resolve(
        info: Info,
        items: Items[list[item_]],
        on_error: Errors = OnError.ABORT,
        dry_run: DryRun = False,
    ) -> payload | None:
        if not 0 < len(items) <= MAX_ITEMS:
            raise Problem("INVALID", f"Must have 1 to {MAX_ITEMS} items.", field=["items"])
        drafts = _read(items, read)
        named = [item for item in drafts if item.problem]
        async with writing(info, None) as transaction:
            await write(transaction, drafts)
            await send_items(transaction, drafts)
            if finish:
                await finish(transaction, drafts)
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
            message = f"Item {first[item.id]} has the same ID."
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
    """Return the first item's problem, with the problems of the others."""
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
    (name,) = get_type_hints(result).keys() - {"index", "error", *MERGE}
    results = []
    for index, item in enumerate(items):
        row = None if item.problem else item.row
        error = item_error(item.problem) if item.problem else None
        versions = transaction.edits.merged.get(row.id, ()) if row is not None else ()
        merge = merge_of(result, versions)
        results.append(result(index=index, error=error, **{name: row}, **merge))
    return results
