"""What can be tried with each entity through the API, and how often that leaves a trace."""

from typing import Any
from uuid import UUID, uuid4

from db.base import Entity
from db.core.clients import OrganizationClient
from db.core.organizations import Organization, OrganizationInvitation, OrganizationMember
from db.core.projects import Project, ProjectMember
from db.requirements.baselines import Baseline
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from tests.policy.house import ENTITIES, House

READ = "query ($id: UUID!) { node(id: $id) { id } }"

NAMES: dict[tuple[type[Entity], str], str] = {
    (OrganizationInvitation, "create"): "organizationInvite",
    (OrganizationInvitation, "update"): "organizationInvitationCancel",
    (OrganizationMember, "delete"): "organizationMemberRemove",
    (ProjectMember, "create"): "projectMemberAdd",
    (ProjectMember, "delete"): "projectMemberRemove",
}
"""Mutations that are called something else than the entity and the action."""

MISSING = {
    (OrganizationMember, "create"),
    (OrganizationInvitation, "delete"),
    (OrganizationInvitation, "restore"),
    (OrganizationClient, "restore"),
    (ProjectMember, "restore"),
    (Baseline, "update"),
}
"""What no mutation does: people join by accepting, and roles in a project are given again.
A baseline never changes."""

ATTEMPTS = [
    (model, action)
    for model in ENTITIES
    for action in ("read", "create", "update", "delete", "restore")
    if (model, action) not in MISSING
]

CHANGES: dict[type[Entity], dict[str, Any]] = {
    OrganizationMember: {"role": "MEMBER"},
    ProjectMember: {"role": "EDITOR"},
}


def type_of(model: type[Entity]) -> str:
    """What the API calls the entity."""
    return "OAuthClient" if model is OrganizationClient else model.__name__


def name_of(model: type[Entity], action: str) -> str:
    """The mutation."""
    name = type_of(model).replace("OAuth", "Oauth")
    return NAMES.get((model, action)) or name[0].lower() + name[1:] + action.title()


def new(house: House, model: type[Entity]) -> dict[str, Any]:
    """The input of a row that is not there yet."""
    named = {"name": "New", "slug": f"new-{uuid4().hex}"}
    return {
        Organization: named,
        OrganizationInvitation: {
            "organizationId": house.organization,
            "email": f"{uuid4().hex}@test.example",
        },
        OrganizationClient: {
            "organizationId": house.organization,
            "name": "New",
            "redirectUris": ["https://planner.example/cb"],
            "scopes": ["requirements:read"],
        },
        Project: {"organizationId": house.organization, **named},
        ProjectMember: {"projectId": house.project, "userId": house.people["newcomer"]},
        Document: {"projectId": house.project, **named},
        Block: {"documentId": house.document, "name": "New"},
        Requirement: {"documentId": house.document, "name": "New"},
        Baseline: {"documentId": house.document, "name": "New"},
    }[model]


async def prepare(house: House, model: type[Entity], action: str) -> int:
    """Put the entity's row into the state in which this can be tried; its version."""
    if (model, action) == (ProjectMember, "create"):
        await house.superuser.execute(
            "DELETE FROM project_members WHERE user_id = $1", house.people["newcomer"]
        )
    status = ", status = 'pending'" if model is OrganizationInvitation else ""
    return await house.superuser.fetchval(
        f"UPDATE {model.__tablename__}"
        f" SET deleted_at = CASE WHEN $2 THEN now() END{status} WHERE id = $1 RETURNING version",
        house.rows[model].id,
        action == "restore",
    )


async def attempt(
    house: House, person: str | None, model: type[Entity], action: str, id: UUID, version: int
) -> Any:
    """The response to somebody who tries this with this row, or with a new one beneath its own."""
    if action == "read":
        return await house.post(person, READ, id=id)
    name = name_of(model, action)
    input = f"{type_of(model)}{action.title()}!"
    if action == "create":
        input = name[0].upper() + name[1:] + "!" if (model, action) in NAMES else input
        query = f"mutation ($input: {input}) {{ {name}(input: $input) {{ __typename }} }}"
        return await house.post(person, query, input=new(house, model))
    changes = {"input": CHANGES.get(model, {"name": f"Changed {uuid4()}"})}
    if action != "update" or (model, action) in NAMES:
        changes = {}
    declared = f", $input: {input}" if changes else ""
    given = ", input: $input" if changes else ""
    query = (
        f"mutation ($id: UUID!, $version: BigInt!{declared}) {{"
        f" {name}(id: $id, expectedVersion: $version{given}) {{ __typename }} }}"
    )
    return await house.post(person, query, id=id, version=version, **changes)


def code_of(response: Any) -> str | None:
    """The code of the first error, or None."""
    errors = response.json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def said(response: Any) -> Any:
    """The whole answer but for the id that each mutation has of its own."""
    content = response.json()
    content.get("extensions", {}).pop("correlationId", None)
    return response.status_code, content


async def traces(house: House, model: type[Entity]) -> Any:
    """Rows of the entity, the last transaction that wrote the tried one, and records of changes."""
    return await house.superuser.fetchrow(
        "SELECT (SELECT count(*) FROM audit_logs),"
        f" (SELECT count(*) FROM {model.__tablename__}),"
        f" (SELECT xmin::text FROM {model.__tablename__} WHERE id = $1)",
        house.rows[model].id,
    )
