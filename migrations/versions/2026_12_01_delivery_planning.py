"""Teams, and what projects and requirements have for delivery."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, create_enums, drop, enum, history, identifier
from migrations.finding import (
    SHOWN,
    create_words,
    drop_words,
)
from migrations.tenants import checks, organization_key, tenant_key, wall

revision = "2026_12_01_delivery_planning"
down_revision = "2026_12_01_compliance_retention"

TABLES = ("teams", "team_members", "project_deliveries", "project_budgets", "requirement_plans")
ENUMS = {"repository_type": ("git", "svn")}
RESOURCES = ("team",)
EXPLORER = "UPDATE oauth_clients SET scope = {} WHERE client_id = 'gateway-explorer'"
SCOPES = " delivery:read delivery:write"

# Purging leaves rows whose key PostgreSQL empties: a defect outlives its feature.
EDGE = "k.contype = 'f' AND k.conparentid = 0"
KEPT = f"{EDGE} AND k.confdeltype <> 'n'"

FOLLOW = """
CREATE FUNCTION ctx.place_requirement_plan() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.requirement_plans
    SET project_id = NEW.project_id, document_id = NEW.document_id
    WHERE requirement_id = NEW.id AND organization_id = NEW.organization_id;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER place_plan AFTER UPDATE OF project_id, document_id ON requirements FOR EACH ROW
WHEN (OLD.document_id <> NEW.document_id OR OLD.project_id <> NEW.project_id)
EXECUTE FUNCTION ctx.place_requirement_plan()
"""


def _replace_in_beneath(old: str, new: str) -> None:
    find = "SELECT pg_get_functiondef('ctx.beneath'::regproc)"
    function = op.get_bind().scalar(sa.text(find))
    assert function.count(old) == 1, "ctx.beneath has changed"  # noqa: S101
    op.get_bind().exec_driver_sql(function.replace(old, new))


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in RESOURCES:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    op.create_table(
        "teams",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        organization_key("teams"),
        sa.UniqueConstraint("organization_id", "id", name="uq_teams_organization_id_id"),
        *checks(
            "teams",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 255",
                "description_length": "char_length(description) <= 10000",
            },
        ),
    )
    op.create_index(
        "ix_teams_organization_id_created_at_id", "teams", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_teams_trash",
        "teams",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_teams_name",
        "teams",
        ["organization_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "team_members",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_team_members"),
        organization_key("team_members"),
        tenant_key("team_members", "teams", "team_id"),
        tenant_key("team_members", "organization_members", "user_id", to="user_id"),
        *checks(
            "team_members",
            {
                "role_length": "char_length(role) <= 100",
            },
        ),
    )
    op.create_index(
        "ix_team_members_organization_id_created_at_id",
        "team_members",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_team_members_team_id_created_at_id", "team_members", ["team_id", "created_at", "id"]
    )
    op.create_index("ix_team_members_user_id", "team_members", ["user_id"])
    op.create_index(
        "uq_team_members_team_id_user_id",
        "team_members",
        ["organization_id", "team_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "project_deliveries",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("repository_url", sa.Text(), nullable=True),
        sa.Column("repository_type", enum("repository_type"), server_default="git", nullable=False),
        sa.Column("template_type", sa.Text(), nullable=True),
        sa.Column(
            "tech_stack", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column("estimated_hours", sa.Integer(), nullable=True),
        sa.Column("actual_hours", sa.Integer(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_project_deliveries"),
        tenant_key("project_deliveries", "projects", "project_id"),
        tenant_key("project_deliveries", "organization_members", "owner_id", to="user_id"),
        tenant_key("project_deliveries", "teams", "team_id", ondelete="SET NULL (team_id)"),
        *checks(
            "project_deliveries",
            {
                "repository_url_url": (
                    "repository_url ~"
                    " '^(https?|ssh|git|svn)://[^[:space:]]+$' AND"
                    " char_length(repository_url) <= 512"
                ),
                "template_type_length": "char_length(template_type) <= 50",
                "estimated_hours_not_negative": "estimated_hours >= 0",
                "actual_hours_not_negative": "actual_hours >= 0",
                "details_object": "jsonb_typeof(details) = 'object'",
            },
        ),
    )
    op.create_index(
        "ix_project_deliveries_organization_id_created_at_id",
        "project_deliveries",
        ["organization_id", "created_at", "id"],
    )
    op.create_index("ix_project_deliveries_owner_id", "project_deliveries", ["owner_id"])
    op.create_index(
        "ix_project_deliveries_project_id_created_at_id",
        "project_deliveries",
        ["project_id", "created_at", "id"],
    )
    op.create_index("ix_project_deliveries_team_id", "project_deliveries", ["team_id"])
    op.create_index(
        "ix_project_deliveries_tech_stack",
        "project_deliveries",
        ["tech_stack"],
        postgresql_using="gin",
    )
    op.create_index(
        "ix_project_deliveries_trash",
        "project_deliveries",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_project_deliveries_project_id",
        "project_deliveries",
        ["organization_id", "project_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "project_budgets",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("budget_allocated_cents", sa.BigInteger(), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_project_budgets"),
        tenant_key("project_budgets", "projects", "project_id"),
        *checks(
            "project_budgets",
            {
                "budget_allocated_cents_not_negative": "budget_allocated_cents >= 0",
            },
        ),
    )
    op.create_index(
        "ix_project_budgets_organization_id_created_at_id",
        "project_budgets",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_project_budgets_project_id_created_at_id",
        "project_budgets",
        ["project_id", "created_at", "id"],
    )
    op.create_index(
        "ix_project_budgets_trash",
        "project_budgets",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_project_budgets_project_id",
        "project_budgets",
        ["organization_id", "project_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "requirement_plans",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=False),
        sa.Column("user_stories", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column(
            "acceptance_criteria", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("estimated_effort_points", sa.Integer(), nullable=True),
        sa.Column("actual_effort_points", sa.Integer(), nullable=True),
        sa.Column("priority_order", sa.Integer(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("target_date", sa.Date(), nullable=True),
        sa.Column("completed_date", sa.Date(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_requirement_plans"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_requirement_plans_document_id",
            onupdate="CASCADE",
        ),
        tenant_key("requirement_plans", "requirements", "requirement_id"),
        *checks(
            "requirement_plans",
            {
                "user_stories_array": "jsonb_typeof(user_stories) = 'array'",
                "acceptance_criteria_array": "jsonb_typeof(acceptance_criteria) = 'array'",
                "estimated_effort_points_not_negative": "estimated_effort_points >= 0",
                "actual_effort_points_not_negative": "actual_effort_points >= 0",
                "target_date_order": "target_date >= start_date",
            },
        ),
    )
    op.create_index(
        "ix_requirement_plans_document_id_created_at_id",
        "requirement_plans",
        ["document_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_plans_organization_id_created_at_id",
        "requirement_plans",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_plans_project_id_created_at_id",
        "requirement_plans",
        ["project_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_plans_project_id_target_date",
        "requirement_plans",
        ["project_id", "target_date"],
    )
    op.create_index(
        "ix_requirement_plans_requirement_id_created_at_id",
        "requirement_plans",
        ["requirement_id", "created_at", "id"],
    )
    op.create_index(
        "ix_requirement_plans_trash",
        "requirement_plans",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_requirement_plans_requirement_id",
        "requirement_plans",
        ["organization_id", "requirement_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    for table in ("project_deliveries", "requirement_plans"):
        wall(table, SHOWN)
    for table in ("teams", "team_members", "project_budgets"):
        wall(table)
    create_words("project_deliveries", "tech_stack")
    op.execute(EXPLORER.format(f"scope || '{SCOPES}'"))
    op.execute(FOLLOW)
    op.execute(TRIGGER)
    _replace_in_beneath(EDGE, KEPT)


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)
    _replace_in_beneath(KEPT, EDGE)
    op.execute("DROP TRIGGER place_plan ON requirements")
    op.execute("DROP FUNCTION ctx.place_requirement_plan()")
    op.execute(EXPLORER.format(f"replace(scope, '{SCOPES}', '')"))

    drop_words("project_deliveries", "tech_stack")
    drop(TABLES, ENUMS)
