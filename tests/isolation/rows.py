"""Rows full of canaries: every value that can carry its row's code carries it.

A code is twelve hexadecimal digits: eight of the world, four of the row. It is the end of the row's
id, a word in its texts, tags and JSON, and counted up in its numbers, so that any
value of a row identifies the row.
"""

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import SystemRandom
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import INET, JSONB

SPACING = 97
"""The distance of the numbers of two rows: a count that a walk raises is not that of another."""
CURSOR = re.compile(r"[A-Za-z0-9_-]{16,}")


@dataclass(frozen=True, eq=False)
class CanaryRow:
    """One row: its place, its owner, and its values."""

    code: str
    tenant: str
    zone: str
    table: str
    person: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> UUID:
        return self.values["id"]

    @property
    def word(self) -> str:
        """Return the word in its texts, which full-text search finds, too."""
        return word(self.code)

    def __str__(self) -> str:
        return f"{self.tenant}/{self.zone}/{self.table}"


def word(code: str) -> str:
    return f"canary{code}"


class Register:
    """Every canary row of a world, by its code."""

    def __init__(self) -> None:
        random = SystemRandom()  # worlds share a database
        self.world = f"{random.getrandbits(32):08x}"
        self.first_number = random.randrange(1_100_000_000, 2_000_000_000)
        self.rows: list[CanaryRow] = []
        self._named: dict[Any, tuple[CanaryRow, ...]] = {}
        self._code = re.compile(rf"{self.world}([0-9a-f]{{4}})")

    def next_code(self) -> str:
        return f"{self.world}{len(self.rows):04x}"

    def enter(self, row: CanaryRow) -> CanaryRow:
        """Add a row that was given the next code."""
        assert row.code == self.next_code()
        self.rows.append(row)
        return row

    def id_of(self, code: str) -> UUID:
        """Return a UUIDv7 that ends in the code."""
        return UUID(f"019a0000-0000-7000-8000-{code}")

    def number_of(self, code: str) -> int:
        return self.first_number + SPACING * int(code[8:], 16)

    def named(self, value: Any) -> tuple[CanaryRow, ...]:
        """Return the rows whose code this scalar of an answer contains."""
        if value not in self._named:
            self._named[value] = tuple(self._read(value))
        return self._named[value]

    def _read(self, value: Any) -> Iterator[CanaryRow]:
        if isinstance(value, int | float) and not isinstance(value, bool):
            index, rest = divmod(int(value) - self.first_number, SPACING)
            if 0 <= index < len(self.rows) and not rest:
                yield self.rows[index]
        elif isinstance(value, str):
            for text in (value, *_decoded(value)):
                for index in self._code.findall(text.lower().replace("-", "")):
                    yield self.rows[int(index, 16)]


def _decoded(text: str) -> Iterator[str]:
    """Yield the text inside a cursor."""
    if CURSOR.fullmatch(text):
        try:
            yield urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except (NotBase64, UnicodeError):
            return


def filled(register: Register, table: Table, code: str, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for every column that a client might ever be shown; `fixed` ones as given."""
    values = {}
    for column in table.columns:
        if column.name in fixed:
            values[column.name] = fixed[column.name]
        elif column.computed is None and column.name not in LEFT:
            kinds = [kind for kind in CANARIES if isinstance(column.type, kind)]
            assert kinds, f"What does a canary in {column} look like?"
            value = CANARIES[kinds[0]](register, column, code)
            if value is not None:
                values[column.name] = value
    return values


LEFT = {"version", "xid", "created_at", "updated_at", "deleted_at", "deleted_by", "member_count"}
LEFT |= {"star_count", "run_count", "pass_count", "fail_count"}
LEFT |= {"assertions_run", "assertions_passed", "assertions_failed"}
LEFT |= {"tests_run", "tests_passed", "tests_failed"}
LEFT |= {"start_at", "end_at"}
LEFT |= {"trash_retention_days", "slot", "lease_id", "lease_expires_at"}
"""Columns that PostgreSQL fills, those that hide the row, small numbers, places in a text, and the
lease of a job that runs."""

FORMS = {
    "slug": "canary-{code}",
    "email": "canary{code}@test.example",
    "domain": "canary{code}.example",
    "issuer": "https://canary{code}.test.example/",
    "url": "https://canary{code}.test.example/",
    "payment_method_last4": "4242",
    "hint": "4242",
    "entity_type": "Assignment",
    "object_type": "Project",
    "prefix": "canary{code}-",
    "media_type": "canary/{code}",
    "kind": "canary{code}",
    "traceparent": f"00-{'0' * 20}{{code}}-{'0' * 15}1-01",
    "provider": "canary{code}",
    "webhook_events.external_id": "canary{code}",
    "event_type": "canary{code}",
    "locale": "de-AT",
    "time_zone": "canary{code}",
    "delimiter": ";",
    "encoding": "canary{code}",
}
"""Columns of text that take no word. A baseline holds no row of the type given here."""


FORMS |= {
    "repository_url": "https://canary{code}.test.example/",
    "pull_request_url": "https://canary{code}.test.example/",
    "remediation_url": "https://canary{code}.test.example/",
    "git_commit_hash": "{code}",
    "cve_id": "CVE-2026-1{number}",
}
BYTES = {"salt": 16}
"""Columns of bytes that do not take 32."""
NUMBERS = {"width": 7, "max_attempts": 7, "progress": 0.5}
NUMBERS |= {"quorum": 7, "min_approvals": 7, "score": 0.5}
NUMBERS |= {"complexity_points": 7, "code_coverage_percent": 7, "canary_percentage": 7}
NUMBERS |= {"error_rate_percent": 7, "cvss_score": 7}
"""Columns of numbers that take no large one."""


def _text(register: Register, column: Column[Any], code: str) -> str:
    form = FORMS.get(str(column)) or FORMS.get(column.name, "A canary: canary{code}")
    return form.format(code=code, number=int(code, 16))


def _json(register: Register, column: Column[Any], code: str) -> str:
    is_list = "[]" in str(getattr(column.server_default, "arg", ""))
    return json.dumps([word(code)] if is_list else {"canary": word(code), word(code): 1})


def _number(register: Register, column: Column[Any], code: str) -> float:
    return NUMBERS.get(column.name) or register.number_of(code)


def _time(register: Register, column: Column[Any], code: str) -> datetime:
    """Return a time soon for expiry, and a time before now for a start."""
    later = timedelta() if column.name.endswith("start") else timedelta(days=30)
    return datetime.now(UTC) + later


CANARIES: dict[type, Callable[[Register, Column[Any], str], Any]] = {
    Uuid: lambda register, _, code: register.id_of(code),
    Enum: lambda _, column, __: column.type.enums[0],
    Text: _text,
    ARRAY: lambda register, column, code: [
        register.id_of(code) if isinstance(column.type.item_type, Uuid) else word(code)
    ],
    JSONB: _json,
    Integer: _number,
    Float: _number,
    DateTime: _time,
    Date: lambda *_: date(2020, 1, 1),
    Interval: lambda *told: timedelta(seconds=_number(*told)),
    INET: lambda *_: "192.0.2.1",
    LargeBinary: lambda _, column, code: bytes.fromhex(code).rjust(BYTES.get(column.name, 32)),
    Boolean: lambda *_: None,
}
"""The canary value of each type of column; None leaves it to the column's default."""

DEFINITION = '{"requirements": [{"id": "A", "title": "Access", "text": "Access is reviewed."}]}'
FIXED: dict[str, dict[str, Any]] = {
    "audit_archives": {"first_seq": 1, "last_seq": 2, "until": datetime(2020, 2, 1, tzinfo=UTC)},
    "baseline_items": {"version": 1, "entity_type": "TestCase"},
    "provisioned_groups": {"role": "viewer"},
    "change_set_items": {"entity_type": "Requirement", "action": "update"},
    "comment_threads": {"entity_type": "Requirement"},
    "review_items": {"entity_type": "Requirement"},
    "signatures": {"entity_type": "Requirement"},
    "compliance_documents": {"status": "error"},
    "organization_domains": {"auto_join_role": "viewer"},
    "assessments": {"status": "failed", "claimed_until": None},
    "frameworks": {"definition": DEFINITION},
    "framework_revisions": {"definition": DEFINITION},
    "deployments": {"deployment_strategy": "canary", "status": "rolled_back"},
    "vulnerabilities": {"status": "accepted_risk"},
    "security_events": {"resolved": True},
}
"""Values that depend on each other, or that the API interprets."""

OF_A_PERSON: dict[str, dict[str, Any]] = {
    "personal_tokens": {},
    "passkeys": {"is_backup_eligible": False, "is_backed_up": False},
    "devices": {"network": None, "removed_at": None},
}
"""The tables of which every person has a row, and values of their columns."""
