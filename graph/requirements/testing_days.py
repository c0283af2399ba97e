"""The days of a project's tests: its requirements, their coverage and test results."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import strawberry

from auth.session import ViewerSession
from db.problem import Problem
from db.requirements.testing import ExecutionStatus
from graph.kit.fields import described
from graph.requirements.sql.testing_days import testing_days

DEFAULT_DAYS, MAX_DAYS = 90, 366

FAILED = (ExecutionStatus.FAIL.value, ExecutionStatus.ERROR.value)


@strawberry.type(description="The requirements and test results of a project on one day.")
class TestingDay:
    __test__ = False

    day: str = described("The day (UTC) in ISO 8601 format.")
    requirement_count: int = described("The number of requirements at the end of the day.")
    covered_count: int = described(
        "The number of those with a test execution or a link of the type VERIFIES at the end of the"
        " day."
    )
    passed_count: int = described("The number of test executions on the day that passed.")
    failed_count: int = described("The number of test executions on the day that failed.")
    other_count: int = described("The number of test executions on the day with another result.")


async def history(
    session: ViewerSession, projects: Sequence[UUID], last: int
) -> list[list[TestingDay]]:
    """Return the last days of each project, in the order of the projects."""
    if not 1 <= last <= MAX_DAYS:
        raise Problem("INVALID", f"Must be from 1 to {MAX_DAYS}.", field=["last"])
    counted: dict[UUID, Counter[tuple[date, str]]] = defaultdict(Counter)
    for record in await testing_days(session, projects):
        name = record["kind"] if record["status"] is None else _result(record["status"])
        counted[record["project_id"]][record["day"], name] += record["number"]
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(last))]
    return [_days(counted[project], days) for project in projects]


def _result(status: str) -> str:
    if status == ExecutionStatus.PASS.value:
        return "passed"
    return "failed" if status in FAILED else "other"


def _days(counted: Counter[tuple[date, str]], days: Sequence[date]) -> list[TestingDay]:
    total = Counter[str]()
    for (day, name), number in counted.items():
        if day < days[0]:
            total[name] += number
    found = []
    for day in days:
        for name in ("created", "covered"):
            total[name] += counted[day, name]
        found.append(
            TestingDay(
                day=day.isoformat(),
                requirement_count=total["created"],
                covered_count=total["covered"],
                passed_count=counted[day, "passed"],
                failed_count=counted[day, "failed"],
                other_count=counted[day, "other"],
            )
        )
    return found
