"""A tenant with a person in every role, and the expected codes by the policy's table."""

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
from db.core.organizations import Organization, OrganizationMember
from db.core.people import Profile
from db.pool import Database
from tests.compliance import samples as compliance
from tests.core import samples as core
from tests.delivery import samples as delivery
from tests.requirements import samples as requirements
from tests.samples import Sample
from tests.world import OTHERS, ROLES, World, found

PEOPLE = (*ROLES, *OTHERS, None)
"""The people who try everything; None is not signed in."""

SAMPLES: dict[type[Entity], Sample] = {
    **core.SAMPLES,
    **requirements.SAMPLES,
    **compliance.SAMPLES,
    **delivery.SAMPLES,
}
ENTITIES = tuple(SAMPLES)
PARENTS = {model: sample.parent for model, sample in SAMPLES.items() if sample.parent}
"""The parent of a new row, by model."""


class House(World):
    """The tenant. `rows` has a row of each entity, by the columns that the policy reads."""

    rows: dict[type[Entity], Any]
    service_account: UUID

    def grants(self, person: str) -> Mapping[UUID, Role]:
        """Return the roles that `tests.world` has granted, from people's names."""
        if person in ROLES:
            return {self.organization: Role[person.upper()]}
        if person == "outsider":
            return {}
        place, _, role = person.partition("_")
        return {self.organization: Role.MEMBER, getattr(self, place): Role[role.upper()]}

    def holds(self, person: str, action: Action, model: type[Entity], row: Any) -> bool:
        """Return whether one of the person's roles suffices for the model's line in the table."""
        rule, grants = RULES[model], self.grants(person)
        if rule.inside and self.organization not in grants:
            return False
        mine = rule.own and getattr(row, rule.own, None) == self.people[person]
        if mine and action in rule.own_actions:
            return True
        least = rule.least(action)
        if least is Role.ANYONE:
            return True
        held = [grants.get(getattr(row, key, None), Role.ANYONE) for key in model.scope_keys()]
        if rule.inside and grants[self.organization] < Role.MEMBER and max(held) < Role.EDITOR:
            return False
        if action == "read" and rule.unplaced and row.project_id is None:
            least = rule.unplaced
        if action == "read" and rule.also_read in held:
            return True
        return any(role >= least for role in held)

    def expected(self, person: str | None, action: str, model: type[Entity]) -> str | None:
        """Return the code of the error, or None, for this person, action and row."""
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
        scopes: dict[str, Any] = {}
        if SAMPLES[model].creator_owns:
            scopes["user_id"] = self.people[person]
        if parent is not None:
            if not self.holds(person, "read", parent, self.rows[parent]):
                return "NOT_FOUND"
            scopes |= scopes_beneath(parent, self.rows[parent])
            scopes |= {"service_of": self.organization}
        beneath = SimpleNamespace(**scopes)
        return None if self.holds(person, "create", model, beneath) else "FORBIDDEN"


async def found_house(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> House:
    """Return the tenant of `tests.world`, with one more person to add and one to remove."""
    world = await found(superuser, database, client)
    house = House(**vars(world))
    ids = {model: getattr(house, model.__name__.lower(), None) or uuid7() for model in SAMPLES}
    house.service_account = ids[Profile]
    await superuser.execute(  # everybody tries everything often: no limit of a plan is reached
        "UPDATE organizations SET billing_plan = 'enterprise' WHERE id = $1", house.organization
    )
    for person in ("newcomer", "colleague"):
        house.people[person] = uuid7()
        await superuser.execute(
            "INSERT INTO profiles (id, email, is_approved) VALUES ($1, $2, true)",
            house.people[person],
            house.email(person),
        )
    house.members["colleague"] = ids[OrganizationMember]
    house.rows = {}
    for model, sample in SAMPLES.items():
        values = sample.row(house) if sample.row else {}
        if values:
            await _insert(superuser, model.__tablename__, {"id": ids[model], **values})
        if model is Profile:  # other rows are of members
            for person in (house.people["newcomer"], house.service_account):
                member = {"organization_id": house.organization, "user_id": person}
                await _insert(superuser, "organization_members", member)
        place = {"organization_id": house.organization, "project_id": house.project}
        place |= {"document_id": house.document} | values
        columns = {*model.scope_keys(), RULES[model].own} & place.keys()
        house.rows[model] = SimpleNamespace(
            **{"id": ids[model]} | {column: place[column] for column in columns}
        )
    return house


async def _insert(superuser: asyncpg.Connection, table: str, values: dict[str, Any]) -> None:
    places = ", ".join(f"${i}" for i, _ in enumerate(values, start=1))
    await superuser.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values()
    )
