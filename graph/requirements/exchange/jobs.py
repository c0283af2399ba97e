"""The jobs that import a stored file, and export to one, with the rights of who started them."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from db.problem import Problem
from db.requirements.files import File, FileState
from graph.kit.storage import Stored
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.progress import Progress
from graph.platform.jobs.run import JobFailed, Run
from graph.requirements.exchange.exporting import export
from graph.requirements.exchange.files.fetching import fetched
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.junit.job import import_junit
from graph.requirements.exchange.importing import ImportOptions, explained, import_draft, read
from graph.requirements.exchange.importing import write as write_draft
from graph.requirements.exchange.model.draft import Draft, Limits
from graph.requirements.exchange.model.draft import Progress as Report
from graph.requirements.exchange.recording import record_export, record_import
from graph.requirements.exchange.result import ImportResult
from graph.requirements.exchange.returned.merging import Merge, compare, propose
from graph.requirements.exchange.store.kept import export_of

TIMEOUT = 3600.0
"""Seconds that one attempt may take."""
MAX_NOTES = 200
"""Notes of a report."""
READ = 0.1
"""The share of an import that is done when the file is read."""
PARTS = {
    "rows": (0.0, 0.0),
    "documents": (0.0, 0.02),
    "blocks": (0.02, 0.1),
    "requirements": (0.1, 0.9),
    "trace links": (0.9, 0.95),
}
"""The shares of what remains then, of the steps of writing; the last is the commit."""


async def _export(run: Run) -> Result:
    try:
        async with Progress(run, 0.0, 0.7) as shown:
            done = await export(run.session, run.payload, shown.show)
    except Problem as problem:
        raise _final(problem) from None
    size = done.written.size
    if size > run.storage.largest:
        raise JobFailed(f"The file has {size:,} bytes, which is more than the limit.")
    digest = await asyncio.to_thread(_digest, done.written.path)
    async with run.session.transaction() as transaction:
        await done.keep(transaction, run.job.id)
    await record_export(
        run.session,
        UUID(run.payload["projectId"]),
        done.draft.counts,
        job=str(run.job.id),
        sha256=digest.hex(),
    )
    stored = Stored(run.job.id, digest, done.name, done.written.media_type)
    await run.storage.put_file(stored, done.written.path)
    return {
        "file": {
            "name": done.name,
            "mediaType": done.written.media_type,
            "size": size,
            "sha256": digest.hex(),
        },
        "counts": done.draft.counts,
        "notes": done.draft.notes[:MAX_NOTES],
    }


def _digest(file: Path) -> bytes:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


async def _import(run: Run) -> Result:
    result = await _imported(run)
    done = result or run.result or {}
    if not run.payload["dryRun"]:
        project, read = UUID(run.payload["projectId"]), done.get("read") or {}
        await record_import(run.session, project, read, job=str(run.job.id))
    return result


async def _imported(run: Run) -> Result:
    payload, project = run.payload, UUID(run.payload["projectId"])
    options = ImportOptions(
        document=payload.get("documentName"),
        document_id=_uuid(payload.get("documentId")),
        format=payload.get("format"),
        columns=payload.get("columns") or {},
        delimiter=payload.get("delimiter"),
        encoding=payload.get("encoding"),
        dry_run=payload["dryRun"],
    )
    try:
        source = await _source(run, options.limits)
        if options.format == "junit":
            return await import_junit(run, project, source, payload)
        draft = await asyncio.to_thread(read, source, options)
        async with Progress(run, READ, 1.0, PARTS) as shown:
            shown.show("rows", 0, 1)
            if payload.get("exportId"):
                return await _merge(run, project, source, draft, shown.show)
            if options.dry_run:
                done = await import_draft(run.session, project, source, draft, options, shown.show)
                return report(done)
            with explained(source):
                async with run.completing() as transaction:
                    arguments = (transaction, project, source, draft, options, shown.show)
                    run.result = report(await write_draft(*arguments))
    except Problem as problem:
        raise _final(problem) from None
    return None


async def _merge(run: Run, project: UUID, source: Source, draft: Draft, progress: Report) -> Result:
    """Propose the edits of a returned file as a change set."""
    versions = await export_of(run.session, project, UUID(run.payload["exportId"]))
    if versions is None:
        raise JobFailed("The export is not kept any more.")
    deletes = bool(run.payload.get("proposeDeletions"))
    merge = await compare(
        run.session, project, source, draft, versions, deletes=deletes, progress=progress
    )
    if run.payload["dryRun"]:
        return _merge_report(merge)
    async with run.completing() as transaction:
        await propose(transaction, merge)
        run.result = _merge_report(merge)
    return None


def _merge_report(merge: Merge) -> Mapping[str, Any]:
    """Return the outcome of a merge as the result of a job."""
    merge.result.dry_run = merge.change_set is None
    id = str(merge.change_set) if merge.change_set else None
    return {**report(merge.result), "changeSetId": id, "conflicts": merge.conflicts}


async def _source(run: Run, limits: Limits) -> Source:
    """Return the file: from its URL, or stored, as the user may read it. Raises JobFailed."""
    if run.payload.get("url"):
        return await fetched(run.outbound, run.payload["url"], limits)
    id = UUID(run.payload["fileId"])
    rows = await run.session.rows(File, File.id == id, limit=1)
    if not rows or FileState(rows[0].state) is not FileState.STORED:
        raise JobFailed("The file does not exist any more.")
    (row,) = rows
    stored = Stored(row.id, row.sha256, row.name, row.media_type)
    return Source(row.name, await run.storage.read(stored, limits.size))


def _final(problem: Problem) -> Exception:
    """Return the failure of the job: for good, unless another attempt may succeed."""
    return problem if problem.extensions["retryable"] else JobFailed(problem.message)


def report(done: ImportResult) -> Mapping[str, Any]:
    """Return the outcome of an import as the result of a job."""
    notes, more = done.notes[:MAX_NOTES], len(done.notes) - MAX_NOTES
    return {
        "dryRun": done.dry_run,
        "read": done.read,
        "documents": done.names[:MAX_NOTES],
        "counts": {kind: asdict(counts) for kind, counts in done.by_kind.items()},
        "objects": [asdict(each) for each in done.objects],
        "notes": [*notes, *([f"There are {more:,} more notes."] if more > 0 else [])],
    }


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


EXPORT = Kind("requirements.export", _export, max_attempts=3, timeout=TIMEOUT, feature="export")
IMPORT = Kind("requirements.import", _import, max_attempts=3, timeout=TIMEOUT)
KINDS = (EXPORT, IMPORT)
