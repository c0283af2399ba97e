"""Service accounts: profiles as which servers act for one organization."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_service_accounts"
down_revision = "2026_11_21_pushed_requests"

COLLEAGUE = (
    "id = (SELECT ctx.user_id()) OR EXISTS (SELECT FROM organization_members AS m"
    " WHERE m.user_id = profiles.id AND m.organization_id = ANY"
    " ((SELECT ctx.organizations())::uuid[]))"
)
MYSELF = "id = (SELECT ctx.user_id())"
OURS = "service_of = ANY ((SELECT ctx.organizations())::uuid[])"

# Memberships are written by whoever serves requests, credentials by whoever signs people in; both
# ask as the owner, who sees every profile.
KEEP_SERVICE = """
CREATE FUNCTION ctx.keep_service() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    serves uuid := (SELECT p.service_of FROM public.profiles AS p WHERE p.id = NEW.user_id);
BEGIN
    IF serves IS NULL THEN
        RETURN NEW;
    ELSIF TG_TABLE_NAME <> 'organization_members' THEN
        RAISE EXCEPTION 'not for a service account' USING ERRCODE = 'check_violation',
            CONSTRAINT = format('ck_%s_%s_serves', TG_TABLE_NAME, TG_ARGV[0]);
    ELSIF serves <> NEW.organization_id THEN
        RAISE EXCEPTION 'another organization' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_organization_members_user_id_serves';
    ELSIF NEW.role = 'owner' THEN
        RAISE EXCEPTION 'never an owner' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_organization_members_role_serves';
    END IF;
    RETURN NEW;
END $$
"""
KEEP_SERVICE_OF = """
CREATE FUNCTION ctx.keep_service_of() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a profile stays what it is' USING ERRCODE = 'insufficient_privilege';
END $$
"""
# True for the profile of a person, and of a service account with a place to serve in.
SERVES = """
CREATE FUNCTION ctx.serves(account uuid, organization uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
SELECT organization IS NULL OR EXISTS (
    SELECT FROM public.organization_members AS m
    JOIN public.organizations AS o ON o.id = m.organization_id
    WHERE m.user_id = account AND m.organization_id = organization
        AND m.deleted_at IS NULL AND m.status = 'active' AND o.deleted_at IS NULL)
$$
"""
SIGNING_IN = (
    "profile_credentials",
    "sessions",
    "mailed_links",
    "second_factors",
    "recovery_codes",
    "oauth_authorization_codes",
    "oauth_refresh_tokens",
    "oauth_consents",
)
"""The tables of people's ways to sign in, and of their grants to applications."""

RESERVED = r"'@service-accounts\.invalid$'"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("profiles", sa.Column("service_of", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_profiles_service_of_created_at",
        "profiles",
        ["service_of", "created_at"],
        postgresql_where=sa.text("service_of IS NOT NULL"),
    )
    op.create_check_constraint(
        op.f("ck_profiles_email_reserved"),
        "profiles",
        f"CASE WHEN service_of IS NULL THEN email !~* {RESERVED}"
        " ELSE email = id || '@service-accounts.invalid' END",
    )
    op.create_check_constraint(
        op.f("ck_profiles_full_name_of_service"),
        "profiles",
        "service_of IS NULL OR full_name IS NOT NULL",
    )
    op.create_check_constraint(
        op.f("ck_organization_invitations_email_reserved"),
        "organization_invitations",
        f"email !~* {RESERVED}",
    )
    op.execute(SERVES)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.serves(uuid, uuid) TO gateway_auth")
    op.execute(KEEP_SERVICE)
    op.execute(KEEP_SERVICE_OF)
    keep("organization_members", "INSERT OR UPDATE OF organization_id, user_id, role", "user_id")
    keep(
        "user_roles",
        "INSERT OR UPDATE OF user_id, admin_role",
        "admin_role",
        "WHEN (NEW.admin_role = 'owner')",
    )
    for table in SIGNING_IN:
        keep(table, "INSERT OR UPDATE OF user_id", "user_id")
    op.execute(
        "CREATE TRIGGER keep_service_of BEFORE UPDATE OF service_of ON profiles FOR EACH ROW"
        " WHEN (NEW.service_of IS DISTINCT FROM OLD.service_of)"
        " EXECUTE FUNCTION ctx.keep_service_of()"
    )
    wall(f"{COLLEAGUE} OR {OURS}", OURS, f"{MYSELF} OR {OURS}")
    op.execute("GRANT INSERT ON profiles TO gateway_app")


def keep(table: str, events: str, column: str, when: str = "") -> None:
    """Add the trigger that checks the person of each new row of the table."""
    op.execute(
        f"CREATE TRIGGER keep_service BEFORE {events} ON {table} FOR EACH ROW {when}"
        f" EXECUTE FUNCTION ctx.keep_service('{column}')"
    )


def wall(read: str, insert: str, change: str) -> None:
    """Set which profiles the roles that serve requests may read, insert, and update or delete."""
    for command, condition in (
        ("select", f"USING ({read})"),
        ("insert", f"WITH CHECK ({insert})"),
        ("update", f"USING ({change})"),
        ("delete", f"USING ({change})"),
    ):
        op.execute(f"ALTER POLICY tenant_{command} ON profiles {condition}")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("REVOKE INSERT ON profiles FROM gateway_app")
    wall(COLLEAGUE, "false", MYSELF)
    op.execute("DROP FUNCTION ctx.serves(uuid, uuid)")
    op.execute("DROP FUNCTION ctx.keep_service_of() CASCADE")  # with its trigger
    op.execute("DROP FUNCTION ctx.keep_service() CASCADE")  # with the triggers
    op.drop_constraint("ck_organization_invitations_email_reserved", "organization_invitations")
    op.drop_constraint("ck_profiles_full_name_of_service", "profiles")
    op.drop_constraint("ck_profiles_email_reserved", "profiles")
    op.drop_column("profiles", "service_of")
