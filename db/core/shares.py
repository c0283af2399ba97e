"""Shares: secret addresses that each open one object, read-only, to whoever has the address."""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.base import (
    Entity,
    InOrganization,
    Part,
    document_key,
    member_key,
    organization_key,
    project_key,
    tenant_key,
)
from db.constraints import check, later, not_blank, not_negative, unique
from db.fields import identity, secret
from db.text import Name
from db.traits import ResourceType, Traits

OBJECTS = ("document_id", "baseline_id", "assessment_id")
"""The columns that name the object of a share, one of which is set."""


class Share(InOrganization, kw_only=True):
    """A secret address of one object. It opens nothing when it has expired or is revoked.

    `key_hash` is the SHA-256 of a secret of 256 random bits, of which `hint` is the end. The role
    that serves requests writes it and never reads it. `password_hash` is an Argon2id hash.
    Views are counted within seconds, which is no change of the row. `project_id` is null for an
    object of an organization, and `user_id` is the member whom an object belongs to, if any.
    """

    __tablename__ = "shares"
    traits = Traits(ResourceType.SHARE, node="Share", opens=True, owned_with=True)

    project_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-8)
    document_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-7)
    baseline_id: Mapped[UUID | None] = mapped_column(default=None)
    assessment_id: Mapped[UUID | None] = mapped_column(default=None)
    user_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[Name]
    key_hash: Mapped[bytes] = secret(deferred=True)
    hint: Mapped[str]
    password_hash: Mapped[str | None] = secret(default=None)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    view_count: Mapped[int] = mapped_column(
        BigInteger, init=False, default=0, server_default=text("0")
    )
    last_viewed_at: Mapped[datetime | None] = mapped_column(init=False, default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        document_key(),
        tenant_key("baselines", "project_id", "baseline_id", onupdate="CASCADE"),
        tenant_key("assessments", "assessment_id"),
        member_key("user_id"),
        *not_blank(),
        unique("key_hash"),
        unique("organization_id", "id"),
        unique("organization_id", "project_id", "id"),
        not_negative("view_count"),
        check("key_hash", "digest", "octet_length(key_hash) = 32", "This is not a digest."),
        check("hint", "length", "char_length(hint) = 4", "A hint has four characters."),
        check(
            "document_id",
            "object",
            "num_nonnulls(document_id, baseline_id, assessment_id) = 1",
            "A share opens one object.",
        ),
        check(
            "project_id",
            "object",
            "(project_id IS NULL) = (assessment_id IS NOT NULL)",
            "A share is in the project of its object.",
        ),
        later("expires_at"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "baseline_id", "created_at", "id"),
        Index(None, "assessment_id", "created_at", "id"),
        Index(None, "user_id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class ShareView(Part, kw_only=True):
    """One view of a share: when, and from where. Only added, and removed after 90 days."""

    __tablename__ = "share_views"
    whole: ClassVar[type[Entity]] = Share
    whole_key: ClassVar[str] = "share_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    project_id: Mapped[UUID | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    user_id: Mapped[UUID | None] = mapped_column(default=None)
    share_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ip_address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET, default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "project_id", "share_id"],
            ["shares.organization_id", "shares.project_id", "shares.id"],
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        # The key above leaves out the views of shares that are in no project.
        tenant_key("shares", "share_id", name="fk_share_views_whole", ondelete="CASCADE"),
        Index(None, "share_id", "created_at", "id"),
        Index(None, "created_at"),
    )
