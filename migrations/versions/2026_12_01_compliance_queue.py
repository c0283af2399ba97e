"""The functions by which workers run assessments, and the usage that is recorded for each."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_compliance_queue"
down_revision = "2026_12_01_compliance_tables"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# What workers change is recorded here: results, leases and keys of the storage are left out.
RECORD = f"""
CREATE FUNCTION ctx.record_assessment(was public.assessments, becomes public.assessments)
RETURNS void LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    hidden text[] := '{{version, created_at, created_by, updated_at, updated_by, deleted_by,
        results, lease_id, claimed_until, results_key}}';
    old jsonb := to_jsonb(was) - hidden;
    new jsonb := to_jsonb(becomes) - hidden;
BEGIN
    SELECT coalesce(jsonb_object_agg(n.key, n.value), '{{}}') INTO new
    FROM jsonb_each(new) AS n WHERE n.value IS DISTINCT FROM old -> n.key;
    SELECT coalesce(jsonb_object_agg(o.key, o.value), '{{}}') INTO old
    FROM jsonb_each(old) AS o WHERE new ? o.key;
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, resource_type,
        resource_id, action, version, changed_fields, old_data, new_data, event_type, severity,
        soc2_control, actor_id, user_id, source_system)
    VALUES (becomes.organization_id, becomes.id, 'Assessment', 'assessment', becomes.id, 'update',
        becomes.version, ARRAY(SELECT k FROM jsonb_object_keys(new) AS k ORDER BY k), old, new,
        'update', 'low', 'PI1.3', becomes.updated_by, becomes.user_id, 'compliance');
END $$
"""  # noqa: S608 (ours)
STAMP = "version = a.version + 1, updated_at = now()"
ENDED = "lease_id = NULL, claimed_until = NULL"

# An attempt whose worker is silent past its lease is over. After the third, the assessment failed.
RECLAIM = f"""
CREATE FUNCTION ctx.reclaim_assessments() RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    was public.assessments;
    becomes public.assessments;
    reclaimed int := 0;
BEGIN
    FOR was IN
        SELECT * FROM public.assessments AS a
        WHERE a.status = 'processing' AND a.claimed_until <= clock_timestamp()
        ORDER BY a.claimed_until LIMIT 100 FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE public.assessments AS a SET {ENDED}, {STAMP}, updated_by = NULL,
            status = CASE WHEN a.attempts < 3 THEN 'pending' ELSE 'failed'
                END::public.assessment_status,
            error_message = CASE WHEN a.attempts >= 3
                THEN 'Three workers have started the assessment and did not finish it.' END
        WHERE a.id = was.id RETURNING a.* INTO becomes;
        PERFORM ctx.record_assessment(was, becomes);
        reclaimed := reclaimed + 1;
    END LOOP;
    RETURN reclaimed;
END $$
"""  # noqa: S608 (ours)

# The oldest that are pending, of these tenants, or of all: nobody waits for a row that another
# worker is just claiming.
CLAIM = f"""
CREATE FUNCTION ctx.claim_assessments(most int, lease interval, claimer uuid, named text,
    tenants uuid[]) RETURNS jsonb LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    was public.assessments;
    becomes public.assessments;
    claimed jsonb := '[]';
BEGIN
    PERFORM ctx.reclaim_assessments();
    FOR was IN
        SELECT a.* FROM public.assessments AS a
        JOIN public.compliance_documents AS d ON d.id = a.compliance_document_id
        JOIN public.organizations AS o ON o.id = a.organization_id
        WHERE a.status = 'pending' AND a.deleted_at IS NULL AND d.deleted_at IS NULL
            AND o.deleted_at IS NULL AND (tenants IS NULL OR a.organization_id = ANY (tenants))
        ORDER BY a.created_at, a.id LIMIT most FOR UPDATE OF a SKIP LOCKED
    LOOP
        UPDATE public.assessments AS a SET {STAMP}, updated_by = claimer, status = 'processing',
            started_at = now(), attempts = a.attempts + 1, progress = 0, results = '{{}}',
            claimed_by = claimer, worker = named, lease_id = gen_random_uuid(),
            claimed_until = clock_timestamp() + lease
        WHERE a.id = was.id RETURNING a.* INTO becomes;
        PERFORM ctx.record_assessment(was, becomes);
        claimed := claimed || (
            SELECT jsonb_build_object('id', becomes.id, 'organization_id', becomes.organization_id,
                'user_id', becomes.user_id, 'lease_id', becomes.lease_id,
                'lease_expires_at', becomes.claimed_until, 'attempt', becomes.attempts,
                'document', jsonb_build_object('id', d.id, 'name', d.name, 'size', d.size,
                    'media_type', d.media_type, 'sha256', encode(d.sha256, 'hex')),
                'frameworks', ctx.definitions_of(becomes.id))
            FROM public.compliance_documents AS d WHERE d.id = becomes.compliance_document_id);
    END LOOP;
    RETURN claimed;
END $$
"""  # noqa: S608 (ours)

HELD = """a.id = assessment AND a.lease_id = lease AND a.status = 'processing'
            AND a.claimed_until > clock_timestamp()
            AND (tenants IS NULL OR a.organization_id = ANY (tenants))"""
BEGIN = f"""
DECLARE
    was public.assessments;
    becomes public.assessments;
BEGIN
    SELECT * INTO was FROM public.assessments AS a WHERE {HELD} FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;"""  # noqa: S608 (ours)
END = """
    RETURNING a.* INTO becomes;
    PERFORM ctx.record_assessment(was, becomes);
    RETURN becomes.status::text;
END $$
"""
# Without progress nothing is told to those who follow the assessment.
EXTEND = f"""
CREATE FUNCTION ctx.extend_assessment(assessment uuid, lease uuid, span interval, share float8,
    so_far jsonb, tenants uuid[]) RETURNS timestamptz LANGUAGE plpgsql {DEFINER} AS $$
{BEGIN}
    UPDATE public.assessments AS a SET claimed_until = clock_timestamp() + span,
        progress = coalesce(share, a.progress), results = coalesce(so_far, a.results),
        version = a.version + (share IS NOT NULL)::int,
        updated_at = CASE WHEN share IS NULL THEN a.updated_at ELSE now() END
    WHERE a.id = assessment
    RETURNING a.* INTO becomes;
    IF share IS NOT NULL THEN
        PERFORM ctx.record_assessment(was, becomes);
    END IF;
    RETURN becomes.claimed_until;
END $$
"""  # noqa: S608 (ours)
# The one place where the usage of an assessment is recorded: with its completion, once.
COMPLETE = f"""
CREATE FUNCTION ctx.complete_assessment(assessment uuid, lease uuid, outcome jsonb, counts jsonb,
    points float8, named text, tenants uuid[]) RETURNS text LANGUAGE plpgsql {DEFINER} AS $$
{BEGIN}
    INSERT INTO public.usage_logs (organization_id, user_id, feature, quantity, unit_type,
        subject_id, billable)
    SELECT was.organization_id, was.user_id, 'assessment_completed', 1, 'assessment', was.id,
        o.billing_plan <> 'free'
    FROM public.organizations AS o WHERE o.id = was.organization_id;
    UPDATE public.assessments AS a SET {ENDED}, {STAMP}, updated_by = a.claimed_by,
        status = 'completed', results = outcome, severity_counts = counts, score = points,
        model_name = named, progress = 1, completed_at = now(),
        duration_ms = least(extract(epoch FROM clock_timestamp() - a.started_at) * 1000,
            2147483647)::int
    WHERE a.id = assessment{END}"""  # noqa: S608 (ours)
FAIL = f"""
CREATE FUNCTION ctx.fail_assessment(assessment uuid, lease uuid, reason text, final boolean,
    tenants uuid[]) RETURNS text LANGUAGE plpgsql {DEFINER} AS $$
{BEGIN}
    UPDATE public.assessments AS a SET {ENDED}, {STAMP}, updated_by = a.claimed_by,
        status = CASE WHEN final OR a.attempts >= 3 THEN 'failed' ELSE 'pending'
            END::public.assessment_status,
        error_message = CASE WHEN final OR a.attempts >= 3 THEN left(reason, 2000) END
    WHERE a.id = assessment{END}"""  # noqa: S608 (ours)
DEFINITIONS = f"""
CREATE FUNCTION ctx.definitions_of(assessment uuid) RETURNS jsonb LANGUAGE sql STABLE {DEFINER}
AS $$
SELECT jsonb_agg(jsonb_build_object('code', f.code, 'name', r.name, 'revision', r.revision,
    'definition', r.definition) ORDER BY f.code)
FROM public.assessment_frameworks AS l
JOIN public.frameworks AS f ON f.id = l.framework_id
JOIN public.framework_revisions AS r ON r.id = l.revision_id
WHERE l.assessment_id = definitions_of.assessment
$$
"""  # noqa: S608 (ours)
DEFINITIONS_OF = f"""
CREATE FUNCTION ctx.definitions_of_assessment(assessment uuid, lease uuid, tenants uuid[])
RETURNS jsonb LANGUAGE sql STABLE {DEFINER} AS $$
SELECT ctx.definitions_of(a.id) FROM public.assessments AS a WHERE {HELD}
$$
"""  # noqa: S608 (ours)
PAGES_OF = f"""
CREATE FUNCTION ctx.pages_of_assessment(assessment uuid, lease uuid, tenants uuid[])
RETURNS text[] LANGUAGE sql STABLE {DEFINER} AS $$
SELECT ARRAY(SELECT p.content FROM public.compliance_pages AS p
    WHERE p.compliance_document_id = a.compliance_document_id ORDER BY p.number)
FROM public.assessments AS a WHERE {HELD}
$$
"""  # noqa: S608 (ours)
STORE_PAGES = f"""
CREATE FUNCTION ctx.store_pages(document uuid, pages text[]) RETURNS boolean LANGUAGE plpgsql
{DEFINER} AS $$
BEGIN
    PERFORM FROM public.compliance_documents AS d WHERE d.id = document FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO public.compliance_pages (compliance_document_id, number, organization_id, content)
    SELECT d.id, p.number, d.organization_id, p.content FROM public.compliance_documents AS d,
        unnest(pages) WITH ORDINALITY AS p (content, number)
    WHERE d.id = document ON CONFLICT DO NOTHING;
    RETURN true;
END $$
"""  # noqa: S608 (ours)

# A person's worker acts for the tenants that the caller names, within those of the viewer.
HELD_BY = "assessment uuid, lease uuid"
OWN = {
    "claim_own_assessments": ("most int, lease interval, named text, tenants uuid[]", "jsonb"),
    "extend_own_assessment": (
        f"{HELD_BY}, span interval, share float8, so_far jsonb, tenants uuid[]",
        "timestamptz",
    ),
    "complete_own_assessment": (
        f"{HELD_BY}, outcome jsonb, counts jsonb, points float8, named text, tenants uuid[]",
        "text",
    ),
    "fail_own_assessment": (
        f"{HELD_BY}, reason text, final boolean, tenants uuid[]",
        "text",
    ),
    "definitions_of_own_assessment": (f"{HELD_BY}, tenants uuid[]", "jsonb"),
    "pages_of_own_assessment": (f"{HELD_BY}, tenants uuid[]", "text[]"),
}
WITHIN = "ARRAY(SELECT t FROM unnest(tenants) AS t WHERE t = ANY (ctx.organizations()))"
# Completed ones of the month (UTC), and those that are not finished.
USED = f"""
CREATE FUNCTION ctx.used_assessments(tenant uuid) RETURNS int LANGUAGE sql {DEFINER} AS $$
SELECT ((
    SELECT count(*) FROM public.usage_logs AS u
    WHERE u.organization_id = tenant AND u.feature = 'assessment_completed'
        AND u.created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
) + (
    SELECT count(*) FROM public.assessments AS a
    WHERE a.organization_id = tenant AND a.status IN ('pending', 'processing')
))::int WHERE tenant = ANY (ctx.organizations())
$$
"""  # noqa: S608 (ours)
# The lock of the organization makes those who create assessments take turns, so that the limit of
# the plan is exact. The links come before the assessment, which is sent with the transaction.
PREPARE = f"""
CREATE FUNCTION ctx.prepare_assessment(assessment uuid, tenant uuid, wanted uuid[]) RETURNS jsonb
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    linked int;
BEGIN
    IF tenant = ANY (ctx.organizations()) IS NOT true THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM public.organizations AS o WHERE o.id = tenant FOR NO KEY UPDATE;
    INSERT INTO public.assessment_frameworks (organization_id, assessment_id, framework_id,
        revision_id, framework_revision)
    SELECT tenant, assessment, f.id, r.id, r.revision
    FROM public.frameworks AS f
    JOIN public.framework_revisions AS r ON r.framework_id = f.id AND r.revision = f.revision
    WHERE f.id = ANY (wanted) AND f.active;
    GET DIAGNOSTICS linked = ROW_COUNT;
    RETURN jsonb_build_object('linked', linked, 'used', ctx.used_assessments(tenant));
END $$
"""  # noqa: S608 (ours)
BILLABLE = f"""
CREATE FUNCTION ctx.billable_assessments(tenant uuid) RETURNS int LANGUAGE sql STABLE {DEFINER}
AS $$
SELECT count(*)::int FROM public.usage_logs AS u
WHERE u.organization_id = tenant AND tenant = ANY (ctx.organizations()) AND u.billable
    AND u.feature = 'assessment_completed'
    AND u.created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "record_assessment(public.assessments, public.assessments)": (RECORD, None),
    "definitions_of(uuid)": (DEFINITIONS, None),
    "reclaim_assessments()": (RECLAIM, "gateway_auth"),
    "claim_assessments(int, interval, uuid, text, uuid[])": (CLAIM, "gateway_auth"),
    "extend_assessment(uuid, uuid, interval, float8, jsonb, uuid[])": (EXTEND, "gateway_auth"),
    "complete_assessment(uuid, uuid, jsonb, jsonb, float8, text, uuid[])": (
        COMPLETE,
        "gateway_auth",
    ),
    "fail_assessment(uuid, uuid, text, boolean, uuid[])": (FAIL, "gateway_auth"),
    "definitions_of_assessment(uuid, uuid, uuid[])": (DEFINITIONS_OF, None),
    "pages_of_assessment(uuid, uuid, uuid[])": (PAGES_OF, "gateway_auth"),
    "store_pages(uuid, text[])": (STORE_PAGES, "gateway_auth"),
    "used_assessments(uuid)": (USED, "gateway_app"),
    "prepare_assessment(uuid, uuid, uuid[])": (PREPARE, "gateway_app"),
    "billable_assessments(uuid)": (BILLABLE, "gateway_app"),
}


def types_of(parameters: str) -> str:
    return ", ".join(parameter.split()[-1] for parameter in parameters.split(","))


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "usage_logs",
        sa.Column("billable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("usage_logs", sa.Column("subject_id", sa.Uuid(), nullable=True))
    for name, (definition, role) in FUNCTIONS.items():
        op.execute(definition)
        if role:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")
    for name, (parameters, result) in OWN.items():
        names = [parameter.split()[0] for parameter in parameters.split(",")]
        if name == "claim_own_assessments":
            names.insert(2, "ctx.user_id()")
        called = ", ".join([*names[:-1], WITHIN])
        op.execute(
            f"CREATE FUNCTION ctx.{name}({parameters}) RETURNS {result} LANGUAGE sql {DEFINER}"
            f" AS $$ SELECT ctx.{name.replace('own_', '')}({called}) $$"
        )
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name}({types_of(parameters)}) TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name, (parameters, _) in OWN.items():
        op.execute(f"DROP FUNCTION ctx.{name}({types_of(parameters)})")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    for column in ("subject_id", "billable"):
        op.drop_column("usage_logs", column)
