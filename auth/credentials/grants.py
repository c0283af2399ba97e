"""Read the person behind a session or token with every role they hold, in one round trip."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg

from auth.credentials.grant_statements import (
    OF_ADDRESS,
    OF_CREDENTIAL,
    OF_KEY,
    OF_PEOPLE,
    OF_PERSON,
    OF_SESSION,
    OF_TOKEN,
)
from auth.policy.scope_names import OPENID_SCOPES
from auth.viewer import PROJECT, Place, Role, Viewer
from db.pool import Lent

ROLES = {
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
    "editor": Role.EDITOR,
    "viewer": Role.VIEWER,
    "member": Role.MEMBER,
    "participant": Role.PARTICIPANT,
    "billing": Role.BILLING,
}
"""The role of each label of `user_role_type` and `project_role`, and of the statements."""

NOTES_USE = re.compile(r"UPDATE (\w+) SET last_used_at = now\(\)")
"""Matches the update by which a statement notes that a credential is used."""


async def of_session(connection: Lent, digest: bytes, idle: timedelta) -> Viewer | None:
    """Return the viewer of the session with this digest; None when it has ended or there is none.

    The first use in a minute is recorded. A session has ended, too, when unused for `idle`, and for
    people who are suspended, not approved or deleted.
    """
    return _viewer(await _read(connection, OF_SESSION, digest, idle))


async def of_token(
    connection: Lent, digest: str, audience: str, key: str | None = None
) -> Viewer | None:
    """Return the viewer of the access token with this digest; None when it is not valid.

    The first use in a minute is recorded, if the token is bound to the `key` that was sent with it,
    or to none; the caller must check that it is. The token's person and client must be in good
    standing, and `audience` among the resources it is for, if it is for any in particular.
    """
    return _viewer(await _read(connection, OF_TOKEN, digest, audience, key))


async def of_credential(connection: Lent, id: UUID, idle: timedelta) -> Viewer | None:
    """Return the viewer of the session, token or key with this id; None when it has ended.

    The credential has been verified before. This does not count as a use.
    """
    return _viewer(await _read(connection, OF_CREDENTIAL, id, idle))


async def of_key(connection: Lent, prefix: str, digest: bytes) -> Viewer | None:
    """Return the viewer that the key of this digest acts as; None when it is not valid.

    The first use in a minute is recorded. `prefix` says which kind of key it is.
    """
    return _viewer(await _read(connection, OF_KEY[prefix], digest))


async def of_address(connection: Lent, email: str) -> Viewer | None:
    """Return the viewer for the person with this address, for the operator of the gateway."""
    return _viewer(await _read(connection, OF_ADDRESS, email))


async def of_person(
    connection: Lent,
    id: UUID,
    scopes: Sequence[str] | None,
    organization_id: UUID,
    project_id: UUID | None = None,
) -> Viewer | None:
    """Return the viewer as whom a job of this organization runs; None when they are nobody now.

    They reach this organization alone, or one project of it, and no more than the scopes.
    """
    given = None if scopes is None else list(scopes)
    return _viewer(await _read(connection, OF_PERSON, id, given, organization_id, project_id))


async def of_people(
    connection: Lent, ids: Collection[UUID], organization_id: UUID
) -> dict[UUID, Viewer]:
    """Return the viewers of these people, with all that they may do in this organization.

    Who is nobody now is left out.
    """
    rows = await connection.fetch(OF_PEOPLE, list(ids), organization_id)
    return {row["id"]: viewer for row in rows if (viewer := _viewer(row))}


async def _read(connection: Lent, statement: str, *arguments: object) -> Mapping[str, Any] | None:
    """Return the row of the statement; on a read-only database, do not record the use."""
    try:
        row: Mapping[str, Any] | None = await connection.fetchrow(statement, *arguments)
    except asyncpg.ReadOnlySQLTransactionError:
        if connection.is_in_transaction():  # it is over
            raise
        row = await connection.fetchrow(NOTES_USE.sub(r"SELECT FROM \1", statement), *arguments)
    return row


def _viewer(row: Mapping[str, Any] | None) -> Viewer | None:
    if row is None:
        return None
    scopes = None if row["scope"] is None else frozenset(row["scope"].split())
    if scopes is not None and row["most"]:  # what its application is registered for by now
        scopes &= {*row["most"].split(), *OPENID_SCOPES}
    if row["id"] is None:  # an application that acts for itself: known, but nobody
        return Viewer(
            None,
            scopes=scopes,
            session_id=str(row["credential_id"]),
            client_id=row["client_id"],
            key=row["jkt"],
            expires_at=row["expires_at"],
        )
    return Viewer(
        row["id"],
        row["email"],
        grants=MappingProxyType(_grants(row)),
        organizations=frozenset(row["organizations"]),
        public_projects=frozenset(row["public_projects"]),
        scopes=scopes,
        session_id=str(row["credential_id"]) if row["credential_id"] else None,
        client_id=row["client_id"],
        is_service=row["is_service"],
        confined_to=row["confined_to"],
        confined_project=row["confined_project"],
        actors=tuple(row["actors"] or ()),
        key=row["jkt"],
        expires_at=row["expires_at"],
        until=row["until"],
        places=MappingProxyType(_places(row)),
        public_tenants=frozenset(row["public_tenants"]),
        by_visibility=frozenset((*row["public_projects"], *row["visible_projects"]))
        - frozenset(row["scopes"] or ()),
    )


def _places(row: Mapping[str, Any]) -> dict[UUID, Place]:
    """Return the kind of each scope at which the viewer has a role, and its ancestors."""
    places = dict.fromkeys(row["visible_projects"], PROJECT)
    columns = (row["scopes"] or (), row["in_organizations"] or (), row["in_projects"] or ())
    for scope, organization, project in zip(*columns, strict=True):
        key = "document_id" if project else "project_id" if organization else "organization_id"
        places[scope] = Place(key, organization, project)
    return places


def _grants(row: Mapping[str, Any]) -> dict[UUID, Role]:
    """Return the highest role at each scope; visibility grants VIEWER, the lowest that reads."""
    grants = dict.fromkeys(row["public_projects"], Role.VIEWER)
    grants |= dict.fromkeys(row["visible_projects"], Role.VIEWER)
    for scope, label in zip(row["scopes"] or (), row["roles"] or (), strict=True):
        grants[scope] = max(ROLES[label], grants.get(scope, Role.ANYONE))
    return grants
