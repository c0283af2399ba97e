"""Vulnerabilities of projects, and events of security of an organization."""

from datetime import date, datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, InProject, member_key, organization_key, project_key
from db.constraints import (
    bounded,
    check,
    not_blank,
    trash_index,
    unique_live,
    web_address,
    within,
)
from db.fields import choice, flag, labels, words
from db.text import Identifier, Lines, Name, Names
from db.traits import ResourceType, Traits, Trash


class VulnerabilitySeverity(StrEnum):
    """The severity of a vulnerability, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class VulnerabilityStatus(StrEnum):
    """The status of a vulnerability."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    REMEDIATED = "remediated"
    FALSE_POSITIVE = "false_positive"
    ACCEPTED_RISK = "accepted_risk"


class SecurityEventSeverity(StrEnum):
    """The severity of an event of security, least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Vulnerability(InProject, kw_only=True):
    """A vulnerability of a component, or of the code, of a project.

    `external_id` is what scans recognize it by, so that one that is repeated finds its row.
    """

    __tablename__ = "vulnerabilities"
    traits = Traits(
        ResourceType.VULNERABILITY, node="Vulnerability", named_by="title", trash=Trash.PURGED
    )

    cve_id: Mapped[Identifier | None] = mapped_column(default=None)
    external_id: Mapped[Identifier | None] = mapped_column(default=None)
    component: Mapped[Identifier | None] = mapped_column(default=None)
    title: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    severity: Mapped[VulnerabilitySeverity] = mapped_column(labels(VulnerabilitySeverity))
    cvss_score: Mapped[float | None] = mapped_column(default=None)
    affected_version: Mapped[Name | None] = mapped_column(default=None)
    fixed_version: Mapped[Name | None] = mapped_column(default=None)
    affected_components: Mapped[Names] = words()
    status: Mapped[VulnerabilityStatus] = choice(VulnerabilityStatus.OPEN)
    discovered_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    acknowledged_at: Mapped[datetime | None] = mapped_column(default=None)
    remediated_at: Mapped[datetime | None] = mapped_column(default=None)
    assigned_to: Mapped[UUID | None] = mapped_column(default=None)
    remediation_notes: Mapped[Lines | None] = mapped_column(default=None)
    remediation_url: Mapped[Identifier | None] = mapped_column(default=None)
    risk_accepted_by: Mapped[UUID | None] = mapped_column(default=None)
    risk_accepted_until: Mapped[date | None] = mapped_column(default=None)
    risk_reason: Mapped[Lines | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        member_key("assigned_to"),
        member_key("risk_accepted_by"),
        check(
            "cve_id",
            "format",
            "cve_id ~ '^CVE-[0-9]{4}-[0-9]{4,}$' AND char_length(cve_id) <= 50",
            "This is not the ID of a CVE.",
        ),
        *not_blank("external_id", 500),
        *not_blank("component", 255),
        *not_blank("title", 255),
        within("cvss_score", 0, 10),
        bounded("affected_version", 100),
        bounded("fixed_version", 100),
        web_address("remediation_url"),
        check(
            "risk_reason",
            "together",
            "num_nonnulls(risk_accepted_by, risk_accepted_until, risk_reason)"
            " = CASE status WHEN 'accepted_risk' THEN 3 ELSE 0 END",
            "A risk that is accepted has a person, a date and a reason, and no other has.",
        ),
        *not_blank("risk_reason", 10_000),
        unique_live(
            "vulnerabilities",
            "organization_id",
            "project_id",
            "component",
            "cve_id",
            where="cve_id IS NOT NULL AND component IS NOT NULL",
        ),
        unique_live(
            "vulnerabilities",
            "organization_id",
            "project_id",
            "external_id",
            where="external_id IS NOT NULL",
        ),
        Index(None, "assigned_to"),
        Index(None, "risk_accepted_by"),
        Index(None, "cve_id"),
        Index(
            "ix_vulnerabilities_open",
            "organization_id",
            text("severity DESC"),
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL AND status IN ('open', 'acknowledged')"),
        ),
        Index(None, "project_id", "status", "severity"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("vulnerabilities"),
    )


class SecurityEvent(InOrganization, kw_only=True):
    """An event that concerns the security of an organization, and its resolution.

    One that follows from an event of the audit log has the ID of that event.
    """

    __tablename__ = "security_events"
    traits = Traits(ResourceType.SECURITY_EVENT, node="SecurityEvent", named_by="event_type")

    user_id: Mapped[UUID | None] = mapped_column(default=None)
    event_type: Mapped[Identifier]
    severity: Mapped[SecurityEventSeverity] = mapped_column(labels(SecurityEventSeverity))
    description: Mapped[Lines]
    ip_address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET, default=None)
    user_agent: Mapped[Identifier | None] = mapped_column(default=None)
    resource_type: Mapped[ResourceType | None] = mapped_column(labels(ResourceType), default=None)
    resource_id: Mapped[UUID | None] = mapped_column(default=None)
    resolved: Mapped[bool] = flag(default=False)
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    resolved_by: Mapped[UUID | None] = mapped_column(default=None)
    resolution_notes: Mapped[Lines | None] = mapped_column(default=None)
    investigation_notes: Mapped[Lines | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        member_key("user_id"),
        member_key("resolved_by"),
        *not_blank("event_type", 100),
        check("description", "not_blank", r"description ~ '\S'", "Description must not be blank."),
        bounded("user_agent", 512),
        check(
            "resolution_notes",
            "together",
            "num_nonnulls(resolved_at, resolved_by, resolution_notes)"
            " = CASE WHEN resolved THEN 3 ELSE 0 END",
            "An event that is resolved has a person, a time and notes, and no other has.",
        ),
        *not_blank("resolution_notes", 10_000),
        Index(None, "user_id"),
        Index(None, "resolved_by"),
        Index(
            "ix_security_events_unresolved",
            "organization_id",
            text("severity DESC"),
            "created_at",
            "id",
            postgresql_where=text("NOT resolved AND deleted_at IS NULL"),
        ),
        Index(None, "organization_id", "created_at", "id"),
    )
