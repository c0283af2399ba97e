"""The SQL of the SOC 2 report: the events of each control in a period, counted, and samples."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    CompoundSelect,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    union_all,
)

from auth.policy import require_token_scope
from auth.session import ViewerSession
from auth.session.product_query import readable_events
from db.audit.risk import CONTROLS
from db.change import AuditEventType, AuditLog
from db.fields import among

SINCE, UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))
ORGANIZATION = bindparam("organization", type_=Uuid)
FAILED = (AuditEventType.LOGIN_FAILED, AuditEventType.ACCESS_DENIED)
HIGH_RISKS = ("high", "critical")
SHOWN = (
    "id",
    "organization_id",
    "created_at",
    "soc2_control",
    "action",
    "event_type",
    "entity_type",
    "entity_id",
    "actor_id",
    "risk_level",
)


async def controls(
    session: ViewerSession, organization: UUID, since: datetime, until: datetime
) -> Sequence[Record]:
    """Return a row for each control with events: their numbers, and the first and last time."""
    require_token_scope(session.viewer, "read", AuditLog)
    values = {"organization": organization, "since": since, "until": until}
    return await session.query(_controls(), values)


async def samples(
    session: ViewerSession, organization: UUID, since: datetime, until: datetime, most: int
) -> Sequence[Record]:
    """Return the newest events of each control, at most so many of each."""
    require_token_scope(session.viewer, "read", AuditLog)
    values = {"organization": organization, "since": since, "until": until, "most": most}
    return await session.query(_samples(), values)


def _events() -> tuple[Any, tuple[Any, ...]]:
    rows = readable_events(*SHOWN).alias("events")
    return rows, (
        rows.c.organization_id == ORGANIZATION,
        rows.c.created_at >= SINCE,
        rows.c.created_at < UNTIL,
    )


@cache
def _controls() -> Select[*tuple[Any, ...]]:
    rows, where = _events()
    count = func.count()
    return (
        select(
            rows.c.soc2_control.label("control"),
            count.label("events"),
            count.filter(among(rows.c.event_type, FAILED)).label("failures"),
            count.filter(among(rows.c.risk_level, HIGH_RISKS)).label("high_risks"),
            func.count(rows.c.actor_id.distinct()).label("actors"),
            func.min(rows.c.created_at).label("first_at"),
            func.max(rows.c.created_at).label("last_at"),
        )
        .where(*where, rows.c.soc2_control.is_not(None))
        .group_by(rows.c.soc2_control)
        .order_by(rows.c.soc2_control)
    )


@cache
def _samples() -> CompoundSelect[*tuple[Any, ...]]:
    arms = []
    for control in CONTROLS:
        rows, where = _events()
        newest = (
            select(
                *(
                    cast(rows.c[name], Text).label(name) if name == "event_type" else rows.c[name]
                    for name in SHOWN
                    if name != "organization_id"
                )
            )
            .where(*where, rows.c.soc2_control == bindparam(None, control, type_=Text, unique=True))
            .order_by(rows.c.created_at.desc(), rows.c.id.desc())
            .limit(bindparam("most", type_=Integer))
            .subquery()
        )
        arms.append(select(newest))
    return union_all(*arms)
