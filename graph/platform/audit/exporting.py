"""The job that exports the audit log of an organization to an archive with its proof."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from auth.events import Event, record
from auth.origin import Origin
from auth.policy import ENTITIES, allows
from auth.viewer import Viewer
from db.audit.archive_file import ArchiveFile
from db.audit.chain import ChainBrokenError
from db.audit.export import span_of
from db.audit.sealing import seal
from db.audit.selection import WITHHELD, Record, RecordsManifest, records
from db.audit.verification import Chain, hash_at, head_of, named, proven, require_own_lines
from db.change import AuditEventType, AuditLog, AuditSeverity
from db.pool import NOBODY, Database
from db.problem import Problem
from db.traits import ResourceType
from graph import VERSION
from graph.core.audit_logs import AuditEventFilterInput
from graph.kit.filters import matches
from graph.kit.stored_filter import restored
from graph.platform.jobs.files import keep_file
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import JobFailed, Run

PAGE = 1000
"""Events in memory at a time."""
TIMEOUT = 3600.0
"""Seconds that one attempt may take."""
MEDIA_TYPE = "application/zip"
SEALING_CALLS = 50
"""Batches that are sealed before an export, at most; others wait for the sealer."""


def place_of(organization_id: UUID) -> Any:
    """Return the place of the events of an organization, as the policy asks for it."""
    return SimpleNamespace(
        organization_id=organization_id, project_id=None, document_id=None, id=organization_id
    )


async def _export(run: Run) -> Result:
    organization = run.organization_id
    if not allows(run.session.viewer, "read", AuditLog, place_of(organization)):
        raise JobFailed("The user as whom the job runs does not administrate the organization.")
    await _seal(run.database)
    try:
        async with _folder() as folder:
            chain = await _chain(run)
            name = f"audit-log-{chain.slug or chain.id}.ndjson"
            target = folder / "export.zip"
            archive = await asyncio.to_thread(ArchiveFile, target, name)
            try:
                write = _whole if run.payload.get("filter") is None else _selection
                manifest = await write(run, chain, archive)
                await asyncio.to_thread(archive.describe, manifest)
            finally:
                await asyncio.to_thread(archive.__exit__, None, None, None)
            facts = manifest.model_dump(
                mode="json", exclude={"organization_id", "organization"}, exclude_none=True
            )
            await _note(run, facts)
            file = await keep_file(run, target, f"{name.removesuffix('.ndjson')}.zip", MEDIA_TYPE)
    except ChainBrokenError as error:
        raise JobFailed(str(error)) from error
    except Problem as problem:
        if problem.extensions["retryable"]:
            raise
        raise JobFailed(problem.message) from None
    return {"file": file, "manifest": facts}


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """Yield a folder for the block."""
    folder = await asyncio.to_thread(partial(tempfile.TemporaryDirectory, prefix="audit-"))
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)


async def _seal(database: Database) -> None:
    """Seal what has been committed, unless another process is doing so."""
    for _ in range(SEALING_CALLS):
        async with database.app.lend(NOBODY) as lent:
            if (await seal(lent)).done:
                return


async def _chain(run: Run) -> Chain:
    async with run.database.app.lend(run.session.viewer.context) as lent:
        await require_own_lines(lent)
        return await named(lent, run.organization_id)


class _Counts:
    """The numbers of events of an export: all, those not shown, and those without a seal."""

    count = withheld = unsealed = 0


async def _write(run: Run, archive: ArchiveFile, page: Sequence[Record], counts: _Counts) -> None:
    """Write these records, without the events that the user may not see."""
    viewer = run.session.viewer

    def work() -> list[Record]:
        shown = [each if is_shown(viewer, each) else each._replace(line=WITHHELD) for each in page]
        archive.add([each.as_line() for each in shown])
        return shown

    shown = await asyncio.to_thread(work)
    counts.count += len(shown)
    counts.withheld += sum(each.line is WITHHELD for each in shown)


def is_shown(viewer: Viewer, record: Record) -> bool:
    """Return whether the viewer, who reads the audit log, may see the values of an event.

    Those of objects that only their owner can read, such as notifications, are for nobody else.
    """
    event = json.loads(record.line)
    if not event["old_data"] and not event["new_data"]:
        return True
    model = ENTITIES.get(event["entity_type"])
    keys = ("organization_id", "project_id", "document_id", "user_id", "entity_id")
    ids = {key: UUID(event[key]) if event[key] else None for key in keys}
    place = SimpleNamespace(**ids, id=ids["entity_id"], service_of=ids["organization_id"])
    return model is not None and allows(viewer, "read", model, place)


async def _whole(run: Run, chain: Chain, archive: ArchiveFile) -> RecordsManifest:
    """Write all events of the chain from the first to the last one of the period."""
    context, counts = run.session.viewer.context, _Counts()
    times = (_time(run.payload.get("from")), _time(run.payload.get("to")))
    async with run.database.app.lend(context) as lent:
        span = await span_of(lent, chain, *times)
        if span is None:
            raise JobFailed("There is no event in this period.")
        first, last = span
        previous = head = await hash_at(lent, chain, first - 1)
    after = first - 1
    while after < last:
        until = min(after + PAGE, last)
        async with run.database.app.lend(context) as lent:
            links = [link async for link in proven(lent, chain, after=after, until=until)]
        if not links or links[-1].seq != until:
            raise ChainBrokenError(f"In {chain}, number {until} of the chain is missing.")
        hashes = [head, *(link.hash for link in links)]
        page = [
            Record(link.seq, before, link.hash, link.line)
            for before, link in zip(hashes, links, strict=False)
        ]
        await _write(run, archive, page, counts)
        after, head = until, links[-1].hash
        await run.progress(counts.count / (last - first + 1), f"{counts.count} events")
    return _manifest(run, chain, archive, counts, (last, head), previous)


async def _selection(run: Run, chain: Chain, archive: ArchiveFile) -> RecordsManifest:
    """Write the events that match the filter, as the user may read them, in the order of time."""
    context, counts = run.session.viewer.context, _Counts()
    condition = matches(AuditLog, restored(AuditEventFilterInput, run.payload["filter"]))
    where = [AuditLog.organization_id == chain.id, condition]
    since, until = _time(run.payload.get("from")), _time(run.payload.get("to"))
    where += [AuditLog.created_at >= since] if since else []
    where += [AuditLog.created_at < until] if until else []
    async with run.database.app.lend(context) as lent:
        head = await head_of(lent, chain)
    behind: Sequence[Any] = ()
    while page := await run.session.rows(
        AuditLog, *where, *behind, order=(AuditLog.created_at, AuditLog.id), limit=PAGE
    ):
        ids, times = [row.id for row in page], [row.created_at for row in page]
        async with run.database.app.lend(context) as lent:
            found = await records(lent, chain, ids, times)
        await _write(run, archive, found, counts)
        counts.unsealed += len(page) - len(found)
        at, id = times[-1], ids[-1]
        later = (AuditLog.created_at > at) | ((AuditLog.created_at == at) & (AuditLog.id > id))
        behind = (AuditLog.created_at >= at, later)
        await run.progress(0.0, f"{counts.count} events")
    return _manifest(run, chain, archive, counts, head, None)


def _manifest(
    run: Run,
    chain: Chain,
    archive: ArchiveFile,
    counts: _Counts,
    head: tuple[int, bytes],
    previous: bytes | None,
) -> RecordsManifest:
    return RecordsManifest(
        gateway=VERSION,
        organization_id=chain.id,
        organization=chain.slug,
        from_time=_time(run.payload.get("from")),
        to_time=_time(run.payload.get("to")),
        filter=run.payload.get("filter"),
        count=counts.count,
        withheld=counts.withheld,
        unsealed=counts.unsealed,
        previous_hash=previous,
        head_seq=head[0],
        head_hash=head[1],
        sha256=archive.digest,
        exported_at=datetime.now(UTC),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


async def _note(run: Run, facts: Mapping[str, Any]) -> None:
    """Record the export, before its file can be downloaded."""
    event = Event(
        entity_type="Organization",
        entity_id=run.organization_id,
        organization_id=run.organization_id,
        action="export",
        type=AuditEventType.EXPORT,
        description="The audit log was exported.",
        resource=ResourceType.ORGANIZATION,
        control="CC6.7",
        severity=AuditSeverity.MEDIUM,
        actor_id=run.job.user_id,
        details={**facts, "rows": facts["count"], "job": str(run.job.id)},
    )
    async with run.database.auth.lend(NOBODY) as lent:
        await record(lent, event, Origin(request_id=f"job {run.job.id}", source="jobs"))


EXPORT = Kind("audit.export", _export, max_attempts=3, timeout=TIMEOUT)
