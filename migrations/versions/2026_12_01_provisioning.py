"""Provisioning by SCIM: accounts that an organization manages, groups and their members."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, drop, enum, history, identifier

revision = "2026_12_01_provisioning"
down_revision = "2026_12_01_delivery_security"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
COLLEAGUE = (
    "id = (SELECT ctx.user_id()) OR EXISTS (SELECT FROM organization_members AS m"
    " WHERE m.user_id = profiles.id AND m.organization_id = ANY"
    " ((SELECT ctx.organizations())::uuid[]))"
)
MYSELF = "id = (SELECT ctx.user_id())"
OURS = "service_of = ANY ((SELECT ctx.organizations())::uuid[])"
MANAGED = "managed_by = ANY ((SELECT ctx.organizations())::uuid[])"
TABLES = ("provisioned_groups", "provisioned_group_members")

# The account of a person with this address, which the organization may not see yet.
ACCOUNT_OF = f"""
CREATE FUNCTION ctx.account_of(address text) RETURNS uuid LANGUAGE sql STABLE {DEFINER} AS $$
SELECT p.id FROM public.profiles AS p
WHERE lower(p.email) = lower(address) AND p.deleted_at IS NULL AND p.service_of IS NULL
    AND cardinality(ctx.organizations()) > 0
$$
"""  # noqa: S608 (ours)
# An account belongs to the organization that has created it until its person sets a password.
RELEASE = f"""
CREATE FUNCTION ctx.release_account() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    UPDATE public.profiles SET managed_by = NULL
    WHERE id = NEW.user_id AND managed_by IS NOT NULL;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)
END_CREDENTIALS = f"""
CREATE FUNCTION ctx.end_credentials(account uuid, organization uuid) RETURNS boolean
LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    PERFORM FROM public.profiles AS p
    WHERE p.id = account AND p.managed_by = organization
        AND organization = ANY (ctx.organizations());
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE public.sessions SET ended_at = now() WHERE user_id = account AND ended_at IS NULL;
    UPDATE public.oauth_access_tokens SET revoked_at = now()
    WHERE user_id = account AND revoked_at IS NULL;
    UPDATE public.oauth_refresh_tokens SET revoked_at = now()
    WHERE user_id = account AND revoked_at IS NULL;
    UPDATE public.personal_tokens SET revoked_at = now(), version = version + 1, updated_at = now()
    WHERE user_id = account AND revoked_at IS NULL;
    RETURN true;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "ctx.account_of(text)": ACCOUNT_OF,
    "ctx.end_credentials(uuid, uuid)": END_CREDENTIALS,
}
ERASE, EXPORT = "ctx.erase_person(uuid)", "ctx.export_person(uuid)"
SUBJECTS = "'DELETE FROM public.audit_personal_data WHERE subject_id = $1'"
OF_MEMBERSHIPS = """
            ' OR subject_id IN (SELECT id FROM public.organization_members WHERE user_id = $1)'"""
LINKS = "('mailed_links', 'DELETE FROM public.mailed_links'"
NAMES = """('organization_members', 'UPDATE public.organization_members SET user_name = NULL,'
            ' external_id = NULL, version = version + 1, updated_at = now()'
            ' WHERE user_id = $1 AND num_nonnulls(user_name, external_id) > 0'),
        """


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'provisioned_group'")
    op.add_column("profiles", sa.Column("managed_by", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_profiles_managed_by_of_person"),
        "profiles",
        "managed_by IS NULL OR service_of IS NULL",
    )
    for name in ("user_name", "external_id"):
        op.add_column("organization_members", sa.Column(name, sa.Text(), nullable=True))
        for rule, sql in text_of(name).items():
            op.create_check_constraint(
                op.f(f"ck_organization_members_{rule}"), "organization_members", sql
            )
    groups()
    for table in TABLES:
        wall(table)
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {', '.join(TABLES)} TO gateway_app")
    for name, sql in FUNCTIONS.items():
        op.execute(sql)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO gateway_app")
    profiles(
        f"{COLLEAGUE} OR {OURS} OR {MANAGED}",
        f"{OURS} OR {MANAGED}",
        f"{MYSELF} OR {OURS} OR {MANAGED}",
    )
    op.execute(RELEASE)
    op.execute(
        "CREATE TRIGGER release_account AFTER INSERT ON profile_credentials FOR EACH ROW"
        " EXECUTE FUNCTION ctx.release_account()"
    )
    replace_in(ERASE, SUBJECTS, SUBJECTS + OF_MEMBERSHIPS)
    replace_in(ERASE, LINKS, NAMES + LINKS)


def groups() -> None:
    """Create the tables of groups and their members."""
    op.create_table(
        "provisioned_groups",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("role", enum("user_role_type"), nullable=True),
        sa.Column("members_changed_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_provisioned_groups"),
        sa.UniqueConstraint(
            "organization_id", "id", name="uq_provisioned_groups_organization_id_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_provisioned_groups_organization_id"
        ),
        *(
            sa.CheckConstraint(sql, name=op.f(f"ck_provisioned_groups_{rule}"))
            for rule, sql in {
                **text_of("display_name"),
                **text_of("external_id"),
                "role_below_owner": "role <> 'owner'",
            }.items()
        ),
    )
    op.create_table(
        "provisioned_group_members",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_provisioned_group_members"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_provisioned_group_members_organization_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_provisioned_group_members_user_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "group_id"],
            ["provisioned_groups.organization_id", "provisioned_groups.id"],
            name="fk_provisioned_group_members_group_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "uq_provisioned_groups_display_name",
        "provisioned_groups",
        ["organization_id", sa.text("lower(display_name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_provisioned_groups_external_id",
        "provisioned_groups",
        ["organization_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND external_id IS NOT NULL"),
    )
    op.create_index(
        "uq_provisioned_group_members_group_id_user_id",
        "provisioned_group_members",
        ["organization_id", "group_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_provisioned_groups_organization_id_created_at_id",
        "provisioned_groups",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_provisioned_group_members_group_id_created_at_id",
        "provisioned_group_members",
        ["group_id", "created_at", "id"],
    )
    op.create_index(
        "ix_provisioned_group_members_user_id", "provisioned_group_members", ["user_id"]
    )
    op.create_index(
        "ix_provisioned_group_members_organization_id_created_at_id",
        "provisioned_group_members",
        ["organization_id", "created_at", "id"],
    )


def text_of(column: str) -> dict[str, str]:
    """Return the checks of a text of an identity provider."""
    return {
        f"{column}_not_blank": f"{column} ~ '\\S'",
        f"{column}_length": f"char_length({column}) <= 255",
    }


def wall(table: str) -> None:
    """Admit rows of the viewer's own tenants alone."""
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


def profiles(read: str, insert: str, change: str) -> None:
    """Set which profiles the role that serves requests may read, insert, and update or delete."""
    for command, condition in (
        ("select", f"USING ({read})"),
        ("insert", f"WITH CHECK ({insert})"),
        ("update", f"USING ({change})"),
        ("delete", f"USING ({change})"),
    ):
        op.execute(f"ALTER POLICY tenant_{command} ON profiles {condition}")


def replace_in(function: str, old: str, new: str) -> None:
    """Replace a part of the definition of a function."""
    bind = op.get_bind()
    signature = sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))")
    text: str = bind.execute(signature, {"name": function}).scalar_one()
    if old not in text:
        raise LookupError(f"{function} has no {old}.")
    bind.exec_driver_sql(text.replace(old, new))


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    replace_in(ERASE, NAMES + LINKS, LINKS)
    replace_in(ERASE, SUBJECTS + OF_MEMBERSHIPS, SUBJECTS)
    profiles(f"{COLLEAGUE} OR {OURS}", OURS, f"{MYSELF} OR {OURS}")
    op.execute("DROP FUNCTION ctx.release_account() CASCADE")  # with its trigger
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    drop(TABLES, {})
    for name in ("external_id", "user_name"):
        op.drop_column("organization_members", name)
    op.drop_constraint("ck_profiles_managed_by_of_person", "profiles")
    op.drop_column("profiles", "managed_by")
