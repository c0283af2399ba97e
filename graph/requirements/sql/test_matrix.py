"""The SQL of the test matrix: requirements against test cases, with the latest result of each pair.

A pair is a requirement and a test case with at least one execution. Its latest result is that of
the last execution that tells one (`COUNTED`); where there is none, the last execution.

PostgreSQL expects a few rows of each relation, because it cannot estimate the policy, and would
compare each with each. It cannot do so for a full join: those are by hash or by sorting. What they
add is dropped outside of a materialized relation, which the planner does not look into.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, readable
from db.requirements.requirements import Requirement
from db.requirements.testing import ExecutionStatus, TestCase, TestExecution, TestStatus
from graph.requirements.matrix_configuration import Configuration, TestHole, TestMatrixGrouping
from graph.requirements.recording import STATUS
from graph.requirements.sql.statistics import elements_of

PASSED = (ExecutionStatus.PASS,)
FAILED = (ExecutionStatus.FAIL, ExecutionStatus.ERROR)
COUNTED = tuple(STATUS)
"""The statuses that tell a result, or that something prevents one."""

ROW = ("id", "document_id", "position")
"""The columns of a requirement by which rows are ordered."""

Keys = Callable[[Any], Sequence[ColumnElement[Any]]]
"""Returns conditions or sort keys on the columns of the rows."""


class Matrix:
    """The matrix of a project that the viewer can read. Every method runs one statement."""

    def __init__(
        self, session: ViewerSession, project_id: UUID, configuration: Configuration
    ) -> None:
        self._session, self._project_id = session, project_id
        self._configuration = configuration

    async def rows(self, bounds: Keys, order: Keys, limit: int) -> list[Record]:
        """Return the first requirements in this order, each with the counts of its pairs.

        Only the pairs of these are read, unless the configuration asks for gaps. Then each row has
        the number of requirements on all pages (`total`), too.
        """
        chosen = self._requirements()
        if self._configuration.holes:
            rows = _of_requirements(chosen, self._pairs(chosen))
            hole = _any_hole(rows, self._configuration)
            total = select(func.count()).select_from(rows).where(hole).scalar_subquery()
            shown = select(rows, total.label("total")).where(hole, *bounds(rows.c))
            return await self._run(shown.order_by(*order(rows.c)).limit(limit))
        first = select(chosen).where(*bounds(chosen.c)).order_by(*order(chosen.c)).limit(limit)
        page = first.cte("page").prefix_with("MATERIALIZED")
        rows = _of_requirements(page, self._pairs(page, of_page=True))
        return await self._run(select(rows).order_by(*order(rows.c)))

    async def count(self) -> int:
        """Return the number of requirements on all pages."""
        chosen = self._requirements()
        if not self._configuration.holes:
            counted = select(func.count().label("number")).select_from(chosen)
        else:
            rows = _of_requirements(chosen, self._pairs(chosen))
            counted = (
                select(func.count().label("number"))
                .select_from(rows)
                .where(_any_hole(rows, self._configuration))
            )
        (row,) = await self._run(counted)
        return int(row["number"])

    async def cells(
        self, requirements: Collection[UUID], tests: Collection[UUID] | None, limit: int
    ) -> list[Record]:
        """Return at most `limit` pairs of each of these requirements, the oldest tests first."""
        ids = bindparam("requirements", list(requirements), type_=ARRAY(Uuid))
        table = readable(Requirement, *ROW, CONTENT_VERSION)
        chosen = select(table).where(table.c.id == any_(ids)).cte("chosen")
        pairs = self._pairs(chosen, tests, of_page=True)
        place = func.row_number().over(
            partition_by=pairs.c.requirement_id, order_by=(pairs.c.test_id,)
        )
        placed = select(pairs, place.label("place")).subquery("placed")
        shown = select(placed).where(placed.c.place <= literal_column(str(limit)))
        return await self._run(shown.order_by(placed.c.requirement_id, placed.c.place))

    async def summary(self, group_by: TestMatrixGrouping | None) -> list[Record]:
        """Return the counts of all requirements, by the value of the grouping if there is one."""
        chosen = self._requirements()
        pairs = self._pairs(chosen)
        entity, _, column = group_by.value.partition(".") if group_by else ("", "", "")
        by_pair = entity in ("test", "execution")
        value: Any = cast(null(), Text)
        if entity == "requirement":
            value = cast(chosen.c[column], Text)
        elif by_pair:
            named = "test_status" if group_by is TestMatrixGrouping.TEST_STATUS else column
            value = cast(pairs.c[named], Text)
        each = (
            select(value.label("value"), chosen.c.id, *_counts(pairs))
            .select_from(chosen.join(pairs, pairs.c.requirement_id == chosen.c.id, full=True))
            .group_by(chosen.c.id, value)
            .cte("each")
            .prefix_with("MATERIALIZED")
        )
        return await self._run(
            select(
                each.c.value,
                func.count().label("requirements"),
                _summed(each.c.pairs).label("pairs"),
                _summed(each.c.passed).label("passed"),
                *(_number(condition).label(hole.value) for hole, condition in _holes(each)),
                _number(and_(each.c.pairs > 0, ~or_(*(c for _, c in _holes(each))))).label(
                    "verified"
                ),
            )
            .where(*([each.c.pairs > 0] if by_pair else []))
            .group_by(each.c.value)
            .order_by(each.c.value)
        )

    async def test_cases(self) -> int:
        """Return the number of test cases that the configuration counts."""
        (row,) = await self._run(select(func.count().label("number")).select_from(self._tests()))
        return int(row["number"])

    async def _run(self, statement: Select[Any]) -> list[Record]:
        return await self._session.query(statement, {"project": self._project_id})

    def _requirements(self) -> CTE:
        """Return the requirements that the configuration shows."""
        shown = self._configuration
        shown_columns = ("status", "priority", "level", "format", "tags")
        names = (*ROW, "project_id", *shown_columns, CONTENT_VERSION)
        table = readable(Requirement, *names)
        kept = [name for name in names if name != "project_id"]
        return (
            select(*(table.c[name] for name in kept))
            .where(
                table.c.project_id == PROJECT,
                *_among(table.c.document_id, shown.document_ids),
                *_among(table.c.status, shown.requirement_statuses),
                *_among(table.c.priority, shown.requirement_priorities),
                *_among(table.c.level, shown.requirement_levels),
                *_overlapping(table.c.tags, shown.requirement_tags),
            )
            .cte("chosen")
        )

    def _tests(self) -> CTE:
        """Return the test cases that the configuration counts; deprecated ones only if named."""
        shown = self._configuration
        shown_columns = ("id", "test_type", "priority", "status", "method")
        table = readable(TestCase, *shown_columns, "project_id", "is_active", "category")
        in_use = (
            _among(table.c.status, shown.test_statuses)
            if shown.test_statuses
            else [table.c.status != TestStatus.DEPRECATED]
        )
        return (
            select(*(table.c[name] for name in shown_columns))
            .where(
                table.c.project_id == PROJECT,
                table.c.is_active,
                *in_use,
                *_among(table.c.test_type, shown.test_types),
                *_among(table.c.priority, shown.test_priorities),
                *_among(table.c.method, shown.test_methods),
                *_overlapping(table.c.category, shown.test_categories),
            )
            .cte("tests")
        )

    def _pairs(
        self, chosen: CTE, tests: Collection[UUID] | None = None, *, of_page: bool = False
    ) -> CTE:
        """Return the pairs of these requirements, each with its latest result.

        The executions of a page are found by its requirements, else those of the project are read.
        """
        found, counted = self._executions(chosen, tests, of_page=of_page), self._tests()
        runs = (
            select(found, chosen.c.id.label("chosen_id"), chosen.c.content_version)
            .select_from(found.join(chosen, chosen.c.id == found.c.requirement_id, full=True))
            .subquery("runs")
        )
        tells = runs.c.execution_status == any_(_array(runs.c.execution_status, COUNTED))
        is_stale = and_(
            runs.c.executed_at.is_not(None), runs.c.content_version > runs.c.requirement_version
        )
        latest = (
            select(
                runs.c.requirement_id,
                runs.c.test_id,
                runs.c.chosen_id,
                runs.c.id.label("execution_id"),
                runs.c.execution_status.label("status"),
                func.coalesce(is_stale, false()).label("stale"),
                _is_flaky(runs).label("flaky"),
            )
            .ext(distinct_on(runs.c.requirement_id, runs.c.test_id))
            .order_by(
                runs.c.requirement_id,
                runs.c.test_id,
                tells.desc(),
                runs.c.executed_at.desc().nulls_last(),
                runs.c.id.desc(),
            )
            .cte("latest")
            .prefix_with("MATERIALIZED")
        )
        joined = (
            select(
                latest,
                counted.c.id.label("counted_id"),
                counted.c.test_type,
                counted.c.priority,
                counted.c.status.label("test_status"),
                counted.c.method,
            )
            .select_from(latest.join(counted, counted.c.id == latest.c.test_id, full=True))
            .cte("joined")
            .prefix_with("MATERIALIZED")
        )
        both = (
            joined.c.chosen_id == joined.c.requirement_id,
            joined.c.counted_id == joined.c.test_id,
        )
        return select(joined).where(*both).cte("pairs").prefix_with("MATERIALIZED")

    def _executions(
        self, chosen: CTE, tests: Collection[UUID] | None, *, of_page: bool
    ) -> FromClause:
        """Return the executions for these requirements that the configuration counts."""
        shown = self._configuration
        kept = (
            "id",
            "requirement_id",
            "test_id",
            "execution_status",
            "executed_at",
            "execution_version",
            "requirement_version",
        )
        table = readable(TestExecution, *kept, "project_id", "execution_environment")
        narrowed = (
            () if tests is None else (table.c.test_id == any_(_array(table.c.test_id, tests)),)
        )
        wanted = table.c.requirement_id.in_(elements_of(select(chosen.c.id)))
        return (
            select(*(table.c[name] for name in kept))
            .where(
                table.c.project_id == PROJECT,
                # A plain `in` is a join, by the index of requirements.
                wanted if of_page else wanted.is_not(False),
                *_among(table.c.execution_environment, shown.execution_environments),
                *_among(table.c.execution_version, shown.execution_versions),
                *narrowed,
            )
            .subquery("found")
        )


PROJECT: Any = bindparam("project", type_=Uuid)


def _array(column: Any, values: Collection[Any]) -> Any:
    return bindparam(None, list(values), type_=ARRAY(column.type), unique=True)


def _among(column: Any, values: Collection[Any]) -> list[ColumnElement[bool]]:
    return [column == any_(_array(column, values))] if values else []


def _overlapping(column: Any, values: Collection[str]) -> list[ColumnElement[bool]]:
    if not values:
        return []
    wanted = bindparam(None, list(values), type_=column.type, unique=True)
    return [column.overlap(wanted)]


def _is_flaky(runs: FromClause) -> ColumnElement[bool]:
    """Return whether the executions with the versions of this one both passed and failed.

    All versions of a requirement since its last change of content are one.
    """
    status = runs.c.execution_status
    same = (
        runs.c.requirement_id,
        runs.c.test_id,
        func.least(runs.c.requirement_version, runs.c.content_version),
        runs.c.execution_version,
    )

    def has(statuses: Collection[ExecutionStatus]) -> ColumnElement[bool]:
        return func.bool_or(status == any_(_array(status, statuses))).over(partition_by=same)

    known = runs.c.execution_version.is_not(None), runs.c.requirement_version.is_not(None)
    return and_(*known, has(PASSED), has(FAILED))


def _counts(pairs: CTE) -> list[Any]:
    """Return the numbers of pairs: all, and those that have a gap."""
    status = pairs.c.status
    failing = status == any_(_array(status, FAILED))
    passed = status == any_(_array(status, PASSED))
    conditions = {
        "pairs": pairs.c.test_id.is_not(None),
        "passed": passed,
        "not_run": ~or_(failing, passed),
        "failing": failing,
        "stale": pairs.c.stale,
        "flaky": pairs.c.flaky,
    }
    return [_number(condition).label(name) for name, condition in conditions.items()]


def _number(condition: Any) -> Any:
    return func.count().filter(condition)


def _summed(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), literal_column("0")), column.type)


def _of_requirements(chosen: CTE, pairs: CTE) -> FromClause:
    """Return the requirements with the numbers of their pairs."""
    counted = (
        select(pairs.c.requirement_id, *_counts(pairs))
        .group_by(pairs.c.requirement_id)
        .cte("counted")
    )
    numbers = [column for column in counted.c if column.key != "requirement_id"]
    return (
        select(
            *(chosen.c[name] for name in ROW),
            *(func.coalesce(column, literal_column("0")).label(column.key) for column in numbers),
        )
        .select_from(chosen.join(counted, counted.c.requirement_id == chosen.c.id, full=True))
        .cte("rows")
        .prefix_with("MATERIALIZED")
    )


def _holes(rows: Any) -> list[tuple[TestHole, ColumnElement[bool]]]:
    """Return the condition of each gap on the numbers of a requirement."""
    columns = rows.c
    return [
        (hole, columns.pairs == 0 if hole is TestHole.UNCOVERED else columns[hole.value] > 0)
        for hole in TestHole
    ]


def _any_hole(rows: Any, configuration: Configuration) -> ColumnElement[bool]:
    return or_(*(condition for hole, condition in _holes(rows) if hole in configuration.holes))
