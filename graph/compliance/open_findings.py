"""The open findings of an organization over time, as a field of the organization."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.problem import Problem
from graph.compliance.judging.findings import OPEN_SEVERITIES
from graph.compliance.sql.open_findings import changes_by_day
from graph.core.organizations import Organization
from graph.kit.context import Info
from graph.kit.fields import computed, described, extend_type
from graph.kit.scopes import SCOPE

DEFAULT_DAYS, MAX_DAYS = 30, 366

Last = Annotated[
    int,
    strawberry.argument(description=f"The number of days up to today (UTC), at most {MAX_DAYS}."),
]


@strawberry.type(
    description="The findings that were open at the end of a day: those of the newest completed"
    " assessment of each document against the same frameworks that are `PARTIAL` or `MISSING`."
)
class OpenFindingsDay:
    day: str = described("The day (UTC) in ISO 8601 format.")
    critical: int = described("The number of open findings of the severity `CRITICAL`.")
    high: int = described("The number of open findings of the severity `HIGH`.")
    medium: int = described("The number of open findings of the severity `MEDIUM`.")
    low: int = described("The number of open findings of the severity `LOW`.")


@computed(
    "id",
    text="The open findings on each of the last days, by severity, counted from the assessments"
    " that the viewer can read: what was deleted is not counted on any day. Null for those who are"
    " no members.",
    metadata={SCOPE: "compliance:read", "largest_page": MAX_DAYS},
)
async def _open_findings(
    root: strawberry.Parent[Any], info: Info, last: Last = DEFAULT_DAYS
) -> list[OpenFindingsDay] | None:
    if not 1 <= last <= MAX_DAYS:
        raise Problem("INVALID", f"Must be from 1 to {MAX_DAYS}.", field=["last"])
    if root.id not in info.context.viewer.organizations:
        return None
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(last))]

    async def batch(organizations: list[UUID]) -> list[list[OpenFindingsDay]]:
        changed: dict[UUID, dict[date, Counter[str]]] = defaultdict(dict)
        for record in await changes_by_day(info.context.session, organizations, days[0]):
            counts = Counter({each: record[each] for each in OPEN_SEVERITIES})
            changed[record["organization_id"]][record["day"]] = counts
        return [_added_up(changed[id], days) for id in organizations]

    found: list[OpenFindingsDay] = await info.context.loader(("open findings", last), batch).load(
        root.id
    )
    return found


def _added_up(changes: dict[date, Counter[str]], days: list[date]) -> list[OpenFindingsDay]:
    total = dict.fromkeys(OPEN_SEVERITIES, 0)
    found = []
    for day in days:
        for severity, number in changes.get(day, Counter()).items():
            total[severity] += number
        found.append(OpenFindingsDay(day=day.isoformat(), **total))
    return found


extend_type(Organization, open_findings=_open_findings)
