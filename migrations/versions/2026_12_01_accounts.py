"""Profiles, personal values beside the audit log, and the erasure of people."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_accounts"
down_revision = "2026_12_01_diagram_indexes"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
OWN_EVENT = "organization_id IS NULL AND actor_id = (SELECT ctx.user_id())"
ADDED = (
    "first_name",
    "last_name",
    "locale",
    "time_zone",
    "avatar_id",
    "avatar_type",
    "avatar_sha256",
    "contact",
    "erased_at",
)
# The content of an avatar is removed from the storage once no profile has it.
REMOVE_AVATAR = """
CREATE FUNCTION ctx.remove_avatar() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.file_removals (file_id) VALUES (OLD.avatar_id);
    RETURN NULL;
END $$
"""
CHECKS = {
    "first_name_not_blank": r"first_name ~ '\S'",
    "first_name_length": "char_length(first_name) <= 500",
    "last_name_not_blank": r"last_name ~ '\S'",
    "last_name_length": "char_length(last_name) <= 500",
    "locale_format": (
        "locale ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$' AND char_length(locale) <= 35"
    ),
    "time_zone_format": "time_zone ~ '^[A-Za-z0-9_+/-]+$' AND char_length(time_zone) <= 64",
    "avatar_id_complete": "num_nonnulls(avatar_id, avatar_type, avatar_sha256) IN (0, 3)",
    "avatar_sha256_digest": "octet_length(avatar_sha256) = 32",
    "contact_encrypted": "octet_length(contact) BETWEEN 28 AND 4096",
    "preferences_size": "octet_length(preferences::text) <= 32768",
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for column in (
        sa.Column("first_name", sa.Text()),
        sa.Column("last_name", sa.Text()),
        sa.Column("locale", sa.Text()),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("avatar_id", sa.Uuid()),
        sa.Column("avatar_type", sa.Text()),
        sa.Column("avatar_sha256", sa.LargeBinary()),
        sa.Column("contact", sa.LargeBinary()),
        sa.Column("erased_at", TIME),
    ):
        op.add_column("profiles", column)
    for name, sql in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_profiles_{name}"), "profiles", sql)
    op.create_table(
        "audit_personal_data",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_audit_personal_data"),
        sa.CheckConstraint(
            "octet_length(salt) = 16", name=op.f("ck_audit_personal_data_salt_length")
        ),
    )
    op.create_index("ix_audit_personal_data_subject_id", "audit_personal_data", ["subject_id"])
    wall()
    op.execute(REMOVE_AVATAR)
    op.execute(
        "CREATE TRIGGER remove_avatar AFTER UPDATE OF avatar_id ON profiles FOR EACH ROW"
        " WHEN (OLD.avatar_id IS NOT NULL AND OLD.avatar_id IS DISTINCT FROM NEW.avatar_id)"
        " EXECUTE FUNCTION ctx.remove_avatar()"
    )


def wall() -> None:
    """Admit requests to the values of the events that they may read; they change none."""
    op.execute("ALTER TABLE audit_personal_data ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit_personal_data FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON audit_personal_data TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON audit_personal_data TO gateway_app USING (true)")
    op.execute("CREATE POLICY authentication ON audit_personal_data TO gateway_auth USING (true)")
    own = f"{OWN_TENANT} OR {OWN_EVENT}"
    for command, condition in (
        ("SELECT", f"USING ({own})"),
        ("INSERT", f"WITH CHECK ({own})"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON audit_personal_data"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute("GRANT SELECT, INSERT ON audit_personal_data TO gateway_app, gateway_auth")


def downgrade() -> None:
    """Lose the personal values of events, which hold only their digests."""
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER remove_avatar ON profiles")
    op.execute("DROP FUNCTION ctx.remove_avatar()")
    op.drop_table("audit_personal_data")
    for name in CHECKS:
        op.drop_constraint(f"ck_profiles_{name}", "profiles")
    for name in ADDED:
        op.drop_column("profiles", name)
