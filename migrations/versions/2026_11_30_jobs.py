"""Background jobs, and the functions by which alone they are written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, enum, history, identifier

revision = "2026_11_30_jobs"
down_revision = "2026_11_30_files"

ENUMS = {"job_status": ("queued", "running", "succeeded", "failed", "cancelled")}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
READ = (
    "id, organization_id, user_id, scopes, kind, key, payload, status, run_at, every,"
    " attempts, max_attempts, started_at, finished_at, lease_expires_at, worker, progress, message,"
    " result, error, cancel_requested_at, version, created_at, created_by, updated_at, updated_by,"
    " deleted_at, deleted_by"
)
"""The columns that requests read: all but the lease, by which a worker is known."""
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# The record of a job of an organization, as the gateway writes it of other rows. What extends a
# lease changes no version, and is no event.
RECORD = f"""
CREATE FUNCTION ctx.record_job() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    hidden text[] := '{{version, created_at, created_by, updated_at, updated_by, deleted_by,
        lease_id, lease_expires_at}}';
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
"""  # noqa: S608 (ours)

# Another job of the kind with the key stays as it is, but for the interval, which a new version of
# the gateway may change.
ENQUEUE = f"""
CREATE FUNCTION ctx.enqueue_jobs(wanted jsonb) RETURNS SETOF uuid LANGUAGE sql {DEFINER} AS $$
INSERT INTO public.jobs AS j (id, organization_id, user_id, scopes, kind, key, payload, run_at,
    every, max_attempts, created_by, updated_by)
SELECT w.id, w.organization_id, w.user_id, w.scopes, w.kind, w.key, w.payload,
    coalesce(w.run_at, now()), w.every, w.max_attempts, ctx.user_id(), ctx.user_id()
FROM jsonb_to_recordset(wanted) AS w (id uuid, organization_id uuid, user_id uuid,
    scopes text[], kind text, key text, payload jsonb, run_at timestamptz, every interval,
    max_attempts int)
ON CONFLICT (organization_id, kind, key) WHERE key IS NOT NULL
    DO UPDATE SET every = excluded.every WHERE j.every <> excluded.every
RETURNING id
$$
"""  # noqa: S608 (ours)
# In a transaction of a person: jobs of their tenants, that run as them.
ENQUEUE_OWN = f"""
CREATE FUNCTION ctx.enqueue_own_jobs(wanted jsonb) RETURNS uuid[] LANGUAGE plpgsql {DEFINER}
AS $$
BEGIN
    IF EXISTS (SELECT FROM jsonb_to_recordset(wanted) AS w (organization_id uuid, user_id uuid)
        WHERE (w.organization_id = ANY (ctx.organizations())) IS NOT true
            OR w.user_id IS DISTINCT FROM ctx.user_id()) THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN ARRAY(SELECT ctx.enqueue_jobs(wanted));
END $$
"""  # noqa: S608 (ours)

# A job is due when its time has come, or when the lease of its worker is over. Of each kind only as
# many are looked at as can be claimed, so that a long queue of one kind costs others nothing.
CLAIM = """
CREATE FUNCTION ctx.{name}(kinds text[], claimer text, most int, lease interval{arguments})
RETURNS SETOF public.jobs LANGUAGE plpgsql {definer} AS $$
BEGIN
    {require}
    UPDATE public.jobs AS u SET
        status = CASE WHEN u.cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END
            ::public.job_status,
        error = CASE WHEN u.cancel_requested_at IS NULL THEN 'The worker was lost.' END,
        finished_at = now(), lease_id = NULL, lease_expires_at = NULL, version = u.version + 1,
        updated_at = now(), updated_by = NULL
    WHERE u.id IN (
        SELECT q.id FROM public.jobs AS q
        WHERE q.status = 'running' AND q.lease_expires_at <= now() AND q.kind = ANY (kinds)
            AND (q.cancel_requested_at IS NOT NULL
                OR q.attempts >= q.max_attempts AND q.every IS NULL)
        ORDER BY q.lease_expires_at LIMIT 100 FOR UPDATE SKIP LOCKED);
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT j.id, j.due FROM {places} CROSS JOIN LATERAL (
            SELECT q.id, coalesce(q.lease_expires_at, q.run_at) AS due FROM public.jobs AS q
            WHERE {matches} AND q.status IN ('queued', 'running')
                AND coalesce(q.lease_expires_at, q.run_at) <= now()
            ORDER BY coalesce(q.lease_expires_at, q.run_at) LIMIT most FOR UPDATE SKIP LOCKED
        ) AS j ORDER BY j.due LIMIT most
    )
    UPDATE public.jobs AS u SET status = 'running', attempts = u.attempts + 1, started_at = now(),
        finished_at = NULL, lease_id = gen_random_uuid(), lease_expires_at = now() + lease,
        worker = claimer, progress = NULL, message = NULL, version = u.version + 1,
        updated_at = now(), updated_by = ctx.user_id()
    FROM candidate AS c WHERE u.id = c.id RETURNING u.*;
END $$
"""
CLAIMS = (
    CLAIM.format(
        name="claim_jobs",
        arguments="",
        definer=DEFINER,
        require="",
        places="unnest(kinds) AS k (kind)",
        matches="q.kind = k.kind",
    ),
    CLAIM.format(
        name="claim_own_jobs",
        arguments=", tenants uuid[]",
        definer=DEFINER,
        require="""IF NOT tenants <@ ctx.organizations() THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;""",
        places="unnest(kinds) AS k (kind) CROSS JOIN unnest(tenants) AS t (id)",
        matches="q.kind = k.kind AND q.organization_id = t.id",
    ).replace("AND q.kind = ANY (kinds)", "AND q.organization_id = ANY (tenants)"),
)

# A worker is known by the lease of its claim. Who claims the job after it has another one, so that
# nothing is done to a job by a worker that has lost it.
HELD = "j.id = job AND j.lease_id = lease AND j.status = 'running'"
STAMP = "version = j.version + 1, updated_at = now(), updated_by = ctx.user_id()"
ENDED = "lease_id = NULL, lease_expires_at = NULL"
EXTEND = f"""
CREATE FUNCTION ctx.extend_jobs(ids uuid[], leases uuid[], lease interval)
RETURNS TABLE (id uuid, cancelled boolean) LANGUAGE sql {DEFINER} AS $$
UPDATE public.jobs AS j SET lease_expires_at = now() + lease
FROM unnest(ids, leases) AS h (id, lease_id)
WHERE j.id = h.id AND j.lease_id = h.lease_id AND j.status = 'running'
RETURNING j.id, j.cancel_requested_at IS NOT NULL
$$
"""  # noqa: S608 (ours)
REPORT = f"""
CREATE FUNCTION ctx.report_job(job uuid, lease uuid, share float8, told text) RETURNS boolean
LANGUAGE sql {DEFINER} AS $$
WITH done AS (
    UPDATE public.jobs AS j SET progress = share, message = told, {STAMP} WHERE {HELD} RETURNING 1
) SELECT EXISTS (SELECT FROM done)
$$
"""  # noqa: S608 (ours)
COMPLETE = f"""
CREATE FUNCTION ctx.complete_job(job uuid, lease uuid, outcome jsonb) RETURNS boolean
LANGUAGE sql {DEFINER} AS $$
WITH done AS (
    UPDATE public.jobs AS j SET
        status = CASE WHEN j.every IS NULL THEN 'succeeded'
            WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE 'queued'
            END::public.job_status,
        run_at = CASE WHEN j.every IS NULL THEN j.run_at ELSE now() + j.every END,
        attempts = CASE WHEN j.every IS NULL THEN j.attempts ELSE 0 END,
        progress = CASE WHEN j.every IS NULL THEN 1 END,
        result = outcome, error = NULL, finished_at = now(), {ENDED}, {STAMP}
    WHERE {HELD} RETURNING 1
) SELECT EXISTS (SELECT FROM done)
$$
"""  # noqa: S608 (ours)
# The delay doubles with each attempt, from 10 seconds to an hour, give or take a tenth. One with an
# interval goes on with the next time when its attempts are over.
FAIL = f"""
CREATE FUNCTION ctx.fail_job(job uuid, lease uuid, reason text, final boolean)
RETURNS public.job_status LANGUAGE sql {DEFINER} AS $$
UPDATE public.jobs AS j SET
    status = CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
        WHEN is_over AND j.every IS NULL THEN 'failed' ELSE 'queued' END::public.job_status,
    run_at = CASE WHEN is_over AND j.every IS NULL THEN j.run_at
        WHEN is_over THEN now() + j.every
        ELSE now() + least(interval '10 seconds' * 2 ^ least(j.attempts - 1, 10),
            interval '1 hour') * (0.9 + 0.2 * random()) END,
    attempts = CASE WHEN is_over AND j.every IS NOT NULL THEN 0 ELSE j.attempts END,
    finished_at = CASE WHEN is_over OR j.cancel_requested_at IS NOT NULL THEN now() END,
    error = left(reason, 2000), {ENDED}, {STAMP}
FROM (SELECT q.id, final OR q.attempts >= q.max_attempts AS is_over FROM public.jobs AS q
    WHERE q.id = job FOR UPDATE) AS s
WHERE {HELD} AND s.id = j.id RETURNING j.status
$$
"""  # noqa: S608 (ours)
RELEASE = f"""
CREATE FUNCTION ctx.release_jobs(ids uuid[], leases uuid[]) RETURNS void
LANGUAGE sql {DEFINER} AS $$
UPDATE public.jobs AS j SET status = 'queued', attempts = j.attempts - 1, {ENDED}, {STAMP}
FROM unnest(ids, leases) AS h (id, lease_id)
WHERE j.id = h.id AND j.lease_id = h.lease_id AND j.status = 'running'
$$
"""  # noqa: S608 (ours)
CANCEL = f"""
CREATE FUNCTION ctx.cancel_job(job uuid) RETURNS boolean LANGUAGE sql {DEFINER} AS $$
WITH done AS (
    UPDATE public.jobs AS j SET
        status = CASE j.status WHEN 'queued' THEN 'cancelled' ELSE j.status END::public.job_status,
        finished_at = CASE j.status WHEN 'queued' THEN now() END,
        cancel_requested_at = now(), {STAMP}
    WHERE j.id = job AND j.organization_id = ANY (ctx.organizations())
        AND j.status IN ('queued', 'running') AND j.cancel_requested_at IS NULL RETURNING 1
) SELECT EXISTS (SELECT FROM done)
$$
"""  # noqa: S608 (ours)
RETRY = f"""
CREATE FUNCTION ctx.retry_job(job uuid) RETURNS boolean LANGUAGE sql {DEFINER} AS $$
WITH done AS (
    UPDATE public.jobs AS j SET status = 'queued', run_at = now(), attempts = 0,
        finished_at = NULL, cancel_requested_at = NULL, progress = NULL, message = NULL, {STAMP}
    WHERE j.id = job AND j.organization_id = ANY (ctx.organizations())
        AND j.status IN ('queued', 'failed', 'cancelled') RETURNING 1
) SELECT EXISTS (SELECT FROM done)
$$
"""  # noqa: S608 (ours)
# What has failed stays for longer, for those who look into it.
PRUNE = f"""
CREATE FUNCTION ctx.prune_jobs(batch int) RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    pruned int;
BEGIN
    DELETE FROM public.jobs WHERE id IN (
        SELECT id FROM public.jobs
        WHERE status NOT IN ('queued', 'running') AND finished_at < now()
            - CASE status WHEN 'failed' THEN interval '30 days' ELSE interval '7 days' END
        ORDER BY finished_at LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$
"""  # noqa: S608 (ours)
BOTH = {
    "extend_jobs(uuid[], uuid[], interval)": EXTEND,
    "report_job(uuid, uuid, float8, text)": REPORT,
    "complete_job(uuid, uuid, jsonb)": COMPLETE,
    "fail_job(uuid, uuid, text, boolean)": FAIL,
}
APPLICATION = {
    "enqueue_own_jobs(jsonb)": ENQUEUE_OWN,
    "claim_own_jobs(text[], text, int, interval, uuid[])": CLAIMS[1],
    "cancel_job(uuid)": CANCEL,
    "retry_job(uuid)": RETRY,
}
AUTHENTICATION = {
    "enqueue_jobs(jsonb)": ENQUEUE,
    "claim_jobs(text[], text, int, interval)": CLAIMS[0],
    "release_jobs(uuid[], uuid[])": RELEASE,
    "prune_jobs(int)": PRUNE,
}
"""The functions of workers, which reach the jobs of all tenants."""
FUNCTIONS = {**AUTHENTICATION, **BOTH, **APPLICATION}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'job'")
    create_enums(ENUMS)
    create_table()
    wall()
    op.execute(RECORD)
    for when, condition in (
        ("INSERT", "NEW.organization_id IS NOT NULL"),
        ("UPDATE", "NEW.organization_id IS NOT NULL AND NEW.version <> OLD.version"),
    ):
        op.execute(
            f"CREATE TRIGGER record_{when.lower()} AFTER {when} ON jobs FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION ctx.record_job()"
        )
    for function in FUNCTIONS.values():
        op.execute(function)
    for role, functions in (
        ("gateway_app", BOTH | APPLICATION),
        ("gateway_auth", BOTH | AUTHENTICATION),
    ):
        for name in functions:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")


def create_table() -> None:
    op.create_table(
        "jobs",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("scopes", ARRAY(sa.Text()), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("payload", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("status", enum("job_status"), server_default="queued", nullable=False),
        sa.Column("run_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("every", sa.Interval(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", TIME, nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("result", JSONB(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("cancel_requested_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_jobs_organization_id"
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_jobs_{name}"))
            for name, condition in {
                "kind_format": "kind ~ '^[a-z][a-z0-9_.]{0,99}$'",
                "key_length": "char_length(key) BETWEEN 1 AND 200",
                "payload_object": "jsonb_typeof(payload) = 'object'",
                "result_object": "jsonb_typeof(result) = 'object'",
                "progress_range": "progress BETWEEN 0 AND 1",
                "message_length": "char_length(message) <= 500",
                "error_length": "char_length(error) <= 2000",
                "every_positive": "every >= interval '1 second'",
                "max_attempts_range": "max_attempts BETWEEN 1 AND 100",
                "lease_id_running": "(status = 'running') = (lease_id IS NOT NULL"
                " AND lease_expires_at IS NOT NULL)",
            }.items()
        ),
        # Rows are updated in their own page, which has room for the next version of each.
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "uq_jobs_organization_id_kind_key",
        "jobs",
        ["organization_id", "kind", "key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
        postgresql_nulls_not_distinct=True,
    )
    pending = sa.text("status IN ('queued', 'running')")
    due = sa.text("coalesce(lease_expires_at, run_at)")
    op.create_index("ix_jobs_due", "jobs", ["kind", due], postgresql_where=pending)
    op.create_index(
        "ix_jobs_leased",
        "jobs",
        ["lease_expires_at"],
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        "ix_jobs_finished",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("status NOT IN ('queued', 'running')"),
    )
    for columns in (("organization_id",), ("organization_id", "kind"), ("user_id",)):
        name = "_".join((*columns, "created_at_id"))
        op.create_index(f"ix_jobs_{name}", "jobs", [*columns, "created_at", "id"])


def wall() -> None:
    """Show requests the jobs of their tenants; nothing but functions writes them."""
    op.execute("ALTER TABLE jobs ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE jobs FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON jobs TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON jobs TO gateway_app USING (true)")
    op.execute("CREATE POLICY authentication ON jobs TO gateway_auth USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON jobs"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ({READ}) ON jobs TO gateway_app")
    op.execute("GRANT SELECT ON jobs TO gateway_auth")


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    op.drop_table("jobs")
    op.execute("DROP FUNCTION ctx.record_job()")
    op.execute("DROP TYPE job_status")
