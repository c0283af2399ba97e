"""Tokens that reach one project of an organization, and the wall behind them."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT
from migrations.projects import project_wall

revision = "2026_12_01_confined_project"
down_revision = "2026_12_01_delivery_rollbacks"

CREDENTIALS = (
    "oauth_authorization_codes",
    "oauth_device_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
    "oauth_consents",
    "jobs",
)
TABLES = """
    access_review_items access_reviews assignments audit_logs baseline_items baselines blocks
    build_outputs builds change_set_items change_sets columns comment_threads comments defects
    deployments diagram_element_links documents environments excalidraw_diagrams exchange_files
    features files import_mappings notifications number_counters numbering_rules project_budgets
    project_deliveries project_members properties react_flow_diagrams requirement_plans
    requirement_tests requirements review_items review_verdicts reviewers reviews share_views
    shares signatures stars test_cases test_matrix_views test_req test_results trace_links
    user_roles visits vulnerabilities webhook_deliveries webhook_endpoints workflows
"""

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# Like the other settings of a context (2026_11_30_signed_context).
PROJECT = """
CREATE FUNCTION ctx.project() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    setting constant text := current_setting('app.project', true);
    signed constant text := substr(setting, 66);
    signature text;
BEGIN
    IF coalesce(setting, '') = '' THEN
        RETURN NULL;
    END IF;
    SELECT encode(sha256(k.outer_pad
        || sha256(k.inner_pad || convert_to('project;' || signed, 'UTF8'))), 'hex')
    INTO signature FROM ctx.context_keys AS k;
    IF signature IS DISTINCT FROM substr(setting, 1, 64) THEN
        RAISE EXCEPTION 'the context is not signed'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    IF split_part(signed, ';', 1) NOT IN ('0', pg_backend_pid()::text)
        OR to_timestamp(split_part(signed, ';', 2)::float8) < clock_timestamp()
    THEN
        RAISE EXCEPTION 'the context is over, or another connection''s'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    RETURN split_part(signed, ';', 3)::uuid;
END $$
"""
ENQUEUE = """
CREATE OR REPLACE FUNCTION ctx.enqueue_jobs(wanted jsonb) RETURNS SETOF uuid LANGUAGE sql {definer}
AS $$
INSERT INTO public.jobs AS j (id, organization_id, user_id, scopes, kind, key, payload, run_at,
    every, max_attempts, traceparent{column}, created_by, updated_by)
SELECT w.id, w.organization_id, w.user_id, w.scopes, w.kind, w.key, w.payload,
    coalesce(w.run_at, now()), w.every, w.max_attempts, w.traceparent{value},
    ctx.user_id(), ctx.user_id()
FROM jsonb_to_recordset(wanted) AS w (id uuid, organization_id uuid, user_id uuid,
    scopes text[], kind text, key text, payload jsonb, run_at timestamptz, every interval,
    max_attempts int, traceparent text{type})
ON CONFLICT (organization_id, kind, key) WHERE key IS NOT NULL
    DO UPDATE SET every = excluded.every WHERE j.every <> excluded.every
RETURNING id
$$
"""
CONFINED = {
    "column": ", confined_project",
    "value": ", coalesce(ctx.project(), w.confined_project)",
    "type": ", confined_project uuid",
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in CREDENTIALS:
        op.add_column(table, sa.Column("confined_project", sa.Uuid(), nullable=True))
    op.execute("GRANT SELECT (confined_project) ON jobs TO gateway_app")
    op.execute(PROJECT)
    op.execute("REVOKE ALL ON FUNCTION ctx.project() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ctx.project() TO gateway_app, gateway_auth")
    op.execute(ENQUEUE.format(definer=DEFINER, **CONFINED))
    for table in TABLES.split():
        project_wall(table)
    project_wall("projects", "id")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in (*TABLES.split(), "projects"):
        op.execute(f"DROP POLICY one_project ON {table}")
    op.execute(ENQUEUE.format(definer=DEFINER, **dict.fromkeys(CONFINED, "")))
    op.execute("DROP FUNCTION ctx.project()")
    for table in CREDENTIALS:
        op.drop_column(table, "confined_project")
