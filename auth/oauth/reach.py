"""The registrant of an application, and the organizations of a person it may reach.

An application of an organization with the scope for everything (`admin`) reaches that organization
alone, for members of it; `auth.credentials.grants` enforces this. One that reaches more is
registered by the operator.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from authlib.oauth2.rfc6749 import AccessDeniedError
from sqlalchemy import ColumnElement, func, not_, or_, select
from sqlalchemy.orm import Session

from auth.oauth.client_documents import is_document_id
from auth.oauth.clients import Client
from auth.policy.scope_names import allows_everything
from auth.viewer import Viewer
from db.core.organizations import Organization
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

KNOWN = "SELECT client_id FROM oauth_clients WHERE client_id = ANY ($1) AND disabled_at IS NULL"
CLOSED = """
SELECT id, name FROM organizations
WHERE id = ANY ($2) AND allowed_clients IS NOT NULL
    AND NOT ctx.allows_client($1, id, allowed_clients)
ORDER BY name
"""
NOT_A_MEMBER = "Only members of the organization that it belongs to may let it do everything."


class Registrant(NamedTuple):
    """The registrant of an application: itself, an organization, or else the operator."""

    is_unknown: bool
    organization: str | None
    is_mine: bool
    """True when the viewer is a member of that organization."""
    document: str | None
    """The host of the address that names it, if one does."""
    closed: Mapping[UUID, str] = MappingProxyType({})
    """The viewer's organizations whose owners do not allow it, by id, with their names."""


def registrant(session: Session, client: Client, viewer: Viewer) -> Registrant:
    """Return the registrant of the application, for the page that asks this viewer."""
    row = client.row
    name = None
    if row.managed_by is not None:
        name = session.scalar(select(Organization.name).where(Organization.id == row.managed_by))
    closed = session.execute(
        select(Organization.id, Organization.name)
        .where(Organization.id.in_(viewer.organizations), not_(_allows(client)))
        .order_by(Organization.name)
    )
    is_mine = row.managed_by in viewer.organizations
    return Registrant(
        row.is_self_registered,
        name,
        is_mine,
        document_host(row.client_id),
        {row.id: row.name for row in closed},
    )


def document_host(client_id: str) -> str | None:
    """Return the host of a client ID that is an address; None for others."""
    return urlsplit(client_id).netloc if is_document_id(client_id) else None


async def closed_to(connection: Lent, client_id: str, viewer: Viewer) -> dict[UUID, str]:
    """Return the viewer's organizations whose owners do not allow this application."""
    rows = await connection.fetch(CLOSED, client_id, list(viewer.organizations))
    return {row["id"]: row["name"] for row in rows}


def require_within(client: Client, scope: str, viewer: Viewer) -> None:
    """Raise AccessDeniedError when an application of another organization requests everything."""
    owner = client.row.managed_by
    if owner is not None and owner not in viewer.organizations and allows_everything(scope):
        raise AccessDeniedError(NOT_A_MEMBER)


def choices(session: Session, client: Client, scope: str, viewer: Viewer) -> list[Organization]:
    """Return the organizations of which the person may choose one; empty without a choice."""
    ids = viewer.organizations
    if client.row.managed_by is not None and allows_everything(scope):
        ids &= {client.row.managed_by}
    statement = select(Organization).where(
        Organization.id.in_(ids), Organization.deleted_at.is_(None), _allows(client)
    )
    return list(session.scalars(statement.order_by(Organization.name, Organization.id)))


def _allows(client: Client) -> ColumnElement[bool]:
    """Return the criterion that an organization allows the application."""
    listed = Organization.allowed_clients
    return or_(
        listed.is_(None), func.ctx.allows_client(client.row.client_id, Organization.id, listed)
    )


async def require_known(database: Database, client_ids: Sequence[str], field: str) -> None:
    """Raise INVALID with the place of the first client id that no application has."""
    async with database.auth.lend(NOBODY) as lent:
        known = {row["client_id"] for row in await lent.fetch(KNOWN, list(client_ids))}
    for at, client_id in enumerate(client_ids):
        if client_id not in known:
            raise Problem("INVALID", "No application has this client id.", field=[field, at])


def chosen(viewer: Viewer, text: str) -> UUID | None:
    """Return the organization that a form names; None for all of them. Raises AccessDeniedError."""
    if not text:
        return None
    found = next((id for id in viewer.organizations if str(id) == text), None)
    if found is None:
        raise AccessDeniedError("The person does not belong to this organization.")
    return found
