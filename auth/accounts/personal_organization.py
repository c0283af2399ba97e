"""The personal organization of a person, which exists once: made at sign-up, or on request."""

import secrets
from uuid import UUID

from auth.accounts import founding
from auth.origin import Origin
from auth.session import Transaction, ViewerSession
from auth.viewer import Role, Viewer
from db.core.organizations import Organization, OrganizationMember, OrganizationType
from db.core.people import Profile, UserStatus
from db.pool import Database
from db.problem import Problem

NAME = "Personal"
"""Its name, which does not tell whose it is: it is in the audit log for good."""


async def ensure(transaction: Transaction) -> Organization:
    """Return the viewer's personal organization, which is made if there is none or it is deleted.

    Raises FORBIDDEN for a service account and for a token of one organization.
    """
    if transaction.viewer.is_service or transaction.viewer.confined_to is not None:
        raise Problem("FORBIDDEN", "Only a person has a personal organization.")
    person = await transaction.find(Profile, transaction.person)  # locked: two at once make one
    if found := await _existing(transaction, person.personal_organization_id):
        return found
    slug = f"personal-{secrets.token_hex(6)}"
    values = {"name": NAME, "slug": slug, "type": OrganizationType.PERSONAL}
    organization = await founding.found(transaction, values)
    await transaction.flush()
    changed = {"personal_organization_id": organization.id}
    if person.current_organization_id is None:
        changed["current_organization_id"] = organization.id
    transaction.change(person, None, **changed)
    return organization


async def _existing(transaction: Transaction, id: UUID | None) -> Organization | None:
    """Return the organization, unless it is deleted or the person has left it.

    Another request may have made it since the viewer's grants were read, so they act with them.
    """
    if id is None:
        return None
    await transaction.act_as(transaction.viewer.granted(id, Role.OWNER))
    where = (
        OrganizationMember.organization_id == id,
        OrganizationMember.user_id == transaction.person,
        OrganizationMember.status == UserStatus.ACTIVE,
    )
    if not await transaction.find_all(OrganizationMember, *where, lock=False):
        return None
    return (await transaction.find_by_id(Organization, {id}, lock=False)).get(id)


async def make_for(database: Database, person: UUID, email: str, origin: Origin) -> None:
    """Make the personal organization of a person who has just been let in."""
    async with ViewerSession(database, Viewer(person, email), origin).transaction() as transaction:
        await ensure(transaction)
