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
from auth.oauth.confinement import ORGANIZATION_OF, PLACES, Confinement, Place, lists_of, places
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


def choices(
    session: Session, client: Client, scope: str, viewer: Viewer, only: Confinement | None
) -> list[Place]:
    """Return the organizations of which the person may choose one, with their projects.

    If the application asks for one place, it is the only one.
    """
    connection = session.connection()
    if only is not None:
        rows = connection.exec_driver_sql(PLACES, ([only.organization], [], [only.project]))
        return places(rows.all())
    open_ = Organization.id.in_(_within(client, scope, viewer))
    ids = session.scalars(select(Organization.id).where(open_, _allows(client)))
    _, whole, grants = lists_of(viewer)
    rows = connection.exec_driver_sql(PLACES, (list(ids), whole, grants))
    return places(rows.all())


def choose(session: Session, client: Client, scope: str, viewer: Viewer, id: UUID) -> Confinement:
    """Return the confinement to this organization or project. Raises AccessDeniedError."""
    found = Confinement(id)
    if id not in viewer.organizations:
        connection = session.connection()
        row = connection.exec_driver_sql(ORGANIZATION_OF, (*lists_of(viewer), id)).first()
        found = Confinement(row[0] if row else None, id)
    if found.organization not in _within(client, scope, viewer):
        raise AccessDeniedError("The person does not reach this organization or project.")
    return found


def _within(client: Client, scope: str, viewer: Viewer) -> frozenset[UUID]:
    """Return the viewer's organizations that the application may reach with this scope."""
    if client.row.managed_by is not None and allows_everything(scope):
        return viewer.organizations & {client.row.managed_by}
    return viewer.organizations


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
