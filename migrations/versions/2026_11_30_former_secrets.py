"""The former secret of an application, valid for a while after a rotation."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_former_secrets"
down_revision = "2026_11_30_small_tenants"

# As before, and the former secret, while it is good.
COPY_CLIENT = """
CREATE OR REPLACE FUNCTION ctx.copy_client(c public.organization_clients) RETURNS void
LANGUAGE sql AS $$
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
    <former>updated_at = clock_timestamp()
WHERE id = c.id
$$
"""
FORMER_COPIED = """former_secret =
        CASE WHEN c.former_secret_expires_at > now() THEN former_secret END,
    former_secret_expires_at = c.former_secret_expires_at,
    """

# As before, and what was its secret stays for as long as its owners' row says.
KNOW_CLIENT = """
CREATE OR REPLACE FUNCTION ctx.know_client(client uuid, secret text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.oauth_clients <alias>(id, client_id, client_name, client_secret, is_public,
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
    SET client_secret = excluded.client_secret, <former>updated_at = clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such application' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_organization_clients_service_account_id_serves';
    END IF;
    PERFORM ctx.copy_client(c) FROM public.organization_clients AS c WHERE c.id = client;
END $$
"""
FORMER_KEPT = """former_secret = o.client_secret,
        former_secret_expires_at = coalesce(
            (SELECT c.former_secret_expires_at FROM public.organization_clients AS c
            WHERE c.id = client), now()),
        """


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in ("organization_clients", "oauth_clients"):
        op.add_column(
            table,
            sa.Column("former_secret_expires_at", sa.DateTime(timezone=True), nullable=True),
        )
    op.add_column("oauth_clients", sa.Column("former_secret", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_oauth_clients_former_secret_digest"),
        "oauth_clients",
        "former_secret ~ '^[0-9a-f]{64}$'",
    )
    op.create_check_constraint(
        op.f("ck_oauth_clients_former_secret_expires"),
        "oauth_clients",
        "former_secret IS NULL OR (former_secret_expires_at IS NOT NULL AND NOT is_public)",
    )
    op.execute(COPY_CLIENT.replace("<former>", FORMER_COPIED))
    op.execute(KNOW_CLIENT.replace("<former>", FORMER_KEPT).replace("<alias>", "AS o "))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(KNOW_CLIENT.replace("<former>", "").replace("<alias>", ""))
    op.execute(COPY_CLIENT.replace("<former>", ""))
    op.drop_column("oauth_clients", "former_secret")
    for table in ("oauth_clients", "organization_clients"):
        op.drop_column(table, "former_secret_expires_at")
