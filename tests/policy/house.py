"""A tenant with somebody in every role, and what the policy's table expects of each of them."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from uuid_utils.compat import uuid7

from auth.policy import RULES
from auth.policy.rule import Action
from auth.policy.scopes import scopes_beneath
from auth.viewer import Role
from db.base import Entity
from db.core.clients import OrganizationClient
from db.core.organizations import Organization, OrganizationInvitation, OrganizationMember
from db.core.projects import Project, ProjectMember
from db.pool import Database
from db.requirements.baselines import Baseline
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from tests.world import OTHERS, ROLES, World, found

PEOPLE = (*ROLES, *OTHERS, None)
"""Who tries everything; None is not signed in."""

ENTITIES: tuple[type[Entity], ...] = (
    Organization,
    OrganizationMember,
    OrganizationInvitation,
    OrganizationClient,
    Project,
    ProjectMember,
    Document,
    Block,
    Requirement,
    Baseline,
)


class House(World):
    """The tenant. `rows` holds a row of each entity, by the columns that place it."""

    rows: dict[type[Entity], Any]

    def grants(self, person: str) -> Mapping[UUID, Role]:
        """The roles that `tests.world` has given, read from people's names."""
        if person in ROLES:
            return {self.organization: Role[person.upper()]}
        if person == "outsider":
            return {}
        place, _, role = person.partition("_")
        return {self.organization: Role.MEMBER, getattr(self, place): Role[role.upper()]}

    def holds(self, person: str, action: Action, model: type[Entity], scopes: Any) -> bool:
        """Whether one of the person's roles reaches what the model's line in the table asks."""
        least, grants = RULES[model].least(action), self.grants(person)
        if least is Role.ANYONE:
            return True
        held = [grants.get(getattr(scopes, key, None), Role.ANYONE) for key in model.scope_keys()]
        return any(role >= least for role in held)

    def expected(self, person: str | None, action: str, model: type[Entity]) -> str | None:
        """The code of the error, or None, when this person tries this with this entity's row."""
        if person is None:
            return "UNAUTHENTICATED"
        if action == "create":
            return self._expected_create(person, model)
        if not self.holds(person, "read", model, self.rows[model]):
            return "NOT_FOUND"
        if (model, action) == (Organization, "restore") and person != "owner":
            return "NOT_FOUND"  # the others' roles have gone with it
        asked: dict[str, Action] = {
            "read": "read",
            "update": "update",
            "delete": "delete",
            "restore": "delete",
        }
        return None if self.holds(person, asked[action], model, self.rows[model]) else "FORBIDDEN"

    def _expected_create(self, person: str, model: type[Entity]) -> str | None:
        parent = PARENTS.get(model)
        if parent is None:
            return None if self.holds(person, "create", model, SimpleNamespace()) else "FORBIDDEN"
        if not self.holds(person, "read", parent, self.rows[parent]):
            return "NOT_FOUND"
        beneath = SimpleNamespace(**scopes_beneath(parent, self.rows[parent]))
        return None if self.holds(person, "create", model, beneath) else "FORBIDDEN"


PARENTS: dict[type[Entity], type[Entity]] = {
    OrganizationMember: Organization,
    OrganizationInvitation: Organization,
    OrganizationClient: Organization,
    Project: Organization,
    ProjectMember: Project,
    Document: Project,
    Block: Document,
    Requirement: Document,
    Baseline: Document,
}
"""Beneath what a new row is put."""


async def found_house(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> House:
    """The tenant of `tests.world`, with one more person to add to places and one to remove."""
    world = await found(superuser, database, client)
    house = House(**vars(world))
    ids = {model: uuid7() for model in ENTITIES}
    ids |= {
        Organization: house.organization,
        Project: house.project,
        Document: house.document,
        Block: house.block,
        Requirement: house.requirement,
    }
    for person in ("newcomer", "colleague"):
        house.people[person] = uuid7()
        await superuser.execute(
            "INSERT INTO profiles (id, email, is_approved) VALUES ($1, $2, true)",
            house.people[person],
            house.email(person),
        )
        house.members[person] = ids[OrganizationMember] if person == "colleague" else uuid7()
        await superuser.execute(
            "INSERT INTO organization_members (id, organization_id, user_id) VALUES ($1, $2, $3)",
            house.members[person],
            house.organization,
            house.people[person],
        )
    await superuser.execute(
        "INSERT INTO project_members (id, organization_id, project_id, user_id)"
        " VALUES ($1, $2, $3, $4)",
        ids[ProjectMember],
        house.organization,
        house.project,
        house.people["colleague"],
    )
    await superuser.execute(
        "INSERT INTO organization_invitations (id, organization_id, email, token, expires_at)"
        " VALUES ($1, $2, $3, $4, now() + interval '1 day')",
        ids[OrganizationInvitation],
        house.organization,
        "invited@test.example",
        uuid7(),
    )
    await superuser.execute(
        "INSERT INTO organization_clients (id, organization_id, name, redirect_uris, scopes)"
        " VALUES ($1, $2, 'Planner', '{https://planner.example/cb}', '{requirements:read}')",
        ids[OrganizationClient],
        house.organization,
    )
    await superuser.execute(
        "INSERT INTO baselines (id, organization_id, project_id, document_id, name, content_hash)"
        " VALUES ($1, $2, $3, $4, 'Release', sha256(''))",
        ids[Baseline],
        house.organization,
        house.project,
        house.document,
    )
    place = {"organization_id": house.organization, "project_id": house.project}
    place["document_id"] = house.document
    house.rows = {
        model: SimpleNamespace(
            id=id, **{key: place[key] for key in model.scope_keys() if key in place}
        )
        for model, id in ids.items()
    }
    return house
