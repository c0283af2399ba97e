"""Lint the catalog for gaps in row level security: in tests, in `doctor`, at start-up.

Row level security is the wall behind the policy. A table, view or function that a later migration
adds without thinking of it would be a hole that no test of the policy sees; this finds it.
"""

import asyncpg

from db.supported import OLDEST_SERVER

NO_TENANT = "the table has no tenant: organization_id NOT NULL"
UNIQUE_ACROSS = "the unique key tells of other tenants, for it lacks organization_id"
FOREIGN_ACROSS = "the foreign key may leave the tenant, for it lacks organization_id"
OWNER_S_ROWS = "the view shows its owner's rows instead of the caller's"

ALLOWED = {
    NO_TENANT: {
        "organizations": "it is the tenant",
        "profiles": "a person works in many tenants; shown to those who share one",
        "audit_logs": "events before anybody's tenant is known have none",
        "audit_personal_data": "that of an event, for whoever sees the event",
        "idempotency_keys": "a person's own requests, seen by nobody else",
        "personal_tokens": "a person's own, seen by nobody else",
        "webhook_events": "those of no organization yet are shown to nobody",
        "frameworks": "kept by the operator, for everybody who is signed in",
        "framework_revisions": "kept by the operator, for everybody who is signed in",
        "jobs": "those of the gateway itself have none, and are shown to nobody",
    },
    UNIQUE_ACROSS: {  # who tries a value learns whether it is taken
        "uq_profiles_email": "gateway_app inserts random ones, and sign-up answers alike for both",
        "uq_organizations_slug": "an address that is public anyway",
        "uq_organization_invitations_token": "random: it cannot be guessed",
        "uq_api_keys_key_hash": "the digest of 256 random bits: it cannot be guessed",
        "uq_personal_tokens_key_hash": "the digest of 256 random bits: it cannot be guessed",
        "uq_shares_key_hash": "the digest of 256 random bits: it cannot be guessed",
        "uq_frameworks_code": "the codes of frameworks are public",
        "uq_framework_revisions_framework_id_revision": "frameworks are public",
        "uq_webhook_events_provider_external_id": "requests insert none",
        "uq_organization_domains_verified": "only the DNS of a domain lets it be verified",
        "uq_stripe_customers_stripe_customer_id": "random, given by Stripe",
        "uq_stripe_customers_stripe_subscription_id": "random, given by Stripe",
    },
    FOREIGN_ACROSS: {  # who tries an id learns whether there is such a person
        "fk_organizations_owner_id": "a person may own what they are not in; ids are random",
        "fk_organization_members_user_id": "people join from outside; ids are random",
        "fk_personal_tokens_user_id": "row level security lets in one's own id alone",
        "fk_notifications_user_id": "people are told before they join; ids are random",
        "fk_stars_user_id": "readers of a public project star it; ctx.star writes",
        "fk_visits_user_id": "readers of a public project visit it; ctx.visit writes",
        "fk_framework_revisions_framework_id": "frameworks are public",
        "fk_assessment_frameworks_framework_id": "frameworks are public",
        "fk_assessment_frameworks_revision_id": "frameworks are public",
        "fk_usage_logs_user_id": "readers of public projects use them from outside",
    },
    OWNER_S_ROWS: {
        "feed_events": "only gateway_auth reads it: who and what an event concerns, but no value",
    },
}
"""Findings that a review has accepted, with the reason."""

# `relation` is every table, view and sequence of the gateway; `reachable` says whether requests
# may touch it. A key is named after what it is on, so that a name alone says where to look.
RELATIONS = """
WITH relation AS (
    SELECT c.oid, c.relname AS name, c.relkind AS kind, c.relispartition AS is_partition,
        c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, c.relowner AS owner,
        c.reloptions AS options,
        CASE WHEN c.relkind IN ('r', 'p', 'v', 'm') THEN
            has_table_privilege('gateway_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
            OR has_any_column_privilege('gateway_app', c.oid, 'SELECT, INSERT, UPDATE')
        END AS reachable
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
),
policy AS (
    SELECT p.*, relation.name AS relation, concat_ws(' ',
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS condition
    FROM pg_policy AS p JOIN relation ON relation.oid = p.polrelid
),
function AS (
    SELECT p.*, p.oid::regprocedure::text AS name FROM pg_proc AS p
    WHERE p.pronamespace IN ('public'::regnamespace, 'ctx'::regnamespace)
)
"""

CHECKS = {
    "row level security is not enabled and forced on the table": """
        SELECT name FROM relation WHERE kind IN ('r', 'p') AND NOT (enabled AND forced)""",
    "requests reach the table, but no restrictive policy stands before each command": """
        SELECT name FROM relation WHERE kind IN ('r', 'p') AND reachable AND EXISTS (
            SELECT FROM unnest('{r,a,w,d}'::"char"[]) AS command WHERE NOT EXISTS (
                SELECT FROM policy WHERE polrelid = relation.oid AND NOT polpermissive
                AND polname <> 'one_project'
                AND polcmd IN (command, '*') AND 'gateway_app'::regrole = ANY (polroles)))""",
    "the policy holds for everybody instead of one role": """
        SELECT relation || '.' || polname FROM policy WHERE 0 = ANY (polroles)""",
    "the policy calls its context once a row instead of once a statement": r"""
        SELECT relation || '.' || polname FROM policy
        WHERE replace(condition, 'SELECT ctx.', '') ~ '\mctx\.'""",
    "no policy hides other projects from a token for one": """
        SELECT name FROM relation WHERE kind IN ('r', 'p') AND reachable
        AND (name = 'projects' OR EXISTS (SELECT FROM pg_attribute
            WHERE attrelid = relation.oid AND attname = 'project_id'))
        AND NOT EXISTS (SELECT FROM policy
            WHERE polrelid = relation.oid AND polname = 'one_project')""",
    NO_TENANT: """
        SELECT name FROM relation WHERE kind IN ('r', 'p') AND reachable AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = relation.oid
            AND attname = 'organization_id' AND attnotnull)""",
    UNIQUE_ACROSS: """
        SELECT indexrelid::regclass::text FROM pg_index JOIN relation ON indrelid = relation.oid
        WHERE reachable AND indisunique AND NOT indisprimary AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = indrelid
            AND attname = 'organization_id' AND attnum = ANY (indkey))""",
    "the primary key tells of other tenants, for it is no UUID": """
        SELECT indexrelid::regclass::text FROM pg_index JOIN relation ON indrelid = relation.oid
        WHERE reachable AND indisprimary AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = indrelid
            AND atttypid = 'uuid'::regtype AND attnum = ANY (indkey))""",
    FOREIGN_ACROSS: """
        SELECT conname FROM pg_constraint JOIN relation ON conrelid = relation.oid
        WHERE reachable AND contype = 'f' AND confrelid <> 'organizations'::regclass
        AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = conrelid
            AND attname = 'organization_id' AND attnum = ANY (conkey))""",
    OWNER_S_ROWS: """
        SELECT name FROM relation WHERE kind = 'v' AND NOT coalesce(
            options @> '{security_invoker=true,security_barrier=true}', false)""",
    "requests reach the materialized view, which knows no policies": """
        SELECT name FROM relation WHERE kind = 'm' AND reachable""",
    "requests reach the partition past the policies of its table": """
        SELECT name FROM relation WHERE is_partition AND reachable""",
    "requests reach the sequence, which counts the rows of all tenants": """
        SELECT name FROM relation WHERE CASE kind
            WHEN 'S' THEN has_sequence_privilege('gateway_app', oid, 'SELECT, USAGE') END""",
    "requests may do more to the table than read, insert and update": """
        SELECT name FROM relation WHERE CASE WHEN kind IN ('r', 'p', 'v', 'm') THEN
            has_table_privilege('gateway_app', oid, 'DELETE, TRUNCATE, REFERENCES, TRIGGER') END""",
    "requests reach the key that signs their contexts": """
        SELECT relname FROM pg_class WHERE relnamespace = 'ctx'::regnamespace AND relkind = 'r'
        AND relname = 'context_keys' AND (has_table_privilege('gateway_app', oid, 'SELECT')
            OR has_any_column_privilege('gateway_app', oid, 'SELECT, INSERT, UPDATE'))""",
    "requests reach the secrets of authentication": """
        SELECT name FROM relation WHERE reachable AND (name LIKE 'oauth%' OR name IN
            ('profile_credentials', 'mailed_links', 'second_factors', 'recovery_codes',
             'passkeys', 'used_challenges', 'devices', 'sessions', 'sign_in_attempts',
             'profile_identities'))""",
    "its owner is not gateway_owner": """
        SELECT name FROM relation WHERE owner <> 'gateway_owner'::regrole""",
    "the function runs as its owner with the caller's search path": """
        SELECT name FROM function WHERE prosecdef AND NOT EXISTS (
            SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search\\_path=%')""",
    "the function may be executed by everybody": """
        SELECT name FROM function WHERE has_function_privilege('public', oid, 'EXECUTE')""",
    "the function runs before policies, because it is leakproof": """
        SELECT name FROM function WHERE proleakproof""",
    "the role can do what requests must not": """
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('gateway_owner', 'gateway_app', 'gateway_auth')
        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)""",
    "the role has the rights of another role": """
        SELECT rolname FROM pg_roles JOIN pg_auth_members ON member = pg_roles.oid
        WHERE rolname IN ('gateway_app', 'gateway_auth')""",
    "everybody may create tables in the schema": """
        SELECT nspname FROM pg_namespace WHERE nspname IN ('public', 'ctx')
        AND has_schema_privilege('public', oid, 'CREATE')""",
    "the server has known holes in row level security": f"""
        SELECT current_setting('server_version')
        WHERE current_setting('server_version_num')::int < {OLDEST_SERVER}""",
}


async def lint(connection: asyncpg.Connection) -> list[str]:
    """Return the faults found, a sentence each. Any role may run it."""
    return [
        f"{name}: {sentence}."
        for name, sentence in await findings(connection)
        if name not in ALLOWED.get(sentence, {})
    ]


async def findings(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Return all findings, also those `ALLOWED`: a name and a sentence about it."""
    query = RELATIONS + " UNION ALL ".join(
        f"SELECT found.name::text, ${number}::text FROM ({sql}) AS found (name)"  # noqa: S608 (ours)
        for number, sql in enumerate(CHECKS.values(), start=1)
    )
    return [(row[0], row[1]) for row in await connection.fetch(query, *CHECKS)]


LOGIN_CHECKS = {
    "ignores row level security": """
        SELECT EXISTS (
            SELECT FROM pg_roles WHERE rolname = session_user AND (rolsuper OR rolbypassrls))""",
    "owns the database": """
        SELECT EXISTS (SELECT FROM pg_database
            WHERE datname = current_database() AND pg_has_role(session_user, datdba, 'USAGE'))""",
    "may become other roles, which row level security lets in": """
        SELECT EXISTS (SELECT FROM pg_roles
            WHERE rolname IN ('gateway_owner', 'gateway_auth') AND rolname <> session_user
            AND pg_has_role(session_user, oid, 'MEMBER'))""",
    "may make temporary objects, which another request could take for the gateway's": """
        SELECT has_database_privilege(session_user, current_database(), 'TEMPORARY')""",
    "may make schemas": """
        SELECT has_database_privilege(session_user, current_database(), 'CREATE')""",
    "may make objects in a schema": """
        SELECT coalesce(bool_or(has_schema_privilege(session_user, oid, 'CREATE')), false)
        FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'""",
}
"""Queries for rights that the login that serves requests must not have."""


async def lint_login(connection: asyncpg.Connection) -> list[str]:
    """Return the faults of this connection's login, to which `SET ROLE NONE` returns."""
    name = await connection.fetchval("SELECT session_user")
    return [
        f"{name}: the login that serves requests {sentence}."
        for sentence, query in LOGIN_CHECKS.items()
        if await connection.fetchval(query)
    ]
