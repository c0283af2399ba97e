"""A walk through a schema as one person, and the rows that it saw."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from db.base import SCOPES
from tests.isolation.questions import questions
from tests.isolation.rows import CanaryRow
from tests.isolation.world import NARROWED, SHARES, Canaries

UUID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PLACES = (*SCOPES, "compliance_document_id")
SCOPE_FIELDS = {re.sub("_(.)", lambda match: match[1].upper(), column): column for column in PLACES}
EXPECTED_CODES = {"NOT_FOUND"}


@dataclass
class Seen:
    """The rows and fields that a person has seen, also in the trash, and those they may not see."""

    canaries: Canaries
    person: str
    rows: set[CanaryRow] = field(default_factory=set)
    trashed: set[CanaryRow] = field(default_factory=set)
    fields: set[tuple[str, str]] = field(default_factory=set)
    leaks: dict[CanaryRow, str] = field(default_factory=dict)

    def look(self, answer: dict[str, Any]) -> None:
        """Record the rows in an answer: in its data, its errors, and its extensions."""
        codes = {error["extensions"]["code"] for error in answer.get("errors") or []}
        of_account = {"FORBIDDEN"} if self.person in NARROWED else set()
        assert codes <= EXPECTED_CODES | of_account, answer["errors"]
        for place, value, within in _scalars(answer):
            name = place[-1]
            if "__typename" in within and within.get(name) is not None:
                self.fields.add((within["__typename"], name))
            if name == "totalCount" and within.get("pageInfo", {}).get("hasNextPage") is False:
                assert within["totalCount"] == len(within["nodes"]), "hidden rows are counted"
            for row in self.canaries.register.named(value):
                if self.canaries.may_read(self.person, row):
                    self.rows.add(row)
                elif "trash" in place and self.canaries.may_restore(self.person, row):
                    self.trashed.add(row)
                elif not (self._is_scope(within, name, value) or self._is_recorded(place, row)):
                    self.leaks.setdefault(row, ".".join(place))

    def _is_scope(self, within: dict[str, Any], name: str, value: Any) -> bool:
        """Return whether it is the ID of a place that a readable row refers to."""
        column = SCOPE_FIELDS.get(name)
        for row in self.canaries.register.named(within.get("id")):
            if column and self.canaries.may_read(self.person, row):
                return str(row.values.get(column)) == value
        return False

    def _is_recorded(self, place: tuple[str, ...], row: CanaryRow) -> bool:
        """Return whether it is an ID that an administrator sees of what they do not read.

        It is that of a deleted object in the audit log, or of a person with access to a project.
        """
        roles = self.canaries.persons[self.person].roles if self.person not in SHARES else {}
        if self.person in NARROWED and "access" in place[:-2] and row.table == "profiles":
            return True
        is_theirs = roles.get(row.tenant) in ("owner", "admin")
        return place[-2:] == ("nodes", "entityId") and "auditLogs" in place and is_theirs


def _scalars(
    value: Any, place: tuple[str, ...] = (), within: dict[str, Any] | None = None
) -> Iterator[tuple[tuple[str, ...], Any, dict[str, Any]]]:
    """Yield every scalar and name in an answer, with its place and the object around it."""
    match value:
        case dict():
            for name, member in value.items():
                yield (*place, name), name, value
                yield from _scalars(member, (*place, name), value)
        case list():
            for member in value:
                yield from _scalars(member, place, within)
        case _:
            yield place, value, within or {}


async def walk(canaries: Canaries, person: str) -> Seen:
    """Run every query as this person."""
    seen = Seen(canaries, person)
    for query, variables in questions(canaries):
        seen.look(await canaries.answer(person, query, **variables))
    return seen
