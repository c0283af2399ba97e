"""The statements of the five query patterns, and their plans among 12,000 assessments.

After an intended change, run this file with `GATEWAY_WRITE_GOLDEN=1` and `-n0`, and review the
changes in `tests/golden/sql/compliance`. A plan has the tables, by the indexes that are read, and
what is sorted.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from bench.compliance import ACTIVE, CLAIM, EVERYWHERE, ONE, RECENT, USED
from bench.compliance_rows import Sizes, fill
from db.pool import Database
from tests.kit.asking import run
from tests.kit.golden_sql import assert_reviewed, legible
from tests.kit.plans import EMAIL, Planned, nodes, planned

SIZES = Sizes(people=200, organizations=199, frameworks=300, documents=2_000, results=1)
WATCHED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
}
SEVERAL = """
SELECT user_id, min(id::text) FROM assessments WHERE organization_id = $1
GROUP BY user_id ORDER BY count(*) DESC LIMIT 1
"""
BILLABLE = "SELECT ctx.billable_assessments($1)"


@dataclass
class Seeded:
    """A database with many assessments, and a reader of a third of them."""

    planned: Planned
    person: UUID
    assessment: str

    @property
    def database(self) -> Database:
        return self.planned.database

    @property
    def superuser(self) -> asyncpg.Connection:
        return self.planned.superuser

    @property
    def organization(self) -> UUID:
        return self.planned.organization


@pytest.fixture(scope="module")
async def seeded(worker_id: str, server_dsn: str) -> AsyncIterator[Seeded]:
    """Yield the database, which tells the plans of nested statements."""
    async with planned(f"plans_{worker_id}", WATCHED) as found:
        await fill(found.superuser, found.organization, SIZES)
        row = await found.superuser.fetchrow(SEVERAL, found.organization)
        yield Seeded(found, *row)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "query", "variables"),
    [
        ("1_recent", RECENT, {"me": "person", "id": "organization"}),
        ("1_recent_everywhere", EVERYWHERE, {"me": "person"}),
        ("4_active", ACTIVE, {}),
        ("5_one", ONE, {"id": "assessment"}),
    ],
)
async def test_a_list_is_read_by_its_index(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, name: str, query: str, variables: Any
):
    given = {key: getattr(seeded, of) for key, of in variables.items()}
    _assert_reviewed(seeded, name, *await seeded.planned.sent(monkeypatch, query, **given))


@pytest.mark.slow
async def test_the_next_assessment_is_claimed_by_an_index(seeded: Seeded):
    _assert_reviewed(seeded, "2_claim", *await _nested(seeded.superuser, CLAIM, "waiting"))


@pytest.mark.slow
async def test_what_is_billed_is_counted_by_an_index(seeded: Seeded):
    viewer = await act_for(EMAIL, seeded.database)
    session = ViewerSession(seeded.database, viewer)
    used = await run(session, USED, id=seeded.organization)
    async with seeded.database.app.lend(viewer.context) as lent:
        found = await _nested(lent, BILLABLE, "usage_logs", seeded.organization)
        count = await lent.fetchval(BILLABLE, seeded.organization)
    assert used["organization"]["assessmentUsage"]["billable"] == count > 0
    _assert_reviewed(seeded, "3_billable", *found)


async def _nested(
    connection: Any, call: str, word: str, *arguments: object
) -> tuple[list[str], list[Any]]:
    """Return the statements that a function runs and that have this word, and their plans."""
    told: list[str] = []

    def listen(_: Any, message: Any) -> None:
        told.append(message.message)

    connection.add_log_listener(listen)
    await connection.execute("SET client_min_messages = log")
    await connection.fetchval(call, *arguments)
    await connection.execute("RESET client_min_messages")
    connection.remove_log_listener(listen)
    logged = [json.loads(text.partition("plan:")[2]) for text in told if "plan:" in text]
    found = [each for each in logged if word in each["Query Text"]]
    return [each["Query Text"] for each in found], [each["Plan"] for each in found]


def _assert_reviewed(seeded: Seeded, name: str, statements: list[str], plans: list[Any]) -> None:
    assert statements
    assert_reviewed(f"compliance/{name}.sql", "\n\n".join(map(legible, statements)) + "\n")
    lines = [line for plan in plans for line in (*nodes(plan), "")]
    if seeded.planned.is_golden:
        assert_reviewed(f"compliance/{name}.plan", "\n".join(lines))
    assert not [line for line in lines if line.endswith("Seq Scan")]
