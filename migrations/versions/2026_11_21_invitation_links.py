"""Links that are mailed for invitations, and for changes of an address."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_invitation_links"
down_revision = "2026_11_21_usage"

BEFORE = ("sign_up", "password_reset")
PURPOSES = (*BEFORE, "invitation", "email_change")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_constraint("ck_mailed_links_user_id_fits_purpose", "mailed_links")
    become(PURPOSES)
    op.add_column("mailed_links", sa.Column("invitation_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_mailed_links_invitation_id",
        "mailed_links",
        "organization_invitations",
        ["invitation_id"],
        ["id"],
    )
    op.create_index("ix_mailed_links_invitation_id", "mailed_links", ["invitation_id"])
    op.create_check_constraint(
        op.f("ck_mailed_links_user_id_fits_purpose"),
        "mailed_links",
        "(purpose IN ('sign_up', 'invitation')) = (user_id IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_mailed_links_invitation_id_fits_purpose"),
        "mailed_links",
        "(purpose = 'invitation') = (invitation_id IS NOT NULL)",
    )


def become(purposes: tuple[str, ...]) -> None:
    """Replace the enumeration: a value added to one cannot be used in the same transaction."""
    op.execute("ALTER TYPE link_purpose RENAME TO link_purpose_before")
    op.execute(f"CREATE TYPE link_purpose AS ENUM {purposes}")
    op.execute(
        "ALTER TABLE mailed_links ALTER purpose TYPE link_purpose USING purpose::text::link_purpose"
    )
    op.execute("DROP TYPE link_purpose_before")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DELETE FROM mailed_links WHERE purpose IN ('invitation', 'email_change')")
    op.drop_constraint("ck_mailed_links_user_id_fits_purpose", "mailed_links")
    op.drop_constraint("ck_mailed_links_invitation_id_fits_purpose", "mailed_links")
    op.drop_column("mailed_links", "invitation_id")
    become(BEFORE)
    op.create_check_constraint(
        op.f("ck_mailed_links_user_id_fits_purpose"),
        "mailed_links",
        "(purpose = 'sign_up') = (user_id IS NULL)",
    )
