"""Alerts, results of verifications and legal holds of the audit log of an organization."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Entity, InOrganization, Part, organization_key
from db.constraints import check, not_blank, not_negative
from db.core.organizations import Organization
from db.fields import identity, number
from db.text import Lines
from db.traits import ResourceType, Traits


class AuditAlert(InOrganization, kw_only=True):
    """An alert: events of the audit log have met a rule of risk (`db.audit.risk`).

    It names the first of these events; `event_count` are those that were found together. A
    function of the database raises alerts (`db.audit.alerts`) and records them. Only their
    acknowledgement is written later, once.
    """

    __tablename__ = "audit_alerts"
    traits = Traits(ResourceType.AUDIT_ALERT, node="AuditAlert", named_by="indicator")

    indicator: Mapped[str]
    level: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    event_id: Mapped[UUID]
    event_at: Mapped[datetime]
    event_count: Mapped[int] = number(1)
    acknowledged_at: Mapped[datetime | None] = mapped_column(default=None)
    acknowledged_by: Mapped[UUID | None] = mapped_column(default=None)
    note: Mapped[Lines | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        *not_blank("indicator"),
        *not_blank("level"),
        not_negative("event_count"),
        *not_blank("note"),
        check(
            "acknowledged_by",
            "acknowledged",
            "acknowledged_at IS NOT NULL OR num_nonnulls(acknowledged_by, note) = 0",
            "Only an acknowledged alert has a note.",
        ),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "indicator", "created_at"),
    )


class AuditAlertHit(Base, kw_only=True):
    """An event that meets a rule, and waits to be part of an alert. A trigger writes it."""

    __tablename__ = "audit_alert_queue"

    id: Mapped[UUID] = identity()
    organization_id: Mapped[UUID | None] = mapped_column(default=None)
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    event_id: Mapped[UUID]
    event_at: Mapped[datetime]
    level: Mapped[str]
    indicator: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (Index(None, "created_at", "id"),)


class AuditVerification(Part, kw_only=True):
    """The result of one verification of an organization's chain by the gateway itself.

    `event_count` events, up to number `last_seq` with the hash `head_hash`, matched their seals.
    `fault` describes the first that did not, null if there is none. Only added, and deleted after
    400 days.
    """

    __tablename__ = "audit_verifications"
    whole: ClassVar[type[Entity]] = Organization
    whole_key: ClassVar[str] = "organization_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    started_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    event_count: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    head_hash: Mapped[bytes]
    fault: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        not_negative("event_count"),
        not_negative("last_seq"),
        check("head_hash", "digest", "octet_length(head_hash) = 32", "This is not a digest."),
        check("fault", "length", "char_length(fault) <= 2000", "At most 2,000 characters."),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "created_at"),
    )


class LegalHold(Part, kw_only=True):
    """A legal hold on an organization, until which its events and deleted objects are kept.

    An organization may have several. Only the operator adds and deletes them, which is recorded.
    """

    __tablename__ = "legal_holds"
    whole: ClassVar[type[Entity]] = Organization
    whole_key: ClassVar[str] = "organization_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        *not_blank("reason"),
        Index(None, "organization_id", "created_at", "id"),
    )
