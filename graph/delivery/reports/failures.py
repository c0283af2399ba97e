"""Defects of tests that fail after they passed, and proposals to resolve those that pass again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from auth.accounts.notify import tell
from auth.accounts.readers import readers
from auth.session import Transaction
from db.core.notifications import NotificationType
from db.core.projects import Project
from db.delivery.defects import Defect, DefectSeverity, DefectStatus
from db.delivery.testing import FeatureTestOutcome
from db.pool import Database
from graph.delivery.reports.report import Result
from graph.delivery.sql.failures import open_defects, tests_and_developers
from graph.delivery.sql.reports import KnownTest, outcomes_before

MAX_DEFECTS = 100
"""The most defects that one report opens: a build in which more tests fail has one cause."""
MAX_FLIPS = 3
"""The changes between passing and failing in the last runs from which on a test is flaky."""
MAX_TITLE = 255
FAILURES = frozenset({FeatureTestOutcome.FAILED, FeatureTestOutcome.ERROR})
REPAIRED = frozenset({DefectStatus.RESOLVED})
FAILED = "A test of your feature failed after it passed."
FAILED_AGAIN = "The test of a defect that is assigned to you failed again."
PASSED = "The test of a defect that is assigned to you passes."

Told = list[tuple[Defect, str, str]]
"""Defects to notify people of, with the event and the title."""
Runs = Sequence[tuple[KnownTest, Result]]


@dataclass
class Counts:
    """The numbers of defects that a report opened, updated, and proposes to resolve.

    `flaky` are the tests that failed and are flaky.
    """

    opened: int = 0
    updated: int = 0
    proposed: int = 0
    flaky: int = 0


@dataclass(frozen=True)
class Verdict:
    """The outcomes of one test in the runs of a report: whether it failed, and passed."""

    test: KnownTest
    failed: bool
    passed: bool
    message: str | None


async def before(transaction: Transaction, runs: Runs) -> Mapping[UUID, Sequence[str]]:
    """Return the outcomes before the report of the tests that failed in it, newest first."""
    failed = {test.id for test, one in runs if one.status in FAILURES}
    return await outcomes_before(transaction, failed)


async def record(
    transaction: Transaction,
    database: Database,
    project: Project,
    runs: Runs,
    history: Mapping[UUID, Sequence[str]],
    result_ids: Mapping[str, str],
    notes: list[str],
) -> Counts:
    """Open, update and propose to resolve defects, and notify the people whom they concern.

    `history` is that `before`; `result_ids` are the results by the ID of their test.
    """
    counts = Counts()
    verdicts = _verdicts(runs)
    known = await open_defects(transaction, project.id, [one.test.id for one in verdicts])
    to_open: list[Verdict] = []
    told: Told = []
    for one in verdicts:
        defect = known.get(one.test.id)
        outcomes = history.get(one.test.id, ())
        if one.failed and _is_flaky(one, outcomes):
            counts.flaky += 1
        elif one.failed and defect:
            _fail_again(transaction, defect, result_ids[str(one.test.id)], told)
            counts.updated += 1
        elif one.failed and _passed_before(outcomes):
            to_open.append(one)
        elif one.passed and defect and not _is_settled(defect):
            transaction.change(defect, None, resolution_proposed=True)
            told.append((defect, "defect_passes", PASSED))
            counts.proposed += 1
    if len(to_open) > MAX_DEFECTS:
        notes.append(
            f"{len(to_open):,} tests failed after they passed. Defects were opened for the first"
            f" {MAX_DEFECTS}."
        )
    await _open(transaction, project, to_open[:MAX_DEFECTS], result_ids, told)
    counts.opened = len(to_open[:MAX_DEFECTS])
    await _tell(transaction, database, told)
    return counts


def _verdicts(runs: Runs) -> list[Verdict]:
    by_test: dict[UUID, list[tuple[KnownTest, Result]]] = defaultdict(list)
    for test, one in runs:
        by_test[test.id].append((test, one))
    found = []
    for pairs in by_test.values():
        failed = [one for _, one in pairs if one.status in FAILURES]
        passed = any(one.status == FeatureTestOutcome.PASSED for _, one in pairs)
        message = next((one.error_message for one in failed if one.error_message), None)
        found.append(Verdict(pairs[0][0], bool(failed), passed, message))
    return found


def _passed_before(outcomes: Sequence[str]) -> bool:
    """Return whether the latest run before, other than skipped ones, passed."""
    ran = [one for one in outcomes if one != FeatureTestOutcome.SKIPPED]
    return bool(ran) and ran[0] == FeatureTestOutcome.PASSED


def _is_flaky(verdict: Verdict, outcomes: Sequence[str]) -> bool:
    """Return whether a test passed and failed in one report, or changes its outcome often."""
    if verdict.passed:
        return True
    passes = [one == FeatureTestOutcome.PASSED for one in outcomes if one != "skipped"]
    flips = sum(a != b for a, b in zip([False, *passes], passes, strict=False))
    return flips > MAX_FLIPS


def _is_settled(defect: Defect) -> bool:
    return defect.resolution_proposed or defect.status in REPAIRED


def _fail_again(transaction: Transaction, defect: Defect, result_id: str, told: Told) -> None:
    """Name the latest failure in a defect, and reopen it if it was resolved."""
    values: dict[str, object] = {"test_result_id": UUID(result_id), "resolution_proposed": False}
    if defect.status in REPAIRED:
        values["status"] = DefectStatus.ASSIGNED if defect.assigned_to else DefectStatus.OPEN
        told.append((defect, "defect_fails", FAILED_AGAIN))
    transaction.change(defect, None, **values)


async def _open(
    transaction: Transaction,
    project: Project,
    verdicts: Sequence[Verdict],
    result_ids: Mapping[str, str],
    told: Told,
) -> None:
    tests = await tests_and_developers(transaction, [one.test.id for one in verdicts])
    for one in verdicts:
        name, developer = tests[one.test.id]
        defect = Defect(
            organization_id=project.organization_id,
            project_id=project.id,
            feature_id=one.test.feature_id,
            test_case_id=one.test.id,
            test_result_id=UUID(result_ids[str(one.test.id)]),
            title=f"Test fails: {name}"[:MAX_TITLE],
            description=one.message or "The test failed after it passed.",
            severity=DefectSeverity.MEDIUM,
            status=DefectStatus.ASSIGNED if developer else DefectStatus.OPEN,
            assigned_to=developer,
            reported_by=transaction.person,
        )
        transaction.add(defect)
        told.append((defect, "defect_opened", FAILED))


async def _tell(transaction: Transaction, database: Database, told: Told) -> None:
    """Notify the people to whom the defects are assigned, if they may read them."""
    people = {defect.assigned_to for defect, _, _ in told if defect.assigned_to}
    if not people:
        return
    may_read = await readers(database, people, Defect, told[0][0])  # all are of one project
    for defect, event, title in told:
        tell(
            transaction,
            defect.assigned_to if defect.assigned_to in may_read else None,
            NotificationType.ASSIGNMENT,
            event,
            title,
            defect,
            organization_id=defect.organization_id,
            project_id=defect.project_id,
            message=defect.title,
        )
