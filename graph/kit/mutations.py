"""Mutations that most entities offer: create, update, delete and restore, each in one transaction.

Each factory returns an ordinary Strawberry field around an ordinary closure. A mutation answers
with a payload whose one field is the row; what a write may say besides has its place there.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import cache
from sys import float_info
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from strawberry import UNSET, Some
from strawberry.utils.str_converters import to_camel_case

from auth.session import Transaction
from db.base import Entity
from db.constraints import LONGEST_NAME
from db.problem import Problem
from db.text import fault_in
from graph.kit.context import Info
from graph.kit.items import Find, Item, Prepare, create_rows, delete_rows, update_rows
from graph.kit.scalars import BigInt

Place = tuple[str | int, ...]
"""Where the client has named something, outermost first, in the names of the API."""

LONGEST_TEXT = 1_000_000
"""Characters in one text."""
LARGEST_NUMBER = float_info.max
"""JSON carries larger ones, which would make the row unreadable for parsers that use doubles."""

Id = Annotated[UUID, strawberry.argument(description="Which one.")]
ExpectedVersion = Annotated[
    BigInt,
    strawberry.argument(
        description="The version you have seen. What others have changed since is merged when it is"
        " in other fields (or other lines of long texts), and else a CONFLICT."
    ),
]
Force = Annotated[
    bool,
    strawberry.argument(
        description="Overwrite what others have changed since; for administrators, and recorded."
    ),
]


ToVersion = Annotated[
    BigInt, strawberry.argument(description="The version whose content to bring back.")
]


def given(input: Any, within: Place = ("input",)) -> dict[str, Any]:
    """The fields the client sent, by their column; INVALID for what no column could hold.

    `within` is where the client has sent them. Null says as little of a new row as nothing does; in
    a change (`Maybe`) it empties the field.
    """
    sent: dict[str, Any] = {}
    for field in fields(input):
        value = getattr(input, field.name)
        if isinstance(value, Some):
            value = value.value
        elif value is UNSET or value is None:
            continue
        place = (*within, to_camel_case(field.name))
        _require_storable(value, place)
        if isinstance(value, list):
            _require_words(value, place)
        sent[field.name] = value
    return sent


def _require_storable(value: Any, field: Place) -> None:
    match value:
        case str():
            if fault := fault_in(value):
                raise Problem("INVALID", fault, field=field)
            if len(value) > LONGEST_TEXT:
                raise Problem("INVALID", f"At most {LONGEST_TEXT} characters.", field=field)
        case int() | float() if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            raise Problem("INVALID", "A number must be finite and fit a double.", field=field)
        case dict():
            for key, member in value.items():
                _require_storable(key, field)
                _require_storable(member, (*field, key))
        case list():
            for i, member in enumerate(value):
                _require_storable(member, (*field, i))


def _require_words(values: list[Any], field: Place) -> None:
    for i, word in enumerate(values):
        if isinstance(word, str) and not (word.strip() and len(word) <= LONGEST_NAME):
            message = f"A word is not blank and has at most {LONGEST_NAME} characters."
            raise Problem("INVALID", message, field=(*field, i))


@asynccontextmanager
async def writing(info: Info, argument: str | None = "input") -> AsyncIterator[Transaction]:
    """The viewer's transaction; a refused column is named as the field of `argument`.

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
    named = [to_camel_case(step) if isinstance(step, str) else step for step in problem.field]
    if argument is not None and named != ["expectedVersion"]:
        named = [argument, *named]
    if not problem.field:
        named = []
    if within or named:
        problem.extensions["field"] = [*within, *named]


def path_of(problem: Problem) -> list[str | int]:
    """The path of the input at fault, as the client is told it."""
    return cast("list[str | int]", problem.extensions.get("field", []))


@strawberry.type(description="What became of a write.")
class Payload:
    merged: bool = strawberry.field(
        default=False,
        description="Whether others had changed the row since expectedVersion, in other fields.",
    )
    merged_versions: list[BigInt] = strawberry.field(
        default_factory=list, description="The versions of others that the change was merged with."
    )


@cache
def _row_of(payload: Any) -> str:
    """The payload's field of its own."""
    (name,) = {field.name for field in fields(payload)} - {field.name for field in fields(Payload)}
    return name


def answer(payload: Any, row: Any, merged_versions: Sequence[int] = ()) -> Any:
    """The payload with the row as it was written, whatever others have made of it since."""
    versions = [BigInt(version) for version in merged_versions]
    return payload(**{_row_of(payload): row}, merged=bool(versions), merged_versions=versions)


def create(
    model: type[Entity],
    payload: Any,
    input_: Any,
    text: str,
    *,
    within: tuple[type[Entity], str],
    prepare: Prepare | None = None,
    ordered: bool = False,
) -> Any:
    """A row beneath the parent that the input names; it takes the parent's scopes.

    `ordered` rows have a position among those of their parent.
    """

    async def resolve(info: Info, input: input_) -> payload | None:
        item = Item(given(input))
        async with writing(info) as transaction:
            await create_rows(transaction, model, within, [item], prepare, ordered=ordered)
            row = item.require()
            transaction.add(row)
        return answer(payload, row)

    return strawberry.mutation(resolve, description=text)


def update(
    model: type[Entity],
    payload: Any,
    input_: Any,
    text: str,
    *,
    prepare: Prepare | None = None,
    find: Find | None = None,
) -> Any:
    """Changes the fields that are sent and leaves the others."""

    async def resolve(
        info: Info,
        id: Id,
        expected_version: ExpectedVersion,
        input: input_,
        force: Force = False,
    ) -> payload | None:
        item = Item(given(input), id, expected_version, force)
        async with writing(info) as transaction:
            await update_rows(transaction, model, [item], prepare, find)
            row = item.require()
        return answer(payload, row, transaction.merged.get(row.id, ()))

    return strawberry.mutation(resolve, description=text)


def delete(model: type[Entity], payload: Any, text: str) -> Any:
    """Hides the row, and with it everything beneath, from every read."""

    async def resolve(
        info: Info, id: Id, expected_version: ExpectedVersion, force: Force = False
    ) -> payload | None:
        item = Item({}, id, expected_version, force)
        async with writing(info, None) as transaction:
            await delete_rows(transaction, model, [item])
            row = item.require()
        return answer(payload, row)

    return strawberry.mutation(resolve, description=text)


def revert(model: type[Entity], payload: Any) -> Any:
    """Gives a row back the content of an earlier version; its place stays."""

    async def resolve(
        info: Info,
        id: Id,
        expected_version: ExpectedVersion,
        to_version: ToVersion,
        force: Force = False,
    ) -> payload | None:
        async with writing(info, None) as transaction:
            row = await transaction.find(model, id)
            await transaction.revert(row, expected_version, to_version, force=force)
        return answer(payload, row, transaction.merged.get(row.id, ()))

    return strawberry.mutation(
        resolve,
        description="Write again what it held at an earlier version, as a change like any other."
        " Where it stands, and whether it is deleted, stays as it is.",
    )


def restore(model: type[Entity], payload: Any, text: str) -> Any:
    """Brings a deleted row back, and with it what its deletion hid."""

    async def resolve(info: Info, id: Id, expected_version: ExpectedVersion) -> payload | None:
        async with writing(info, None) as transaction:
            row = await transaction.find(model, id, deleted=True)
            await transaction.restore(row, expected_version)
        return answer(payload, row)

    return strawberry.mutation(resolve, description=text)
