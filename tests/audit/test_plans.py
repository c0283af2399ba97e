"""The indexes by which each filter of the audit log is served, among 20,000 events of a month.

After an intended change, run this file with `GATEWAY_WRITE_GOLDEN=1` and `-n0`, and review the
changes in `tests/golden/sql/audit`.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from bench.auditing import FILL, IDENTITY, LAST, PEOPLE, READ, filters
from db.archives.months import ensure_partition, partition_of, start_of
from tests.kit.golden_sql import assert_reviewed
from tests.kit.plans import Planned, planned

EVENTS = 20_000
MONTH = partition_of("audit_logs", LAST)


@dataclass
class Month:
    """A database with a month of events, and the people who act in them."""

    planned: Planned
    people: Sequence[UUID]


@pytest.fixture(scope="module")
async def month(worker_id: str, server_dsn: str) -> AsyncIterator[Month]:
    """Yield the database; its events are not sealed, as nobody verifies them."""
    async with planned(f"audit_plans_{worker_id}", {}) as found:
        superuser = found.superuser
        people = [row["id"] for row in await superuser.fetch(PEOPLE)]
        await superuser.execute(IDENTITY)
        async with superuser.transaction():
            await superuser.execute("SET LOCAL ROLE gateway_owner")
            await ensure_partition(superuser, "audit_logs", LAST)
        async with superuser.transaction():
            await superuser.execute("SET LOCAL session_replication_role = replica")
            span = (start_of(LAST), 0, EVENTS - 1)
            await superuser.execute(FILL, found.organization, people, *span)
        await superuser.execute(f"ANALYZE {MONTH}")
        yield Month(found, people)


@pytest.mark.slow
async def test_every_filter_of_the_audit_log_is_served_by_an_index(
    month: Month, monkeypatch: pytest.MonkeyPatch
):
    found = []
    for name, filter in filters(month.people).items():
        given = {"id": str(month.planned.organization), "filter": filter}
        _, plans = await month.planned.sent(monkeypatch, READ, **given)
        indexes = [index for plan in plans for index in _indexes(plan)]
        assert indexes, name
        found.append(f"{name}: {', '.join(indexes)}")
    if month.planned.is_golden:
        assert_reviewed("audit/filters.plan", "\n".join(found) + "\n")


def _indexes(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield the indexes of the month that a plan reads, without the name of its partition."""
    if plan.get("Relation Name") == MONTH:
        assert plan["Node Type"] != "Seq Scan"
    if (name := plan.get("Index Name", "")).startswith(MONTH):
        yield name.removeprefix(f"{MONTH}_").removesuffix("_idx")
    for child in plan.get("Plans", ()):
        yield from _indexes(child)
