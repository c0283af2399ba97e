"""What the pages for owners of organizations share: who may see them, and what is theirs."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request

from auth.pages.site import Site
from auth.session import Transaction
from auth.viewer import Role, Viewer
from db.core.organizations import Organization, UserRoleType
from db.problem import Problem

SERVING = tuple(role for role in UserRoleType if role is not UserRoleType.OWNER)
"""What a service account may be."""


async def owner(site: Site, request: Request, back: str = "") -> Viewer:
    """Who is signed in, owns an organization, and has lately proved that it is them.

    To everybody else there is no such page: NOT_FOUND.
    """
    viewer = await site.signed_in(request, back)
    if not owned(viewer):
        raise Problem("NOT_FOUND", "There is nothing here for you.")
    return await site.proved(request, back)


def owned(viewer: Viewer) -> frozenset[UUID]:
    """The organizations that this person owns."""
    return viewer.organizations & frozenset(viewer.scopes_with(Role.OWNER))


async def organizations_of(transaction: Transaction) -> dict[UUID, Organization]:
    """Those that the viewer owns, by their ids."""
    return await transaction.find_by_id(Organization, owned(transaction.viewer), lock=False)


async def organization_of(transaction: Transaction, id: UUID) -> Organization:
    """One of those. Raises NOT_FOUND."""
    if id not in owned(transaction.viewer):
        raise Problem("NOT_FOUND", "There is no such organization.")
    return await transaction.find(Organization, id, lock=False)


def id_in(fields: Mapping[str, str], name: str = "id") -> UUID:
    """The id in a form or an address. Raises NOT_FOUND for what is none."""
    try:
        return UUID(fields.get(name, ""))
    except ValueError:
        raise Problem("NOT_FOUND", "There is no such thing here.") from None
