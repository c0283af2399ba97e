"""Keys for scripts and servers: shown once, of which nothing is kept but a digest and a hint."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InOrganization, member_key, organization_key
from db.constraints import check, later, not_blank, unique
from db.fields import secret, words
from db.text import Name
from db.traits import ResourceType, Traits

MAX_LIFETIME = 366
"""Days from its making until a key expires, at most."""


class Key(Entity, kw_only=True):
    """A credential that a program sends with each request, in place of a person's session.

    `key_hash` is the SHA-256 of a secret of 256 random bits. The role that serves requests writes
    it and never reads it. `hint` is the end of the secret. `last_used_at` is exact to a minute.
    """

    __abstract__ = True

    name: Mapped[Name]
    key_hash: Mapped[bytes] = secret(deferred=True)
    hint: Mapped[str]
    scopes: Mapped[list[str]] = words()
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None] = mapped_column(init=False, default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


def _rules() -> tuple[object, ...]:
    """Return the constraints and indexes of every table of keys."""
    return (
        *not_blank(longest=100),
        unique("key_hash"),
        check("key_hash", "digest", "octet_length(key_hash) = 32", "This is not a digest."),
        check("hint", "length", "char_length(hint) = 4", "A hint has four characters."),
        check("scopes", "some", "cardinality(scopes) > 0", "A key has at least one scope."),
        later("expires_at"),
        check(
            "expires_at",
            "within_a_year",
            f"expires_at - created_at <= interval '{MAX_LIFETIME} days'",
            "A key expires within a year of its making.",
        ),
        Index(None, "expires_at"),
    )


class ApiKey(Key, InOrganization, kw_only=True):
    """A server's key: it acts as one service account of its organization."""

    __tablename__ = "api_keys"
    traits = Traits(ResourceType.TOKEN, node="ApiKey", grants=True)

    service_account_id: Mapped[UUID]

    __table_args__ = (
        organization_key(),
        member_key("service_account_id"),
        *_rules(),
        Index(None, "service_account_id"),
        Index(None, "organization_id", "created_at"),
    )


class PersonalToken(Key, kw_only=True):
    """A person's key for their own scripts: it acts as they do, within its scopes."""

    __tablename__ = "personal_tokens"
    traits = Traits(ResourceType.TOKEN, node="PersonalToken", grants=True)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))

    __table_args__ = (*_rules(), Index(None, "user_id", "created_at"))
