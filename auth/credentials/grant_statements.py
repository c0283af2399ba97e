"""The statements that read the person behind a credential, with every role they hold.

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

A token for one project (`confined_project`) holds there what the roles at the organization include,
and at the organization no more than PARTICIPANT.

A service account is nobody while its membership is not active, or its organization is deleted.
"""

from auth.credentials.factors import has_second_factor
from auth.credentials.tokens import API_KEY, PERSONAL

BY_SESSION = """
used AS (
    UPDATE sessions SET last_used_at = now()
    WHERE token_hash = $1 AND ended_at IS NULL
        AND last_used_at BETWEEN now() - $2::interval AND now() - interval '1 minute'
),
credential AS (
    SELECT id, user_id, NULL AS client_id, NULL AS scope, NULL AS most, NULL AS jkt,
        NULL::uuid AS confined_to, NULL::uuid AS confined_project,
        NULL::text[] AS actors,
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
        t.confined_project, t.actors, t.expires_at
    FROM oauth_access_tokens t JOIN oauth_clients c USING (client_id)
    WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > now()
        AND {GOOD_CLIENT} AND {UNBROKEN}
        AND (t.resource = '{{}}' OR $2 = ANY (t.resource))
)
"""  # noqa: S608 (ours)
SHOWN_BEFORE = f"""
    SELECT id, user_id, NULL AS client_id, NULL AS scope, NULL AS most, NULL AS jkt,
        NULL::uuid AS confined_to, NULL::uuid AS confined_project,
        NULL::text[] AS actors,
        least(expires_at, last_used_at + $2::interval) AS expires_at
    FROM sessions
    WHERE id = $1 AND ended_at IS NULL AND expires_at > now()
        AND last_used_at > now() - $2::interval
    UNION ALL
    SELECT t.id, t.user_id, t.client_id, t.scope, c.scope, t.jkt, {CONFINED}, t.confined_project,
        t.actors, t.expires_at
    FROM oauth_access_tokens t JOIN oauth_clients c USING (client_id)
    WHERE t.id = $1 AND t.revoked_at IS NULL AND t.expires_at > now() AND {GOOD_CLIENT}
        AND {UNBROKEN}
"""  # noqa: S608 (ours)
KEY = """
    SELECT id, {person} AS user_id, NULL AS client_id, array_to_string(scopes, ' ') AS scope,
        NULL AS most, NULL AS jkt, NULL::uuid AS confined_to, NULL::uuid AS confined_project,
        NULL::text[] AS actors, expires_at
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
        NULL AS jkt, NULL::uuid AS confined_to, NULL::uuid AS confined_project,
        NULL::text[] AS actors,
        NULL::timestamptz AS expires_at
    FROM profiles
    WHERE lower(email) = lower($1) AND deleted_at IS NULL AND service_of IS NULL
)
"""
BY_PERSON = """
credential AS (
    SELECT NULL::uuid AS id, $1::uuid AS user_id, NULL AS client_id,
        array_to_string($2::text[], ' ') AS scope, NULL AS most, NULL AS jkt,
        $3::uuid AS confined_to, $4::uuid AS confined_project,
        NULL::text[] AS actors, NULL::timestamptz AS expires_at
)
"""
ROLES_OF_PERSON = f"""
person AS (
    SELECT p.id, p.email, p.service_of IS NOT NULL AS is_service,
        c.id AS credential_id, c.client_id, c.scope, c.most, c.jkt, c.confined_to,
        c.confined_project, c.actors, c.expires_at
    FROM credential c LEFT JOIN profiles p ON p.id = c.user_id
    WHERE c.user_id IS NULL
        OR (p.deleted_at IS NULL AND p.status = 'active' AND p.is_approved
            AND ctx.serves(p.id, p.service_of))
),
reach AS (SELECT confined_project AS project FROM person),
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
        AND (r.project_id IS NULL OR (SELECT project FROM reach) IS NULL
            OR r.project_id = (SELECT project FROM reach))
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
        AND ((SELECT project FROM reach) IS NULL OR p.id = (SELECT project FROM reach))
        AND NOT EXISTS (
            SELECT FROM organizations o WHERE o.id = p.organization_id AND o.deleted_at IS NOT NULL)
    UNION ALL
    SELECT p.id, p.organization_id
    FROM projects p
    WHERE p.visibility = 'organization' AND p.deleted_at IS NULL
        AND p.organization_id IN (
            SELECT organization_id FROM at_organization WHERE role <> 'billing')
        AND ((SELECT project FROM reach) IS NULL OR p.id = (SELECT project FROM reach))
),
granted AS (
    SELECT organization_id AS scope, role,
        NULL::uuid AS organization_id, NULL::uuid AS project_id
    FROM at_organization WHERE (SELECT project FROM reach) IS NULL
    UNION ALL
    SELECT organization_id, 'participant', NULL, NULL
    FROM at_organization WHERE (SELECT project FROM reach) IS NOT NULL AND role <> 'billing'
    UNION ALL
    SELECT p.id, a.role, a.organization_id, NULL
    FROM projects p JOIN at_organization a USING (organization_id)
    WHERE p.id = (SELECT project FROM reach) AND a.role NOT IN ('member', 'billing')
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
        AND ((SELECT project FROM reach) IS NULL OR m.project_id = (SELECT project FROM reach))
),
arrays AS (
    SELECT array_agg(scope) AS scopes, array_agg(role) AS roles,
        array_agg(organization_id) AS in_organizations, array_agg(project_id) AS in_projects
    FROM granted
)
SELECT id, email, is_service, credential_id, client_id, scope, most, jkt, confined_to,
    confined_project, actors, expires_at, scopes,
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
            NULL AS most, NULL AS jkt, $2::uuid AS confined_to,
        NULL::uuid AS confined_project, NULL::text[] AS actors,
            NULL::timestamptz AS expires_at
    ), {ROLES_OF_PERSON}
) AS viewer
"""  # noqa: S608 (ours)
