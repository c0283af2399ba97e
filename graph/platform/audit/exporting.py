"""The job that exports the audit log of an organization to an archive with its proof."""

import asyncio
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
from auth.policy import allows
from db.audit.archive_file import ArchiveFile
from db.audit.chain import ChainBrokenError
from db.audit.export import Manifest, span_of
from db.audit.sealing import seal
from db.audit.selection import SelectionManifest, records
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


async def _whole(run: Run, chain: Chain, archive: ArchiveFile) -> Manifest:
    """Write all events of the chain from the first to the last one of the period."""
    context = run.session.viewer.context
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
            page = [link async for link in proven(lent, chain, after=after, until=until)]
        if not page or page[-1].seq != until:
            raise ChainBrokenError(f"In {chain}, number {until} of the chain is missing.")
        await asyncio.to_thread(archive.add, [link.line for link in page])
        after, head = until, page[-1].hash
        await run.progress((after - first + 1) / (last - first + 1), f"{after - first + 1} events")
    return Manifest(
        gateway=VERSION,
        organization_id=chain.id,
        organization=chain.slug,
        from_time=times[0],
        to_time=times[1],
        count=last - first + 1,
        first_seq=first,
        last_seq=last,
        previous_hash=previous,
        head_hash=head,
        sha256=archive.digest,
        exported_at=datetime.now(UTC),
    )


async def _selection(run: Run, chain: Chain, archive: ArchiveFile) -> SelectionManifest:
    """Write the events that match the filter, as the user may read them, in the order of time."""
    context, kept = run.session.viewer.context, run.payload["filter"]
    condition = matches(AuditLog, restored(AuditEventFilterInput, kept))
    where = [AuditLog.organization_id == chain.id, condition]
    since, until = _time(run.payload.get("from")), _time(run.payload.get("to"))
    where += [AuditLog.created_at >= since] if since else []
    where += [AuditLog.created_at < until] if until else []
    async with run.database.app.lend(context) as lent:
        head_seq, head_hash = await head_of(lent, chain)
    count = unsealed = 0
    behind: Sequence[Any] = ()
    while page := await run.session.rows(
        AuditLog, *where, *behind, order=(AuditLog.created_at, AuditLog.id), limit=PAGE
    ):
        ids, times = [row.id for row in page], [row.created_at for row in page]
        async with run.database.app.lend(context) as lent:
            found = await records(lent, chain, ids, times)
        await asyncio.to_thread(archive.add, [each.as_line() for each in found])
        count += len(found)
        unsealed += len(page) - len(found)
        at, id = times[-1], ids[-1]
        later = (AuditLog.created_at > at) | ((AuditLog.created_at == at) & (AuditLog.id > id))
        behind = (AuditLog.created_at >= at, later)
        await run.progress(0.0, f"{count} events")
    return SelectionManifest(
        gateway=VERSION,
        organization_id=chain.id,
        organization=chain.slug,
        filter=_described(run.payload),
        count=count,
        unsealed=unsealed,
        head_seq=head_seq,
        head_hash=head_hash,
        sha256=archive.digest,
        exported_at=datetime.now(UTC),
    )


def _described(payload: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: payload[name] for name in ("from", "to") if payload.get(name)}
    return {**times, **payload["filter"]}


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
