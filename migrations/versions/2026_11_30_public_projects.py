"""Row level security looks up a public project in a hash table, in place of a list."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_public_projects"
down_revision = "2026_11_30_deleted_blocks"

TABLES = {
    "projects": "id",
    **dict.fromkeys(
        (
            "documents",
            "blocks",
            "properties",
            "columns",
            "requirements",
            "test_req",
            "requirement_tests",
            "test_matrix_views",
            "trace_links",
            "excalidraw_diagrams",
            "diagram_element_links",
            "react_flow_diagrams",
            "baselines",
            "baseline_items",
        ),
        "project_id",
    ),
}
"""The tables that public projects open, and the column that names the project."""

OWN = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
LISTED = "{key} = ANY ((SELECT ctx.projects())::uuid[])"
# PostgreSQL makes a hash table of the elements when the first row asks.
HASHED = "{key} IN (SELECT unnest((SELECT ctx.projects())))"


def _open(public: str) -> None:
    op.execute(LOCK_TIMEOUT)
    for table, key in TABLES.items():
        condition = f"{OWN} OR {public.format(key=key)}"
        op.execute(f"ALTER POLICY tenant_select ON {table} USING ({condition})")


def upgrade() -> None:
    _open(HASHED)


def downgrade() -> None:
    _open(LISTED)
