"""Applications that an organization manages, as its owners see and change them.

The authorization server has its own row of each, with the same ID, in `oauth_clients`, with the
secret, which the role that serves requests cannot read. PostgreSQL copies changes there in the same
transaction (`ctx.keep_client` in the migrations).
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, member_key, organization_key
from db.constraints import check, not_blank
from db.fields import flag, words
from db.text import StrictName
from db.traits import ResourceType, Traits


class OrganizationClient(InOrganization, kw_only=True):
    """An application of an organization, or of a partner of it.

    With `redirect_uris` it requests access from people; with a service account it acts for itself,
    as that account. `secret_version` counts its secrets; a public client has none.
    """

    __tablename__ = "organization_clients"
    traits = Traits(ResourceType.OAUTH_CLIENT, node="OAuthClient", opens=True)

    name: Mapped[StrictName]
    redirect_uris: Mapped[list[str]] = words()
    scopes: Mapped[list[str]] = words()
    is_public: Mapped[bool] = flag(default=False)
    is_disabled: Mapped[bool] = flag(default=False)
    service_account_id: Mapped[UUID | None] = mapped_column(default=None)
    secret_version: Mapped[int] = mapped_column(default=1, server_default="1")
    former_secret_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    """Until when the secret before is good as well; null when it has been revoked."""

    __table_args__ = (
        organization_key(),
        member_key("service_account_id"),
        *not_blank(longest=200),
        check(
            "redirect_uris",
            "or_service_account",
            "redirect_uris <> '{}' OR service_account_id IS NOT NULL",
            "An application has a redirect URI or a service account.",
        ),
        check(
            "is_public",
            "asks_people",
            "NOT (is_public AND service_account_id IS NOT NULL)",
            "A public application acts for people alone: it keeps no secret.",
        ),
        Index(None, "organization_id", "created_at"),
        Index(None, "service_account_id"),
    )
