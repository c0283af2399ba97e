"""Assignments in a public project are visible to its organization alone, as members are."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_assignments"
down_revision = "2026_11_21_feed"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC_PROJECT = "project_id = ANY ((SELECT ctx.projects())::uuid[])"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(f"ALTER POLICY tenant_select ON assignments USING ({OWN_TENANT})")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(
        f"ALTER POLICY tenant_select ON assignments USING ({OWN_TENANT} OR {PUBLIC_PROJECT})"
    )
