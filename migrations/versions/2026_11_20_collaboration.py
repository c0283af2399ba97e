"""Assignments, trace links and diagrams."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_11_20_collaboration"
down_revision = "2026_11_20_testing"

TABLES = (
    "assignments",
    "trace_links",
    "excalidraw_diagrams",
    "diagram_element_links",
    "react_flow_diagrams",
)
ENUMS = {
    "entity_type": (
        "project",
        "document",
        "block",
        "requirement",
        "test",
        "test_execution",
        "excalidraw_diagram",
        "react_flow_diagram",
        "external_document",
    ),
    "assignment_role": ("assignee", "reviewer", "approver", "observer"),
    "trace_link_type": (
        "derived_from",
        "satisfies",
        "verifies",
        "refines",
        "implements",
        "depends_on",
        "conflicts_with",
        "duplicates",
        "parent_of",
        "relates_to",
    ),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "assignments",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("entity_type", enum("entity_type"), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=False),
        sa.Column("role", enum("assignment_role"), server_default="assignee", nullable=False),
        sa.Column("status", enum("requirement_status"), server_default="draft", nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("due_date", TIME, nullable=True),
        sa.Column("completed_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignee_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_assignments_assignee_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_assignments_project_id",
        ),
    )
    op.create_index(
        "uq_assignments_entity_id_role_assignee_id",
        "assignments",
        ["organization_id", "entity_id", "role", "assignee_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_assignments_assignee_id_due_date", "assignments", ["assignee_id", "due_date"]
    )
    op.create_index(
        "ix_assignments_entity_id_created_at_id", "assignments", ["entity_id", "created_at", "id"]
    )
    op.create_index(
        "ix_assignments_organization_id_created_at_id",
        "assignments",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_assignments_project_id_created_at_id", "assignments", ["project_id", "created_at", "id"]
    )
    op.create_table(
        "trace_links",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", enum("entity_type"), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("target_type", enum("entity_type"), nullable=False),
        sa.Column(
            "link_type", enum("trace_link_type"), server_default="relates_to", nullable=False
        ),
        sa.Column("description", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_trace_links"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_trace_links_project_id",
        ),
        sa.CheckConstraint("target_id <> source_id", name=op.f("ck_trace_links_target_id_other")),
    )
    op.create_index(
        "uq_trace_links_source_id_link_type_target_id",
        "trace_links",
        ["organization_id", "source_id", "link_type", "target_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_trace_links_organization_id_created_at_id",
        "trace_links",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_trace_links_project_id_created_at_id", "trace_links", ["project_id", "created_at", "id"]
    )
    op.create_index(
        "ix_trace_links_source_id_created_at_id", "trace_links", ["source_id", "created_at", "id"]
    )
    op.create_index(
        "ix_trace_links_target_id_created_at_id", "trace_links", ["target_id", "created_at", "id"]
    )
    op.create_table(
        "excalidraw_diagrams",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("diagram_data", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("thumbnail_url", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_excalidraw_diagrams"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "id",
            name="uq_excalidraw_diagrams_organization_id_project_id_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_excalidraw_diagrams_project_id",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_excalidraw_diagrams_name_not_blank")),
        sa.CheckConstraint(
            "char_length(name) <= 500", name=op.f("ck_excalidraw_diagrams_name_length")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(diagram_data) = 'object'",
            name=op.f("ck_excalidraw_diagrams_diagram_data_object"),
        ),
    )
    op.create_index(
        "ix_excalidraw_diagrams_organization_id_created_at",
        "excalidraw_diagrams",
        ["organization_id", "created_at"],
    )
    op.create_index(
        "ix_excalidraw_diagrams_project_id_created_at_id",
        "excalidraw_diagrams",
        ["project_id", "created_at", "id"],
    )
    op.create_table(
        "diagram_element_links",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("diagram_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=False),
        sa.Column("element_id", sa.Text(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=True),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_diagram_element_links"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "diagram_id"],
            [
                "excalidraw_diagrams.organization_id",
                "excalidraw_diagrams.project_id",
                "excalidraw_diagrams.id",
            ],
            name="fk_diagram_element_links_diagram_id",
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_diagram_element_links_project_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirements.organization_id", "requirements.id"],
            name="fk_diagram_element_links_requirement_id",
        ),
        sa.CheckConstraint(
            "element_id ~ '\\S'", name=op.f("ck_diagram_element_links_element_id_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(element_id) <= 500",
            name=op.f("ck_diagram_element_links_element_id_length"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(metadata) = 'object'",
            name=op.f("ck_diagram_element_links_metadata_object"),
        ),
    )
    op.create_index(
        "uq_diagram_element_links_diagram_id_requirement_id_element_id",
        "diagram_element_links",
        ["organization_id", "diagram_id", "requirement_id", "element_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_diagram_element_links_diagram_id_created_at_id",
        "diagram_element_links",
        ["diagram_id", "created_at", "id"],
    )
    op.create_index(
        "ix_diagram_element_links_organization_id_created_at",
        "diagram_element_links",
        ["organization_id", "created_at"],
    )
    op.create_index("ix_diagram_element_links_project_id", "diagram_element_links", ["project_id"])
    op.create_index(
        "ix_diagram_element_links_requirement_id_created_at_id",
        "diagram_element_links",
        ["requirement_id", "created_at", "id"],
    )
    op.create_table(
        "react_flow_diagrams",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("nodes", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("edges", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("viewport", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("diagram_type", sa.Text(), nullable=True),
        sa.Column("layout_algorithm", sa.Text(), nullable=True),
        sa.Column("theme", sa.Text(), nullable=True),
        sa.Column("settings", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_react_flow_diagrams"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_react_flow_diagrams_project_id",
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_react_flow_diagrams_name_not_blank")),
        sa.CheckConstraint(
            "char_length(name) <= 500", name=op.f("ck_react_flow_diagrams_name_length")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(nodes) = 'array'", name=op.f("ck_react_flow_diagrams_nodes_array")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(edges) = 'array'", name=op.f("ck_react_flow_diagrams_edges_array")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(viewport) = 'object'", name=op.f("ck_react_flow_diagrams_viewport_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(settings) = 'object'", name=op.f("ck_react_flow_diagrams_settings_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(metadata) = 'object'", name=op.f("ck_react_flow_diagrams_metadata_object")
        ),
    )
    op.create_index(
        "ix_react_flow_diagrams_organization_id_created_at",
        "react_flow_diagrams",
        ["organization_id", "created_at"],
    )
    op.create_index(
        "ix_react_flow_diagrams_project_id_created_at_id",
        "react_flow_diagrams",
        ["project_id", "created_at", "id"],
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
