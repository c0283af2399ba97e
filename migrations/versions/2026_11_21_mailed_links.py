"""Links that are mailed for sign-up, and for a forgotten password."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum

revision = "2026_11_21_mailed_links"
down_revision = "2026_11_21_purge"

ENUMS = {"link_purpose": ("sign_up", "password_reset")}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "mailed_links",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", enum("link_purpose"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mailed_links"),
        sa.UniqueConstraint("token_hash", name="uq_mailed_links_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_mailed_links_user_id"),
        sa.CheckConstraint(
            "octet_length(token_hash) = 32", name=op.f("ck_mailed_links_token_hash_digest")
        ),
        sa.CheckConstraint(
            "email ~ '^[^@\\s]+@[^@\\s]+$' AND char_length(email) <= 254",
            name=op.f("ck_mailed_links_email_format"),
        ),
        sa.CheckConstraint(
            "(purpose = 'sign_up') = (user_id IS NULL)",
            name=op.f("ck_mailed_links_user_id_fits_purpose"),
        ),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_mailed_links_expires_at_later")
        ),
    )
    op.create_index("ix_mailed_links_email", "mailed_links", [sa.text("lower(email)")])
    op.create_index("ix_mailed_links_expires_at", "mailed_links", ["expires_at"])
    op.create_index("ix_mailed_links_user_id", "mailed_links", ["user_id"])
    op.execute("ALTER TABLE mailed_links ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE mailed_links FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON mailed_links TO gateway_owner USING (true)")
    op.execute("CREATE POLICY authentication ON mailed_links TO gateway_auth USING (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON mailed_links TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(("mailed_links",), ENUMS)
