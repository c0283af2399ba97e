"""Vulnerabilities, and events of security."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, INET

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier
from migrations.tenants import checks, organization_key, tenant_key, wall

revision = "2026_12_01_delivery_security"
down_revision = "2026_12_01_delivery_releases"

TABLES = ("vulnerabilities", "security_events")
ENUMS = {
    "vulnerability_severity": ("low", "medium", "high", "critical"),
    "vulnerability_status": (
        "open",
        "acknowledged",
        "remediated",
        "false_positive",
        "accepted_risk",
    ),
    "security_event_severity": ("info", "low", "medium", "high", "critical"),
}
RESOURCES = ("vulnerability", "security_event")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in RESOURCES:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    op.create_table(
        "vulnerabilities",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("cve_id", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("component", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("severity", enum("vulnerability_severity"), nullable=False),
        sa.Column("cvss_score", sa.Double(), nullable=True),
        sa.Column("affected_version", sa.Text(), nullable=True),
        sa.Column("fixed_version", sa.Text(), nullable=True),
        sa.Column(
            "affected_components",
            ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("status", enum("vulnerability_status"), server_default="open", nullable=False),
        sa.Column("discovered_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("acknowledged_at", TIME, nullable=True),
        sa.Column("remediated_at", TIME, nullable=True),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("remediation_notes", sa.Text(), nullable=True),
        sa.Column("remediation_url", sa.Text(), nullable=True),
        sa.Column("risk_accepted_by", sa.Uuid(), nullable=True),
        sa.Column("risk_accepted_until", sa.Date(), nullable=True),
        sa.Column("risk_reason", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_vulnerabilities"),
        tenant_key("vulnerabilities", "projects", "project_id"),
        tenant_key("vulnerabilities", "organization_members", "assigned_to", to="user_id"),
        tenant_key("vulnerabilities", "organization_members", "risk_accepted_by", to="user_id"),
        *checks(
            "vulnerabilities",
            {
                "cve_id_format": (
                    "cve_id ~ '^CVE-[0-9]{4}-[0-9]{4,}$' AND char_length(cve_id) <= 50"
                ),
                "external_id_not_blank": r"external_id ~ '\S'",
                "external_id_length": "char_length(external_id) <= 500",
                "component_not_blank": r"component ~ '\S'",
                "component_length": "char_length(component) <= 255",
                "title_not_blank": r"title ~ '\S'",
                "title_length": "char_length(title) <= 255",
                "cvss_score_range": "cvss_score BETWEEN 0 AND 10",
                "affected_version_length": "char_length(affected_version) <= 100",
                "fixed_version_length": "char_length(fixed_version) <= 100",
                "remediation_url_url": (
                    "remediation_url ~ '^(https?)://[^[:space:]]+$' AND"
                    " char_length(remediation_url) <= 512"
                ),
                "risk_reason_together": (
                    "num_nonnulls(risk_accepted_by, risk_accepted_until,"
                    " risk_reason) = CASE status WHEN 'accepted_risk' THEN 3"
                    " ELSE 0 END"
                ),
                "risk_reason_not_blank": r"risk_reason ~ '\S'",
                "risk_reason_length": "char_length(risk_reason) <= 10000",
            },
        ),
    )
    op.create_index("ix_vulnerabilities_assigned_to", "vulnerabilities", ["assigned_to"])
    op.create_index("ix_vulnerabilities_cve_id", "vulnerabilities", ["cve_id"])
    op.create_index(
        "ix_vulnerabilities_open",
        "vulnerabilities",
        ["organization_id", sa.text("severity DESC"), "created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL AND status IN ('open', 'acknowledged')"),
    )
    op.create_index(
        "ix_vulnerabilities_organization_id_created_at_id",
        "vulnerabilities",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_vulnerabilities_project_id_created_at_id",
        "vulnerabilities",
        ["project_id", "created_at", "id"],
    )
    op.create_index(
        "ix_vulnerabilities_project_id_status_severity",
        "vulnerabilities",
        ["project_id", "status", "severity"],
    )
    op.create_index("ix_vulnerabilities_risk_accepted_by", "vulnerabilities", ["risk_accepted_by"])
    op.create_index(
        "ix_vulnerabilities_trash",
        "vulnerabilities",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_vulnerabilities_project_id_component_cve_id",
        "vulnerabilities",
        ["organization_id", "project_id", "component", "cve_id"],
        unique=True,
        postgresql_where=sa.text(
            "deleted_at IS NULL AND cve_id IS NOT NULL AND component IS NOT NULL"
        ),
    )
    op.create_index(
        "uq_vulnerabilities_project_id_external_id",
        "vulnerabilities",
        ["organization_id", "project_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND external_id IS NOT NULL"),
    )
    op.create_table(
        "security_events",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("severity", enum("security_event_severity"), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("ip_address", INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("resource_type", enum("resource_type"), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("resolved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("resolution_notes", sa.Text(), nullable=True),
        sa.Column("investigation_notes", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_security_events"),
        organization_key("security_events"),
        tenant_key("security_events", "organization_members", "user_id", to="user_id"),
        tenant_key("security_events", "organization_members", "resolved_by", to="user_id"),
        *checks(
            "security_events",
            {
                "event_type_not_blank": r"event_type ~ '\S'",
                "event_type_length": "char_length(event_type) <= 100",
                "description_not_blank": r"description ~ '\S'",
                "user_agent_length": "char_length(user_agent) <= 512",
                "resolution_notes_together": (
                    "num_nonnulls(resolved_at, resolved_by, resolution_notes)"
                    " = CASE WHEN resolved THEN 3 ELSE 0 END"
                ),
                "resolution_notes_not_blank": r"resolution_notes ~ '\S'",
                "resolution_notes_length": "char_length(resolution_notes) <= 10000",
            },
        ),
    )
    op.create_index(
        "ix_security_events_organization_id_created_at_id",
        "security_events",
        ["organization_id", "created_at", "id"],
    )
    op.create_index("ix_security_events_resolved_by", "security_events", ["resolved_by"])
    op.create_index(
        "ix_security_events_unresolved",
        "security_events",
        ["organization_id", sa.text("severity DESC"), "created_at", "id"],
        postgresql_where=sa.text("NOT resolved AND deleted_at IS NULL"),
    )
    op.create_index("ix_security_events_user_id", "security_events", ["user_id"])
    for table in TABLES:
        wall(table)


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)

    drop(TABLES, ENUMS)
