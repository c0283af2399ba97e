"""The SOC 2 report: the events of each control in a period, with samples that prove themselves."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.policy import allows
from auth.session import ViewerSession
from auth.session.write.db_errors import forbidden, missing
from db.audit.risk import CONTROLS
from db.audit.selection import Record, records
from db.audit.verification import Chain, head_of
from db.change import AuditEventType, AuditLog
from db.core.audit import AuditAlert, AuditVerification
from db.core.organizations import Organization
from db.problem import Problem
from graph.core.sql import soc2
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.scalars import BigInt
from graph.kit.scopes import SCOPE
from graph.platform.audit.exporting import is_shown, place_of

MAX_PERIOD = timedelta(days=400)
MAX_SAMPLES = 25
"""Samples of one control."""


@strawberry.type(description="An event of a control, with its seal in the hash chain.")
class Soc2Sample:
    event_id: UUID = described("The ID of the event.")
    created_at: datetime = described("The date and time of the event.")
    action: str = described("The action, such as `create` or `purge`.")
    event_type: AuditEventType | None = described("The type of the event.")
    entity_type: str = described("The type of the object that the event concerns.")
    entity_id: UUID = described("The ID of the object that the event concerns.")
    actor_id: UUID | None = described("The ID of the user or service account that acted.")
    risk_level: str | None = described("The risk of the event.")
    sequence: BigInt | None = described(
        "The number of the event in the hash chain; null for the seconds until it is sealed."
    )
    previous_hash: str | None = described("The hash of the event before it, in hexadecimal.")
    hash: str | None = described(
        "The SHA-256 of `previousHash`, `sequence` and `line`, in hexadecimal."
    )
    line: str | None = described(
        "The event as it was hashed; null if it has values that the viewer cannot read."
    )


@strawberry.type(description="The events that are evidence for one control of SOC 2.")
class Soc2ControlReport:
    control: str = described("The control (AICPA TSC 2017), such as `CC6.3`.")
    title: str | None = described("What the events of the control are about.")
    event_count: BigInt = described("The number of events in the period.")
    failure_count: BigInt = described("The number of events whose action was refused or failed.")
    high_risk_count: BigInt = described(
        "The number of events with the risk level `high` or `critical`."
    )
    actor_count: BigInt = described("The number of users and service accounts that acted.")
    first_at: datetime | None = described("The date and time of the first event.")
    last_at: datetime | None = described("The date and time of the last event.")
    samples: list[Soc2Sample] = described("The newest events of the control.")


@strawberry.type(description="A report on the events of each control of SOC 2 in a period.")
class Soc2Report:
    organization_id: UUID = described("The ID of the organization.")
    from_: datetime = strawberry.field(name="from", description="The beginning of the period.")
    to: datetime = described("The end of the period, which is not in it.")
    created_at: datetime = described("The date and time of the report.")
    controls: list[Soc2ControlReport] = described(
        "The controls, also those without events in the period."
    )
    alert_count: BigInt = described("The number of alerts that were raised in the period.")
    verification_count: BigInt = described(
        "The number of verifications of the audit log in the period."
    )
    failed_verification_count: BigInt = described("The number of those that found a fault.")
    head_sequence: BigInt = described("The number of the last sealed event of the hash chain.")
    head_hash: str = described("The hash of that event, in hexadecimal.")


async def report_of(
    session: ViewerSession, organization: UUID, since: datetime, until: datetime, most: int
) -> Soc2Report:
    """Return the report for an administrator; a fixed number of statements.

    Raises NOT_FOUND, FORBIDDEN, and INVALID for a period that is empty or longer than 400 days.
    """
    since, until = _utc(since), _utc(until)
    if not since < until <= since + MAX_PERIOD:
        raise Problem("INVALID", "Must be after `from`, by at most 400 days.", field=["to"])
    if not 0 <= most <= MAX_SAMPLES:
        raise Problem("INVALID", f"Must be from 0 to {MAX_SAMPLES}.", field=["samples"])
    if not await session.rows(Organization, Organization.id == organization, limit=1):
        raise missing(Organization, ["organizationId"])
    if not allows(session.viewer, "read", AuditLog, place_of(organization)):
        raise forbidden(Organization)
    counted = {
        row["control"]: row for row in await soc2.controls(session, organization, since, until)
    }
    found = await soc2.samples(session, organization, since, until, most) if most else []
    chain = Chain(organization, None)
    async with session.database.app.lend(session.viewer.context) as lent:
        ids, times = [row["id"] for row in found], [row["created_at"] for row in found]
        sealed = {each.event_id: each for each in await records(lent, chain, ids, times)}
        head = await head_of(lent, chain)
    samples: dict[str, list[Soc2Sample]] = {}
    for row in found:
        sample = _sample(session, row, sealed.get(row["id"]))
        samples.setdefault(row["soc2_control"], []).append(sample)
    alerts = (AuditAlert.organization_id == organization, AuditAlert.created_at >= since)
    checks = (
        AuditVerification.organization_id == organization,
        AuditVerification.created_at >= since,
        AuditVerification.created_at < until,
    )
    return Soc2Report(
        organization_id=organization,
        from_=since,
        to=until,
        created_at=datetime.now(UTC),
        controls=[
            _control(name, counted.get(name), samples.get(name, []))
            for name in sorted({*CONTROLS, *counted})
        ],
        alert_count=BigInt(await session.count(AuditAlert, *alerts, AuditAlert.created_at < until)),
        verification_count=BigInt(await session.count(AuditVerification, *checks)),
        failed_verification_count=BigInt(
            await session.count(AuditVerification, *checks, AuditVerification.fault.is_not(None))
        ),
        head_sequence=BigInt(head[0]),
        head_hash=head[1].hex(),
    )


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _control(name: str, row: Any, samples: list[Soc2Sample]) -> Soc2ControlReport:
    return Soc2ControlReport(
        control=name,
        title=CONTROLS.get(name),
        event_count=BigInt(row["events"] if row else 0),
        failure_count=BigInt(row["failures"] if row else 0),
        high_risk_count=BigInt(row["high_risks"] if row else 0),
        actor_count=BigInt(row["actors"] if row else 0),
        first_at=row["first_at"] if row else None,
        last_at=row["last_at"] if row else None,
        samples=samples,
    )


def _sample(session: ViewerSession, row: Any, sealed: Record | None) -> Soc2Sample:
    shown = sealed is not None and is_shown(session.viewer, sealed)
    return Soc2Sample(
        event_id=row["id"],
        created_at=row["created_at"],
        action=row["action"],
        event_type=AuditEventType(row["event_type"]) if row["event_type"] else None,
        entity_type=row["entity_type"],
        entity_id=row["entity_id"],
        actor_id=row["actor_id"],
        risk_level=row["risk_level"],
        sequence=BigInt(sealed.seq) if sealed else None,
        previous_hash=sealed.previous.hex() if sealed else None,
        hash=sealed.hash.hex() if sealed else None,
        line=sealed.line.decode() if sealed and shown else None,
    )


@strawberry.type
class Query:
    @strawberry.field(
        description="Report on the events of each control of SOC 2 in a period. Only for"
        " administrators of the organization.",
        metadata={SCOPE: "organizations:read"},
    )
    async def soc2_report(
        self,
        info: Info,
        organization_id: Annotated[
            UUID, strawberry.argument(description="The ID of the organization.")
        ],
        from_: Annotated[
            datetime, strawberry.argument(name="from", description="The beginning of the period.")
        ],
        to: Annotated[
            datetime,
            strawberry.argument(description="The end of the period, at most 400 days later."),
        ],
        samples: Annotated[
            int,
            strawberry.argument(
                description=f"The number of events of each control, at most {MAX_SAMPLES}."
            ),
        ] = 3,
    ) -> Soc2Report | None:
        return await report_of(info.context.session, organization_id, from_, to, samples)
