"""Indexes of the trash of diagrams, and of the links of their nodes."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_diagram_indexes"
down_revision = "2026_12_01_diagrams"

LINKS = "diagram_element_links"
TRASHED = ("excalidraw_diagrams", LINKS, "react_flow_diagrams")
UNIQUE = "uq_diagram_element_links_flow_id_requirement_id_element_id"
BY_FLOW = "ix_diagram_element_links_flow_id_created_at_id"


def upgrade() -> None:
    for table in TRASHED:
        create_index(
            f"ix_{table}_trash",
            table,
            ["organization_id", "deleted_at", "id"],
            where="deleted_at IS NOT NULL",
        )
    create_index(
        UNIQUE,
        LINKS,
        ["organization_id", "flow_id", "requirement_id", "element_id"],
        where="deleted_at IS NULL",
        unique=True,
    )
    create_index(BY_FLOW, LINKS, ["flow_id", "created_at", "id"])


def downgrade() -> None:
    for name in (BY_FLOW, UNIQUE):
        drop_index(name, LINKS)
    for table in reversed(TRASHED):
        drop_index(f"ix_{table}_trash", table)
