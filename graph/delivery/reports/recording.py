"""The recording of a report in one transaction, once for each number of a build."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.session import Transaction, ViewerSession
from db.core.projects import Project
from db.delivery.builds import Build, BuildStatus, SecurityScanStatus
from db.delivery.security import VulnerabilitySeverity
from db.delivery.testing import FeatureTest, FeatureTestOutcome
from db.problem import Problem
from graph.delivery.reports import failures, findings
from graph.delivery.reports.report import MAX_NAME, Report, Result
from graph.delivery.sql.reports import KnownTest, features_named, insert_results, tests_named

MAX_LISTED = 1_000
"""The most names that an outcome lists."""
BATCH = 500
"""Tests that one statement creates."""


@dataclass
class Outcome:
    """The outcome of a report.

    `unknown` are tests that are not in the project, `unassigned` those to be created of which no
    feature is known.
    """

    build: Build
    repeated: bool = False
    results: Mapping[FeatureTestOutcome, int] = field(default_factory=dict)
    tests_created: int = 0
    unknown: list[str] = field(default_factory=list)
    unassigned: list[str] = field(default_factory=list)
    scanned: findings.Counts | None = None
    defects: failures.Counts = field(default_factory=failures.Counts)
    notes: list[str] = field(default_factory=list)


async def record_report(session: ViewerSession, report: Report) -> Outcome:
    """Record a report as the viewer, and return what became of it.

    A report that is repeated changes nothing. Raises ALREADY_EXISTS for another report of the same
    build; NOT_FOUND and FORBIDDEN as every write does. Reports of one project take turns.
    """
    async with session.transaction() as transaction:
        given = report.build
        project = await transaction.find(
            Project, given.project_id, field=["project_id"], to_create=Build
        )
        build = await _build_before(transaction, report)
        if build is not None and build.report_digest is not None:
            return Outcome(build, repeated=True)
        return await _record(transaction, session, project, build, report)


async def _record(
    transaction: Transaction,
    session: ViewerSession,
    project: Project,
    build: Build | None,
    report: Report,
) -> Outcome:
    scanned = None
    if report.findings is not None:
        scanned = await findings.record(transaction, project, report.findings)
    build = await _reported(transaction, project, build, report, scanned)
    await transaction.flush()
    outcome = Outcome(build, scanned=scanned, notes=[*report.notes])
    known = await tests_named(
        transaction, project, {name for one in report.results for name in one.names}
    )
    runs = await _runs(transaction, project, report, known, outcome)
    rows = [_row(test, one) for test, one in runs]
    history = await failures.before(transaction, runs)
    await insert_results(transaction, build, rows, report.build.execution_environment)
    ids = {row["test_case_id"]: row["id"] for row in rows}
    outcome.defects = await failures.record(
        transaction, session.database, project, runs, history, ids, outcome.notes
    )
    outcome.results = Counter(one.status for _, one in runs)
    for names in (outcome.unknown, outcome.unassigned):
        names[:] = [*dict.fromkeys(names)][:MAX_LISTED]
    return outcome


async def _build_before(transaction: Transaction, report: Report) -> Build | None:
    """Return the build of this number, locked, if there is one. Raises ALREADY_EXISTS."""
    given = report.build
    found = await transaction.find_all(
        Build,
        Build.project_id == given.project_id,
        Build.build_number == given.build_number,
        deleted=None,
        to_create=Build,
    )
    for build in found:
        if build.deleted_at is not None:
            message = "The project has a deleted build with this number."
        elif build.report_digest not in (None, report.digest):
            message = "The project has another report of a build with this number."
        else:
            return build
        raise Problem("ALREADY_EXISTS", message, field=["build_number"])
    return None


async def _reported(
    transaction: Transaction,
    project: Project,
    build: Build | None,
    report: Report,
    scanned: findings.Counts | None,
) -> Build:
    """Return the build of the report: a new one, or the one that waited for it."""
    given = report.build
    feature_id = await _feature(transaction, project, given.feature)
    values: dict[str, Any] = {
        "version_tag": given.version_tag,
        "git_commit_hash": given.git_commit_hash,
        "git_branch": given.git_branch,
        "started_at": given.started_at,
        "completed_at": given.completed_at,
        "committed_at": given.committed_at,
        "code_coverage_percent": given.code_coverage_percent,
        "feature_id": feature_id,
        "report_digest": report.digest,
        **_scan_values(scanned),
    }
    if build is None:
        build = Build(
            organization_id=project.organization_id,
            project_id=project.id,
            build_number=given.build_number,
            triggered_by=transaction.person,
            status=given.build_status,
            **values,
        )
        transaction.add(build)
        return build
    if build.status == BuildStatus.PENDING:
        transaction.change(build, None, status=BuildStatus.BUILDING)
        await transaction.flush()
    values = {name: value for name, value in values.items() if value is not None}
    transaction.change(build, None, status=given.build_status, **values)
    return build


async def _feature(transaction: Transaction, project: Project, name: str | None) -> UUID | None:
    if name is None:
        return None
    found = await features_named(transaction, project, [name])
    if name not in found:
        message = "The project has no feature with this external ID."
        raise Problem("NOT_FOUND", message, field=["feature"])
    return found[name]


def _scan_values(scanned: findings.Counts | None) -> dict[str, Any]:
    """Return what the findings of a scan say of the build."""
    if scanned is None:
        return {}
    counts = scanned.by_severity
    status = SecurityScanStatus.PASSED
    if counts[VulnerabilitySeverity.CRITICAL] or counts[VulnerabilitySeverity.HIGH]:
        status = SecurityScanStatus.FAILED
    elif counts.total():
        status = SecurityScanStatus.WARNINGS
    named = {f"vulnerabilities_{one.value}": counts[one] for one in VulnerabilitySeverity}
    return {"security_scan_status": status, **named}


async def _runs(
    transaction: Transaction,
    project: Project,
    report: Report,
    known: Mapping[str, KnownTest],
    outcome: Outcome,
) -> list[tuple[KnownTest, Result]]:
    """Return the results with their tests, new ones included; note those that are unknown."""
    found: list[tuple[KnownTest, Result]] = []
    unknown: list[Result] = []
    for one in report.results:
        test = next((known[name] for name in one.names if name in known), None)
        if test is None:
            unknown.append(one)
        else:
            found.append((test, one))
    if report.build.unknown_tests == "REPORT":
        outcome.unknown = [one.external_id for one in unknown]
        return found
    made = await _created(transaction, project, report, unknown)
    outcome.tests_created = len(made)
    for one in unknown:
        if one.external_id in made:
            found.append((made[one.external_id], one))
        else:
            outcome.unassigned.append(one.external_id)
    return found


async def _created(
    transaction: Transaction, project: Project, report: Report, unknown: Sequence[Result]
) -> dict[str, KnownTest]:
    """Create the tests whose feature is known, and return them by their external ID."""
    default = report.build.feature
    names = {name for one in unknown for name in one.features} | ({default} if default else set())
    features = await features_named(transaction, project, names)
    made: dict[str, KnownTest] = {}
    rows: list[FeatureTest] = []
    for one in unknown:
        named = [features[name] for name in (*one.features, default) if name in features]
        if not named or one.external_id in made:
            continue
        row = FeatureTest(
            organization_id=project.organization_id,
            project_id=project.id,
            feature_id=named[0],
            external_id=one.external_id,
            name=one.title[:MAX_NAME].ljust(3, "."),
            automated=True,
        )
        rows.append(row)
        made[one.external_id] = KnownTest(row.id, one.external_id, named[0], None)
    for start in range(0, len(rows), BATCH):
        transaction.add(*rows[start : start + BATCH])
        await transaction.flush()
    return made


def _row(test: KnownTest, one: Result) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "test_case_id": str(test.id),
        "status": one.status.value,
        "duration_ms": one.duration_ms,
        "error_message": one.error_message,
        "error_stacktrace": one.error_stacktrace,
        "assertions_run": one.assertions_run,
        "assertions_passed": one.assertions_passed,
        "assertions_failed": one.assertions_failed,
        "executed_at": one.executed_at.isoformat() if one.executed_at else None,
    }
