"""The audit log, append-only: the actor, the action, the row, the time, and the values before."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import eq
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Index, Text, bindparam, false, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from db.base import Base, Entity, Part
from db.constraints import check, json_objects, not_blank
from db.core.organizations import Organization
from db.fields import choice, identity, json_object, labels, words
from db.traits import ResourceType

PERSONAL_DATA = "personal_data"
"""The key in `details` of the digest of the values that `PersonalData` holds."""


class AuditEventType(StrEnum):
    """The kind of an event."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    ACCESS_DENIED = "access_denied"
    PERMISSION_CHANGE = "permission_change"
    EXPORT = "export"
    IMPORT = "import"
    ADMINISTRATION = "administration"
    SYSTEM = "system"


class AuditSeverity(StrEnum):
    """The severity of an event."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's xid8: a transaction's number, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in DDL."""
        return "xid8"


def moved_index(column: str) -> Index:
    """Return a partial index of the events that moved their row out of this column's scope."""
    return Index(
        f"ix_audit_logs_moved_from_{column}",
        text(f"(old_data ->> '{column}')"),
        postgresql_where=text(f"action = 'update' AND '{column}' = ANY (changed_fields)"),
    )


def _index_of(column: str, where: str) -> Index:
    """Return a partial index of the events of an organization with a value that is rare."""
    return Index(None, "organization_id", column, "created_at", postgresql_where=text(where))


def _filter_index(name: str, columns: Sequence[str], where: str | None = None) -> Index:
    """Return the index of a filter, for values that are rare if it has a condition."""
    condition = text(where) if where else None
    return Index(f"ix_audit_logs_by_{name}", *columns, postgresql_where=condition)


class Host(Text):
    """The IP address of an `inet` as text, which is compared with one as addresses are.

    Unlike the function `host`, that is leakproof, and therefore served by an index under row level
    security.
    """

    class comparator_factory(Text.Comparator[str]):  # noqa: N801 (SQLAlchemy's name)
        def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
            """Return the comparison. A text that is no address equals none."""
            if op is not eq or not isinstance(other[0], str):
                return super().operate(op, *other, **options)
            (address,) = self.expr.clauses
            try:
                value = ip_address(other[0])
            except ValueError:
                return false()
            found: ColumnElement[bool] = address == bindparam(None, value, type_=INET, unique=True)
            return found


RARE = {
    "deletions": "event_type = 'delete'",
    "imports": "event_type = 'import'",
    "rare_types": "event_type NOT IN ('create', 'update', 'delete', 'import')",
    "severe": "severity > 'low'",
    "most_severe": "severity >= 'high'",
    "rare_resources": "resource_type NOT IN ('requirement', 'block', 'document', 'property',"
    " 'test', 'test_execution', 'trace_link', 'notification')",
}
"""The conditions of indexes by time, for values of enumerations.

Comparisons of enumerations are not leakproof: under row level security they serve no index as its
columns, but as its condition, for that compares no rows.
"""


class AuditLog(Part, kw_only=True):
    """One event of an organization, or outside of all. Rows are only added, and kept by month.

    `old_data` and `new_data` hold the columns in `changed_fields`; `version` is the entity's after
    the change. `organization_id` is null for events outside every tenant, such as a failed
    sign-in. There are no foreign keys: the log outlives the rows that it refers to.
    """

    __tablename__ = "audit_logs"
    whole: ClassVar[type[Entity]] = Organization
    whole_key: ClassVar[str] = "organization_id"

    id: Mapped[UUID] = identity()
    created_at: Mapped[datetime] = mapped_column(
        primary_key=True, init=False, server_default=func.clock_timestamp()
    )
    xid: Mapped[int] = mapped_column(
        TransactionId, init=False, server_default=func.pg_current_xact_id()
    )
    organization_id: Mapped[UUID | None] = mapped_column(default=None)  # type: ignore[assignment]
    project_id: Mapped[UUID | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    entity_id: Mapped[UUID]
    entity_type: Mapped[str]
    action: Mapped[str]
    version: Mapped[int | None] = mapped_column(BigInteger, default=None)
    changed_fields: Mapped[list[str]] = words()
    old_data: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    new_data: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    event_type: Mapped[AuditEventType | None] = mapped_column(labels(AuditEventType), default=None)
    severity: Mapped[AuditSeverity] = choice(AuditSeverity.LOW)
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    user_id: Mapped[UUID | None] = mapped_column(default=None)
    """The person an event is about, when that is not the actor."""
    session_id: Mapped[str | None] = mapped_column(default=None)
    client_id: Mapped[str | None] = mapped_column(default=None)
    request_id: Mapped[str | None] = mapped_column(default=None)
    correlation_id: Mapped[UUID | None] = mapped_column(default=None)
    ip_address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET, default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)
    resource_type: Mapped[ResourceType | None] = mapped_column(labels(ResourceType), default=None)
    resource_id: Mapped[UUID | None] = mapped_column(default=None)
    description: Mapped[str | None] = mapped_column(default=None)
    details: Mapped[dict[str, Any]] = json_object()
    metadata_: Mapped[dict[str, Any]] = json_object("metadata")
    soc2_control: Mapped[str | None] = mapped_column(default=None)
    compliance_category: Mapped[str | None] = mapped_column(default=None)
    risk_level: Mapped[str | None] = mapped_column(default=None)
    threat_indicators: Mapped[list[str]] = words()
    source_system: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        *not_blank("entity_type"),
        *not_blank("action"),
        check("version", "positive", "version > 0", "A version is more than zero."),
        *json_objects("old_data", "new_data", "details", "metadata"),
        Index(None, "organization_id", "created_at"),
        Index(None, "organization_id", "actor_id", "created_at"),
        Index(None, "entity_id", "version"),
        Index(None, "project_id", "created_at"),
        Index(None, "actor_id", "created_at"),
        Index(None, "xid"),
        Index(None, "correlation_id"),
        Index(None, "organization_id", "entity_type", "created_at"),
        _index_of("soc2_control", "soc2_control NOT IN ('PI1.3', 'C1.2')"),
        _index_of("risk_level", "risk_level <> 'low'"),
        _index_of("user_id", "user_id IS NOT NULL"),
        _filter_index("document_id", ("document_id", "created_at"), "document_id IS NOT NULL"),
        _filter_index(
            "action",
            ("organization_id", "action", "created_at"),
            "action NOT IN ('create', 'update')",
        ),
        _filter_index("ip_address", ("organization_id", "ip_address", "created_at")),
        *(
            _filter_index(name, ("organization_id", "created_at"), where)
            for name, where in RARE.items()
        ),
        *map(moved_index, ("project_id", "document_id", "block_id", "parent_id")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )


IP_ADDRESS = func.host(AuditLog.ip_address, type_=Host())
"""The IP address of an event as text, without a prefix length."""


class PersonalData(Base, kw_only=True):
    """The values of columns with personal data in one event, which stand beside the audit log.

    `data` is the JSON object with `old` and `new` values, as text. The event holds the SHA-256 of
    `salt` and `data`, so that these prove to be what was recorded, and can be deleted without
    changing a sealed event. `subject_id` is the changed row. `archived_digest` is the digest of an
    event that is in an archive.
    """

    __tablename__ = "audit_personal_data"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None] = mapped_column(default=None)
    subject_id: Mapped[UUID]
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    salt: Mapped[bytes]
    data: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    archived_digest: Mapped[str | None] = mapped_column(init=False, default=None)

    __table_args__ = (
        check("salt", "length", "octet_length(salt) = 16", "A salt has 16 bytes."),
        Index(None, "subject_id"),
    )
