"""Identity providers of organizations, and the identities by which people sign in there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, InOrganization, organization_key
from db.constraints import check, not_blank, unique, unique_live
from db.fields import flag, identity, secret
from db.text import Identifier, StrictName
from db.traits import ResourceType, Traits

MAX_ISSUER, MAX_CLIENT_ID, MAX_SUBJECT = 500, 500, 255
"""Characters; of a subject by OpenID Connect Core, section 2."""


class IdentityProvider(InOrganization, kw_only=True):
    """The OpenID Connect provider at which an organization's people sign in.

    It is offered once an owner has tried it (`tested_at`). While `is_enforced`, people of the
    organization's verified domains sign in there alone. The secret is encrypted; the role that
    serves requests writes it and never reads it.
    """

    __tablename__ = "identity_providers"
    traits = Traits(ResourceType.IDENTITY_PROVIDER, node="IdentityProvider")

    name: Mapped[StrictName]
    issuer: Mapped[str]
    client_id: Mapped[str]
    client_secret: Mapped[bytes | None] = secret(default=None, deferred=True)
    """None for a public client, which proves itself by PKCE alone."""
    is_enforced: Mapped[bool] = flag(default=False)
    tested_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        *not_blank(longest=100),
        check(
            "issuer",
            "format",
            rf"issuer ~ '^https?://[^\s?#]+$' AND char_length(issuer) <= {MAX_ISSUER}",
            "An issuer is a URL without query and fragment.",
        ),
        *not_blank("client_id", MAX_CLIENT_ID),
        check(
            "is_enforced",
            "tested",
            "NOT is_enforced OR tested_at IS NOT NULL",
            "Try the identity provider before it is enforced.",
        ),
        unique_live(
            "identity_providers",
            "organization_id",
            message="The organization has an identity provider already.",
        ),
        Index(None, "organization_id", "created_at", "id"),
    )


class ProfileIdentity(Base, kw_only=True):
    """An identity of a person at the identity provider of an organization.

    It is bound by issuer and subject, never by an address. `email` is the last one that the
    provider named. Only the role gateway_auth reads it.
    """

    __tablename__ = "profile_identities"

    id: Mapped[UUID] = identity()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    issuer: Mapped[str]
    subject: Mapped[str]
    email: Mapped[Identifier | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("organization_id", "issuer", "subject"),
        unique("organization_id", "issuer", "user_id"),
        check(
            "issuer", "length", f"char_length(issuer) <= {MAX_ISSUER}", "The issuer is too long."
        ),
        check(
            "subject",
            "length",
            f"char_length(subject) BETWEEN 1 AND {MAX_SUBJECT}",
            f"A subject has 1 to {MAX_SUBJECT} characters.",
        ),
        check("email", "length", "char_length(email) <= 254", "The address is too long."),
        Index(None, "user_id"),
    )
