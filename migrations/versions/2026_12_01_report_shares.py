"""Shares of the reports of assessments, which are in no project and belong to a member."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT
from migrations.tenants import OWN_TENANT

revision = "2026_12_01_report_shares"
down_revision = "2026_12_01_second_factor_rule"

# The context of a share has the ID of its object in place of a project, if it is in none.
SHARED = "ANY ((SELECT ctx.projects())::uuid[])"
# Whoever reads a report needs to know whether its document is deleted.
ASSESSED = (
    "EXISTS (SELECT FROM assessments AS a"
    f" WHERE a.compliance_document_id = compliance_documents.id AND a.id = {SHARED})"
)
OPENED = {
    "assessments": f"id = {SHARED}",
    "assessment_frameworks": f"assessment_id = {SHARED}",
    "compliance_documents": ASSESSED,
}
"""The condition under which a share of a report opens a row to reading, by table."""
ONE_OBJECT = "num_nonnulls(document_id, baseline_id{}) = 1"
IN_PROJECT = "(project_id IS NULL) = (assessment_id IS NOT NULL)"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
PURGED = """
    WITH removed AS (
        DELETE FROM public.{table} AS r WHERE {condition}
        RETURNING r.id, r.organization_id, r.version
    )
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, action, version,
        event_type, resource_type, resource_id, severity, soc2_control, user_id, description)
    SELECT organization_id, id, '{entity}', 'purge', version + 1, 'delete', '{resource}', id,
        'medium', 'C1.2', NEW.id, 'The person was erased.'
    FROM removed;"""
SHARES = PURGED.format(
    table="shares", entity="Share", resource="share", condition="r.assessment_id = ANY (gone)"
)
ASSESSMENTS = PURGED.format(
    table="assessments", entity="Assessment", resource="assessment", condition="r.id = ANY (gone)"
)
DOCUMENTS = PURGED.format(
    table="compliance_documents",
    entity="ComplianceDocument",
    resource="compliance_document",
    condition="r.user_id = NEW.id",
)
# Erasing a person purges what is in the reports of their documents, and the shares of these.
ERASE = """
CREATE OR REPLACE FUNCTION ctx.erase_compliance() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
DECLARE
    gone uuid[] := ARRAY(SELECT a.id FROM public.assessments AS a
        JOIN public.compliance_documents AS d ON d.id = a.compliance_document_id
        WHERE NEW.id IN (a.user_id, d.user_id));
BEGIN
    DELETE FROM public.finding_tasks AS t WHERE t.assessment_id = ANY (gone);{purged}
    RETURN NULL;
END $$
"""

# The name was cut off in another way than the models do.
RENAME = "ALTER TABLE assessment_frameworks RENAME CONSTRAINT {} TO {}"
NAMES = (
    "uq_assessment_frameworks_organization_id_assessment_id_framewor",
    "uq_assessment_frameworks_organization_id_assessment_id__3d38",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(ERASE.format(definer=DEFINER, purged=SHARES + ASSESSMENTS + DOCUMENTS))
    op.execute(RENAME.format(*NAMES))
    for name in ("assessment_id", "user_id"):
        op.add_column("shares", sa.Column(name, sa.Uuid(), nullable=True))
    op.alter_column("shares", "project_id", nullable=True)
    replace_check(ONE_OBJECT.format(", assessment_id"))
    op.create_check_constraint(op.f("ck_shares_project_id_object"), "shares", IN_PROJECT)
    add_key("fk_shares_assessment_id", "shares", "assessments", "assessment_id")
    add_key("fk_shares_user_id", "shares", "organization_members", "user_id", to="user_id")
    op.execute("GRANT SELECT (assessment_id, user_id) ON shares TO gateway_app")
    op.create_unique_constraint("uq_shares_organization_id_id", "shares", ["organization_id", "id"])
    op.alter_column("share_views", "project_id", nullable=True)
    op.add_column("share_views", sa.Column("user_id", sa.Uuid(), nullable=True))
    op.execute("GRANT SELECT (user_id) ON share_views TO gateway_app")
    add_key("fk_share_views_whole", "share_views", "shares", "share_id", ondelete="CASCADE")
    for table, condition in OPENED.items():
        read(table, f"{OWN_TENANT} OR {condition}")


def replace_check(condition: str) -> None:
    """Replace the rule that a share opens one object."""
    name = op.f("ck_shares_document_id_object")
    op.drop_constraint(name, "shares")
    op.create_check_constraint(name, "shares", condition)


def add_key(
    name: str, table: str, target: str, column: str, *, to: str = "id", ondelete: str | None = None
) -> None:
    """Add a foreign key within the tenant to a table that exists."""
    here, there = ["organization_id", column], ["organization_id", to]
    op.create_foreign_key(name, table, target, here, there, ondelete=ondelete)


def read(table: str, condition: str) -> None:
    """Admit requests to the rows for which the condition holds, for reading."""
    op.execute(f"ALTER POLICY tenant_select ON {table} USING ({condition})")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(ERASE.format(definer=DEFINER, purged=ASSESSMENTS + DOCUMENTS))
    op.execute(RENAME.format(*reversed(NAMES)))
    for table in OPENED:
        read(table, OWN_TENANT)
    op.execute("DELETE FROM shares WHERE assessment_id IS NOT NULL")
    op.drop_constraint("fk_share_views_whole", "share_views")
    op.drop_column("share_views", "user_id")
    op.alter_column("share_views", "project_id", nullable=False)
    op.drop_constraint("uq_shares_organization_id_id", "shares")
    op.drop_constraint(op.f("ck_shares_project_id_object"), "shares")
    replace_check(ONE_OBJECT.format(""))
    op.alter_column("shares", "project_id", nullable=False)
    for name in ("user_id", "assessment_id"):
        op.drop_column("shares", name)
