"""People: their profiles and credentials."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Entity
from db.constraints import (
    check,
    email_format,
    json_objects,
    later,
    not_blank,
    not_negative,
    unique,
    unique_live,
)
from db.fields import PERSONAL, choice, flag, identity, json_object, labels, secret
from db.text import Identifier, Name
from db.traits import ResourceType, Traits


class UserStatus(StrEnum):
    """The state of an account, and of a membership."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    PENDING = "pending"


class LinkPurpose(StrEnum):
    """The purpose of a link in a mail."""

    SIGN_UP = "sign_up"
    PASSWORD_RESET = "password_reset"  # noqa: S105 (a purpose)
    INVITATION = "invitation"
    EMAIL_CHANGE = "email_change"


MAX_PREFERENCES = 32_768
"""Bytes of the JSON of a person's preferences, at most."""
ERASED_DOMAIN = "erased.invalid"
"""The domain of the addresses of erased accounts: no mail ever arrives there."""
SERVICE_DOMAIN = "service-accounts.invalid"
"""The domain of service accounts' addresses: no mail ever arrives there (RFC 2606, section 2)."""


class Profile(Entity, kw_only=True):
    """A person, who belongs to no tenant: one account works in many organizations.

    Or a service account, as which servers act for one organization, `service_of`. That never
    changes, and has no foreign key: the actor remains known when the organization is gone.
    """

    __tablename__ = "profiles"
    traits = Traits(ResourceType.USER, node="Profile", named_by="full_name", grants=True)

    email: Mapped[Identifier] = mapped_column(info=PERSONAL)
    full_name: Mapped[Name | None] = mapped_column(info=PERSONAL, default=None)
    first_name: Mapped[Name | None] = mapped_column(info=PERSONAL, default=None)
    last_name: Mapped[Name | None] = mapped_column(info=PERSONAL, default=None)
    personal_organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", use_alter=True), index=True, default=None
    )
    current_organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", use_alter=True), index=True, default=None
    )
    job_title: Mapped[Name | None] = mapped_column(info=PERSONAL, default=None)
    locale: Mapped[str | None] = mapped_column(info=PERSONAL, default=None)
    time_zone: Mapped[str] = mapped_column(info=PERSONAL, default="UTC", server_default="UTC")
    avatar_id: Mapped[UUID | None] = mapped_column(default=None)
    avatar_type: Mapped[str | None] = mapped_column(default=None)
    avatar_sha256: Mapped[bytes | None] = mapped_column(default=None)
    contact: Mapped[bytes | None] = secret(default=None)
    """A JSON object with the phone number, encrypted with a key of the gateway."""
    preferences: Mapped[dict[str, Any]] = json_object(info=PERSONAL)
    notification_settings: Mapped[dict[str, Any]] = json_object(info=PERSONAL)
    """`in_app` and `mail` by kind of notification, where they are not as by default."""
    status: Mapped[UserStatus] = choice(UserStatus.ACTIVE)
    is_approved: Mapped[bool] = flag(default=False)
    service_of: Mapped[UUID | None] = mapped_column(default=None)
    managed_by: Mapped[UUID | None] = mapped_column(default=None)
    """The organization that has created the account by provisioning, and manages it until its
    person sets a password."""
    erased_at: Mapped[datetime | None] = mapped_column(default=None)
    """The time at which everything that tells who it was has been removed."""

    __table_args__ = (
        email_format(),
        check(
            "email",
            "reserved",
            "CASE WHEN service_of IS NULL"
            r" THEN email !~* '@service-accounts\.invalid$'"
            " ELSE email = id || '@service-accounts.invalid' END",
            "This address is reserved for service accounts.",
        ),
        check(
            "full_name",
            "of_service",
            "service_of IS NULL OR full_name IS NOT NULL",
            "A service account must have a name.",
        ),
        check(
            "managed_by",
            "of_person",
            "managed_by IS NULL OR service_of IS NULL",
            "A service account is not provisioned.",
        ),
        *not_blank("full_name"),
        *not_blank("first_name"),
        *not_blank("last_name"),
        *not_blank("job_title"),
        check(
            "locale",
            "format",
            "locale ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$' AND char_length(locale) <= 35",
            "A locale has the form of `de-AT` (BCP 47).",
        ),
        check(
            "time_zone",
            "format",
            "time_zone ~ '^[A-Za-z0-9_+/-]+$' AND char_length(time_zone) <= 64",
            "A time zone has the form of `Europe/Vienna`.",
        ),
        check(
            "avatar_id",
            "complete",
            "num_nonnulls(avatar_id, avatar_type, avatar_sha256) IN (0, 3)",
            "An avatar has an ID, a type and a digest.",
        ),
        check("avatar_sha256", "digest", "octet_length(avatar_sha256) = 32", "Not a digest."),
        check(
            "contact",
            "encrypted",
            "octet_length(contact) BETWEEN 28 AND 4096",
            "This is not encrypted.",
        ),
        check(
            "preferences",
            "size",
            f"octet_length(preferences::text) <= {MAX_PREFERENCES}",
            f"Preferences have at most {MAX_PREFERENCES} bytes of JSON.",
        ),
        *json_objects("preferences", "notification_settings"),
        unique_live("profiles", "lower(email)"),
        Index(None, "service_of", "created_at", postgresql_where=text("service_of IS NOT NULL")),
    )

    @classmethod
    def scope_keys(cls) -> tuple[str, ...]:
        """Return the scope at which a service account is administered; a person has none."""
        return ("service_of",)


class ProfileCredential(Base, kw_only=True):
    """A person's password and its last use. Only the role gateway_auth reads it."""

    __tablename__ = "profile_credentials"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"), primary_key=True)
    password_hash: Mapped[str]
    password_changed_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    last_sign_in_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())


class MailedLink(Base, kw_only=True):
    """A link that was mailed to an address, and proves that its user reads mail there.

    Only the SHA-256 digest of its secret is stored. It works once, until it expires. A link for
    signing up has no person yet; an invitation may be for somebody without an account.
    """

    __tablename__ = "mailed_links"

    id: Mapped[UUID] = identity()
    token_hash: Mapped[bytes]
    purpose: Mapped[LinkPurpose] = mapped_column(labels(LinkPurpose))
    email: Mapped[Identifier]
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("profiles.id"), index=True, default=None
    )
    invitation_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organization_invitations.id"), index=True, default=None
    )
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("token_hash"),
        check("token_hash", "digest", "octet_length(token_hash) = 32", "This is not a digest."),
        email_format(),
        check(
            "user_id",
            "fits_purpose",
            "(purpose IN ('sign_up', 'invitation')) = (user_id IS NULL)",
            "Links for signing up and invitations are for nobody yet, any other for somebody.",
        ),
        check(
            "invitation_id",
            "fits_purpose",
            "(purpose = 'invitation') = (invitation_id IS NOT NULL)",
            "A link of an invitation names it, others do not.",
        ),
        later("expires_at"),
        Index("ix_mailed_links_email", text("lower(email)")),
        Index(None, "expires_at"),
    )


class SecondFactor(Base, kw_only=True):
    """The authenticator app of a person (RFC 6238).

    Its secret is encrypted with a key of the gateway. A code is good once: `last_step` is the time
    step, 30 seconds each since 1970, of the last one that was. `failures` are the wrong codes until
    `failed_at`, of which one is forgotten a day.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"), primary_key=True)
    secret: Mapped[bytes]
    last_step: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[float] = mapped_column(init=False, server_default=text("0"))
    failed_at: Mapped[datetime | None] = mapped_column(init=False, default=None)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        check("secret", "encrypted", "octet_length(secret) = 48", "This is not encrypted."),
        not_negative("last_step"),
        not_negative("failures"),
    )


class RecoveryCode(Base, kw_only=True):
    """A code that replaces the authenticator app's when that is lost; only its digest is stored."""

    __tablename__ = "recovery_codes"

    id: Mapped[UUID] = identity()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    code_hash: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("user_id", "code_hash"),
        check("code_hash", "digest", "octet_length(code_hash) = 32", "This is not a digest."),
    )
