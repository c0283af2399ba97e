"""Mutations that most entities offer: create, update, delete and restore, each in one transaction.

Each factory returns an ordinary Strawberry field around an ordinary closure. A mutation returns a
payload with a field for the row; other results of a write are further fields.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Annotated, Any, TypeVar, cast

import strawberry
from strawberry import UNSET, Some
from strawberry.utils.str_converters import to_camel_case

from auth.session import Transaction
from auth.session.write.patch import Patch
from db.base import Entity
from db.constraints import MAX_NAME_LENGTH
from db.problem import Problem
from db.text import as_name, fault_in, too_long
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.items import (
    Find,
    Finish,
    Item,
    Numbering,
    Prepare,
    create_numbered_rows,
    delete_rows,
    update_rows,
)
from graph.kit.json_items import STORE
from graph.kit.json_numbers import REFUSAL, Inexact
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt
from graph.kit.scopes import SCOPE
from graph.kit.words import spoken

PATCH = "_patch"
"""The end of the name of a field that patches the column of the name before it."""
Place = tuple[str | int, ...]
"""The path of an input, outermost first, in the names of the API."""

MAX_TEXT_LENGTH = 1_000_000
"""Characters in one text."""

EXPECTED_VERSION = (
    "The version of the object on which the change is based. If others have changed the object"
    " since, the changes are merged when they affect different fields, lines of a long text, keys"
    " of a JSON object, or tags; otherwise the error is `CONFLICT`."
)
FORCE = (
    "Whether to overwrite changes that others have made since `expectedVersion`. Requires the role"
    " ADMIN; the overwrite is recorded."
)

T = TypeVar("T")
Input = Annotated[T, strawberry.argument(description="The fields to write.")]
ExpectedVersion = Annotated[BigInt, strawberry.argument(description=EXPECTED_VERSION)]
Force = Annotated[bool, strawberry.argument(description=FORCE)]
ToVersion = Annotated[
    BigInt, strawberry.argument(description="The version whose content is restored.")
]


class Verbatim(str):
    """A step of a path that is a key of data, and not the name of a column."""

    __slots__ = ()


def given(input: Any, within: Place = ("input",)) -> dict[str, Any]:
    """Return the fields sent, by column. Raises INVALID for a value that no column can hold.

    `within` is the path of the input. In a new row null is the same as an absent field; in a change
    (`Maybe`) it empties the field.
    """
    sent: dict[str, Any] = {}
    for field in fields(input):
        value = getattr(input, field.name)
        if isinstance(value, Some):
            value = value.value
        elif value is UNSET or value is None:
            continue
        place = (*within, getattr(field, "graphql_name", None) or to_camel_case(field.name))
        if store := field.metadata.get(STORE):
            sent[field.name] = store(value, place)
            continue
        if isinstance(value, Inexact):
            value = float(value)  # of a Float, which is a double
        require_storable(value, place)
        if isinstance(value, list):
            _require_words(value, place)
        sent[field.name] = value
    for name in [name for name in sent if name.endswith(PATCH)]:
        column, place = name.removesuffix(PATCH), (*within, to_camel_case(name))
        keys = sent.pop(name)
        if not isinstance(keys, dict):
            message = "A merge patch must be a JSON object."
            raise Problem("INVALID", message, field=place)
        if column in sent:
            message = f"Send either `{to_camel_case(column)}` or `{to_camel_case(name)}`."
            raise Problem("INVALID", message, field=place)
        sent[column] = Patch(column, keys)
    return sent


def patch(column: str) -> Any:
    """Declare the field of an update that sets keys of this column: `NAME_patch: Maybe[JSON]`."""
    return strawberry.field(
        description=f"A JSON Merge Patch (RFC 7396) of `{to_camel_case(column)}`: keys to set, with"
        " null for keys to remove."
    )


STORABLE = frozenset({int, float, bool, type(None)})
"""The types of values that can always be stored, so that long lists need no check of each."""


def require_storable(value: Any, field: Place) -> None:
    """Raise INVALID, with the path, for a value that no column can hold."""
    match value:
        case str():
            if fault := fault_in(value):
                raise Problem("INVALID", fault, field=field)
            if len(value) > MAX_TEXT_LENGTH:
                raise Problem("INVALID", f"At most {MAX_TEXT_LENGTH} characters.", field=field)
        case Inexact():
            raise Problem("INVALID", REFUSAL, field=field)
        case dict():
            for key in value:
                require_storable(key, field)
            _require_all_storable(value.items(), field)
        case list():
            _require_all_storable(enumerate(value), field)


def _require_all_storable(members: Iterable[tuple[str | int, Any]], field: Place) -> None:
    for step, member in members:
        if type(member) not in STORABLE:
            require_storable(member, (*field, step))


def _require_words(values: list[Any], field: Place) -> None:
    for i, word in enumerate(values):
        if not isinstance(word, str):
            continue
        try:
            name = "" if too_long(word) else as_name(word)
        except Problem as problem:
            raise Problem("INVALID", problem.message, field=(*field, i)) from None
        if not (name and len(word) <= MAX_NAME_LENGTH):
            message = f"Must not be blank, and have at most {MAX_NAME_LENGTH} characters."
            raise Problem("INVALID", message, field=(*field, i))


@asynccontextmanager
async def writing(info: Info, argument: str | None = "input") -> AsyncIterator[Transaction]:
    """Open the viewer's transaction; a refused column is named as the field of `argument`.

    Without one the column is named as the API calls it.
    """
    try:
        async with info.context.session.transaction() as transaction:
            yield transaction
    except Problem as problem:
        if not problem.field or problem.field[0] != "input":
            name_fields(problem, (), argument)
        raise
    finally:
        info.context.forget()


def name_fields(problem: Problem, within: Place, argument: str | None) -> None:
    """Name columns as the API does: as fields of `argument`, which is in `within`."""
    for conflict in cast("list[dict[str, Any]]", problem.extensions.get("conflicts", [])):
        conflict["field"] = to_camel_case(conflict["field"])
        conflict["path"] = [conflict["field"], *conflict["path"][1:]]
    if within or problem.field:
        problem.extensions["field"] = _named(problem.field, within, argument)
    for error in cast("list[dict[str, Any]]", problem.extensions.get("errors", [])):
        error["field"] = _named(error["field"], within, argument)


def _named(field: Sequence[str | int], within: Place, argument: str | None) -> list[str | int]:
    """Return the path of a column in the names of the API."""
    named = [to_camel_case(step) if type(step) is str else step for step in field]
    if argument is not None and named and named != ["expectedVersion"]:
        named = [argument, *named]
    return [*within, *named]


def path_of(problem: Problem) -> list[str | int]:
    """Return the path of the input at fault, as errors give it."""
    return cast("list[str | int]", problem.extensions.get("field", []))


def mutation(
    resolve: Callable[..., Any], payload: Any, text: str, *, scope: str | None = None
) -> Any:
    """Return the mutation of a hand-written resolver that returns this payload.

    `scope` is the one that a token needs, where it does not follow from the policy.
    """
    metadata = {SCOPE: scope} if scope else {}
    return strawberry.mutation(
        resolve, graphql_type=payload | None, description=text, metadata=metadata
    )


def create(
    type_: Any,
    input_: Any,
    text: str,
    *,
    within: tuple[type[Entity], str],
    prepare: Prepare | None = None,
    numbering: Numbering | None = None,
    ordered: bool = False,
) -> Any:
    """Return the mutation that creates a row beneath the parent that the input names.

    `ordered` rows have a position among those of their parent; `numbering` gives identifiers.
    """
    model, payload = type_.model, payload_of(type_)

    async def resolve(info: Info, input: Input[input_]) -> payload | None:
        item = Item(given(input))
        async with writing(info) as transaction:
            arguments: Any = (transaction, model, within, [item], prepare, numbering)
            await create_numbered_rows(*arguments, ordered=ordered)
            row = item.require()
            transaction.add(row)
        return answer(payload, row)

    return strawberry.mutation(resolve, description=text)


def update(
    type_: Any,
    input_: Any,
    text: str,
    *,
    prepare: Prepare | None = None,
    find: Find | None = None,
    finish: Finish | None = None,
) -> Any:
    """Return the mutation that changes the fields that are sent and leaves the others.

    `finish` writes what follows from the change, once it is sent.
    """
    model, payload = type_.model, payload_of(type_, merges=True)

    async def resolve(
        info: Info,
        id: Id,
        expected_version: ExpectedVersion,
        input: Input[input_],
        force: Force = False,
    ) -> payload | None:
        item = Item(given(input), id, expected_version, force)
        async with writing(info) as transaction:
            await update_rows(transaction, model, [item], prepare, find)
            row = item.require()
            await _finish(transaction, item, finish)
        return answer(payload, row, transaction.edits.merged.get(row.id, ()))

    return strawberry.mutation(resolve, description=text)


def delete(
    type_: Any, text: str, *, prepare: Prepare | None = None, finish: Finish | None = None
) -> Any:
    """Return the mutation that hides a row, and with it everything beneath, from every read.

    `finish` writes what follows from the deletion, once it is sent.
    """
    model, payload = type_.model, payload_of(type_)

    async def resolve(
        info: Info, id: Id, expected_version: ExpectedVersion, force: Force = False
    ) -> payload | None:
        item = Item({}, id, expected_version, force)
        async with writing(info, None) as transaction:
            await delete_rows(transaction, model, [item], prepare)
            row = item.require()
            await _finish(transaction, item, finish)
        return answer(payload, row)

    return strawberry.mutation(resolve, description=text)


async def _finish(transaction: Transaction, item: Item, finish: Finish | None) -> None:
    if finish:
        await transaction.flush()
        await finish(transaction, [item])


def revert(type_: Any) -> Any:
    """Return the mutation that restores the content of an earlier version; the place stays."""
    model, payload = type_.model, payload_of(type_, merges=True)

    async def resolve(
        info: Info,
        id: Id,
        expected_version: ExpectedVersion,
        to_version: ToVersion,
        force: Force = False,
    ) -> payload | None:
        async with writing(info, None) as transaction:
            row = await transaction.find(model, id)
            await transaction.edits.revert(row, expected_version, to_version, force=force)
        return answer(payload, row, transaction.edits.merged.get(row.id, ()))

    return strawberry.mutation(
        resolve,
        description=f"Restore the content of a {spoken(type_.__name__)} from an earlier version, as"
        " a new version. Its place does not change.",
    )


def restore(
    type_: Any,
    text: str,
    *,
    require: Callable[[Transaction, Any], Awaitable[None]] | None = None,
) -> Any:
    """Return the mutation that restores a deleted row, and the rows that its deletion hid.

    `require` raises a Problem for a row that cannot come back.
    """
    model, payload = type_.model, payload_of(type_)

    async def resolve(info: Info, id: Id, expected_version: ExpectedVersion) -> payload | None:
        async with writing(info, None) as transaction:
            row = await transaction.find(model, id, deleted=True)
            if require:
                await require(transaction, row)
            await transaction.edits.restore(row, expected_version)
        return answer(payload, row)

    return strawberry.mutation(resolve, description=text)
