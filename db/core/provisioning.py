"""Groups that an identity provider provisions by SCIM, and their members (RFC 7643, 4.2)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, member_key, organization_key, tenant_key
from db.constraints import check, not_blank, unique, unique_live
from db.core.organizations import MAX_EXTERNAL, UserRoleType
from db.fields import labels
from db.text import Identifier, Name
from db.traits import ResourceType, Traits


class ProvisionedGroup(InOrganization, kw_only=True):
    """A group of an identity provider. Its members have the `role` in the organization, if any.

    Owners set the role. A member of several groups has the highest of their roles.
    """

    __tablename__ = "provisioned_groups"
    traits = Traits(
        ResourceType.PROVISIONED_GROUP, node="ProvisionedGroup", named_by="display_name"
    )

    display_name: Mapped[Name]
    external_id: Mapped[Identifier | None] = mapped_column(default=None)
    role: Mapped[UserRoleType | None] = mapped_column(labels(UserRoleType), default=None)
    members_changed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        unique("organization_id", "id"),
        *not_blank("display_name", MAX_EXTERNAL),
        *not_blank("external_id", MAX_EXTERNAL),
        check(
            "role",
            "below_owner",
            "role <> 'owner'",
            "A group cannot make its members owners.",
        ),
        unique_live(
            "provisioned_groups",
            "organization_id",
            "lower(display_name)",
            message="Another group has this name.",
        ),
        unique_live(
            "provisioned_groups",
            "organization_id",
            "external_id",
            where="external_id IS NOT NULL",
            message="Another group has this external ID.",
        ),
        Index(None, "organization_id", "created_at", "id"),
    )


class ProvisionedGroupMember(InOrganization, kw_only=True):
    """A member of the organization in a group."""

    __tablename__ = "provisioned_group_members"
    traits = Traits(
        ResourceType.PROVISIONED_GROUP,
        node="ProvisionedGroupMember",
        named_by=None,
        owned_by=("group_id",),
    )

    group_id: Mapped[UUID]
    user_id: Mapped[UUID]

    __table_args__ = (
        organization_key(),
        member_key("user_id"),
        tenant_key("provisioned_groups", "group_id", ondelete="CASCADE"),
        unique_live("provisioned_group_members", "organization_id", "group_id", "user_id"),
        Index(None, "group_id", "created_at", "id"),
        Index(None, "user_id"),
        Index(None, "organization_id", "created_at", "id"),
    )
