"""Applications that an organization manages, and the service accounts that they act as."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import LOCK_TIMEOUT, history, identifier

revision = "2026_11_21_organization_clients"
down_revision = "2026_11_21_explorer_client"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
WORDS = sa.text("'{}'::text[]")

COPY_CLIENT = """
CREATE FUNCTION ctx.copy_client(c public.organization_clients) RETURNS void LANGUAGE sql AS $$
UPDATE public.oauth_clients SET client_name = c.name,
    redirect_uris = to_jsonb(c.redirect_uris),
    grant_types = to_jsonb(
        CASE WHEN c.redirect_uris = '{}' THEN '{}'::text[]
            ELSE '{authorization_code,refresh_token}' END
        || CASE WHEN c.service_account_id IS NULL THEN '{}'::text[]
            ELSE '{client_credentials}' END),
    response_types = CASE WHEN c.redirect_uris = '{}' THEN '[]' ELSE '["code"]' END::jsonb,
    scope = array_to_string(c.scopes, ' '),
    disabled_at = CASE WHEN c.is_disabled OR c.deleted_at IS NOT NULL
        THEN coalesce(disabled_at, now()) END,
    updated_at = clock_timestamp()
WHERE id = c.id
$$
"""

# The rows of the authorization server follow those that owners edit. A change of the name or an
# address ends the consents of people. A purged application is disabled, its name and addresses are
# removed.
KEEP_CLIENT = """
CREATE FUNCTION ctx.keep_client() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM ctx.copy_client(NEW);
        IF (OLD.name, OLD.redirect_uris) = (NEW.name, NEW.redirect_uris) THEN
            RETURN NULL;
        END IF;
    ELSE
        UPDATE public.oauth_clients SET client_name = 'Purged', redirect_uris = '[]',
            disabled_at = coalesce(disabled_at, now()), updated_at = clock_timestamp()
        WHERE id = OLD.id;
    END IF;
    DELETE FROM public.oauth_consents WHERE client_id =
        (SELECT o.client_id FROM public.oauth_clients AS o WHERE o.id = OLD.id);
    RETURN NULL;
END $$
"""

# Has the authorization server know an application of the caller's tenants by this secret alone; a
# public one has none. A person's name is nobody's to act in: only a service account's is.
KNOW_CLIENT = """
CREATE FUNCTION ctx.know_client(client uuid, secret text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.oauth_clients (id, client_id, client_name, client_secret, is_public,
        token_endpoint_auth_method, managed_by, service_account_id)
    SELECT c.id, 'rqc-' || replace(c.id::text, '-', ''), c.name, secret, c.is_public,
        CASE WHEN c.is_public THEN 'none' ELSE 'client_secret_basic' END, c.organization_id,
        c.service_account_id
    FROM public.organization_clients AS c
    WHERE c.id = client AND c.organization_id = ANY (ctx.organizations())
        AND c.deleted_at IS NULL
        AND (c.service_account_id IS NULL OR EXISTS (
            SELECT FROM public.profiles AS p
            WHERE p.id = c.service_account_id AND p.service_of = c.organization_id))
    ON CONFLICT (id) DO UPDATE
    SET client_secret = excluded.client_secret, updated_at = clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such application' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_organization_clients_service_account_id_serves';
    END IF;
    PERFORM ctx.copy_client(c) FROM public.organization_clients AS c WHERE c.id = client;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "organization_clients",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("redirect_uris", ARRAY(sa.Text()), server_default=WORDS, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text()), server_default=WORDS, nullable=False),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_disabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("service_account_id", sa.Uuid(), nullable=True),
        sa.Column("secret_version", sa.Integer(), server_default="1", nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_organization_clients"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_organization_clients_organization_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "service_account_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_organization_clients_service_account_id",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_organization_clients_name_not_blank")),
        sa.CheckConstraint(
            "char_length(name) <= 200", name=op.f("ck_organization_clients_name_length")
        ),
        sa.CheckConstraint(
            "redirect_uris <> '{}' OR service_account_id IS NOT NULL",
            name=op.f("ck_organization_clients_redirect_uris_or_service_account"),
        ),
        sa.CheckConstraint(
            "NOT (is_public AND service_account_id IS NOT NULL)",
            name=op.f("ck_organization_clients_is_public_asks_people"),
        ),
    )
    op.create_index(
        "ix_organization_clients_organization_id_created_at",
        "organization_clients",
        ["organization_id", "created_at"],
    )
    op.create_index(
        "ix_organization_clients_service_account_id",
        "organization_clients",
        ["service_account_id"],
    )
    op.add_column("oauth_clients", sa.Column("managed_by", sa.Uuid(), nullable=True))
    op.add_column("oauth_clients", sa.Column("service_account_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_oauth_clients_service_account_id",
        "oauth_clients",
        "profiles",
        ["service_account_id"],
        ["id"],
    )
    op.create_index("ix_oauth_clients_service_account_id", "oauth_clients", ["service_account_id"])
    op.execute(COPY_CLIENT)
    op.execute(KEEP_CLIENT)
    op.execute(KNOW_CLIENT)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.know_client(uuid, text) TO gateway_app")
    op.execute(
        "CREATE TRIGGER keep_client AFTER UPDATE OR DELETE ON organization_clients"
        " FOR EACH ROW EXECUTE FUNCTION ctx.keep_client()"
    )
    wall("organization_clients")
    op.execute("GRANT SELECT, INSERT, UPDATE ON organization_clients TO gateway_app")


def wall(table: str) -> None:
    """Admit the tenant alone."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, clause in (
        ("SELECT", "USING"),
        ("INSERT", "WITH CHECK"),
        ("UPDATE", "USING"),
        ("DELETE", "USING"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {clause} ({OWN_TENANT})"
        )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP FUNCTION ctx.copy_client(public.organization_clients)")
    op.drop_table("organization_clients")
    op.execute("DROP FUNCTION ctx.know_client(uuid, text)")
    op.execute("DROP FUNCTION ctx.keep_client()")
    op.drop_column("oauth_clients", "service_account_id")
    op.drop_column("oauth_clients", "managed_by")
