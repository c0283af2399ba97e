"""The signed context of row level security: no statement of gateway_app can forge one."""

import secrets

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_signed_context"
down_revision = "2026_11_30_held_rights"

NAMES = {
    "user_id": ("uuid", "NULL"),
    "organizations": ("uuid[]", "'{}'"),
    "projects": ("uuid[]", "'{}'"),
}
INNER, OUTER = 0x36, 0x5C
"""The bytes that HMAC (RFC 2104) XORs into its key for the inner and the outer digest."""

# A setting is '<signature>;<process>;<until>;<value>'. The signature is HMAC-SHA-256 of the name
# and all that follows it, in hexadecimal digits; `process` is the only server process that takes
# it, or 0 where a proxy pools connections; `until` is in seconds since 1970. The key is padded
# already, so that PostgreSQL needs no extension for it.
#
# No setting, or '', is nobody. They run once a statement, from a sub-select; in a parallel worker
# the process would be another one.
FUNCTION = """
CREATE OR REPLACE FUNCTION ctx.{name}() RETURNS {type}
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setting constant text := current_setting('app.{name}', true);
    signed constant text := substr(setting, 66);
    signature text;
BEGIN
    IF coalesce(setting, '') = '' THEN
        RETURN {nothing};
    END IF;
    SELECT encode(sha256(k.outer_pad
        || sha256(k.inner_pad || convert_to('{name};' || signed, 'UTF8'))), 'hex')
    INTO signature FROM ctx.context_keys AS k;
    IF signature IS DISTINCT FROM substr(setting, 1, 64) THEN
        RAISE EXCEPTION 'the context is not signed'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    IF split_part(signed, ';', 1) NOT IN ('0', pg_backend_pid()::text)
        OR to_timestamp(split_part(signed, ';', 2)::float8) < clock_timestamp()
    THEN
        RAISE EXCEPTION 'the context is over, or another connection''s'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    RETURN split_part(signed, ';', 3)::{type};
END $$
"""
UNSIGNED = """
CREATE OR REPLACE FUNCTION ctx.{name}() RETURNS {type} LANGUAGE sql STABLE PARALLEL SAFE
SECURITY INVOKER AS $$ SELECT {body} $$
"""
# Functions that ask for the context must not run in parallel workers either.
PARALLEL = """
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'ctx'::regnamespace AND proparallel = '{before}'
            AND prosrc ~ '\\mctx\\.(user_id|organizations|projects)\\('
    LOOP
        EXECUTE format('ALTER FUNCTION %s PARALLEL {after}', one);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(
        "CREATE TABLE ctx.context_keys (inner_pad bytea NOT NULL, outer_pad bytea NOT NULL,"
        " CONSTRAINT ck_context_keys_pads"
        " CHECK (octet_length(inner_pad) = 64 AND octet_length(outer_pad) = 64))"
    )
    op.execute("CREATE UNIQUE INDEX uq_context_keys_one ON ctx.context_keys ((true))")
    op.execute("GRANT SELECT ON ctx.context_keys TO gateway_auth")
    op.execute("GRANT SELECT ON ctx.alembic_version TO gateway_app, gateway_auth")
    key = secrets.token_bytes(64)
    inner, outer = (bytes(byte ^ pad for byte in key).hex() for pad in (INNER, OUTER))
    pads = f"'\\x{inner}', '\\x{outer}'"
    op.execute(f"INSERT INTO ctx.context_keys VALUES ({pads})")  # noqa: S608 (random digits)
    for name, (type_, nothing) in NAMES.items():
        op.execute(FUNCTION.format(name=name, type=type_, nothing=nothing))
    op.execute(PARALLEL.format(before="s", after="RESTRICTED"))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(PARALLEL.format(before="r", after="SAFE"))
    for name, (type_, nothing) in NAMES.items():
        body = f"NULLIF(current_setting('app.{name}', true), '')::{type_}"
        if type_ == "uuid[]":
            body = f"coalesce({body}, {nothing})"
        op.execute(UNSIGNED.format(name=name, type=type_, body=body))
        op.execute(f"ALTER FUNCTION ctx.{name}() RESET search_path")
    op.execute("REVOKE ALL ON ctx.alembic_version FROM gateway_app, gateway_auth")
    op.execute("DROP TABLE ctx.context_keys")
