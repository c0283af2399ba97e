"""A person's organizations, as pages list, found, leave and close them."""

import re
import secrets
import unicodedata
from typing import Any, NamedTuple
from uuid import UUID

from auth.accounts import founding, memberships
from auth.session import ViewerSession
from auth.session.ancestry import SCOPE_MODELS
from auth.viewer import Role
from db.core.organizations import Organization, OrganizationMember
from db.problem import Problem
from db.text import as_name

MAX_LISTED, MAX_DOCUMENTS = 50, 5
"""The number of organizations that the page lists, and of documents of each, at most."""
MAX_NAME_LENGTH, MAX_SLUG_LENGTH = 500, 40


class Open(NamedTuple):
    """An organization that its viewer may open, their role there, and documents in it."""

    id: UUID
    name: str
    role: Role
    documents: list[tuple[UUID, str]]


async def of(session: ViewerSession) -> list[Open]:
    """Return the viewer's organizations by name, each with the documents changed last."""
    model: Any = SCOPE_MODELS["document_id"]
    rows = await session.rows(
        Organization, order=(Organization.name, Organization.id), limit=MAX_LISTED
    )
    latest = (model.updated_at.desc(), model.id)
    ids = [row.id for row in rows]
    documents = await session.pages(
        model, "organization_id", ids, order=latest, limit=MAX_DOCUMENTS
    )
    grants = session.viewer.grants
    return [
        Open(
            row.id,
            row.name,
            grants.get(row.id, Role.ANYONE),
            [(document.id, document.name) for document in documents.get(row.id, ())],
        )
        for row in rows
    ]


async def found(session: ViewerSession, name: str) -> Organization:
    """Create an organization of this name, with a slug made of it. Raises INVALID."""
    try:
        name = as_name(name)
    except Problem as problem:
        raise Problem("INVALID", problem.message, field=("name",)) from None
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        message = f"A name has 1 to {MAX_NAME_LENGTH} characters."
        raise Problem("INVALID", message, field=("name",))
    async with session.transaction() as transaction:
        return await founding.found(transaction, {"name": name, "slug": slug_of(name)})


def slug_of(name: str) -> str:
    """Return an unused slug for an organization of this name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:MAX_SLUG_LENGTH].strip("-") or "organization"
    return f"{words}-{secrets.token_hex(3)}"


async def mine(session: ViewerSession, id: UUID) -> Open:
    """Return one of the viewer's organizations, without documents. Raises NOT_FOUND."""
    viewer = session.viewer
    rows = await session.rows(Organization, Organization.id == id, limit=1)
    if not rows or id not in viewer.organizations:
        raise Problem("NOT_FOUND", "There is no such organization.")
    return Open(id, rows[0].name, viewer.grants.get(id, Role.ANYONE), [])


async def leave(session: ViewerSession, id: UUID) -> None:
    """End the viewer's membership. Raises NOT_FOUND, and LAST_OWNER for the only owner."""
    async with session.transaction() as transaction:
        where = (
            OrganizationMember.organization_id == id,
            OrganizationMember.user_id == transaction.person,
        )
        found = await transaction.find_all(OrganizationMember, *where, lock=False)
        if not found:
            raise Problem("NOT_FOUND", "There is no such organization.")
        _, member = await memberships.locked(transaction, found[0].id)
        await memberships.end(transaction, member, member.version)


async def close(session: ViewerSession, id: UUID, name: str) -> None:
    """Delete an organization, whose name the viewer has typed. It can be restored.

    Raises NOT_FOUND, FORBIDDEN for all but owners, and INVALID for another name.
    """
    async with session.transaction() as transaction:
        organization = await transaction.find(Organization, id)
        if " ".join(name.split()) != " ".join(organization.name.split()):
            message = "This is not the name of the organization."
            raise Problem("INVALID", message, field=("name",))
        await transaction.edits.delete(organization, organization.version)
