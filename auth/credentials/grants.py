"""Read the person behind a session or token with every role they hold, in one round trip.

| Source | Scope | Role |
|---|---|---|
| `organization_members.role` | the organization | the same |
| `user_roles.admin_role` | the organization | the same |
| `project_members.role`, `user_roles.project_role` | the project | the same |
| `user_roles.document_role` | the document | the same |
| visibility `organization` | the project, for members other than BILLING | VIEWER |
| visibility `public` | the project, for everybody | VIEWER |

All but the last ask for an active membership of the organization, and no role outlives its row or
its `expires_at`. A deleted project keeps its roles, and a deleted organization its owners', so that
they can be restored: every read hides them and what is beneath. Roles that visibility gives are
left out where a role at the organization includes them: it holds for everything beneath.

An application holds no role at an organization that does not allow it (`allowed_clients`), and a
person without a second factor none at one that demands it (`second_factor_required`).

A service account is nobody while its membership is not active, or its organization is deleted.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg

from auth.credentials.factors import has_second_factor
from auth.credentials.tokens import API_KEY, PERSONAL
from auth.policy.scope_names import OPENID_SCOPES
from auth.viewer import PROJECT, Place, Role, Viewer
from db.pool import Lent

ROLES = {
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
    "editor": Role.EDITOR,
    "viewer": Role.VIEWER,
    "member": Role.MEMBER,
    "billing": Role.BILLING,
}
"""The role of each label of `user_role_type` and `project_role`."""

BY_SESSION = """
used AS (
    UPDATE sessions SET last_used_at = now()
    WHERE token_hash = $1 AND ended_at IS NULL
        AND last_used_at BETWEEN now() - $2::interval AND now() - interval '1 minute'
),
credential AS (
    SELECT id, user_id, NULL AS client_id, NULL AS scope, NULL AS most, NULL AS jkt,
        NULL::uuid AS confined_to, NULL::text[] AS actors,
        least(expires_at, last_used_at + $2) AS expires_at
    FROM sessions
    WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > now()
        AND last_used_at > now() - $2::interval
)
"""
GOOD_CLIENT = """
    c.disabled_at IS NULL AND NOT EXISTS (
        SELECT FROM organizations o WHERE o.id = c.managed_by AND o.deleted_at IS NOT NULL)
"""
UNBROKEN = """
    (t.ancestors = '{}' OR ctx.delegation_holds(t.ancestors, t.actors))
    AND (t.session_id IS NULL OR EXISTS (SELECT FROM sessions s
        WHERE s.id = t.session_id AND s.ended_at IS NULL AND s.expires_at > now()))
"""
"""Condition: what a token depends on still holds.

That is the session in which a first-party application was given it, and the tokens and applications
through which an agent has it.
"""
CONFINED = """
    coalesce(t.confined_to, CASE WHEN t.user_id IS NOT NULL
        AND 'admin' = ANY (string_to_array(t.scope, ' ')) THEN c.managed_by END)
"""
"""The only organization that a token reaches, if its person has chosen one.

What the application of an organization may do with everything (`admin`), it may do there alone.
"""
BY_ACCESS = f"""
used AS (
    UPDATE oauth_access_tokens SET last_used_at = now()
    WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()
        AND jkt IS NOT DISTINCT FROM $3
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
),
credential AS (
    SELECT t.id, t.user_id, t.client_id, t.scope, c.scope AS most, t.jkt, {CONFINED} AS confined_to,
        t.actors, t.expires_at
    FROM oauth_access_tokens t JOIN oauth_clients c USING (client_id)
    WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > now()
        AND {GOOD_CLIENT} AND {UNBROKEN}
        AND (t.resource = '{{}}' OR $2 = ANY (t.resource))
)
"""  # noqa: S608 (ours)
SHOWN_BEFORE = f"""
    SELECT id, user_id, NULL AS client_id, NULL AS scope, NULL AS most, NULL AS jkt,
        NULL::uuid AS confined_to, NULL::text[] AS actors,
        least(expires_at, last_used_at + $2::interval) AS expires_at
    FROM sessions
    WHERE id = $1 AND ended_at IS NULL AND expires_at > now()
        AND last_used_at > now() - $2::interval
    UNION ALL
    SELECT t.id, t.user_id, t.client_id, t.scope, c.scope, t.jkt, {CONFINED}, t.actors, t.expires_at
    FROM oauth_access_tokens t JOIN oauth_clients c USING (client_id)
    WHERE t.id = $1 AND t.revoked_at IS NULL AND t.expires_at > now() AND {GOOD_CLIENT}
        AND {UNBROKEN}
"""  # noqa: S608 (ours)
KEY = """
    SELECT id, {person} AS user_id, NULL AS client_id, array_to_string(scopes, ' ') AS scope,
        NULL AS most, NULL AS jkt, NULL::uuid AS confined_to, NULL::text[] AS actors, expires_at
    FROM {table}
    WHERE {by} = $1 AND revoked_at IS NULL AND deleted_at IS NULL AND expires_at > now()
"""
KEY_USED = """
    UPDATE {table} SET last_used_at = now()
    WHERE key_hash = $1 AND revoked_at IS NULL AND deleted_at IS NULL AND expires_at > now()
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
KEYS = {
    API_KEY: {"table": "api_keys", "person": "service_account_id"},
    PERSONAL: {"table": "personal_tokens", "person": "user_id"},
}
BY_ADDRESS = """
credential AS (
    SELECT NULL::uuid AS id, id AS user_id, NULL AS client_id, NULL AS scope, NULL AS most,
        NULL AS jkt, NULL::uuid AS confined_to, NULL::text[] AS actors,
        NULL::timestamptz AS expires_at
    FROM profiles
    WHERE lower(email) = lower($1) AND deleted_at IS NULL AND service_of IS NULL
)
"""
BY_PERSON = """
credential AS (
    SELECT NULL::uuid AS id, $1::uuid AS user_id, NULL AS client_id,
        array_to_string($2::text[], ' ') AS scope, NULL AS most, NULL AS jkt,
        $3::uuid AS confined_to, NULL::text[] AS actors, NULL::timestamptz AS expires_at
)
"""
ROLES_OF_PERSON = f"""
person AS (
    SELECT p.id, p.email, p.service_of IS NOT NULL AS is_service,
        c.id AS credential_id, c.client_id, c.scope, c.most, c.jkt, c.confined_to, c.actors,
        c.expires_at
    FROM credential c LEFT JOIN profiles p ON p.id = c.user_id
    WHERE c.user_id IS NULL
        OR (p.deleted_at IS NULL AND p.status = 'active' AND p.is_approved
            AND ctx.serves(p.id, p.service_of))
),
membership AS (
    SELECT m.organization_id, m.role::text AS role
    FROM organization_members m JOIN organizations o ON o.id = m.organization_id
    WHERE m.user_id = (SELECT id FROM person)
        AND m.deleted_at IS NULL AND m.status = 'active'
        AND (o.deleted_at IS NULL OR m.role = 'owner')
        AND m.organization_id = coalesce(
            (SELECT confined_to FROM person), m.organization_id)
        AND (NOT o.second_factor_required OR (SELECT is_service FROM person)
            OR {has_second_factor("m.user_id")})
        AND (o.allowed_clients IS NULL
            OR (ctx.allows_client((SELECT client_id FROM person), o.id, o.allowed_clients)
                AND ctx.allows_origin(
                    (SELECT credential_id FROM person), o.id, o.allowed_clients)))
),
further AS (
    SELECT r.organization_id, r.project_id, r.document_id, r.expires_at,
        coalesce(r.admin_role::text, r.project_role::text, r.document_role::text) AS role
    FROM user_roles r
    JOIN membership m USING (organization_id)
    WHERE r.user_id = (SELECT id FROM person)
        AND r.deleted_at IS NULL AND (r.expires_at IS NULL OR r.expires_at > now())
),
at_organization AS (
    SELECT organization_id, role FROM membership
    UNION ALL
    SELECT organization_id, role FROM further WHERE project_id IS NULL
),
visible AS (
    SELECT p.id, p.organization_id
    FROM projects p
    WHERE p.visibility = 'public' AND p.deleted_at IS NULL
        AND EXISTS (SELECT FROM person)
        AND NOT EXISTS (
            SELECT FROM organizations o WHERE o.id = p.organization_id AND o.deleted_at IS NOT NULL)
    UNION ALL
    SELECT p.id, p.organization_id
    FROM projects p
    WHERE p.visibility = 'organization' AND p.deleted_at IS NULL
        AND p.organization_id IN (
            SELECT organization_id FROM at_organization WHERE role <> 'billing')
),
granted AS (
    SELECT organization_id AS scope, role,
        NULL::uuid AS organization_id, NULL::uuid AS project_id
    FROM at_organization
    UNION ALL
    SELECT coalesce(document_id, project_id), role,
        organization_id, CASE WHEN document_id IS NOT NULL THEN project_id END
    FROM further WHERE project_id IS NOT NULL
    UNION ALL
    SELECT m.project_id, m.role::text, m.organization_id, NULL
    FROM project_members m
    JOIN membership USING (organization_id)
    WHERE m.user_id = (SELECT id FROM person)
        AND m.deleted_at IS NULL AND m.status = 'active'
),
arrays AS (
    SELECT array_agg(scope) AS scopes, array_agg(role) AS roles,
        array_agg(organization_id) AS in_organizations, array_agg(project_id) AS in_projects
    FROM granted
)
SELECT id, email, is_service, credential_id, client_id, scope, most, jkt, confined_to,
    actors, expires_at, scopes,
    roles, in_organizations, in_projects,
    (SELECT min(f.expires_at) FROM further AS f) AS until,
    ARRAY(SELECT organization_id FROM membership) AS organizations,
    ARRAY(SELECT v.id FROM visible v
        WHERE v.organization_id NOT IN (SELECT organization_id FROM membership)
    ) AS public_projects,
    ARRAY(SELECT DISTINCT v.organization_id FROM visible v
        WHERE v.organization_id NOT IN (SELECT organization_id FROM membership)
    ) AS public_tenants,
    ARRAY(SELECT v.id FROM visible v
        WHERE v.organization_id IN (SELECT organization_id FROM membership)
            AND v.organization_id NOT IN (
                SELECT organization_id FROM at_organization WHERE role NOT IN ('member', 'billing'))
    ) AS visible_projects
FROM person, arrays
"""  # noqa: S608 (ours)
OF_SESSION = f"WITH {BY_SESSION}, {ROLES_OF_PERSON}"
OF_TOKEN = f"WITH {BY_ACCESS}, {ROLES_OF_PERSON}"
OF_KEY = {
    prefix: f"WITH used AS ({KEY_USED.format(**key)}),"
    f" credential AS ({KEY.format(by='key_hash', **key)}), {ROLES_OF_PERSON}"
    for prefix, key in KEYS.items()
}
BY_ID = " UNION ALL ".join((SHOWN_BEFORE, *(KEY.format(by="id", **key) for key in KEYS.values())))
OF_CREDENTIAL = f"WITH credential AS ({BY_ID}), {ROLES_OF_PERSON}"
OF_ADDRESS = f"WITH {BY_ADDRESS}, {ROLES_OF_PERSON}"
OF_PERSON = f"WITH {BY_PERSON}, {ROLES_OF_PERSON}"
OF_PEOPLE = f"""
SELECT viewer.* FROM unnest($1::uuid[]) AS asked (id)
CROSS JOIN LATERAL (
    WITH credential AS (
        SELECT NULL::uuid AS id, asked.id AS user_id, NULL AS client_id, NULL AS scope,
            NULL AS most, NULL AS jkt, $2::uuid AS confined_to, NULL::text[] AS actors,
            NULL::timestamptz AS expires_at
    ), {ROLES_OF_PERSON}
) AS viewer
"""  # noqa: S608 (ours)


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
    connection: Lent, id: UUID, scopes: Sequence[str] | None, organization_id: UUID
) -> Viewer | None:
    """Return the viewer as whom a job of this organization runs; None when they are nobody now.

    They reach this organization alone, and no more than the scopes.
    """
    given = None if scopes is None else list(scopes)
    return _viewer(await _read(connection, OF_PERSON, id, given, organization_id))


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
