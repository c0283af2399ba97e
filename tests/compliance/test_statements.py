"""The statements of the five query patterns, and their plans among 12,000 assessments.

After an intended change, run this file with `GATEWAY_WRITE_GOLDEN=1` and `-n0`, and review the
changes in `tests/golden/sql/compliance`. A plan has the tables, by the indexes that are read, and
what is sorted.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from auth.credentials.identify import act_for
from auth.credentials.people import create_person
from auth.session import ViewerSession
from auth.session.statement_reader import StatementReader
from bench.compliance import ACTIVE, CLAIM, EVERYWHERE, ONE, RECENT, USED
from bench.compliance_rows import Sizes, fill
from db.pool import Database
from tests.conftest import TEMPLATE, _run, dsn_of
from tests.kit.asking import run
from tests.kit.golden_sql import assert_reviewed, legible

SIZES = Sizes(people=200, organizations=199, frameworks=300, documents=2_000, results=1)
WATCHED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
}
EMAIL = "reader@plans.example"
TENANT = """
WITH o AS (
    INSERT INTO organizations (name, slug, owner_id, billing_plan)
    VALUES ('Plans', 'plans', $1, 'enterprise') RETURNING id, owner_id
)
INSERT INTO organization_members (organization_id, user_id, role)
SELECT id, owner_id, 'owner' FROM o RETURNING organization_id
"""
SEVERAL = """
SELECT user_id, min(id::text) FROM assessments WHERE organization_id = $1
GROUP BY user_id ORDER BY count(*) DESC LIMIT 1
"""
PLANNER = 18
"""The version of PostgreSQL whose plans are golden: others choose among the same indexes."""
MONTH = re.compile(r"_\d{4}_\d{2}")
BILLABLE = "SELECT ctx.billable_assessments($1)"


@dataclass
class Seeded:
    """A database with many assessments, and a reader of a third of them."""

    database: Database
    superuser: asyncpg.Connection
    organization: UUID
    person: UUID
    assessment: str


@pytest.fixture(scope="module")
async def seeded(worker_id: str, server_dsn: str) -> AsyncIterator[Seeded]:
    """Yield the database, which tells the plans of nested statements."""
    name = f"plans_{worker_id}"
    await _run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    await _run(*(f"ALTER DATABASE {name} SET {each} = '{WATCHED[each]}'" for each in WATCHED))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(dsn_of(name)))
        superuser = await asyncpg.connect(dsn_of(name, superuser=True))
        stack.push_async_callback(superuser.close)
        owner = await create_person(database, EMAIL, "Reader", "a long password of plans")
        organization = await superuser.fetchval(TENANT, owner)
        await fill(superuser, organization, SIZES)
        person, assessment = await superuser.fetchrow(SEVERAL, organization)
        yield Seeded(database, superuser, organization, person, assessment)
    await _run(f"DROP DATABASE {name} WITH (FORCE)")


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
    sent: list[tuple[str, Any]] = []
    send = StatementReader._send

    async def recorded(self: Any, text: str, arguments: Any, *more: Any, **options: Any) -> Any:
        sent.append((text, arguments))
        return await send(self, text, arguments, *more, **options)

    monkeypatch.setattr(StatementReader, "_send", recorded)
    viewer = await act_for(EMAIL, seeded.database)
    session = ViewerSession(seeded.database, viewer)
    await run(session, query, **{key: getattr(seeded, of) for key, of in variables.items()})
    plans = []
    async with seeded.database.app.lend(viewer.context) as lent:
        for text, arguments in sent:
            told = await lent.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments)
            plans.append(json.loads(told)[0]["Plan"])
    _assert_reviewed(seeded, name, [text for text, _ in sent], plans)


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
    lines = [line for plan in plans for line in (*_read(plan), "")]
    if seeded.superuser.get_server_version().major >= PLANNER:
        assert_reviewed(f"compliance/{name}.plan", "\n".join(lines))
    assert not [line for line in lines if line.endswith("Seq Scan")]


def _read(plan: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield the nodes of a plan that read a table or sort, indented by what they are part of."""
    kind = plan["Node Type"]
    parts = (plan.get("Relation Name"), plan.get("Index Name"), plan.get("Sort Key"))
    known = [part if isinstance(part, str) else ", ".join(part) for part in parts if part]
    if known:
        name = MONTH.sub("_month", " by ".join(known))
        yield "  " * depth + f"{name}: {kind}"
        depth += 1
    for child in plan.get("Plans", ()):
        yield from _read(child, depth)
