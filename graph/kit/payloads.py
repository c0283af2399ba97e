"""Payloads of mutations, built from the type of the row that they write.

A row's field has the name of its entity: `requirement` of `Requirement`. Only mutations that change
a row which others may have changed meanwhile return the versions they were merged with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from db.problem import CODES, Problem
from graph.kit.declared import class_of
from graph.kit.enums import enum_of
from graph.kit.fields import described
from graph.kit.scalars import BigInt, PathSegment
from graph.kit.words import column_name, plural, spoken

MERGE = {
    "merged": (
        bool,
        "Whether the change was merged with changes that others made since `expectedVersion`.",
    ),
    "merged_versions": (
        list[BigInt],
        "The versions of the changes by others that this change was merged with.",
    ),
}
"""The fields of a payload about a merge: by name, the type and description."""


ErrorCode: Any = enum_of(
    "ErrorCode",
    {code: code for code in CODES},
    "The code of an error: `ItemError.code`, and `extensions.code` of every error.",
    {code: about.meaning for code, about in CODES.items()},
)


@strawberry.type(description="A field that both the request and another user have changed.")
class FieldConflict:
    field: str = described("The name of the field.")
    path: list[str] = described(
        "The path to the value in conflict: the name of the field, then keys of a JSON object."
    )
    base: JSON | None = described("The value at `expectedVersion`.")
    current: JSON | None = described("The current value.")
    yours: JSON | None = described("The value in the request.")
    changed_by: UUID | None = described("The ID of the user who last changed the value.")
    changed_at: datetime = described("The date and time when the value was last changed.")


@strawberry.type(
    description="The reason why an item was refused, with the `extensions` of an error."
)
class ItemError:
    code: ErrorCode = described("The code of the error.")
    message: str = described("The message of the error, for people.")
    retryable: bool = described("Whether the same item may be accepted later.")
    field: list[PathSegment] = described(
        "The path to the argument or input field at fault, outermost first, with the index of each"
        ' list item, such as `["items", 3, "input", "name"]`.'
    )
    current_version: BigInt | None = described(
        "The current version of the object, if `expectedVersion` is out of date."
    )
    conflicts: list[FieldConflict] = described("The fields in conflict, if the code is `CONFLICT`.")


@cache
def payload_of(type_: Any, *, merges: bool = False, name: str = "") -> Any:
    """Return the payload with one row of `type_`.

    `merges` is for a mutation that may merge. `name` is that of the entity, if not of the type.
    """
    name = name or type_.__name__
    row = {column_name(name): (type_, f"The {spoken(name)} after the mutation.")}
    suffix, more = ("Update", MERGE) if merges else ("", {})
    return _type(f"{name}{suffix}Payload", "The result of a mutation of one object.", row | more)


@cache
def bulk_payload_of(type_: Any, *, merges: bool = False) -> Any:
    """Return the payload of a bulk mutation of rows of `type_`, with a result for each item.

    The type of results is called after `item_of` of the type, if its own name is taken with them.
    """
    name, suffix = type_.__name__, "Update" if merges else ""
    result = _type(
        f"{getattr(type_, 'item_of', name)}{suffix}Result",
        "The result of one item of a bulk mutation.",
        {
            "index": (int, "The position of the item in the request, starting at 0."),
            column_name(name): (
                type_ | None,
                f"The {spoken(name)} after the mutation; null if the item was refused.",
            ),
            "error": (
                ItemError | None,
                "The reason why the item was refused; null if it was accepted.",
            ),
        }
        | (MERGE if merges else {}),
    )
    return _type(
        f"{plural(name)}{suffix}Payload",
        "The results of a bulk mutation.",
        {
            "results": (list[result], "The results of the items, in the order of the request."),
            "succeeded": (int, "The number of items that were accepted."),
            "failed": (int, "The number of items that were refused."),
            "dry_run": (bool, "Whether nothing was written, because `dryRun` was set."),
        },
    )


def answer(payload: Any, row: Any, merged_versions: Sequence[int] = ()) -> Any:
    """Return the payload with the row as it was written, without later changes of others."""
    (name,) = {field.name for field in fields(payload)} - MERGE.keys()
    return payload(**{name: row}, **merge_of(payload, merged_versions))


def merge_of(type_: Any, versions: Sequence[int]) -> dict[str, Any]:
    """Return the fields with the versions that a change was merged with, if the type has them."""
    if not any(field.name in MERGE for field in fields(type_)):
        return {}
    return {"merged": bool(versions), "merged_versions": [BigInt(v) for v in versions]}


def item_error(problem: Problem) -> ItemError:
    """Return the problem as the error of an item."""
    details: dict[str, Any] = problem.extensions
    conflicts = [
        FieldConflict(
            field=conflict["field"],
            path=conflict["path"],
            base=conflict["base"],
            current=conflict["current"],
            yours=conflict["yours"],
            changed_by=UUID(conflict["changedBy"]) if conflict["changedBy"] else None,
            changed_at=datetime.fromisoformat(conflict["changedAt"]),
        )
        for conflict in details.get("conflicts", [])
    ]
    version = details.get("currentVersion")
    return ItemError(
        code=problem.code,
        message=problem.message,
        retryable=bool(details["retryable"]),
        field=list(details.get("field", [])),
        current_version=BigInt(version) if version is not None else None,
        conflicts=conflicts,
    )


def _type(name: str, text: str, members: Mapping[str, tuple[Any, str]]) -> Any:
    """Return a GraphQL type with these fields, of this type and description each."""
    fields_ = {field: (type_, described(words)) for field, (type_, words) in members.items()}
    return strawberry.type(class_of(name, fields_), description=text)
