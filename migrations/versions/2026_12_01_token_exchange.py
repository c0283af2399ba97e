"""Tokens of agents that act for people: what they come from, and who acts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_token_exchange"
down_revision = "2026_12_01_domains"

# True while every token that one comes from works, and all who act in a chain are there.
HOLDS = """
CREATE FUNCTION ctx.delegation_holds(ancestors uuid[], actors text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT NOT EXISTS (
    SELECT FROM unnest(ancestors) AS a (id)
    LEFT JOIN public.oauth_access_tokens AS t
        ON t.id = a.id AND t.revoked_at IS NULL AND t.expires_at > now()
    LEFT JOIN public.oauth_clients AS c ON c.client_id = t.client_id AND c.disabled_at IS NULL
    LEFT JOIN public.organizations AS o ON o.id = c.managed_by
    WHERE c.id IS NULL OR o.deleted_at IS NOT NULL
) AND NOT EXISTS (
    SELECT FROM unnest(actors) AS a (client_id)
    LEFT JOIN public.oauth_clients AS c
        ON c.client_id = a.client_id AND c.disabled_at IS NULL
    LEFT JOIN public.organizations AS o ON o.id = c.managed_by
    LEFT JOIN public.profiles AS p ON p.id = c.service_account_id
    WHERE c.id IS NULL OR o.deleted_at IS NOT NULL
        OR (p.id IS NOT NULL AND NOT (p.deleted_at IS NULL AND p.status = 'active'
            AND p.is_approved AND ctx.serves(p.id, p.service_of)))
)
$$
"""
# True if an organization allows all applications that a token has come through.
ALLOWS_ORIGIN = """
CREATE FUNCTION ctx.allows_origin(credential uuid, organization uuid, allowed text[])
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT NOT EXISTS (
    SELECT FROM public.oauth_access_tokens AS t
    JOIN public.oauth_access_tokens AS a ON a.id = ANY (t.ancestors)
    WHERE t.id = credential AND NOT ctx.allows_client(a.client_id, organization, allowed)
)
$$
"""
FUNCTIONS = {
    "ctx.delegation_holds(uuid[], text[])": HOLDS,
    "ctx.allows_origin(uuid, uuid, text[])": ALLOWS_ORIGIN,
}
# A function as the migrations before have left it, but for one passage.
REPLACE = """
DO $do$
DECLARE
    former text := pg_get_functiondef('{function}'::regprocedure);
    passage text := $passage${before}$passage$;
BEGIN
    IF position(passage IN former) = 0 THEN
        RAISE EXCEPTION 'the passage is not in {function}';
    END IF;
    EXECUTE replace(former, passage, $passage${after}$passage$);
END $do$
"""
CREDENTIAL = "ctx.hold_credential(uuid)"
RIGHTS = "ctx.hold_rights(uuid, uuid[], uuid[])"
LINE = "WHERE t.id = credential AND t.revoked_at IS NULL AND t.expires_at > now() FOR SHARE;"
HELD_LINE = """WHERE t.id = credential AND t.revoked_at IS NULL AND t.expires_at > now()
            AND (t.ancestors = '{}' OR ctx.delegation_holds(t.ancestors, t.actors)) FOR SHARE;"""
ALLOWED = "OR ctx.allows_client(client, o.id, o.allowed_clients))"
ALL_ALLOWED = """OR (ctx.allows_client(client, o.id, o.allowed_clients)
                AND ctx.allows_origin(credential, o.id, o.allowed_clients)))"""
LOCKED = "    IF credential IS NOT NULL AND NOT ctx.hold_credential(credential) THEN"
ANCESTORS_LOCKED = f"""    PERFORM FROM public.oauth_access_tokens AS a
    WHERE a.id IN (SELECT unnest(t.ancestors) FROM public.oauth_access_tokens AS t
        WHERE t.id = credential) FOR SHARE;
{LOCKED}"""  # noqa: S608 (ours)
PASSAGES = (
    (CREDENTIAL, LINE, HELD_LINE),
    (RIGHTS, ALLOWED, ALL_ALLOWED),
    (RIGHTS, LOCKED, ANCESTORS_LOCKED),
)
COLUMNS = {"ancestors": (sa.Uuid(), "uuid"), "actors": (sa.Text(), "text")}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name, (kind, cast) in COLUMNS.items():
        empty = sa.text(f"'{{}}'::{cast}[]")
        column = sa.Column(name, ARRAY(kind), server_default=empty, nullable=False)
        op.add_column("oauth_access_tokens", column)
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO gateway_auth")
    for function, before, after in PASSAGES:
        op.execute(REPLACE.format(function=function, before=before, after=after))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function, before, after in reversed(PASSAGES):
        op.execute(REPLACE.format(function=function, before=after, after=before))
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for name in COLUMNS:
        op.drop_column("oauth_access_tokens", name)
