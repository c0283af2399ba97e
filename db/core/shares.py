"""Shares: secret addresses that each open one object, read-only, to whoever has the address."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InProject, document_key, organization_key, project_key, tenant_key
from db.constraints import check, later, not_blank, unique
from db.fields import secret
from db.text import Name
from db.traits import ResourceType, Traits

OBJECTS = ("document_id", "baseline_id")
"""The columns that name the object of a share, one of which is set."""


class Share(InProject, kw_only=True):
    """A secret address of one object. It opens nothing when it has expired or is revoked.

    `key_hash` is the SHA-256 of a secret of 256 random bits, of which `hint` is the end. The role
    that serves requests writes it and never reads it. `password_hash` is an Argon2id hash.
    """

    __tablename__ = "shares"
    traits = Traits(ResourceType.SHARE, node="Share", opens=True)

    document_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-7)
    baseline_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[Name]
    key_hash: Mapped[bytes] = secret(deferred=True)
    hint: Mapped[str]
    password_hash: Mapped[str | None] = secret(default=None)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        document_key(),
        tenant_key("baselines", "project_id", "baseline_id", onupdate="CASCADE"),
        *not_blank(),
        unique("key_hash"),
        check("key_hash", "digest", "octet_length(key_hash) = 32", "This is not a digest."),
        check("hint", "length", "char_length(hint) = 4", "A hint has four characters."),
        check(
            "document_id",
            "object",
            "num_nonnulls(document_id, baseline_id) = 1",
            "A share opens one object.",
        ),
        later("expires_at"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "baseline_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )
