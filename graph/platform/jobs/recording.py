"""Events of the audit log for imports and exports, beside those of the rows that they change."""

from typing import Any
from uuid import UUID

from auth.events import Event, record
from auth.session import ViewerSession
from db.base import Entity
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY
from graph.platform.jobs.run import Run

CONTROLS = {
    AuditEventType.EXPORT: ("CC6.7", AuditSeverity.MEDIUM),
    AuditEventType.IMPORT: ("PI1.3", AuditSeverity.LOW),
}


async def record_transfer(
    session: ViewerSession,
    type: AuditEventType,
    model: type[Entity],
    id: UUID,
    organization: UUID | None,
    text: str,
    details: dict[str, Any],
) -> None:
    """Record that the viewer exported or imported data of the object `id` of `model`.

    `text` describes the event; an export has the number of its rows as `rows` in `details`.
    """
    control, severity = CONTROLS[type]
    event = Event(
        entity_type=model.__name__,
        entity_id=id,
        organization_id=organization,
        action=type.value,
        type=type,
        description=text,
        resource=model.traits.resource,
        control=control,
        severity=severity,
        actor_id=session.viewer.id,
        details=details,
    )
    async with session.database.auth.lend(NOBODY) as lent:
        await record(lent, event, session.origin)


async def record_job_export(
    run: Run, model: type[Entity], id: UUID, text: str, rows: int, **facts: Any
) -> None:
    """Record what a job has exported, before it succeeds and its files can be downloaded."""
    details = {**facts, "rows": rows, "job": str(run.job.id)}
    await record_transfer(
        run.session, AuditEventType.EXPORT, model, id, run.organization_id, text, details
    )
