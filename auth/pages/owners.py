"""Access control of the pages for owners of organizations."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request

from auth.session import Transaction
from auth.viewer import Role, Viewer
from auth.web.site import Site
from db.core.organizations import Organization, UserRoleType
from db.problem import Problem

SERVING = tuple(role for role in UserRoleType if role is not UserRoleType.OWNER)
"""The roles that a service account may have."""


async def owner(site: Site, request: Request, back: str = "") -> Viewer:
    """Return the signed-in owner of an organization, with a fresh proof.

    For everybody else there is no such page: NOT_FOUND.
    """
    viewer = await site.signed_in(request, back)
    if not owned(viewer):
        raise Problem("NOT_FOUND", "You do not have access to this page.")
    return await site.proved(request, back)


def owned(viewer: Viewer) -> frozenset[UUID]:
    """Return the organizations that this person owns."""
    return viewer.organizations & frozenset(viewer.scopes_with(Role.OWNER))


async def organizations_of(transaction: Transaction) -> dict[UUID, Organization]:
    """Return the organizations that the viewer owns, by id."""
    return await transaction.find_by_id(Organization, owned(transaction.viewer), lock=False)


async def organization_of(transaction: Transaction, id: UUID) -> Organization:
    """Return one of those. Raises NOT_FOUND."""
    if id not in owned(transaction.viewer):
        raise Problem("NOT_FOUND", "There is no such organization.")
    return await transaction.find(Organization, id, lock=False)


def id_in(fields: Mapping[str, str], name: str = "id") -> UUID:
    """Return the id in a form or an address. Raises NOT_FOUND when it is no id."""
    try:
        return UUID(fields.get(name, ""))
    except ValueError:
        raise Problem("NOT_FOUND", "There is no such object.") from None
