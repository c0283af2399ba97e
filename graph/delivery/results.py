"""Results of tests. They are added only, by reports."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.delivery import testing as db
from db.delivery.builds import Build as BuildRow
from db.delivery.testing import FeatureTestOutcome
from graph.core.people import Profile
from graph.core.projects import Project
from graph.delivery.builds import Build
from graph.delivery.feature_tests import FeatureTest
from graph.delivery.features import Feature
from graph.kit.connection import connection
from graph.kit.fields import computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.json_items import shown_items
from graph.requirements.testing_shapes import FileLink


@strawberry.type(description="The result of one run of a test. Results are never changed.")
class FeatureTestResult:
    id: UUID = described("The ID of the result.")
    status: FeatureTestOutcome = described("The outcome of the run.")
    duration_ms: int | None = described("The duration of the run, in milliseconds.")
    error_message: str | None = described("The message of the failure or error.")
    error_stacktrace: str | None = described("The stack trace of the failure or error.")
    assertions_run: int | None = described("The number of assertions.")
    assertions_passed: int | None = described("The number of assertions that passed.")
    assertions_failed: int | None = described("The number of assertions that failed.")
    code_coverage_percent: float | None = described("The code that the run covers, from 0 to 100.")
    memory_used_mb: int | None = described("The memory that the run used, in megabytes.")
    cpu_percent: float | None = described("The share of a processor that the run used.")
    execution_environment: str | None = described(
        "The environment of the run, such as `docker`, `kubernetes` or `local`."
    )
    executed_at: datetime = described("The date and time of the run.")
    created_at: datetime = described("The date and time of the report of the run.")
    project_id: UUID = described("The ID of the project of the result.")
    test_case_id: UUID = described("The ID of the test.", name="testId")
    feature_id: UUID = described("The ID of the feature of the test.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the result."
    )
    test: FeatureTest | None = to_one("test_case_id", db.FeatureTest, FeatureTest, "The test.")
    build: Build | None = to_one("build_id", BuildRow, Build, "The build that was tested, if any.")
    executed_by: Profile | None = to_one(
        "executed_by", ProfileRow, Profile, "The user or service account that ran the test."
    )

    @computed("logs", text="The lines of the log of the run.")
    def logs(root: strawberry.Parent[Any]) -> list[str]:  # noqa: N805
        return [line for line in root.logs if isinstance(line, str)]

    @computed("artifacts", text="Links to screenshots, videos and other files of the run.")
    def artifacts(root: strawberry.Parent[Any]) -> list[FileLink]:  # noqa: N805
        return shown_items(FileLink, root.artifacts)


FeatureTestResultFilterInput = filter_input(
    FeatureTestResult,
    *("id", "test_case_id", "feature_id", "build_id", "status", "execution_environment"),
    *("executed_at", "executed_by", "created_at"),
    model=db.FeatureTestResult,
)
FeatureTestResultOrderInput = order_input(
    FeatureTestResult, "executed_at", "duration_ms", "created_at"
)


def _results(key: str, text: str) -> Any:
    return connection(
        db.FeatureTestResult,
        FeatureTestResult,
        FeatureTestResultFilterInput,
        FeatureTestResultOrderInput,
        f"{text}, newest first.",
        key=key,
        by=("executed_at",),
        newest_first=True,
    )


extend_type(Project, feature_test_results=_results("project_id", "The results of the project"))
extend_type(Feature, results=_results("feature_id", "The results of tests of the feature"))
extend_type(FeatureTest, results=_results("test_case_id", "The results of the test"))
extend_type(Build, results=_results("build_id", "The results of tests of the build"))
