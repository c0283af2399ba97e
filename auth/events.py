"""Events in the record that change no rows: sign-ins, failures, tokens, exports.

They hold no password, token or cookie, and no address that somebody typed: people type passwords
into the wrong field.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from auth.origin import Origin
from db.audit.personal import commit
from db.audit.risk import assess
from db.change import PERSONAL_DATA, AuditEventType, AuditSeverity
from db.pool import Lent
from db.traits import ResourceType

NOBODY_KNOWN = UUID(int=0)
"""The entity of an event that concerns no row, such as a sign-in with an unknown address."""

INSERT = """
INSERT INTO audit_logs (
    id, entity_type, entity_id, action, event_type, severity, resource_type, resource_id,
    actor_id, user_id, session_id, client_id, version, changed_fields, new_data, details,
    description, soc2_control, request_id, correlation_id, ip_address, user_agent, source_system,
    organization_id, compliance_category, risk_level, threat_indicators, old_data
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $3, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27
)
"""

INSERT_PERSONAL = """
INSERT INTO audit_personal_data (event_id, organization_id, subject_id, actor_id, salt, data)
VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a person, a session, a token or an organization's data.

    `actor_id` is the person who caused it, `user_id` the one it concerns; `values` are those of a
    new row, or the changed ones, with the `former` ones, of a row that the gateway itself changes.
    """

    entity_type: str
    entity_id: UUID = NOBODY_KNOWN
    action: str
    type: AuditEventType
    description: str
    resource: ResourceType
    control: str = "CC6.1"
    severity: AuditSeverity = AuditSeverity.LOW
    actor_id: UUID | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None
    client_id: str | None = None
    organization_id: UUID | None = None
    version: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    former: dict[str, Any] = field(default_factory=dict)
    personal: dict[str, Any] = field(default_factory=dict)
    """Values of columns with personal data, which are kept beside the event (`PersonalData`)."""
    details: dict[str, Any] = field(default_factory=dict)


async def record(connection: "Lent | asyncpg.Connection", event: Event, origin: Origin) -> None:
    """Append the event; it is part of the transaction that the connection is in, if any."""
    if not event.personal:
        await connection.execute(INSERT, *as_row(event, origin))
        return
    kept = commit({}, event.personal)
    noted = replace(event, details={**event.details, PERSONAL_DATA: kept.digest})
    row = as_row(noted, origin)
    await connection.execute(INSERT, *row)
    who = (event.organization_id, event.entity_id, event.actor_id)
    await connection.execute(INSERT_PERSONAL, row[0], *who, kept.salt, kept.data)


def as_row(event: Event, origin: Origin) -> tuple[Any, ...]:
    """Return the arguments of the `INSERT` that appends the event, for another driver."""
    assessment = assess(
        {
            "action": event.action,
            "event_type": event.type.value,
            "severity": event.severity.value,
            "soc2_control": event.control,
            "new_data": event.values,
            "details": event.details,
        }
    )
    return (
        uuid7(),
        event.entity_type,
        event.entity_id,
        event.action,
        event.type.value,
        event.severity.value,
        event.resource.value,
        event.actor_id,
        event.user_id,
        str(event.session_id) if event.session_id else None,
        event.client_id,
        event.version,
        sorted({*event.values, *event.personal}),
        json.dumps(event.values) if event.values else None,
        json.dumps(event.details),
        event.description,
        event.control,
        origin.request_id,
        origin.correlation_id,
        origin.ip_address,
        origin.user_agent,
        origin.source,
        event.organization_id,
        assessment["compliance_category"],
        assessment["risk_level"],
        assessment["threat_indicators"],
        json.dumps(event.former) if event.former else None,
    )
