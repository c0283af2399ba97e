"""Teams of an organization, and their members."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.delivery import teams as db
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.delivery.references import references
from graph.kit.connection import connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node


@strawberry.type(description="A team of an organization. It gives no rights.")
class Team(Authored, Node):
    model = db.Team

    name: str = described("The name of the team, unique within the organization.")
    description: str | None = described("The description of the team.")
    organization_id: UUID = described("The ID of the organization of the team.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the team."
    )


@strawberry.type(description="A member of a team.")
class TeamMember(Authored, Node):
    model = db.TeamMember

    role: str | None = described("The part of the user in the team, such as `tester`.")
    team_id: UUID = described("The ID of the team.")
    team: Team | None = to_one("team_id", db.Team, Team, "The team.")
    user: Profile | None = to_one("user_id", ProfileRow, Profile, "The user.")


TeamFilterInput = filter_input(Team, "id", "organization_id", "name", "created_at", "updated_at")
TeamOrderInput = order_input(Team, "name", "created_at", "updated_at")
TeamMemberFilterInput = filter_input(TeamMember, "id", "team_id", "user_id", "role", "created_at")
TeamMemberOrderInput = order_input(TeamMember, "role", "created_at")


@input_for(Team, "A team to create in an organization.")
class TeamCreateInput:
    organization_id: UUID
    name: str
    description: str | None = UNSET


@input_for(Team, "The fields of a team to change.")
class TeamUpdateInput:
    name: Maybe[str]
    description: Maybe[str | None]


@input_for(TeamMember, "A user to add to a team.")
class TeamMemberCreateInput:
    team_id: UUID
    user_id: UUID
    role: str | None = UNSET


@input_for(TeamMember, "The fields of a member of a team to change.")
class TeamMemberUpdateInput:
    role: Maybe[str | None]


def _teams(key: str | None, text: str) -> Any:
    return connection(db.Team, Team, TeamFilterInput, TeamOrderInput, text, key=key)


def _members(key: str, text: str) -> Any:
    return connection(
        db.TeamMember, TeamMember, TeamMemberFilterInput, TeamMemberOrderInput, text, key=key
    )


extend_type(Organization, teams=_teams("organization_id", "The teams of the organization."))
extend_type(Team, members=_members("team_id", "The members of the team."))


@strawberry.type
class Query:
    team = by_id(db.Team, Team, "Look up a team by its ID.")
    teams = _teams(None, "List teams that the viewer can read.")


@strawberry.type
class Mutation:
    team_create = create(
        Team,
        TeamCreateInput,
        "Create a team in an organization.",
        within=(OrganizationRow, "organization_id"),
    )
    team_update = update(Team, TeamUpdateInput, "Update a team.")
    team_delete = delete(Team, "Delete a team with its members. It can be restored.")
    team_restore = restore(Team, "Restore a deleted team.")
    team_member_create = create(
        TeamMember,
        TeamMemberCreateInput,
        "Add a member of the organization to a team.",
        within=(db.Team, "team_id"),
        prepare=references({}, ("user_id",)),
    )
    team_member_update = update(
        TeamMember, TeamMemberUpdateInput, "Change the part of a user in a team."
    )
    team_member_delete = delete(TeamMember, "Remove a user from a team.")
