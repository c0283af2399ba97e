"""The test cases of the demonstration, with results and gaps."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.core.projects import Project
from db.durations import duration_of
from db.requirements.requirements import Requirement
from db.requirements.testing import (
    ExecutionStatus,
    TestCase,
    TestMatrixView,
    TestMethod,
    TestPriority,
    TestType,
)
from graph.kit.items import Item, send_items
from graph.requirements.recording import derive, record_rows

SET = Path(__file__).with_name("tests.json")
GAPS = {
    "holes": ["UNCOVERED", "NOT_RUN", "FAILING", "STALE", "FLAKY"],
    "groupBy": "REQUIREMENT_PRIORITY",
}
"""The configuration of the default view of the test matrix."""


async def add_tests(transaction: Transaction, project: Project) -> None:
    """Add the test cases of a project, their executions and a view, if it has any."""
    described = json.loads(SET.read_text()).get(project.slug)
    if described is None:
        return
    place: dict[str, Any] = {
        "organization_id": project.organization_id,
        "project_id": project.id,
    }
    cases = {stated["testId"]: _case(place, stated) for stated in described["cases"]}
    transaction.add(*cases.values())
    view = TestMatrixView(
        **place, name=described["view"], configuration=dict(GAPS), is_default=True
    )
    transaction.add(view)
    await transaction.flush()
    found = await transaction.find_all(Requirement, Requirement.project_id == project.id)
    requirements = {row.external_id: row for row in found if row.external_id}
    for test_id, external_id, status, version, notes, defect in described["executions"]:
        item = Item(
            _execution(cases[test_id].id, requirements[external_id].id, status)
            | ({"execution_version": version} if version else {})
            | ({"result_notes": notes} if notes else {})
            | ({"defects": [{"key": defect}]} if defect else {})
        )
        await record_rows(transaction, [item])
        await send_items(transaction, [item])
        item.require()
        await derive(transaction, [item])
    for external_id in described["changed"]:
        row = requirements[external_id]
        transaction.change(row, None, description=f"{row.description} In any season.")


def _case(place: dict[str, Any], stated: dict[str, Any]) -> TestCase:
    return TestCase(
        **place,
        test_id=stated["testId"],
        title=stated["title"],
        description=stated.get("description"),
        test_type=TestType(stated["testType"]),
        priority=TestPriority(stated["priority"]),
        method=TestMethod(stated["method"]),
        preconditions=stated.get("preconditions"),
        expected_results=stated.get("expectedResults"),
        estimated_duration=duration_of(stated["estimatedDuration"]),
        category=stated["category"],
        test_environment=stated["environment"],
        test_steps=[
            {"action": action} | ({"expected": expected} if expected else {})
            for action, expected in stated["steps"]
        ],
    )


def _execution(case_id: UUID, requirement_id: UUID, status: str) -> dict[str, Any]:
    return {
        "test_case_id": case_id,
        "requirement_id": requirement_id,
        "execution_status": ExecutionStatus(status),
    }
