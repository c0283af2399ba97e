"""Values of properties: checked against the definitions that apply, and filled in by default."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth.session import Transaction
from auth.session.write.patch import Patch
from db.base import SCOPES
from db.problem import Problem
from db.requirements.properties import PropertyType
from db.text import as_identifier
from db.values import same_json
from graph.kit.items import Item
from graph.kit.mutations import Verbatim
from graph.requirements.definitions import Definition, definition_of, is_user_id
from graph.requirements.sql.definitions import APPLYING, MEMBERS

UNDEFINED = "The project allows only properties that are defined."
MAX_KEY_LENGTH = 500
KEY_FORM = (
    f"A key has 1 to {MAX_KEY_LENGTH} characters on one line, in NFC, without invisible characters"
    " and without spaces around it."
)

MAX_ERRORS = 100
"""The most values that one refusal names."""

Path = tuple[str | int, ...]


@dataclass(eq=False)
class Applying:
    """The definitions that apply to the requirements of one document, by key."""

    strict: bool = False
    by_key: dict[str, Definition] = field(default_factory=dict)
    defaults: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    """The defaults of columns, by the block and the key."""

    def faults_in(self, values: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """Yield the path and the message of each value that does not fit."""
        for key, value in values.items():
            definition = self.by_key.get(key)
            if definition is None:
                if self.strict or not is_key(key):
                    yield (Verbatim(key),), UNDEFINED if self.strict else KEY_FORM
            elif fault := definition.fault_in(value):
                steps, message = fault
                yield (Verbatim(key), *steps), message

    def has(self, type_: PropertyType) -> bool:
        """Return whether a property of this type applies."""
        return any(definition.type is type_ for definition in self.by_key.values())

    def users_in(self, values: Mapping[str, Any]) -> Iterator[tuple[str, UUID]]:
        """Yield the key and the ID of each user that these values name."""
        for key, value in values.items():
            definition = self.by_key.get(key)
            is_user = definition is not None and definition.type is PropertyType.USER
            if is_user and is_user_id(value):
                yield key, UUID(value)

    def filled(self, values: Mapping[str, Any], block_id: UUID | None) -> dict[str, Any]:
        """Return the values of a new requirement, with defaults for the keys without a value.

        The default of a column of its block comes before that of the property. A default that does
        not fit any more is left out.
        """
        found = dict(values)
        columns = self.defaults.get(block_id, {}) if block_id else {}
        for key, definition in self.by_key.items():
            for default in (columns.get(key), definition.options.get("default")):
                fits = default is not None and not definition.fault_in_default(default)
                if key not in found and fits:
                    found[key] = default
        return found


def is_key(text: str) -> bool:
    """Return whether people can tell this key from others: it reads as an identifier."""
    try:
        return 0 < len(text) <= MAX_KEY_LENGTH and as_identifier(text) == text
    except Problem:  # too many combining marks
        return False


class Definitions:
    """The definitions that apply to requirements of some documents: read by one statement."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = list(rows)
        self._found: dict[tuple[UUID, UUID], Applying] = {}

    @classmethod
    async def of(cls, transaction: Transaction, requirements: Sequence[Any]) -> "Definitions":
        """Read the definitions that apply to these requirements."""
        values = {
            f"{key}s": list({value for row in requirements if (value := getattr(row, key))})
            for key in ("project_id", "document_id", "block_id")
        }
        return cls(await transaction.rules(APPLYING, values))

    def applying(self, row: Any) -> Applying:
        """Return those that apply to a requirement."""
        place = row.project_id, row.document_id
        if place not in self._found:
            self._found[place] = self._applying(*place)
        return self._found[place]

    def _applying(self, project_id: UUID, document_id: UUID) -> Applying:
        here = [
            row
            for row in self._rows
            if row.project == project_id and row.document_id in (None, document_id)
        ]
        found = Applying(strict=any(row.strict_properties for row in here))
        counts: dict[str, UUID] = {}
        for row in sorted((row for row in here if row.id), key=_width):
            known = found.by_key.get(row.key)
            if counts.get(row.key) != row.id and not (known and known.is_base):
                found.by_key[row.key] = definition_of(row)
                counts[row.key] = row.id
        for row in here:
            if row.block_id and counts.get(row.key) == row.id:
                found.defaults.setdefault(row.block_id, {})[row.key] = row.default_value
        return found


def _width(row: Any) -> int:
    """Return a number by which definitions of wider scopes come first."""
    return sum(getattr(row, key) is not None for key in SCOPES[1:])


async def check_new(transaction: Transaction, items: Sequence[Item]) -> None:
    """Refuse new requirements with values that do not fit, and fill in defaults."""
    items = [item for item in items if isinstance(item.row.properties, dict)]
    if not items:  # anything but an object is refused by its column
        return
    definitions = await Definitions.of(transaction, [item.row for item in items])
    await _check(transaction, definitions, {item: item.row.properties for item in items})
    for item in items:
        row = item.row
        row.properties = definitions.applying(row).filled(row.properties, row.block_id)


async def check_changed(transaction: Transaction, items: Sequence[Item]) -> None:
    """Refuse changes of requirements whose values do not fit.

    What a requirement has already is not checked again: it may have been written before the
    definition.
    """
    changed = {
        item: values
        for item in items
        if "properties" in item.values and isinstance(item.row.properties, dict)
        if (values := _changed(item.before["properties"], item.row.properties))
    }
    if changed:
        definitions = await Definitions.of(transaction, [item.row for item in changed])
        await _check(transaction, definitions, changed)


async def _check(
    transaction: Transaction, definitions: Definitions, values: Mapping[Item, Mapping[str, Any]]
) -> None:
    members = await _members(transaction, definitions, values)
    for item, given in values.items():
        row, applying = item.row, definitions.applying(item.row)
        faults = [*applying.faults_in(given)]
        for key, user in applying.users_in(given):
            if (row.organization_id, user) not in members:
                faults.append(((Verbatim(key),), "The user is not a member of the organization."))
        if faults:
            patched = isinstance(item.values.get("properties"), Patch)
            item.refuse(problem_of(faults, ("properties_patch" if patched else "properties",)))


async def _members(
    transaction: Transaction, definitions: Definitions, values: Mapping[Item, Mapping[str, Any]]
) -> set[tuple[UUID, UUID]]:
    """Return the organization and the user of each membership of a user who is named."""
    named = {
        user
        for item, given in values.items()
        for _, user in definitions.applying(item.row).users_in(given)
    }
    return await members_among(transaction, named)


async def members_among(
    transaction: Transaction, users: Collection[UUID]
) -> set[tuple[UUID, UUID]]:
    """Return the organization and the user of each membership of these users."""
    if not users:
        return set()
    rows = await transaction.rules(MEMBERS, {"user_ids": list(users)})
    return {(row.organization_id, row.user_id) for row in rows}


def problem_of(faults: Sequence[tuple[Path, str]], within: Path) -> Problem:
    """Return the refusal of values beneath a field; `errors` lists them where there are several.

    Of more than MAX_ERRORS the first are listed, and the message says how many there are.
    """
    listed = faults[:MAX_ERRORS]
    errors = [{"field": [*within, *path], "message": message} for path, message in listed]
    (path, message), *more = faults
    details = {"errors": errors} if more else {}
    if len(faults) > MAX_ERRORS:
        message = f"{message} {len(faults):,} values do not fit; the first {MAX_ERRORS} are named."
    return Problem("INVALID", message, field=[*within, *path], **details)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in after.items()
        if key not in before or not same_json(before[key], value)
    }
