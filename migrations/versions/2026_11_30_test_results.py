"""The version of the requirement that a test was run against; the trash of tests and views."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_test_results"
down_revision = "2026_11_30_public_projects"

RESTORED = ("test_req", "test_matrix_views")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    column = sa.Column("requirement_version", sa.BigInteger(), nullable=True)
    op.add_column("requirement_tests", column)
    op.create_check_constraint(
        op.f("ck_requirement_tests_requirement_version_positive"),
        "requirement_tests",
        "requirement_version > 0",
    )
    op.create_index(
        "ix_requirement_tests_test_id_executed_at_id",
        "requirement_tests",
        ["test_id", "executed_at", "id"],
    )
    for table in RESTORED:
        op.create_index(
            f"ix_{table}_trash",
            table,
            ["organization_id", "deleted_at", "id"],
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in RESTORED:
        op.drop_index(f"ix_{table}_trash", table)
    op.drop_index("ix_requirement_tests_test_id_executed_at_id", "requirement_tests")
    op.drop_column("requirement_tests", "requirement_version")
