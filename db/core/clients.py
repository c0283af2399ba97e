"""Applications that an organization manages, as its owners see and change them.

The authorization server keeps its own row of each, with the same id, in `oauth_clients`: its secret
is there, where nobody who serves requests looks. PostgreSQL carries changes over, in the same
transaction (`ctx.keep_client` in the migrations).
"""

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, member_key, organization_key
from db.constraints import check, not_blank
from db.fields import flag, words


class OrganizationClient(InOrganization, kw_only=True):
    """An application of an organization, or of a partner of it.

    With `redirect_uris` it asks people for access, with a service account it acts for itself, in
    the name of that. `secret_version` counts its secrets; a public one has none.
    """

    __tablename__ = "organization_clients"

    name: Mapped[str]
    redirect_uris: Mapped[list[str]] = words()
    scopes: Mapped[list[str]] = words()
    is_public: Mapped[bool] = flag(default=False)
    is_disabled: Mapped[bool] = flag(default=False)
    service_account_id: Mapped[UUID | None] = mapped_column(default=None)
    secret_version: Mapped[int] = mapped_column(default=1, server_default="1")

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
