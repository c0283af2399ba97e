"""What a session or token stands for: a person and every role they hold, in one round trip.

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

A service account is nobody while its membership is not active, or its organization is deleted.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from auth.tokens import API_KEY, PERSONAL
from auth.viewer import Role, Viewer
from db.pool import Lent

ROLES = {
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
    "editor": Role.EDITOR,
    "viewer": Role.VIEWER,
    "member": Role.MEMBER,
    "billing": Role.BILLING,
}
"""What the labels of user_role_type and project_role mean."""

BY_SESSION = """
used AS (
    UPDATE sessions SET last_used_at = now()
    WHERE token_hash = $1 AND ended_at IS NULL
        AND last_used_at BETWEEN now() - $2::interval AND now() - interval '1 minute'
),
credential AS (
    SELECT id, user_id, NULL AS client_id, NULL AS scope, NULL AS most, NULL AS jkt,
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
BY_ACCESS = f"""
used AS (
    UPDATE oauth_access_tokens SET last_used_at = now()
    WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()
        AND jkt IS NOT DISTINCT FROM $3
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
),
credential AS (
    SELECT t.id, t.user_id, t.client_id, t.scope, c.scope AS most, t.jkt, t.expires_at
    FROM oauth_access_tokens t JOIN oauth_clients c USING (client_id)
    WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > now()
        AND {GOOD_CLIENT}
        AND (t.resource = '{{}}' OR $2 = ANY (t.resource))
)
"""  # noqa: S608 (ours)
SHOWN_BEFORE = f"""
    SELECT id, user_id, NULL AS client_id, NULL AS scope, NULL AS most, NULL AS jkt,
        least(expires_at, last_used_at + $2::interval) AS expires_at
    FROM sessions
    WHERE id = $1 AND ended_at IS NULL AND expires_at > now()
        AND last_used_at > now() - $2::interval
    UNION ALL
    SELECT t.id, t.user_id, t.client_id, t.scope, c.scope, t.jkt, t.expires_at
    FROM oauth_access_tokens t JOIN oauth_clients c USING (client_id)
    WHERE t.id = $1 AND t.revoked_at IS NULL AND t.expires_at > now() AND {GOOD_CLIENT}
"""  # noqa: S608 (ours)
KEY = """
    SELECT id, {person} AS user_id, NULL AS client_id, array_to_string(scopes, ' ') AS scope,
        NULL AS most, NULL AS jkt, expires_at
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
        NULL AS jkt, NULL::timestamptz AS expires_at
    FROM profiles
    WHERE lower(email) = lower($1) AND deleted_at IS NULL AND service_of IS NULL
)
"""
ROLES_OF_PERSON = """
person AS (
    SELECT p.id, p.email, p.service_of IS NOT NULL AS is_service,
        c.id AS credential_id, c.client_id, c.scope, c.most, c.jkt, c.expires_at
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
    SELECT organization_id AS scope, role FROM at_organization
    UNION ALL
    SELECT coalesce(document_id, project_id), role FROM further WHERE project_id IS NOT NULL
    UNION ALL
    SELECT m.project_id, m.role::text
    FROM project_members m
    JOIN membership USING (organization_id)
    WHERE m.user_id = (SELECT id FROM person)
        AND m.deleted_at IS NULL AND m.status = 'active'
),
arrays AS (
    SELECT array_agg(scope) AS scopes, array_agg(role) AS roles FROM granted
)
SELECT id, email, is_service, credential_id, client_id, scope, most, jkt, expires_at, scopes,
    roles, (SELECT min(f.expires_at) FROM further AS f) AS until,
    ARRAY(SELECT organization_id FROM membership) AS organizations,
    ARRAY(SELECT v.id FROM visible v
        WHERE v.organization_id NOT IN (SELECT organization_id FROM membership)
    ) AS public_projects,
    ARRAY(SELECT v.id FROM visible v
        WHERE v.organization_id IN (SELECT organization_id FROM membership)
            AND v.organization_id NOT IN (
                SELECT organization_id FROM at_organization WHERE role NOT IN ('member', 'billing'))
    ) AS visible_projects
FROM person, arrays
"""
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


async def of_session(connection: Lent, digest: bytes, idle: timedelta) -> Viewer | None:
    """Who is signed in with the session of this digest; None when it is over or there is none.

    The first use in a minute is noted. A session is over, too, when unused for `idle`, and for
    people who are suspended, not approved or deleted.
    """
    return _viewer(await connection.fetchrow(OF_SESSION, digest, idle))


async def of_token(
    connection: Lent, digest: str, audience: str, key: str | None = None
) -> Viewer | None:
    """Whose access token has this digest; None when it has expired, is revoked or never was.

    The first use in a minute is noted, if the token is bound to the `key` that was shown with it,
    or to none; that it is, is for the caller to see to. The token's person and client must be in
    good standing, and `audience` among the resources it is for, if it is for any in particular.
    """
    return _viewer(await connection.fetchrow(OF_TOKEN, digest, audience, key))


async def of_credential(connection: Lent, id: UUID, idle: timedelta) -> Viewer | None:
    """Whose session, token or key has this id, which has been shown before; None when it is over.

    It does not count as a use.
    """
    return _viewer(await connection.fetchrow(OF_CREDENTIAL, id, idle))


async def of_key(connection: Lent, prefix: str, digest: bytes) -> Viewer | None:
    """Whom the key of this digest acts as; None when it has expired, is revoked or never was.

    The first use in a minute is noted. `prefix` says which kind of key it is.
    """
    return _viewer(await connection.fetchrow(OF_KEY[prefix], digest))


async def of_address(connection: Lent, email: str) -> Viewer | None:
    """The person with this address, for whoever operates the gateway itself."""
    return _viewer(await connection.fetchrow(OF_ADDRESS, email))


def _viewer(row: Mapping[str, Any] | None) -> Viewer | None:
    if row is None:
        return None
    scopes = None if row["scope"] is None else frozenset(row["scope"].split())
    if scopes is not None and row["most"]:  # what its application is registered for by now
        scopes &= frozenset(row["most"].split())
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
        key=row["jkt"],
        expires_at=row["expires_at"],
        until=row["until"],
    )


def _grants(row: Mapping[str, Any]) -> dict[UUID, Role]:
    """The highest role at each scope; visibility gives the lowest that reads."""
    grants = dict.fromkeys(row["public_projects"], Role.VIEWER)
    grants |= dict.fromkeys(row["visible_projects"], Role.VIEWER)
    for scope, label in zip(row["scopes"] or (), row["roles"] or (), strict=True):
        grants[scope] = max(ROLES[label], grants.get(scope, Role.ANYONE))
    return grants
