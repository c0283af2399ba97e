"""The test matrix: requirements against test cases, with the latest results and the gaps."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements.requirements import Requirement as RequirementRow
from db.requirements.testing import ExecutionStatus
from db.requirements.testing import TestCase as TestCaseRow
from db.requirements.testing import TestExecution as TestExecutionRow
from db.requirements.testing import TestMatrixView as TestMatrixViewRow
from graph.core.projects import Project
from graph.kit.connection import After, Before, Connection, First, Last, asked_for
from graph.kit.context import Context, Info
from graph.kit.fields import described, to_one
from graph.kit.scopes import SCOPE
from graph.requirements.executions import TestExecution
from graph.requirements.matrix_cells import DEFAULT_CELLS, MAX_CELLS, CellsFirst, asked_columns
from graph.requirements.matrix_configuration import (
    Configuration,
    TestHole,
    TestMatrixConfiguration,
    TestMatrixConfigurationInput,
    configured,
    of_stored,
    shown,
)
from graph.requirements.matrix_views import TestMatrixView
from graph.requirements.reading_order import KEYS, keys_in
from graph.requirements.requirements import Requirement
from graph.requirements.sql.test_matrix import ROW, Matrix
from graph.requirements.testing import TestCase

MAX_ROWS = 200
"""The most requirements on one page of a matrix."""
"""The most cells of a requirement in one answer, and the number of them by default."""


@strawberry.type(description="The latest result of a test case for a requirement.")
class TestMatrixCell:
    __test__ = False

    test_id: strawberry.Private[UUID]
    execution_id: strawberry.Private[UUID]
    status: ExecutionStatus = described(
        "The status of the latest execution with a result; if there is none, of the latest"
        " execution."
    )
    stale: bool = described("Whether the content of the requirement was changed after the result.")
    flaky: bool = described(
        "Whether the test case has both passed and failed with the same version of the product and"
        " the same content of the requirement."
    )
    test_case: TestCase | None = to_one("test_id", TestCaseRow, TestCase, "The test case.")
    execution: TestExecution | None = to_one(
        "execution_id", TestExecutionRow, TestExecution, "The execution with this status."
    )


TestCaseIds = Annotated[
    list[UUID] | None,
    strawberry.argument(description="Return only cells of these test cases, at most 1,000."),
]


@strawberry.type(description="A requirement in a test matrix, with its latest results.")
class TestMatrixRow:
    __test__ = False

    id: strawberry.Private[UUID]
    document_id: strawberry.Private[UUID]
    position: strawberry.Private[float]
    matrix: strawberry.Private["TestMatrix"]
    cell_count: int = described("The number of test cases with an execution for the requirement.")
    passed: int = described("The number of these whose latest result is PASS.")
    holes: list[TestHole] = described("The gaps in the verification of the requirement.")
    requirement: Requirement | None = to_one("id", RequirementRow, Requirement, "The requirement.")

    @strawberry.field(
        description="The latest result of each test case with an execution for the requirement, in"
        " the order in which the test cases were created.",
        metadata={"largest_page": MAX_CELLS},
    )
    async def cells(
        self, info: Info, first: CellsFirst = DEFAULT_CELLS, test_case_ids: TestCaseIds = None
    ) -> list[TestMatrixCell]:
        tests = asked_columns(first, test_case_ids, "testCaseIds")
        matrix = self.matrix
        shape = ("cells", matrix.project_id, matrix.chosen, first, tests)
        batch = partial(_cells, matrix.of(info.context), tests, first)
        found: list[TestMatrixCell] = await info.context.loader(shape, batch).load(self.id)
        return found


async def _cells(
    matrix: Matrix, tests: Sequence[UUID] | None, first: int, ids: list[UUID]
) -> list[list[TestMatrixCell]]:
    cells: dict[UUID, list[TestMatrixCell]] = {id: [] for id in ids}
    for row in await matrix.cells(ids, tests, first):
        cell = TestMatrixCell(
            test_id=row["test_id"],
            execution_id=row["execution_id"],
            status=ExecutionStatus(row["status"]),
            stale=row["stale"],
            flaky=row["flaky"],
        )
        cells[row["requirement_id"]].append(cell)
    return [cells[id] for id in ids]


@strawberry.type(description="The counts of a test matrix.")
class TestMatrixCounts:
    __test__ = False

    requirements: int = described("The number of requirements.")
    verified: int = described("The number of requirements without a gap.")
    uncovered: int = described("The number of requirements with the gap UNCOVERED.")
    not_run: int = described("The number of requirements with the gap NOT_RUN.")
    failing: int = described("The number of requirements with the gap FAILING.")
    stale: int = described("The number of requirements with the gap STALE.")
    flaky: int = described("The number of requirements with the gap FLAKY.")
    pairs: int = described("The number of pairs of a requirement and a test case with executions.")
    passed: int = described("The number of pairs whose latest result is PASS.")


@strawberry.type(description="The counts of a test matrix for one value of the grouping.")
class TestMatrixGroup:
    __test__ = False

    value: str = described("The value, as its enumeration names it.")
    counts: TestMatrixCounts = described(
        "The counts of the requirements with this value; for a field of a test case or an"
        " execution, of the pairs with it."
    )


COUNTS = tuple(TestMatrixCounts.__dataclass_fields__)


def _counts(row: Any) -> TestMatrixCounts:
    return TestMatrixCounts(**{name: row[name] for name in COUNTS})


@strawberry.type(
    description="The requirements of a project against its test cases, with the latest results."
    " Test cases that are not in use or deprecated do not count."
)
class TestMatrix:
    __test__ = False

    project_id: strawberry.Private[UUID]
    view_id: strawberry.Private[UUID | None]
    chosen: strawberry.Private[Configuration]
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the matrix."
    )
    view: TestMatrixView | None = to_one(
        "view_id", TestMatrixViewRow, TestMatrixView, "The view of the matrix, if it has one."
    )

    def of(self, context: Context) -> Matrix:
        return Matrix(context.session, self.project_id, self.chosen)

    @strawberry.field(description="The configuration of the matrix.")
    def configuration(self) -> TestMatrixConfiguration:
        return shown(self.chosen)

    @strawberry.field(
        description="The requirements, by document and in the order of each document.",
        metadata={"largest_page": MAX_ROWS},
    )
    async def rows(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TestMatrixRow]:
        asked = asked_for(first, after, last, before, KEYS, largest=MAX_ROWS)
        matrix = self.of(info.context)
        found = await matrix.rows(
            lambda columns: asked.bounds(keys_in(columns)),
            lambda columns: asked.order(keys_in(columns)),
            asked.size + 1,
        )
        rows: list[Any] = [self._row(record) for record in found]

        async def count() -> int:
            if found and self.chosen.holes:
                return int(found[0]["total"])
            return await matrix.count()

        return Connection[TestMatrixRow](page=asked.page(rows, count))

    def _row(self, record: Any) -> TestMatrixRow:
        holes: list[TestHole] = [
            hole for hole in TestHole if hole is not TestHole.UNCOVERED and record[hole.value]
        ]
        return TestMatrixRow(
            **{name: record[name] for name in ROW},
            matrix=self,
            cell_count=record["pairs"],
            passed=record["passed"],
            holes=holes if record["pairs"] else [TestHole.UNCOVERED],
        )

    @strawberry.field(
        description="The counts of all requirements and test cases that the configuration selects,"
        " whether they have gaps or not."
    )
    async def summary(self, info: Info) -> TestMatrixCounts:
        rows = await self.of(info.context).summary(None)
        return _counts(rows[0]) if rows else _counts(dict.fromkeys(COUNTS, 0))

    @strawberry.field(
        description="The same counts by the value of `groupBy`; empty if the configuration has"
        " none."
    )
    async def groups(self, info: Info) -> list[TestMatrixGroup]:
        grouping = self.chosen.group_by
        if grouping is None:
            return []
        rows = await self.of(info.context).summary(grouping)
        return [TestMatrixGroup(value=row["value"].upper(), counts=_counts(row)) for row in rows]

    @strawberry.field(description="The number of test cases that the configuration counts.")
    async def test_case_count(self, info: Info) -> int:
        return await self.of(info.context).test_cases()


ProjectId = Annotated[
    UUID | None,
    strawberry.argument(
        description="The ID of the project. The configuration is that of its default view, if"
        " there is one."
    ),
]
ViewId = Annotated[
    UUID | None,
    strawberry.argument(description="The ID of a view, in place of `projectId`."),
]
Given = Annotated[
    TestMatrixConfigurationInput | None,
    strawberry.argument(
        description="The configuration. The fields that are given replace those of the view."
    ),
]


async def matrix(
    info: Info,
    project_id: ProjectId = None,
    view_id: ViewId = None,
    configuration: Given = None,
) -> TestMatrix | None:
    context = info.context
    if (project_id is None) == (view_id is None):
        message = "Give either `projectId` or `viewId`."
        raise Problem("INVALID", message, field=["projectId"])
    view: Any
    if view_id is not None:
        view = await context.get(TestMatrixViewRow, view_id)
        project_id = view.project_id
    else:
        project: Any = await context.get(ProjectRow, project_id or UUID(int=0))
        project_id = project.id
        default = TestMatrixViewRow.project_id == project_id, TestMatrixViewRow.is_default.is_(True)
        views = await context.session.rows(TestMatrixViewRow, *default, limit=1)
        view = views[0] if views else None
    chosen = of_stored(view.configuration) if view else Configuration()
    if configuration is not None:
        given = configured(configuration, ("configuration",))
        named = {n: getattr(given, n) for n, v in vars(configuration).items() if v is not UNSET}
        chosen = replace(chosen, **named)
    return TestMatrix(project_id=project_id, view_id=view.id if view else None, chosen=chosen)


@strawberry.type
class Query:
    test_matrix = strawberry.field(
        matrix,
        description="The test matrix of a project, or of one of its views.",
        metadata={SCOPE: "requirements:read"},
    )
