"""Diagrams and external documents that can be linked, and links of the nodes of diagrams."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_diagrams"
down_revision = "2026_12_01_audit_indexes"

CONTENT = {
    "excalidraw_diagrams": ("name", "diagram_data"),
    "react_flow_diagrams": ("name", "description", "nodes", "edges"),
    "external_documents": ("name", "url"),
}
"""The columns that are the content of each table's rows, as the models have them now."""
LINKS, NODES = "diagram_element_links", "react_flow_diagrams"
KEY = ("organization_id", "project_id", "id")

TRIGGER = """
CREATE TRIGGER content_version BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW
WHEN ({differs}) EXECUTE FUNCTION ctx.content_changed()
"""
# Events of trace links are also told in the projects of their targets.
LAST_TARGET = (
    "SELECT x.project_id, NULL FROM public.requirement_tests AS x WHERE x.id = l.target_id"
)
TARGETS = """
        UNION ALL
        SELECT w.project_id, NULL FROM public.excalidraw_diagrams AS w WHERE w.id = l.target_id
        UNION ALL
        SELECT n.project_id, NULL FROM public.react_flow_diagrams AS n WHERE n.id = l.target_id"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table, columns in CONTENT.items():
        version = sa.Column(
            "content_version", sa.BigInteger(), server_default=sa.text("1"), nullable=False
        )
        op.add_column(table, version)
        differs = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)
        op.execute(TRIGGER.format(columns=", ".join(columns), table=table, differs=differs))
    op.create_unique_constraint("uq_react_flow_diagrams_organization_id_project_id_id", NODES, KEY)
    op.alter_column(LINKS, "diagram_id", nullable=True)
    op.add_column(LINKS, sa.Column("flow_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_diagram_element_links_flow_id",
        LINKS,
        NODES,
        ["organization_id", "project_id", "flow_id"],
        [*KEY],
        onupdate="CASCADE",
    )
    op.create_check_constraint(
        op.f("ck_diagram_element_links_diagram_id_one"),
        LINKS,
        "num_nonnulls(diagram_id, flow_id) = 1",
    )
    _replace(LAST_TARGET, LAST_TARGET + TARGETS)


def _replace(old: str, new: str) -> None:
    """Replace a part of the function that enters events into the feed."""
    find = "SELECT pg_get_functiondef('ctx.enter_feed'::regproc)"
    function = op.get_bind().scalar(sa.text(find))
    assert function.count(old) == 1, "ctx.enter_feed has changed"  # noqa: S101
    op.get_bind().exec_driver_sql(function.replace(old, new))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    _replace(LAST_TARGET + TARGETS, LAST_TARGET)
    op.execute("DELETE FROM diagram_element_links WHERE diagram_id IS NULL")
    op.drop_column(LINKS, "flow_id")
    op.alter_column(LINKS, "diagram_id", nullable=False)
    op.drop_constraint("uq_react_flow_diagrams_organization_id_project_id_id", NODES)
    for table in reversed(CONTENT):
        op.execute(f"DROP TRIGGER content_version ON {table}")
        op.drop_column(table, "content_version")
