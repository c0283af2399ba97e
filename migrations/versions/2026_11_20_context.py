"""The context of row level security, as the connection pool sets it."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_20_context"
down_revision = None

# The settings come from the session or the transaction. Where none is, or it ended with its
# transaction and is '', nobody is asking: no user, no tenant, no project. A malformed one is an
# error. STABLE, and called from a sub-select, they run once a statement and not once a row.
FUNCTIONS = {
    "user_id": ("uuid", "NULLIF(current_setting('app.user_id', true), '')::uuid"),
    "organizations": (
        "uuid[]",
        "coalesce(NULLIF(current_setting('app.organizations', true), '')::uuid[], '{}')",
    ),
    "projects": (
        "uuid[]",
        "coalesce(NULLIF(current_setting('app.projects', true), '')::uuid[], '{}')",
    ),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    op.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public, ctx TO gateway_app, gateway_auth")
    for name, (type_, body) in FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION ctx.{name}() RETURNS {type_}"
            f" LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT {body} $$"
        )
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name}() TO gateway_app, gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION ctx.{name}()")
    op.execute("REVOKE ALL ON SCHEMA public, ctx FROM gateway_app, gateway_auth")
    op.execute("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
