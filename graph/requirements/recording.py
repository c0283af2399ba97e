"""The rules of executions: what may be recorded, and what follows for their test cases."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.base import Entity
from db.core.organizations import OrganizationMember
from db.fields import among
from db.problem import Problem
from db.requirements.requirements import Requirement
from db.requirements.testing import ExecutionStatus, TestCase, TestExecution, TestStatus
from graph.kit.items import Found, Item, unrefused

FINAL = frozenset(set(ExecutionStatus) - {ExecutionStatus.NOT_RUN, ExecutionStatus.IN_PROGRESS})
"""The statuses that an execution keeps."""

KEPT = ("execution_status", "execution_environment", "execution_version")
"""The fields that do not change once the status is final."""

STATUS = {
    ExecutionStatus.PASS: TestStatus.PASSED,
    ExecutionStatus.FAIL: TestStatus.FAILED,
    ExecutionStatus.ERROR: TestStatus.FAILED,
    ExecutionStatus.BLOCKED: TestStatus.BLOCKED,
}
"""The status of a test case by the result of its latest execution. SKIP tells nothing about it."""

DERIVED = frozenset(STATUS.values())
"""The statuses that follow from the latest execution, and that nobody sets."""

SETTLED = frozenset({TestStatus.DRAFT, TestStatus.DEPRECATED})
"""The statuses that executions leave: the test case is not yet, or no longer, in use."""

MAX_RESULT_LENGTH = 500
CLOCK_SKEW = timedelta(minutes=5)
"""The time by which the clock of a build server may be ahead."""


async def record_rows(transaction: Transaction, items: Sequence[Item]) -> None:
    """Make the rows of executions, not sent yet; refuse what cannot be recorded.

    One statement each finds the test cases, the requirements and the people, whatever the number.
    """
    open_ = unrefused(items)

    async def found(model: type[Entity], named: str, key: str = "id") -> Found:
        ids = {item.values[named] for item in open_ if named in item.values}
        return await transaction.find_by_id(
            model, ids, lock=False, key=key, to_create=TestExecution
        )

    cases = await found(TestCase, "test_case_id")
    requirements = await found(Requirement, "requirement_id")
    members: Any = (await found(OrganizationMember, "executed_by", "user_id")).values()
    people = {(member.organization_id, member.user_id) for member in members}
    for item in open_:
        case: Any = cases.get(item.values["test_case_id"])
        requirement: Any = requirements.get(item.values["requirement_id"])
        if case is None:
            item.refuse(missing(TestCase, ["test_case_id"]))
        elif requirement is None or requirement.organization_id != case.organization_id:
            item.refuse(missing(Requirement, ["requirement_id"]))
        else:
            _make(transaction, item, case, requirement.version)
            person = item.values.get("executed_by")
            if person and (case.organization_id, person) not in people:
                message = "The user is not a member of the organization."
                item.refuse(Problem("NOT_FOUND", message, field=["executed_by_id"]))


def _make(transaction: Transaction, item: Item, case: TestCase, requirement_version: int) -> None:
    sent = {name: value for name, value in item.values.items() if name != "test_case_id"}
    values: dict[str, Any] = {**scopes_beneath(TestCase, case), "test_id": case.id, **sent}
    try:
        row = TestExecution(**values)
        transaction.require_create(row)
        row.requirement_version = requirement_version
        _stamp(transaction, row)
    except Problem as problem:
        item.refuse(problem)
    else:
        item.row = row


def _stamp(transaction: Transaction, row: TestExecution) -> None:
    """Set who executed the test and when, where the client did not. Raises INVALID."""
    if row.execution_status is not ExecutionStatus.NOT_RUN and row.executed_by is None:
        row.executed_by = transaction.person
    if row.execution_status in FINAL:
        row.executed_at = row.executed_at or transaction.now
        if row.executed_at > transaction.now + CLOCK_SKEW:
            raise Problem("INVALID", "Must not be in the future.", field=["executed_at"])
    elif row.executed_at is not None:
        message = "Only an execution with a final status has a time."
        raise Problem("INVALID", message, field=["executed_at"])


async def complete(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse changes of what is final; complete executions that become final."""
    ids = {item.row.requirement_id for item in items}
    requirements = await transaction.find_by_id(Requirement, ids, lock=False)
    for item in items:
        row: TestExecution = item.row
        was = item.before.get("execution_status", row.execution_status)
        changed = [
            name for name in KEPT if item.before.get(name, getattr(row, name)) != getattr(row, name)
        ]
        if was in FINAL and changed:
            message = "The execution has a final status; record another one."
            item.refuse(Problem("INVALID", message, field=[changed[0]]))
        elif was not in FINAL and row.execution_status is not was:
            requirement = requirements.get(row.requirement_id)
            if requirement is not None:
                row.requirement_version = requirement.version
            _stamp(transaction, row)


async def derive(transaction: Transaction, items: Sequence[Item]) -> None:
    """Give the test cases of these executions the status and result of their latest one.

    The test cases are locked first, so that executions that are recorded at the same time take
    turns. Two statements read, whatever the number of executions.
    """
    rows: list[TestExecution] = [item.row for item in unrefused(items)]
    ids = {row.test_id for row in rows if row.execution_status in STATUS}
    cases = await transaction.find_by_id(TestCase, ids)
    if not cases:
        return
    latest = await transaction.firsts(
        TestExecution,
        ("execution_status", "result_notes"),
        "test_id",
        cases,
        among(TestExecution.execution_status, STATUS),
        order=(TestExecution.executed_at.desc(), TestExecution.id.desc()),
    )
    for id, case in cases.items():
        _apply(transaction, case, *latest.get(id, (None, None)))


def _apply(
    transaction: Transaction, case: TestCase, status: ExecutionStatus | None, notes: str | None
) -> None:
    values: dict[str, object] = {"result": _result(status, notes)}
    if status is not None and case.status not in SETTLED:
        values["status"] = STATUS[status]
    elif status is None and case.status in DERIVED:
        values["status"] = TestStatus.PLANNED
    transaction.change(case, None, **values)


def _result(status: ExecutionStatus | None, notes: str | None) -> str | None:
    if status is None:
        return None
    line = (notes or "").strip().partition("\n")[0].strip()
    text = f"{status.name}: {line}" if line else status.name
    return text[:MAX_RESULT_LENGTH]
