"""The import of test results: an execution for each requirement that a test case verifies."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from auth.session import Transaction, ViewerSession
from db.core.projects import Project
from db.requirements.requirements import Requirement
from db.requirements.testing import (
    ExecutionStatus,
    TestCase,
    TestExecution,
    TestMethod,
    TestStatus,
)
from graph.kit.items import Item, send_items
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits
from graph.requirements.recording import derive, record_rows
from graph.requirements.sql.test_pairs import TestPairs

if TYPE_CHECKING:
    from graph.requirements.exchange.formats.junit.reader import JUnitCase, JUnitReport

MAX_NAMES = 1_000
"""The most names that a result lists."""
BATCH = 100
"""Rows of one step."""

COST = 4
"""The cost of a test case, which is found or created, and of its execution, which is recorded."""

R = TypeVar("R")


def _read(source: Source, limits: Limits) -> "JUnitReport":
    """Read a file; the libraries for XML take 6 MB, so they are imported by who needs them."""
    from graph.requirements.exchange.formats.junit.reader import read_junit  # noqa: PLC0415

    return read_junit(source, limits)


class UnknownTests(Enum):
    """The treatment of results whose test case is not in the project."""

    REPORT = "report"
    CREATE = "create"


@dataclass(frozen=True)
class ResultOptions:
    """The options of an import of test results.

    `requirement_id` is for test cases that verify none yet, and name none. `executed_at` defaults
    to the time in the file, and to now.
    """

    unknown: UnknownTests = UnknownTests.REPORT
    requirement_id: UUID | None = None
    executed_at: datetime | None = None
    environment: str | None = None
    version: str | None = None
    dry_run: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass
class ResultsImport:
    """The outcome of an import of test results.

    `unknown` are test cases that are not in the project, `unassigned` those of which no requirement
    is known, `missing` the requirements that the file names and the project has not.
    """

    suites: int
    read: Mapping[ExecutionStatus, int]
    dry_run: bool
    created: int = 0
    recorded: int = 0
    unknown: list[str] = field(default_factory=list)
    unassigned: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences about what of the file was not taken over."""


async def import_results(
    session: ViewerSession,
    project: UUID,
    source: Source,
    options: ResultOptions,
    spend: Callable[[int], None] = lambda _: None,
    begin: Callable[[], AbstractAsyncContextManager[Transaction]] | None = None,
    done: Callable[[ResultsImport], None] = lambda _: None,
) -> ResultsImport:
    """Import the results of a file into a project, as the viewer of the session.

    The file is read off the event loop; `spend` is told what its test cases cost. `begin` opens the
    transaction that writes, and `done` takes the outcome before it commits. Raises INVALID for a
    file that cannot be read; NOT_FOUND and FORBIDDEN as every write does. Nothing has changed then.
    """
    async with session.transaction() as transaction:
        await transaction.find(Project, project, lock=False, to_create=TestExecution)
        if by_default := options.requirement_id:
            await transaction.find(
                Requirement,
                by_default,
                lock=False,
                field=["requirement_id"],
                to_create=TestExecution,
            )
    report = await asyncio.to_thread(_read, source, options.limits)
    spend(len(report.cases) * COST)
    read = Counter(case.status for case in report.cases)
    result = ResultsImport(report.suites, read, options.dry_run, notes=[*report.notes])
    pairs = TestPairs(session, project)
    known: dict[str, UUID] = {}
    named: dict[str, list[UUID]] = {}
    for some in batched(report.cases):
        known |= await pairs.cases({id for case in some for id in case.ids})
        named |= await pairs.requirements({id for case in some for id in case.requirements})
    verified = await pairs.verified(set(known.values()))
    async with (begin or session.transaction)() as transaction:
        target = await transaction.find(Project, project, lock=False, to_create=TestExecution)
        cases = await _cases(transaction, target, report, known, options, result)
        items = [
            item
            for id, runs in cases.items()
            for item in _items(id, runs, named, verified.get(id, ()), options, result)
        ]
        for part in batched(items):
            await record_rows(transaction, part)
            await send_items(transaction, part)
            for item in part:
                item.require()
            await derive(transaction, part)
            await transaction.flush()
        result.recorded = len(items)
        _shorten(result)
        done(result)
        if options.dry_run:
            await transaction.abandon()
    return result


def _shorten(result: ResultsImport) -> None:
    """Cut the lists of names to what is shown."""
    for names in (result.unknown, result.unassigned, result.missing):
        names[:] = [*dict.fromkeys(names)]
        if len(names) > MAX_NAMES:
            result.notes.append(f"Of a list of {len(names):,} names {MAX_NAMES:,} are shown.")
        del names[MAX_NAMES:]


def batched(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    """Yield parts of BATCH rows: all at once would keep other requests waiting."""
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


async def _cases(
    transaction: Transaction,
    project: Project,
    report: "JUnitReport",
    known: Mapping[str, UUID],
    options: ResultOptions,
    result: ResultsImport,
) -> dict[UUID, list["JUnitCase"]]:
    """Return the results by test case, those of new ones included; report what is unknown."""
    found: dict[UUID, list[JUnitCase]] = {}
    made: dict[str, TestCase] = {}
    for case in report.cases:
        id = next((known[name] for name in case.ids if name in known), None)
        if id is None and options.unknown is UnknownTests.REPORT:
            result.unknown.append(case.name)
            continue
        if id is None:
            row = made.setdefault(case.name, _made(project, case))
            id = row.id
        found.setdefault(id, []).append(case)
    rows = [*made.values()]
    for some in batched(rows):
        transaction.require_create(some[0])
        transaction.add(*some)
        await transaction.flush()
    result.created = len(rows)
    return found


def _made(project: Project, case: "JUnitCase") -> TestCase:
    return TestCase(
        organization_id=project.organization_id,
        project_id=project.id,
        test_id=case.name,
        title=case.title,
        method=TestMethod.AUTOMATED,
        status=TestStatus.ACTIVE,
    )


WORST = (
    ExecutionStatus.ERROR,
    ExecutionStatus.FAIL,
    ExecutionStatus.PASS,
    ExecutionStatus.SKIP,
)
"""The result of a test case that is in a file more than once: the first of these that it has."""


def _items(
    id: UUID,
    runs: Sequence["JUnitCase"],
    named: Mapping[str, Sequence[UUID]],
    verified: Sequence[UUID],
    options: ResultOptions,
    result: ResultsImport,
) -> list[Item]:
    """Return an execution of a test case for each requirement that it verifies."""
    status = min((run.status for run in runs), key=WORST.index)
    decisive = next(run for run in runs if run.status is status)
    external = {name: run for run in runs for name in run.requirements}
    result.missing += [name for name in external if name not in named]
    requirements: dict[UUID, str | None] = dict.fromkeys(verified)
    requirements |= {found: name for name in external for found in named.get(name, ())}
    if not requirements and options.requirement_id:
        requirements[options.requirement_id] = None
    if not requirements:
        result.unassigned.append(decisive.name)
    values: dict[str, Any] = {
        "test_case_id": id,
        "execution_status": status,
        "result_notes": decisive.notes or None,
        "executed_at": options.executed_at or decisive.at,
        "execution_environment": options.environment,
        "execution_version": options.version,
        "external_test_id": decisive.name,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return [
        Item({**given, "requirement_id": requirement} | ({"external_req_id": name} if name else {}))
        for requirement, name in requirements.items()
    ]
