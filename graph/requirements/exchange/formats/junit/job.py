"""The import of test results by a job: recorded once, with a report."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graph.platform.jobs.kinds import Result
from graph.platform.jobs.run import Run
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.junit.recording import (
    ResultOptions,
    ResultsImport,
    UnknownTests,
    import_results,
)
from graph.requirements.exchange.result import Counts

MAX_SHOWN = 50
"""Names of a kind that the notes list."""


async def import_junit(
    run: Run, project: UUID, source: Source, payload: Mapping[str, Any]
) -> Result:
    """Import a file of test results; return the report of a dry run.

    What is recorded is committed together with the end of the job.
    """
    unknown = UnknownTests(payload.get("unknownTests") or UnknownTests.REPORT.value)
    dry = bool(payload["dryRun"])
    options = ResultOptions(unknown=unknown, dry_run=dry)
    if dry:
        return _report(await import_results(run.session, project, source, options))

    def done(result: ResultsImport) -> None:
        run.result = _report(result)

    await import_results(run.session, project, source, options, begin=run.completing, done=done)
    return None


def _report(done: ResultsImport) -> Mapping[str, Any]:
    notes = [f"The file has {sum(done.read.values()):,} results in {done.suites:,} suites."]
    for text, names in (
        ("test cases are not in the project, and their results were not recorded", done.unknown),
        ("test cases have no known requirement, and were not recorded", done.unassigned),
        ("requirements are not in the project", done.missing),
    ):
        if names:
            more = ", ..." if len(names) > MAX_SHOWN else "."
            notes.append(f"{len(names):,} {text}: {', '.join(names[:MAX_SHOWN])}{more}")
    counts = {"test cases": done.created, "test executions": done.recorded}
    none = vars(Counts())
    return {
        "dryRun": done.dry_run,
        "read": {status.value: count for status, count in done.read.items()},
        "documents": [],
        "counts": {kind: none | {"created": count} for kind, count in counts.items()},
        "objects": [],
        "notes": notes + done.notes[:MAX_SHOWN],
    }
