"""Versions of content, the versions at which links were confirmed, and links told at both ends."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_30_trace_links"
down_revision = "2026_11_30_numbering"

CONTENT = {
    "projects": ("name", "description"),
    "documents": ("name", "description"),
    "blocks": ("type", "name", "content"),
    "requirements": (
        "name",
        "description",
        "format",
        "level",
        "original_requirement",
        "properties",
    ),
    "test_req": ("title", "description", "preconditions", "test_steps", "expected_results"),
    "requirement_tests": ("execution_status", "result_notes"),
}
"""The columns that are the content of each table's rows, as the models have them now."""

CHANGED = """
CREATE FUNCTION ctx.content_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.content_version := NEW.version;
    RETURN NEW;
END $$
"""

# A write that sets none of these columns, such as one of a position, does not reach the condition,
# which would otherwise read long texts for nothing.
TRIGGER = """
CREATE TRIGGER content_version BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW
WHEN ({differs}) EXECUTE FUNCTION ctx.content_changed()
"""

# Links that exist are taken for confirmed: nobody has looked at their ends by these rules yet.
CONFIRMED = """
UPDATE trace_links AS l SET {end}_version = r.version FROM {table} AS r WHERE r.id = l.{end}_id
"""

# As before, and the events of links also where their targets are. The target's project and document
# have the events of links from elsewhere, once: an organization has them by the source.
ENTER = """
CREATE OR REPLACE FUNCTION ctx.enter_feed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.feed_entries AS f
        WHERE f.xid = pg_current_xact_id() AND f.event_id = NEW.id)
    THEN
        INSERT INTO public.feed_entries
            (event_id, event_at, organization_id, project_id, document_id, departed)
        SELECT c.id, c.created_at, c.organization_id, c.project_id, c.document_id, c.departed
        FROM (
SELECT e.id, e.created_at, e.organization_id, p.project_id, p.document_id, p.departed
FROM public.audit_logs AS e
CROSS JOIN LATERAL (
    SELECT e.project_id, e.document_id, NULL::public.departed AS departed
    UNION ALL
    SELECT coalesce((e.old_data ->> 'project_id')::uuid, e.project_id),
        (e.old_data ->> 'document_id')::uuid,
        CASE WHEN 'project_id' = ANY (e.changed_fields) THEN 'project'::public.departed
            ELSE 'document' END
    WHERE e.action = 'update' AND e.changed_fields && ARRAY['document_id', 'project_id']
        AND (e.old_data ->> 'document_id' IS NOT NULL OR e.old_data ->> 'project_id' IS NOT NULL)
{linked}) AS p
WHERE e.xid = pg_current_xact_id() AND e.created_at >= now() - interval '1 day'
    AND (e.version IS NOT NULL OR (
        e.resource_type IN ('user', 'session', 'token', 'oauth_client')
        AND e.event_type NOT IN ('login', 'login_failed', 'access_denied')))
    AND NOT EXISTS (SELECT FROM public.feed_entries AS f
        WHERE f.xid = pg_current_xact_id() AND f.event_id = e.id)
) AS c
        ORDER BY c.created_at, c.id, c.departed NULLS FIRST;
    END IF;
    RETURN NULL;
END $$
"""
LINKED = """    UNION ALL
    SELECT t.project_id, t.document_id,
        CASE WHEN t.project_id = e.project_id THEN 'linked_document'::public.departed
            ELSE 'linked_project' END
    FROM public.trace_links AS l
    CROSS JOIN LATERAL (
        SELECT r.project_id, r.document_id FROM public.requirements AS r WHERE r.id = l.target_id
        UNION ALL
        SELECT b.project_id, b.document_id FROM public.blocks AS b WHERE b.id = l.target_id
        UNION ALL
        SELECT d.project_id, d.id FROM public.documents AS d WHERE d.id = l.target_id
        UNION ALL
        SELECT p.id, NULL FROM public.projects AS p WHERE p.id = l.target_id
        UNION ALL
        SELECT c.project_id, NULL FROM public.test_req AS c WHERE c.id = l.target_id
        UNION ALL
        SELECT x.project_id, NULL FROM public.requirement_tests AS x WHERE x.id = l.target_id
    ) AS t
    WHERE e.entity_type = 'TraceLink' AND l.id = e.entity_id
        AND (t.project_id <> e.project_id OR t.document_id <> e.document_id
            OR t.document_id IS NOT NULL AND e.document_id IS NULL)
"""
EVENTS = """
CREATE {replace} VIEW feed_events WITH (security_barrier) AS
SELECT p.position, p.event_id, p.event_at, p.organization_id, p.project_id, p.document_id,
    p.sequence, p.departed, e.entity_type, e.entity_id, e.action, e.version, e.changed_fields,
    e.actor_id, e.user_id, e.session_id, e.client_id, e.correlation_id, e.resource_type,
    e.event_type, coalesce((e.details ->> 'renumbered')::boolean, false) AS renumbered{more}
FROM feed_positions AS p
JOIN audit_logs AS e ON e.id = p.event_id AND e.created_at = p.event_at
"""
OF_ROW = ",\n    e.project_id AS row_project_id"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(CHANGED)
    for table, columns in CONTENT.items():
        op.add_column(
            table,
            sa.Column(
                "content_version", sa.BigInteger(), server_default=sa.text("1"), nullable=False
            ),
        )
        differs = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)
        op.execute(TRIGGER.format(columns=", ".join(columns), table=table, differs=differs))
    for end in ("source", "target"):
        op.add_column(
            "trace_links",
            sa.Column(
                f"{end}_version", sa.BigInteger(), server_default=sa.text("1"), nullable=False
            ),
        )
        op.create_check_constraint(
            op.f(f"ck_trace_links_{end}_version_positive"), "trace_links", f"{end}_version > 0"
        )
    op.add_column("trace_links", sa.Column("confirmed_at", TIME, nullable=True))
    op.add_column("trace_links", sa.Column("confirmed_by", sa.Uuid(), nullable=True))
    for table in CONTENT:
        for end in ("source", "target"):
            op.execute(CONFIRMED.format(end=end, table=table))
    op.create_index(
        "ix_trace_links_trash",
        "trace_links",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    for label in ("linked_document", "linked_project"):
        op.execute(f"ALTER TYPE departed ADD VALUE IF NOT EXISTS '{label}'")
    op.execute(ENTER.format(linked=LINKED))
    op.execute(EVENTS.format(replace="OR REPLACE", more=OF_ROW))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(ENTER.format(linked=""))
    op.execute("DROP VIEW feed_events")
    op.execute(EVENTS.format(replace="", more=""))
    op.execute("GRANT SELECT ON feed_events TO gateway_auth")
    op.drop_index("ix_trace_links_trash", "trace_links")
    for column in ("confirmed_by", "confirmed_at", "target_version", "source_version"):
        op.drop_column("trace_links", column)
    for table in reversed(CONTENT):
        op.execute(f"DROP TRIGGER content_version ON {table}")
        op.drop_column(table, "content_version")
    op.execute("DROP FUNCTION ctx.content_changed()")
