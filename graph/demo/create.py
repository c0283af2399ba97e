"""Create the demonstration through the same sessions as every write, so that it is audited."""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import UUID

from auth.credentials.identify import act_for
from auth.credentials.people import create_person, set_password
from auth.credentials.shares import PREFIX
from auth.credentials.tokens import new_token
from auth.policy.scopes import scopes_beneath
from auth.secret import digest
from auth.session import Origin, Transaction, ViewerSession
from auth.settings import AuthSettings
from auth.viewer import Role
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.core.projects import Project, ProjectRole, UserRole, Visibility
from db.core.shares import Share
from db.pool import Database
from db.problem import Problem
from db.requirements.collaboration import (
    Assignment,
    AssignmentRole,
    EntityType,
    TraceLink,
    TraceLinkType,
)
from db.requirements.documents import Block, Document
from db.requirements.numbering import NumberingRule
from db.requirements.properties import Column, Property, PropertyType
from db.requirements.requirements import (
    Requirement,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.demo.access import add_access
from graph.demo.billing import add_usage
from graph.demo.change_sets import add_change_set
from graph.demo.comments import add_comments
from graph.demo.compliance import add_compliance
from graph.demo.drawings import add_drawings
from graph.demo.files import add_files
from graph.demo.reviews import add_review
from graph.demo.stars import add_stars
from graph.demo.tests import add_tests
from graph.demo.webhooks import add_webhook
from graph.kit.storage import Storage
from graph.platform.shares.creating import DEFAULT_LIFETIME, HINT_LENGTH
from graph.requirements.quality.job import analyze_document
from graph.requirements.reminders import REMINDERS

SET = Path(__file__).with_name("harbour.json")
ORIGIN = Origin(source="demo")
SHARED = "system"
"""The slug of the document that is shared."""

MEMBERS = {
    "owner": UserRoleType.OWNER,
    "admin": UserRoleType.ADMIN,
    "editor": UserRoleType.EDITOR,
    "member": UserRoleType.MEMBER,
    "viewer": UserRoleType.VIEWER,
}
"""The roles in the demonstration's organization; `outsider` is the owner of another one."""


REVIEWERS = ("owner", "editor", "viewer")
"""The people whose verdicts a review waits for."""


class Account(NamedTuple):
    """A person to sign in as."""

    email: str
    password: str
    role: str


async def create_demo(
    database: Database, storage: Storage, settings: AuthSettings
) -> list[Account]:
    """Create the parts of the demonstration that are missing, and set fresh passwords."""
    accounts = [await _account(database, name, role.value) for name, role in MEMBERS.items()]
    accounts.append(await _account(database, "outsider", "owner of another organization"))
    await _found(database, "outsider", "Other Works", "other-works")
    if await _found(database, "owner", "Harbour Works", "harbour-works"):
        await _fill(database)
        await REMINDERS.enqueue(database)
        asks, answers = [
            ViewerSession(database, await act_for(f"{name}@demo.example", database), ORIGIN)
            for name in ("viewer", "editor")
        ]
        await add_comments(asks, answers)
        await add_stars(asks, answers)
        owner = await act_for("owner@demo.example", database)
        session = ViewerSession(database, owner, ORIGIN)
        await add_files(session, storage)
        (organization,) = await session.rows(Organization, Organization.slug == "harbour-works")
        await add_webhook(session, settings, organization.id)
        assert asks.viewer.id is not None  # noqa: S101 (a person has one)
        await add_access(session, organization.id, asks.viewer.id)
        assert owner.id is not None  # noqa: S101 (a person has one)
        await add_usage(database, organization.id, owner.id)
        assert answers.viewer.id is not None  # noqa: S101 (a person has one)
        await add_compliance(session, storage, organization.id, answers.viewer.id)
        for document in await session.rows(Document):
            await analyze_document(database, document.id)
    return accounts


async def _account(database: Database, name: str, role: str) -> Account:
    account = Account(f"{name}@demo.example", _password(), role)
    try:
        await create_person(database, account.email, name.capitalize(), account.password)
    except Problem as problem:
        if problem.code != "ALREADY_EXISTS":
            raise
        await set_password(database, account.email, account.password)
    return account


def _password() -> str:
    """Return a fresh password. Words on both sides keep it apart from the commonest ones."""
    return f"demo-{secrets.token_hex(6)}-works"


async def _found(database: Database, founder: str, name: str, slug: str) -> bool:
    """Create the organization unless it exists; return whether it was created."""
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
        described = json.loads(SET.read_text())
        place: dict[str, Any] = {"organization_id": organization.id}
        defined = _define(transaction, described["properties"], place)
        for project in described["projects"]:
            await _project(transaction, organization.id, member_id, project, defined)
        await _assign(transaction, organization.id, people["editor"].id)
        await _share(transaction, organization.id, people["editor"].id)
        await _review(transaction, organization.id, [people[name].id for name in REVIEWERS])
        await add_change_set(transaction, organization.id)


async def _assign(transaction: Transaction, organization_id: UUID, person: UUID | None) -> None:
    """Ask a person to review a requirement until tomorrow, of which they are reminded."""
    assert person is not None  # noqa: S101 (they have just been created)
    await transaction.flush()
    (requirement,) = await transaction.find_all(
        Requirement, Requirement.organization_id == organization_id, limit=1, lock=False
    )
    transaction.add(
        Assignment(
            organization_id=organization_id,
            project_id=requirement.project_id,
            entity_id=requirement.id,
            entity_type=EntityType.REQUIREMENT,
            assignee_id=person,
            role=AssignmentRole.REVIEWER,
            comment="Is it complete?",
            due_date=transaction.now + timedelta(hours=20),
        )
    )


async def _review(
    transaction: Transaction, organization_id: UUID, people: list[UUID | None]
) -> None:
    """Have people review requirements of the first project, which has a workflow."""
    (project,) = await transaction.find_all(
        Project, Project.organization_id == organization_id, limit=1, lock=False
    )
    reviewers = [person for person in people if person is not None]
    await add_review(transaction, organization_id, project.id, reviewers)


async def _share(transaction: Transaction, organization_id: UUID, person: UUID | None) -> None:
    """Share a document, by an address that nobody has, and let a person administer its shares."""
    assert person is not None  # noqa: S101 (they have just been created)
    (document,) = await transaction.find_all(
        Document, Document.organization_id == organization_id, Document.slug == SHARED, lock=False
    )
    key, place = new_token(PREFIX), cast("Any", scopes_beneath(Document, document))
    transaction.add(
        Share(
            **place,
            name="Harbour authority",
            key_hash=digest(key),
            hint=key[-HINT_LENGTH:],
            expires_at=transaction.now + DEFAULT_LIFETIME,
        )
    )
    transaction.add(UserRole(**place, user_id=person, document_role=ProjectRole.ADMIN))


async def _project(
    transaction: Transaction,
    organization_id: UUID,
    member_id: UUID,
    described: dict[str, Any],
    defined: dict[str, UUID],
) -> None:
    project = Project(
        organization_id=organization_id,
        visibility=Visibility(described["visibility"]),
        **{key: described[key] for key in ("name", "slug", "description", "tags")},
    )
    transaction.add(project)
    # Rows are sent parents first: the models have foreign keys, but no relationships to sort by.
    await transaction.flush()
    requirements: dict[str, Requirement] = {}
    here: dict[str, Any] = {"organization_id": organization_id, "project_id": project.id}
    defined = defined | _define(transaction, described.get("properties", ()), here)
    for number, part in enumerate(described["documents"], start=1):
        document = Document(
            organization_id=organization_id,
            project_id=project.id,
            position=float(number),
            **{key: part[key] for key in ("name", "slug", "description", "tags")},
        )
        transaction.add(document)
        await transaction.flush()
        place: dict[str, Any] = scopes_beneath(Document, document)
        transaction.add(NumberingRule(**place, prefix=part["prefix"]))
        requirements |= await _content(transaction, document, part["blocks"], defined)
        if part["slug"] == "energy":  # so that one document shows what a document role is
            transaction.add(
                UserRole(
                    organization_id=organization_id,
                    project_id=project.id,
                    document_id=document.id,
                    user_id=member_id,
                    document_role=ProjectRole.EDITOR,
                    reason="Writes the specification of the energy supply.",
                )
            )
    await transaction.flush()
    await add_tests(transaction, project)

    await transaction.flush()
    await add_drawings(transaction, project, requirements)
    await _links(transaction, project, requirements, described)


async def _links(
    transaction: Transaction,
    project: Project,
    requirements: Mapping[str, Requirement],
    described: dict[str, Any],
) -> None:
    """Link requirements, then revise some, so that their links are suspect."""
    for link in described.get("links", ()):
        source, target = (requirements[link[end]] for end in ("source", "target"))
        transaction.add(
            TraceLink(
                organization_id=project.organization_id,
                project_id=project.id,
                source_id=source.id,
                source_type=EntityType.REQUIREMENT,
                source_version=source.version,
                target_id=target.id,
                target_type=EntityType.REQUIREMENT,
                target_version=target.version,
                link_type=TraceLinkType(link["type"]),
            )
        )
    await transaction.flush()
    for external_id, description in described.get("revised", {}).items():
        transaction.change(requirements[external_id], None, description=description)


def _define(
    transaction: Transaction, described: Iterable[dict[str, Any]], place: dict[str, Any]
) -> dict[str, UUID]:
    """Create properties at this place; return their IDs by key."""
    found = {}
    for one in described:
        type_ = PropertyType(one["property_type"])
        property = Property(**place, **one | {"property_type": type_})
        transaction.add(property)
        found[property.key] = property.id
    return found


async def _content(
    transaction: Transaction,
    document: Document,
    blocks: list[dict[str, Any]],
    defined: dict[str, UUID],
) -> dict[str, Requirement]:
    """Add these blocks with their requirements; return the requirements by external ID."""
    added: dict[str, Requirement] = {}
    scopes: dict[str, Any] = scopes_beneath(Document, document)
    position = 0.0
    for number, part in enumerate(blocks, start=1):
        block = Block(**scopes, type="table", name=part["name"], position=float(number))
        transaction.add(block)
        await transaction.flush()
        for place, key in enumerate(part.get("columns", ()), start=1):
            transaction.add(
                Column(**scopes, block_id=block.id, property_id=defined[key], position=float(place))
            )
        for stated in part["requirements"]:
            position += 1
            requirement = added[stated["externalId"]] = Requirement(
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
            transaction.add(requirement)
    return added
