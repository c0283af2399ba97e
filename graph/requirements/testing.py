"""Test cases: the definitions of tests, and the requirements that they verify."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import testing as db
from db.requirements.testing import TestMethod, TestPriority, TestStatus, TestType
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import create, delete, restore, revert, update
from graph.kit.node import Node
from graph.requirements.numbers import TEST_NUMBERS
from graph.requirements.recording import DERIVED
from graph.requirements.testing_shapes import (
    MAX_FILES,
    MAX_STEPS,
    FileLink,
    FileLinkInput,
    TestStep,
    TestStepInput,
)

describe_enum(
    TestType,
    "The kind of a test.",
    {
        "UNIT": "Tests one unit of a component.",
        "INTEGRATION": "Tests components together.",
        "SYSTEM": "Tests the system as a whole.",
        "ACCEPTANCE": "Tests whether the product is accepted by its users.",
        "PERFORMANCE": "Tests speed and capacity.",
        "SECURITY": "Tests protection against attacks.",
        "REGRESSION": "Tests that existing functions still work.",
        "USABILITY": "Tests how easily people use the product.",
    },
)
describe_enum(
    TestPriority,
    "The priority of a test case, from lowest to highest.",
    {
        "LOW": "Low priority.",
        "MEDIUM": "Medium priority.",
        "HIGH": "High priority.",
        "CRITICAL": "Critical priority.",
    },
)
describe_enum(
    TestStatus,
    "The status of a test case. PASSED, FAILED and BLOCKED are set by executions.",
    {
        "DRAFT": "The test case is being written. Executions do not change the status.",
        "PLANNED": "The test case is to be executed.",
        "ACTIVE": "The test case is in use.",
        "PASSED": "The latest execution passed.",
        "FAILED": "The latest execution failed or ended with an error.",
        "BLOCKED": "The latest execution was blocked.",
        "DEPRECATED": "The test case is no longer used. Executions do not change the status.",
    },
)
describe_enum(
    TestMethod,
    "The method by which a test case verifies a requirement.",
    {
        "MANUAL": "A person executes the steps.",
        "AUTOMATED": "A program executes the test.",
        "SEMI_AUTOMATED": "A person executes the test with the help of a program.",
        "ANALYSIS": "Calculation or simulation.",
        "INSPECTION": "Examination of the product or its documents.",
        "DEMONSTRATION": "Operation of the product, without measurements.",
    },
)


@strawberry.type(description="A test case: the definition of a test in a project.")
class TestCase(Authored, Node):
    __test__ = False
    model = db.TestCase

    test_id: str | None = described(
        "The identifier of the test case, unique within the project. A numbering rule gives one to"
        " a new test case without it."
    )
    title: str = described("The title of the test case.")
    description: str | None = described("The description of the test case.")
    test_type: TestType = described("The kind of the test.")
    priority: TestPriority = described("The priority of the test case.")
    status: TestStatus = described("The status of the test case.")
    method: TestMethod = described("The method by which the test case verifies a requirement.")
    result: str | None = described(
        "The result of the latest execution that has one, and the first line of its notes; null"
        " before the first."
    )
    expected_results: str | None = described("The expected results of the test.")
    preconditions: str | None = described("The conditions that must hold before the test.")
    estimated_duration: timedelta | None = described("The estimated duration of the test.")
    category: list[str] = described("The categories of the test case.")
    test_environment: str | None = described("The environment in which the test is executed.")
    is_active: bool = described(
        "Whether the test case is in use. Test matrices leave out one that is not."
    )
    organization_id: UUID = described("The ID of the organization of the test case.")
    project_id: UUID = described("The ID of the project of the test case.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the test case."
    )

    @computed("test_steps", text=f"The steps of the test, in order, at most {MAX_STEPS}.")
    def test_steps(root: strawberry.Parent[Any]) -> list[TestStep]:  # noqa: N805
        return shown_items(TestStep, root.test_steps)

    @computed("attachments", text=f"Links to files about the test, at most {MAX_FILES}.")
    def attachments(root: strawberry.Parent[Any]) -> list[FileLink]:  # noqa: N805
        return shown_items(FileLink, root.attachments)


TestCaseFilterInput = filter_input(
    TestCase,
    "id",
    "project_id",
    "test_id",
    "title",
    "description",
    "test_type",
    "priority",
    "status",
    "method",
    "category",
    "test_environment",
    "is_active",
    "created_by",
    "created_at",
    "updated_at",
)
TestCaseOrderInput = order_input(
    TestCase,
    "test_id",
    "title",
    "test_type",
    "priority",
    "status",
    "method",
    "created_at",
    "updated_at",
)


@input_for(TestCase, "A test case to create in a project.")
class TestCaseCreateInput:
    __test__ = False

    project_id: UUID
    title: str
    test_id: str | None = UNSET
    description: str | None = UNSET
    test_type: TestType = TestType.SYSTEM
    priority: TestPriority = TestPriority.MEDIUM
    status: TestStatus = TestStatus.PLANNED
    method: TestMethod = TestMethod.MANUAL
    expected_results: str | None = UNSET
    preconditions: str | None = UNSET
    test_steps: list[TestStepInput] | None = json_items(MAX_STEPS, default=UNSET)
    estimated_duration: timedelta | None = UNSET
    category: list[str] | None = UNSET
    test_environment: str | None = UNSET
    attachments: list[FileLinkInput] | None = json_items(MAX_FILES, default=UNSET)
    is_active: bool = True


@input_for(TestCase, "The fields of a test case to change.")
class TestCaseUpdateInput:
    __test__ = False

    title: Maybe[str]
    test_id: Maybe[str | None]
    description: Maybe[str | None]
    test_type: Maybe[TestType]
    priority: Maybe[TestPriority]
    status: Maybe[TestStatus]
    method: Maybe[TestMethod]
    expected_results: Maybe[str | None]
    preconditions: Maybe[str | None]
    test_steps: Maybe[list[TestStepInput]] = json_items(MAX_STEPS)
    estimated_duration: Maybe[timedelta | None]
    category: Maybe[list[str]]
    test_environment: Maybe[str | None]
    attachments: Maybe[list[FileLinkInput]] = json_items(MAX_FILES)
    is_active: Maybe[bool]


async def _refuse_derived(_: Transaction, items: Sequence[Item], __: Found) -> None:
    """Refuse a status that only an execution can give; one that the row has already is no change.

    A client may send back what it has read.
    """
    for item in items:
        status = item.values.get("status")
        if status in DERIVED and status != item.before.get("status"):
            message = f"{status.name} is set by executions; record one."
            item.refuse(Problem("INVALID", message, field=["status"]))


extend_type(
    Project,
    test_cases=connection(
        db.TestCase,
        TestCase,
        TestCaseFilterInput,
        TestCaseOrderInput,
        "The test cases of the project.",
        key="project_id",
    ),
)


@strawberry.type
class Query:
    test_case = by_id(db.TestCase, TestCase, "Look up a test case by its ID.")
    test_cases = connection(
        db.TestCase,
        TestCase,
        TestCaseFilterInput,
        TestCaseOrderInput,
        "List test cases that the viewer can read.",
    )


@strawberry.type
class Mutation:
    test_case_create = create(
        TestCase,
        TestCaseCreateInput,
        "Create a test case in a project.",
        within=(ProjectRow, "project_id"),
        prepare=_refuse_derived,
        numbering=TEST_NUMBERS,
    )
    test_case_update = update(
        TestCase, TestCaseUpdateInput, "Update a test case.", prepare=_refuse_derived
    )
    test_case_revert = revert(TestCase)
    test_case_delete = delete(TestCase, "Delete a test case. It can be restored.")
    test_case_restore = restore(TestCase, "Restore a deleted test case.")
    test_cases_create = creates(
        TestCase,
        TestCaseCreateInput,
        "Create up to 500 test cases, in the order of the items.",
        within=(ProjectRow, "project_id"),
        prepare=_refuse_derived,
        numbering=TEST_NUMBERS,
    )
    test_cases_update = updates(
        TestCase, TestCaseUpdateInput, "Update up to 500 test cases.", prepare=_refuse_derived
    )
    test_cases_delete = deletes(TestCase, "Delete up to 500 test cases. They can be restored.")
