"""Creates the demonstration through the doors that everybody uses, so that it is recorded too."""

import json
import secrets
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from auth.identify import act_for
from auth.people import create_person, set_password
from auth.policy.scopes import scopes_beneath
from auth.session import Origin, Transaction, ViewerSession
from auth.viewer import Role
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.core.projects import Project, ProjectRole, UserRole, Visibility
from db.pool import Database
from db.problem import Problem
from db.requirements.documents import Block, Document
from db.requirements.requirements import (
    Requirement,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)

SET = Path(__file__).with_name("harbour.json")
ORIGIN = Origin(source="demo")

MEMBERS = {
    "owner": UserRoleType.OWNER,
    "admin": UserRoleType.ADMIN,
    "editor": UserRoleType.EDITOR,
    "member": UserRoleType.MEMBER,
    "viewer": UserRoleType.VIEWER,
}
"""Who is what in the demonstration's organization; `outsider` is the owner of another one."""


class Account(NamedTuple):
    """Somebody to sign in as."""

    email: str
    password: str
    role: str


async def create_demo(database: Database) -> list[Account]:
    """Create what is missing of the demonstration, and give its people fresh passwords."""
    accounts = [await _account(database, name, role.value) for name, role in MEMBERS.items()]
    accounts.append(await _account(database, "outsider", "owner of another organization"))
    await _found(database, "outsider", "Other Works", "other-works")
    if await _found(database, "owner", "Harbour Works", "harbour-works"):
        await _fill(database)
    return accounts


async def _account(database: Database, name: str, role: str) -> Account:
    account = Account(f"{name}@demo.example", f"demo-{secrets.token_hex(6)}", role)
    try:
        await create_person(database, account.email, name.capitalize(), account.password)
    except Problem as problem:
        if problem.code != "ALREADY_EXISTS":
            raise
        await set_password(database, account.email, account.password)
    return account


async def _found(database: Database, founder: str, name: str, slug: str) -> bool:
    """Found the organization unless it is there; whether it was founded."""
    viewer = await act_for(f"{founder}@demo.example", database)
    session = ViewerSession(database, viewer, ORIGIN)
    if await session.rows(Organization, Organization.slug == slug):
        return False
    async with session.transaction() as transaction:
        organization = Organization(name=name, slug=slug, owner_id=viewer.id)
        await transaction.act_as(viewer.granted(organization.id, Role.OWNER))
        transaction.add(organization)
        await transaction.flush()
        transaction.add(
            OrganizationMember(
                organization_id=organization.id,
                user_id=transaction.person,
                role=UserRoleType.OWNER,
            )
        )
    return True


async def _fill(database: Database) -> None:
    people = {name: await act_for(f"{name}@demo.example", database) for name in MEMBERS}
    session = ViewerSession(database, people["owner"], ORIGIN)
    (organization,) = await session.rows(Organization, Organization.slug == "harbour-works")
    async with session.transaction() as transaction:
        for name, role in MEMBERS.items():
            if name != "owner":
                user_id = people[name].id
                assert user_id is not None  # noqa: S101 (they have just been created)
                transaction.add(
                    OrganizationMember(organization_id=organization.id, user_id=user_id, role=role)
                )
        await transaction.flush()
        member_id = people["member"].id
        assert member_id is not None  # noqa: S101 (they have just been created)
        for project in json.loads(SET.read_text())["projects"]:
            await _project(transaction, organization.id, member_id, project)


async def _project(
    transaction: Transaction, organization_id: UUID, member_id: UUID, described: dict[str, Any]
) -> None:
    project = Project(
        organization_id=organization_id,
        visibility=Visibility(described["visibility"]),
        **{key: described[key] for key in ("name", "slug", "description", "tags")},
    )
    transaction.add(project)
    # Rows are sent parents first: the models have foreign keys, but no relationships to sort by.
    await transaction.flush()
    for number, part in enumerate(described["documents"], start=1):
        document = Document(
            organization_id=organization_id,
            project_id=project.id,
            position=float(number),
            **{key: part[key] for key in ("name", "slug", "description", "tags")},
        )
        transaction.add(document)
        await transaction.flush()
        await _content(transaction, document, part["blocks"])
        if part["slug"] == "energy":  # so that one document shows what a document role is
            transaction.add(
                UserRole(
                    organization_id=organization_id,
                    project_id=project.id,
                    document_id=document.id,
                    user_id=member_id,
                    document_role=ProjectRole.EDITOR,
                )
            )


async def _content(
    transaction: Transaction, document: Document, blocks: list[dict[str, Any]]
) -> None:
    scopes: dict[str, Any] = scopes_beneath(Document, document)
    position = 0.0
    for number, part in enumerate(blocks, start=1):
        block = Block(**scopes, type="table", name=part["name"], position=float(number))
        transaction.add(block)
        await transaction.flush()
        for stated in part["requirements"]:
            position += 1
            transaction.add(
                Requirement(
                    **scopes,
                    block_id=block.id,
                    position=position,
                    external_id=stated["externalId"],
                    name=stated["name"],
                    description=stated["description"],
                    status=RequirementStatus(stated["status"]),
                    priority=RequirementPriority(stated["priority"]),
                    level=RequirementLevel(stated["level"]),
                    tags=stated["tags"],
                    properties=stated["properties"],
                )
            )
