"""Teams: the people of an organization who work on projects together."""

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, member_key, organization_key, tenant_key
from db.constraints import bounded, not_blank, trash_index, unique, unique_live
from db.text import Lines, Name
from db.traits import ResourceType, Traits, Trash


class Team(InOrganization, kw_only=True):
    """A team of an organization. It gives no rights."""

    __tablename__ = "teams"
    traits = Traits(ResourceType.TEAM, node="Team", trash=Trash.PURGED)

    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        unique("organization_id", "id"),
        *not_blank("name", 255),
        bounded("description", 10_000),
        unique_live("teams", "organization_id", "name"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("teams"),
    )


class TeamMember(InOrganization, kw_only=True):
    """A person in a team, and their part in it."""

    __tablename__ = "team_members"
    traits = Traits(ResourceType.TEAM, node="TeamMember", named_by="role", owned_by=("team_id",))

    team_id: Mapped[UUID]
    user_id: Mapped[UUID]
    role: Mapped[Name | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        tenant_key("teams", "team_id"),
        member_key("user_id"),
        bounded("role", 100),
        unique_live(
            "team_members",
            "organization_id",
            "team_id",
            "user_id",
            message="The user is in the team already.",
        ),
        Index(None, "team_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "user_id"),
    )
