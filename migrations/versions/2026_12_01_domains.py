"""Domains of organizations, and the domain by which a member joined."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, enum, history, identifier
from migrations.tenants import checks, organization_key, wall

revision = "2026_12_01_domains"
down_revision = "2026_12_01_client_keys"

TABLE = "organization_domains"
CHECKS = {
    "domain_format": r"domain ~ '^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+"
    "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'"
    " AND char_length(domain) <= 253",
    "auto_join_role_below_admin": "auto_join_role NOT IN ('owner', 'admin')",
    "verification_token_length": "char_length(verification_token) <= 100",
}
LIVE = "verified_at IS NOT NULL AND deleted_at IS NULL"
FOUND_BY_THE_GATEWAY = "verified_at, checked_at, failing_since, version, updated_at, updated_by"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'organization_domain'")
    op.create_table(
        "organization_domains",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("auto_join", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "auto_join_role", enum("user_role_type"), server_default="member", nullable=False
        ),
        sa.Column(
            "verification_required", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
        sa.Column("verification_token", sa.Text(), nullable=False),
        sa.Column("verified_at", TIME, nullable=True),
        sa.Column("checked_at", TIME, nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        organization_key(TABLE),
        *checks(TABLE, CHECKS),
    )
    op.create_index(
        "uq_organization_domains_domain",
        "organization_domains",
        ["organization_id", "domain"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_organization_domains_verified",
        "organization_domains",
        ["domain"],
        unique=True,
        postgresql_where=sa.text(LIVE),
    )
    op.create_index(
        "ix_organization_domains_organization_id_created_at_id",
        "organization_domains",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_organization_domains_checked_at",
        "organization_domains",
        ["checked_at"],
        postgresql_where=sa.text(LIVE),
    )
    wall(TABLE)
    op.execute(f"CREATE POLICY authentication ON {TABLE} TO gateway_auth USING (true)")
    op.execute(f"GRANT SELECT, UPDATE ({FOUND_BY_THE_GATEWAY}) ON {TABLE} TO gateway_auth")
    op.add_column("organization_members", sa.Column("joined_domain", sa.Text(), nullable=True))
    op.execute(
        "ALTER TABLE organization_members"
        " ADD CONSTRAINT ck_organization_members_joined_domain_length"
        " CHECK (char_length(joined_domain) <= 253)"
    )


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    op.drop_column("organization_members", "joined_domain")
    op.drop_table(TABLE)
