"""Domains of organizations, which the DNS has to confirm."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, organization_key
from db.constraints import check, unique_live
from db.core.organizations import UserRoleType
from db.fields import choice, flag, secret
from db.text import Identifier
from db.traits import ResourceType, Traits

MAX_DOMAINS = 50
"""Domains of an organization, at most."""


class OrganizationDomain(InOrganization, kw_only=True):
    """A domain of e-mail addresses, whose people join an organization by themselves.

    It takes effect once it is verified: a TXT record of the DNS holds `verification_token`. It is
    verified for one organization alone. `failing_since` is the time since when the record is
    missing; after a while the domain lapses, and is not verified any more.
    """

    __tablename__ = "organization_domains"
    traits = Traits(ResourceType.ORGANIZATION_DOMAIN, node="OrganizationDomain", named_by="domain")

    domain: Mapped[Identifier]
    """In lower case, as the DNS has it (A-labels, RFC 5890, section 2.3.2.1)."""
    auto_join: Mapped[bool] = flag(default=True)
    auto_join_role: Mapped[UserRoleType] = choice(UserRoleType.MEMBER)
    verification_required: Mapped[bool] = flag(default=True)
    """True if an administrator has to let in who joins."""
    verification_token: Mapped[str] = secret()
    verified_at: Mapped[datetime | None] = mapped_column(default=None)
    checked_at: Mapped[datetime | None] = mapped_column(init=False, default=None)
    failing_since: Mapped[datetime | None] = mapped_column(init=False, default=None)

    __table_args__ = (
        organization_key(),
        check(
            "domain",
            "format",
            r"domain ~ '^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+"
            "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'"
            " AND char_length(domain) <= 253",
            "A domain has the form of example.com.",
        ),
        check(
            "auto_join_role",
            "below_admin",
            "auto_join_role NOT IN ('owner', 'admin')",
            "People who join by their domain can have any role below ADMIN.",
        ),
        check(
            "verification_token",
            "length",
            "char_length(verification_token) <= 100",
            "A token has at most 100 characters.",
        ),
        unique_live(
            "organization_domains",
            "organization_id",
            "domain",
            message="The organization has this domain already.",
        ),
        Index(
            "uq_organization_domains_verified",
            "domain",
            unique=True,
            postgresql_where=text("verified_at IS NOT NULL AND deleted_at IS NULL"),
            info={
                "column": "domain",
                "message": "Another organization has verified this domain.",
            },
        ),
        Index(None, "organization_id", "created_at", "id"),
        Index(
            "ix_organization_domains_checked_at",
            "checked_at",
            postgresql_where=text("verified_at IS NOT NULL AND deleted_at IS NULL"),
        ),
    )
