"""The trace that has enqueued a job, which its runs continue."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_traces"
down_revision = "2026_11_30_outside_workers"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
FORM = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
ENQUEUE = """
CREATE OR REPLACE FUNCTION ctx.enqueue_jobs(wanted jsonb) RETURNS SETOF uuid LANGUAGE sql {definer}
AS $$
INSERT INTO public.jobs AS j (id, organization_id, user_id, scopes, kind, key, payload, run_at,
    every, max_attempts{column}, created_by, updated_by)
SELECT w.id, w.organization_id, w.user_id, w.scopes, w.kind, w.key, w.payload,
    coalesce(w.run_at, now()), w.every, w.max_attempts{value}, ctx.user_id(), ctx.user_id()
FROM jsonb_to_recordset(wanted) AS w (id uuid, organization_id uuid, user_id uuid,
    scopes text[], kind text, key text, payload jsonb, run_at timestamptz, every interval,
    max_attempts int{type})
ON CONFLICT (organization_id, kind, key) WHERE key IS NOT NULL
    DO UPDATE SET every = excluded.every WHERE j.every <> excluded.every
RETURNING id
$$
"""
CLAIM = """
CREATE OR REPLACE FUNCTION ctx.claim_as_worker(
    kinds text[], claimer text, most int, lease interval, tenants uuid[]) RETURNS jsonb
LANGUAGE sql {definer} AS $$
SELECT coalesce(jsonb_agg(jsonb_build_object('id', j.id, 'kind', j.kind, 'payload', j.payload,
    'organization_id', j.organization_id, 'attempt', j.attempts, 'lease_id', j.lease_id,
    'lease_expires_at', j.lease_expires_at{member}) ORDER BY j.run_at, j.id), '[]')
FROM ctx.claim_own_jobs(kinds, claimer, most, lease, tenants) AS j
$$
"""
RECORD = """
CREATE OR REPLACE FUNCTION ctx.record_job() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
DECLARE
    hidden text[] := '{{version, created_at, created_by, updated_at, updated_by, deleted_by,
        lease_id, lease_expires_at{hidden}}}';
    was jsonb := '{{}}';
    becomes jsonb := to_jsonb(NEW) - hidden;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := to_jsonb(OLD) - hidden;
        SELECT coalesce(jsonb_object_agg(n.key, n.value), '{{}}') INTO becomes
        FROM jsonb_each(becomes) AS n WHERE n.value IS DISTINCT FROM was -> n.key;
        SELECT coalesce(jsonb_object_agg(o.key, o.value), '{{}}') INTO was
        FROM jsonb_each(was) AS o WHERE becomes ? o.key;
    ELSE
        becomes := jsonb_strip_nulls(becomes - '{{payload}}'::text[])
            || jsonb_build_object('payload', NEW.payload);
    END IF;
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, resource_type,
        resource_id, action, version, changed_fields, old_data, new_data, event_type, severity,
        soc2_control, actor_id, user_id, source_system)
    VALUES (NEW.organization_id, NEW.id, 'Job', 'job', NEW.id,
        CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'update' END, NEW.version,
        ARRAY(SELECT k FROM jsonb_object_keys(becomes) AS k ORDER BY k), was, becomes,
        CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'update' END::public.audit_event_type,
        'low', 'PI1.3', NEW.updated_by, NEW.user_id, 'jobs');
    RETURN NULL;
END $$
"""
MADE = {
    ENQUEUE: {
        "column": ", traceparent",
        "value": ", w.traceparent",
        "type": ", traceparent text",
    },
    CLAIM: {"member": ", 'traceparent', j.traceparent"},
    RECORD: {"hidden": ", traceparent"},
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("jobs", sa.Column("traceparent", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_jobs_traceparent_format"), "jobs", f"traceparent ~ '{FORM}'"
    )
    for function, parts in MADE.items():
        op.execute(function.format(definer=DEFINER, **parts))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function, parts in MADE.items():
        op.execute(function.format(definer=DEFINER, **dict.fromkeys(parts, "")))
    op.drop_column("jobs", "traceparent")
