"""Views of shares: each is counted and recorded for 90 days."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INET

from migrations.columns import LOCK_TIMEOUT, TIME, identifier

revision = "2026_12_01_share_views"
down_revision = "2026_11_30_change_sets"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
KEY = ("organization_id", "project_id", "id")
COUNTED = "view_count, last_viewed_at"
READ = "id, organization_id, project_id, document_id, share_id, created_at, ip_address, user_agent"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    count = sa.Column("view_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    op.add_column("shares", count)
    op.add_column("shares", sa.Column("last_viewed_at", TIME, nullable=True))
    op.create_check_constraint(
        op.f("ck_shares_view_count_not_negative"), "shares", "view_count >= 0"
    )
    op.create_unique_constraint("uq_shares_organization_id_project_id_id", "shares", [*KEY])
    op.execute(f"GRANT SELECT ({COUNTED}) ON shares TO gateway_app")
    op.execute(f"GRANT UPDATE ({COUNTED}) ON shares TO gateway_auth")
    op.create_table(
        "share_views",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("ip_address", INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_share_views"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "share_id"],
            [f"shares.{name}" for name in KEY],
            name="fk_share_views_share_id",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_share_views_share_id_created_at_id", "share_views", ["share_id", "created_at", "id"]
    )
    op.create_index("ix_share_views_created_at", "share_views", ["created_at"])
    wall()


def wall() -> None:
    """Show requests the views of their tenants; authentication alone records them."""
    op.execute("ALTER TABLE share_views ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE share_views FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON share_views TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON share_views TO gateway_app USING (true)")
    op.execute("CREATE POLICY authentication ON share_views TO gateway_auth USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON share_views"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ({READ}) ON share_views TO gateway_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON share_views TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_table("share_views")
    op.drop_constraint("uq_shares_organization_id_project_id_id", "shares")
    op.drop_column("shares", "last_viewed_at")
    op.drop_column("shares", "view_count")
