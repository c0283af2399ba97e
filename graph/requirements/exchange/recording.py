"""Events of the audit log for imports and exports: one for each file, beside those of its rows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from auth.session import ViewerSession
from db.change import AuditEventType
from db.core.projects import Project
from graph.platform.jobs.recording import record_transfer

EXPORTED, IMPORTED = "Requirements were exported to a file.", "A file was imported."


async def record_export(
    session: ViewerSession, project: UUID, counts: Mapping[str, int], **facts: Any
) -> None:
    """Record that a file was exported, before it can be downloaded."""
    rows = sum(counts.values())
    details = {**facts, "counts": dict(counts), "rows": rows}
    await _record(session, project, AuditEventType.EXPORT, EXPORTED, details)


async def record_import(
    session: ViewerSession, project: UUID, read: Mapping[str, int], **facts: Any
) -> None:
    """Record that a file was imported, after its rows were written."""
    details = {**facts, "read": dict(read)}
    await _record(session, project, AuditEventType.IMPORT, IMPORTED, details)


async def _record(
    session: ViewerSession, project: UUID, type: AuditEventType, text: str, details: dict[str, Any]
) -> None:
    rows = await session.rows(Project, Project.id == project, limit=1)
    organization = rows[0].organization_id if rows else None
    await record_transfer(session, type, Project, project, organization, text, details)
