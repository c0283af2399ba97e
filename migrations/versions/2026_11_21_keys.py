"""API keys of organizations, and people's personal tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import LOCK_TIMEOUT, TIME, history, identifier

revision = "2026_11_21_keys"
down_revision = "2026_11_21_device_codes"

# The tables, each with the condition under which whoever serves requests sees and changes a row,
# and what it has besides what every key has.
TABLES = {
    "api_keys": "organization_id = ANY ((SELECT ctx.organizations())::uuid[])",
    "personal_tokens": "user_id = (SELECT ctx.user_id())",
}
PLACES = {
    "api_keys": ("organization_id", "service_account_id"),
    "personal_tokens": ("user_id",),
}
READ = "id, name, hint, scopes, expires_at, last_used_at, revoked_at, version, created_at,"
READ += " created_by, updated_at, updated_by, deleted_at, deleted_by"
CHANGED = "name, scopes, expires_at, revoked_at, version, updated_at, updated_by, deleted_at,"
CHANGED += " deleted_by"

# An API key acts as a service account of its own organization, never as a person.
KEEP_API_KEY = """
CREATE FUNCTION ctx.keep_api_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.profiles AS p
        WHERE p.id = NEW.service_account_id AND p.service_of = NEW.organization_id) THEN
        RAISE EXCEPTION 'not a service account' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_api_keys_service_account_id_serves';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table, mine in TABLES.items():
        create(table)
        wall(table, mine)
    op.create_foreign_key(
        "fk_api_keys_organization_id", "api_keys", "organizations", ["organization_id"], ["id"]
    )
    op.create_foreign_key(
        "fk_api_keys_service_account_id",
        "api_keys",
        "organization_members",
        ["organization_id", "service_account_id"],
        ["organization_id", "user_id"],
    )
    op.create_foreign_key(
        "fk_personal_tokens_user_id", "personal_tokens", "profiles", ["user_id"], ["id"]
    )
    for table, columns in (
        ("api_keys", ["service_account_id"]),
        ("api_keys", ["organization_id", "created_at"]),
        ("personal_tokens", ["user_id", "created_at"]),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    op.execute(KEEP_API_KEY)
    op.execute(
        "CREATE TRIGGER keep_api_key BEFORE INSERT OR UPDATE OF organization_id, service_account_id"
        " ON api_keys FOR EACH ROW EXECUTE FUNCTION ctx.keep_api_key()"
    )
    op.execute(
        "CREATE TRIGGER keep_service BEFORE INSERT OR UPDATE OF user_id ON personal_tokens"
        " FOR EACH ROW EXECUTE FUNCTION ctx.keep_service('user_id')"
    )


def create(table: str) -> None:
    """Create a table of keys."""
    op.create_table(
        table,
        identifier(),
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in PLACES[table]),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column(
            "scopes", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("key_hash", name=f"uq_{table}_key_hash"),
        sa.CheckConstraint("name ~ '\\S'", name=op.f(f"ck_{table}_name_not_blank")),
        sa.CheckConstraint("char_length(name) <= 100", name=op.f(f"ck_{table}_name_length")),
        sa.CheckConstraint("octet_length(key_hash) = 32", name=op.f(f"ck_{table}_key_hash_digest")),
        sa.CheckConstraint("char_length(hint) = 4", name=op.f(f"ck_{table}_hint_length")),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f(f"ck_{table}_scopes_some")),
        sa.CheckConstraint("expires_at > created_at", name=op.f(f"ck_{table}_expires_at_later")),
        sa.CheckConstraint(
            "expires_at - created_at <= interval '366 days'",
            name=op.f(f"ck_{table}_expires_at_within_a_year"),
        ),
    )
    op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])


def wall(table: str, mine: str) -> None:
    """Add row level security; no role that serves requests reads or changes a digest."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    op.execute(f"CREATE POLICY authentication ON {table} TO gateway_auth USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({mine})"),
        ("INSERT", f"WITH CHECK ({mine})"),
        ("UPDATE", f"USING ({mine})"),
        ("DELETE", f"USING ({mine})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    places = ", ".join(PLACES[table])
    op.execute(
        f"GRANT INSERT, SELECT ({READ}, {places}), UPDATE ({CHANGED}) ON {table} TO gateway_app"
    )
    ended = "last_used_at, revoked_at, version, updated_at, updated_by"
    op.execute(f"GRANT SELECT, UPDATE ({ended}), DELETE ON {table} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION ctx.keep_api_key()")
