"""The copies of test cases, with an execution to run for each copied requirement."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from auth.session import ViewerSession
from db.fields import among
from db.problem import Problem
from db.requirements.collaboration import EntityType, TraceLink
from db.requirements.testing import TestCase, TestExecution, TestStatus
from graph.requirements.copying.contents import Copying
from graph.requirements.numbers import TEST_NUMBERS
from graph.requirements.sql.copying import tested

MAX_TESTS = 2_000
"""The most test cases of one copy."""
MAX_PAIRS = 5_000
"""The most executions to run, one for each pair of requirement and test case."""
AT_ONCE = 250
"""Rows that are sent before others on the event loop have their turn."""
KEPT_STATUS = (TestStatus.DRAFT, TestStatus.ACTIVE, TestStatus.DEPRECATED)
"""The states that a copy keeps; those that follow from results become PLANNED."""
COPIED = (
    "title",
    "description",
    "test_type",
    "priority",
    "method",
    "expected_results",
    "preconditions",
    "test_steps",
    "estimated_duration",
    "category",
    "test_environment",
    "attachments",
    "is_active",
)
"""The columns of a test case that its copy takes over."""
T = TypeVar("T")


async def copy_tests(copying: Copying, session: ViewerSession, of_project: UUID | None) -> None:
    """Copy the test cases of requirements that are copied, or all of a project.

    Test cases belong to a requirement by an execution, or to an object by a trace link.
    """
    requirements = copying.requirements
    pairs = await tested(session, requirements, MAX_PAIRS + 1) if requirements else []
    if len(pairs) > MAX_PAIRS:
        message = f"A copy has at most {MAX_PAIRS:,} pairs of requirements and test cases."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_PAIRS)
    transaction = copying.transaction
    wanted = {test for test, _ in pairs} | await _linked(copying)
    if of_project is not None:
        here = TestCase.project_id == of_project
        wanted |= {id for (id,) in await transaction.values(TestCase, ("id",), here)}
    if len(wanted) > MAX_TESTS:
        message = f"A copy has at most {MAX_TESTS:,} test cases."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_TESTS, current=len(wanted))
    cases = sorted(
        (await transaction.find_by_id(TestCase, wanted, lock=False)).values(),
        key=lambda row: row.id,
    )
    await _add_cases(copying, cases)
    known = {case.id for case in cases}
    runs = [
        TestExecution(
            organization_id=copying.project.organization_id,
            project_id=copying.project.id,
            test_id=copying.ids[test],
            requirement_id=copying.ids[id],
        )
        for test, id in pairs
        if test in known
    ]
    await _send(copying, runs)
    copying.counts |= {TestCase: len(cases), TestExecution: len(runs)}


async def _linked(copying: Copying) -> set[UUID]:
    """Return the test cases that links join with the objects that are copied."""
    found: set[UUID] = set()
    for near, far in (("source", "target"), ("target", "source")):
        rows = await copying.transaction.values(
            TraceLink,
            (f"{far}_id",),
            among(getattr(TraceLink, f"{near}_id"), copying.ids),
            getattr(TraceLink, f"{far}_type") == EntityType.TEST,
            limit=MAX_TESTS * 10,
        )
        found |= {id for (id,) in rows}
    return found


async def _add_cases(copying: Copying, cases: Sequence[TestCase]) -> None:
    transaction, project = copying.transaction, copying.project
    names = {case.test_id for case in cases if case.test_id}
    taken: set[str] = set()
    if names:
        here = (TestCase.project_id == project.id, among(TestCase.test_id, names))
        taken = {name for (name,) in await transaction.values(TestCase, ("test_id",), *here)}
    new, nameless = [], []
    for case in cases:
        is_free = case.test_id is not None and case.test_id not in taken
        copy = TestCase(
            organization_id=project.organization_id,
            project_id=project.id,
            test_id=case.test_id if is_free and not copying.options.renumber else None,
            status=case.status if case.status in KEPT_STATUS else TestStatus.PLANNED,
            **{name: getattr(case, name) for name in COPIED},
        )
        copying.ids[case.id] = copy.id
        new.append(copy)
        if copy.test_id is None:
            nameless.append(copy)
    if nameless:
        await TEST_NUMBERS.give(transaction, nameless)
    await _send(copying, new)


async def _send(copying: Copying, rows: Iterable[Any]) -> None:
    for batch in _batches(rows, AT_ONCE):
        copying.transaction.add(*batch)
        await copying.transaction.flush()
        await asyncio.sleep(0)


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch
