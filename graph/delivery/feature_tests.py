"""Tests of features. Their runs are counted from results."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from db.core.projects import Project as ProjectRow
from db.delivery import testing as db
from db.delivery.features import Feature as FeatureRow
from db.delivery.priorities import DeliveryPriority
from db.delivery.testing import FeatureTestOutcome, FeatureTestStatus, FeatureTestType
from graph.core.people import Authored
from graph.core.projects import Project
from graph.delivery.features import Feature
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import create, delete, restore, revert, update
from graph.kit.node import Node
from graph.requirements.testing_shapes import MAX_STEPS, TestStep, TestStepInput

describe_enum(
    FeatureTestType,
    "The kind of a test of a feature.",
    {
        "UNIT": "Tests one unit of code.",
        "INTEGRATION": "Tests units together.",
        "E2E": "Tests the product as its users use it.",
        "PERFORMANCE": "Tests speed and capacity.",
        "SECURITY": "Tests protection against attacks.",
        "ACCESSIBILITY": "Tests the use by people with disabilities.",
    },
)
describe_enum(
    FeatureTestStatus,
    "Whether a test of a feature is in use.",
    {
        "ACTIVE": "The test is in use.",
        "DEPRECATED": "The test is no longer used.",
        "DISABLED": "The test is not run for now.",
    },
)
describe_enum(
    FeatureTestOutcome,
    "The outcome of one run of a test.",
    {
        "PASSED": "The test passed.",
        "FAILED": "The test failed.",
        "SKIPPED": "The test was skipped.",
        "ERROR": "The run ended with an error of the test itself. It counts as a failure.",
    },
)
describe_enum(
    DeliveryPriority,
    "The priority of a test or a defect, from lowest to highest.",
    {
        "LOW": "Low priority.",
        "MEDIUM": "Medium priority.",
        "HIGH": "High priority.",
        "CRITICAL": "Critical priority.",
    },
)


@strawberry.type(description="A test of a feature.")
class FeatureTest(Authored, Node):
    model = db.FeatureTest
    item_of: ClassVar[str] = "FeatureTestItem"

    external_id: str | None = described(
        "The name by which reports of build servers call the test, unique within the project."
    )
    name: str = described("The name of the test.")
    description: str | None = described("The description of the test.")
    test_type: FeatureTestType = described("The kind of the test.")
    priority: DeliveryPriority = described("The priority of the test.")
    status: FeatureTestStatus = described("Whether the test is in use.")
    preconditions: str | None = described("The conditions that must hold before the test.")
    expected_result: str | None = described("The expected result of the test.")
    test_data: JSON = described("The data of the test, as a JSON object.")
    automated: bool = described("Whether a program runs the test.")
    automation_tool: str | None = described("The program, such as `pytest`, `jest` or `cypress`.")
    automation_script_path: str | None = described("The path of the script of the test.")
    coverage_areas: list[str] = described("The areas of the product that the test covers.")
    last_run_at: datetime | None = described(
        "The date and time of the latest result; null before the first."
    )
    last_run_status: FeatureTestOutcome | None = described(
        "The outcome of the latest result; null before the first."
    )
    run_count: int = described("The number of results. It follows from these, without a version.")
    pass_count: int = described("The number of results that passed.")
    fail_count: int = described("The number of results that failed or ended with an error.")
    project_id: UUID = described("The ID of the project of the test.")
    feature_id: UUID = described("The ID of the feature of the test.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project of the test.")
    feature: Feature | None = to_one("feature_id", FeatureRow, Feature, "The feature of the test.")

    @computed("steps", text=f"The steps of the test, in order, at most {MAX_STEPS}.")
    def steps(root: strawberry.Parent[Any]) -> list[TestStep]:  # noqa: N805
        return shown_items(TestStep, root.steps)


FeatureTestFilterInput = filter_input(
    FeatureTest,
    *("id", "project_id", "feature_id", "external_id", "name", "description"),
    *("test_type", "priority", "status", "automated", "coverage_areas"),
    *("last_run_at", "last_run_status", "created_by", "created_at", "updated_at"),
)
FeatureTestOrderInput = order_input(
    FeatureTest,
    *("external_id", "name", "test_type", "priority", "status"),
    *("last_run_at", "created_at", "updated_at"),
)


@input_for(FeatureTest, "A test to create for a feature.")
class FeatureTestCreateInput:
    feature_id: UUID
    name: str
    external_id: str | None = UNSET
    description: str | None = UNSET
    test_type: FeatureTestType = FeatureTestType.UNIT
    priority: DeliveryPriority = DeliveryPriority.MEDIUM
    status: FeatureTestStatus = FeatureTestStatus.ACTIVE
    preconditions: str | None = UNSET
    steps: list[TestStepInput] | None = json_items(MAX_STEPS, default=UNSET)
    expected_result: str | None = UNSET
    test_data: JSON | None = UNSET
    automated: bool = False
    automation_tool: str | None = UNSET
    automation_script_path: str | None = UNSET
    coverage_areas: list[str] | None = UNSET


@input_for(FeatureTest, "The fields of a test to change.")
class FeatureTestUpdateInput:
    name: Maybe[str]
    external_id: Maybe[str | None]
    description: Maybe[str | None]
    test_type: Maybe[FeatureTestType]
    priority: Maybe[DeliveryPriority]
    status: Maybe[FeatureTestStatus]
    preconditions: Maybe[str | None]
    steps: Maybe[list[TestStepInput]] = json_items(MAX_STEPS)
    expected_result: Maybe[str | None]
    test_data: Maybe[JSON]
    automated: Maybe[bool]
    automation_tool: Maybe[str | None]
    automation_script_path: Maybe[str | None]
    coverage_areas: Maybe[list[str]]


def _tests(key: str | None, text: str) -> Any:
    return connection(
        db.FeatureTest, FeatureTest, FeatureTestFilterInput, FeatureTestOrderInput, text, key=key
    )


extend_type(Project, feature_tests=_tests("project_id", "The tests of features of the project."))
extend_type(Feature, tests=_tests("feature_id", "The tests of the feature."))
IN_FEATURE = (FeatureRow, "feature_id")


@strawberry.type
class Query:
    feature_test = by_id(db.FeatureTest, FeatureTest, "Look up a test of a feature by its ID.")
    feature_tests = _tests(None, "List tests of features that the viewer can read.")


@strawberry.type
class Mutation:
    feature_test_create = create(
        FeatureTest, FeatureTestCreateInput, "Create a test of a feature.", within=IN_FEATURE
    )
    feature_test_update = update(FeatureTest, FeatureTestUpdateInput, "Update a test of a feature.")
    feature_test_revert = revert(FeatureTest)
    feature_test_delete = delete(
        FeatureTest, "Delete a test of a feature with its results. It can be restored."
    )
    feature_test_restore = restore(FeatureTest, "Restore a deleted test with its results.")
    feature_tests_create = creates(
        FeatureTest,
        FeatureTestCreateInput,
        "Create up to 500 tests of features, in the order of the items.",
        within=IN_FEATURE,
    )
    feature_tests_update = updates(
        FeatureTest, FeatureTestUpdateInput, "Update up to 500 tests of features."
    )
    feature_tests_delete = deletes(
        FeatureTest, "Delete up to 500 tests of features. They can be restored."
    )
