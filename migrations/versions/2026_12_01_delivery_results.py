"""Results of tests, kept by month, and the numbers that follow from them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, drop, enum, identifier
from migrations.finding import (
    SHOWN,
)
from migrations.tenants import checks, project_row_key, wall

revision = "2026_12_01_delivery_results"
down_revision = "2026_12_01_delivery_builds"

TABLES = ("test_results",)
# An ID is a UUIDv7, whose first 48 bits are milliseconds: a month is a range of IDs.
PARTITIONS = """
CREATE FUNCTION ctx.ensure_result_partitions(months_ahead int DEFAULT 3) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this_month timestamptz := date_trunc('month', now(), 'UTC');
    month timestamptz;
    partition text;
    made int := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months_ahead is from 0 to 24' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(7310942026120101);
    FOR month IN SELECT this_month + n * interval '1 month' FROM generate_series(-1, months_ahead) n
    LOOP
        partition := 'test_results' || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
        EXECUTE format(
            'CREATE TABLE public.%I (LIKE public.test_results INCLUDING DEFAULTS'
            ' INCLUDING CONSTRAINTS)', partition);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition);
        EXECUTE format(
            'ALTER TABLE public.test_results ATTACH PARTITION public.%I'
            ' FOR VALUES FROM (%L) TO (%L)', partition,
            ctx.first_id(month), ctx.first_id(month + interval '1 month'));
        made := made + 1;
    END LOOP;
    RETURN made;
END $$
"""
FIRST_ID = """
CREATE FUNCTION ctx.first_id(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
        || repeat('0', 20))::uuid
$$
"""
DEFAULT = """
CREATE TABLE test_results_default PARTITION OF test_results DEFAULT
"""

# Tests are locked in the order of their IDs, so that reports at the same time take turns. Runs that
# were skipped count as runs, and errors as failures.
COUNT = """
CREATE FUNCTION ctx.count_results() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM public.test_cases WHERE id IN (SELECT test_case_id FROM changed)
            ORDER BY id FOR NO KEY UPDATE;
        UPDATE public.test_cases AS t
        SET run_count = t.run_count + c.runs, pass_count = t.pass_count + c.passes,
            fail_count = t.fail_count + c.failures,
            last_run_at = greatest(t.last_run_at, c.last_at),
            last_run_status = CASE WHEN t.last_run_at > c.last_at THEN t.last_run_status
                ELSE c.last_status END
        FROM (
            SELECT test_case_id, count(*) AS runs,
                count(*) FILTER (WHERE status = 'passed') AS passes,
                count(*) FILTER (WHERE status IN ('failed', 'error')) AS failures,
                max(executed_at) AS last_at,
                (array_agg(status ORDER BY executed_at DESC, id DESC))[1] AS last_status
            FROM changed GROUP BY test_case_id
        ) AS c WHERE t.id = c.test_case_id;
    ELSE
        PERFORM FROM public.test_cases WHERE id IN (SELECT test_case_id FROM changed)
            ORDER BY id FOR NO KEY UPDATE;
        UPDATE public.test_cases AS t
        SET run_count = t.run_count - c.runs, pass_count = t.pass_count - c.passes,
            fail_count = t.fail_count - c.failures, last_run_at = l.executed_at,
            last_run_status = l.status
        FROM (
            SELECT test_case_id, count(*) AS runs,
                count(*) FILTER (WHERE status = 'passed') AS passes,
                count(*) FILTER (WHERE status IN ('failed', 'error')) AS failures
            FROM changed GROUP BY test_case_id
        ) AS c
        LEFT JOIN LATERAL (
            SELECT r.executed_at, r.status FROM public.test_results AS r
            WHERE r.test_case_id = c.test_case_id ORDER BY r.executed_at DESC, r.id DESC LIMIT 1
        ) AS l ON true
        WHERE t.id = c.test_case_id;
    END IF;
    PERFORM FROM public.builds WHERE id IN (SELECT build_id FROM changed)
        ORDER BY id FOR NO KEY UPDATE;
    UPDATE public.builds AS b
    SET tests_run = b.tests_run + c.sign * c.runs,
        tests_passed = b.tests_passed + c.sign * c.passes,
        tests_failed = b.tests_failed + c.sign * c.failures
    FROM (
        SELECT build_id, CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END AS sign, count(*) AS runs,
            count(*) FILTER (WHERE status = 'passed') AS passes,
            count(*) FILTER (WHERE status IN ('failed', 'error')) AS failures
        FROM changed WHERE build_id IS NOT NULL GROUP BY build_id
    ) AS c WHERE b.id = c.build_id;
    RETURN NULL;
END $$
"""
TRIGGERS = {"INSERT": "NEW TABLE AS changed", "DELETE": "OLD TABLE AS changed"}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "test_results",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        identifier(),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("test_case_id", sa.Uuid(), nullable=False),
        sa.Column("feature_id", sa.Uuid(), nullable=False),
        sa.Column("build_id", sa.Uuid(), nullable=True),
        sa.Column("status", enum("feature_test_outcome"), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_stacktrace", sa.Text(), nullable=True),
        sa.Column("assertions_run", sa.Integer(), nullable=True),
        sa.Column("assertions_passed", sa.Integer(), nullable=True),
        sa.Column("assertions_failed", sa.Integer(), nullable=True),
        sa.Column("code_coverage_percent", sa.Double(), nullable=True),
        sa.Column("memory_used_mb", sa.Integer(), nullable=True),
        sa.Column("cpu_percent", sa.Double(), nullable=True),
        sa.Column("execution_environment", sa.Text(), nullable=True),
        sa.Column("logs", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("artifacts", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("executed_by", sa.Uuid(), nullable=True),
        sa.Column("executed_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_test_results"),
        project_row_key("test_results", "test_cases", "test_case_id"),
        project_row_key("test_results", "features", "feature_id"),
        project_row_key("test_results", "builds", "build_id"),
        *checks(
            "test_results",
            {
                "duration_ms_not_negative": "duration_ms >= 0",
                "assertions_run_not_negative": "assertions_run >= 0",
                "memory_used_mb_not_negative": "memory_used_mb >= 0",
                "cpu_percent_not_negative": "cpu_percent >= 0",
                "assertions_run_sum": ("assertions_passed + assertions_failed <= assertions_run"),
                "code_coverage_percent_range": "code_coverage_percent BETWEEN 0 AND 100",
                "error_message_length": "char_length(error_message) <= 10000",
                "error_stacktrace_length": "char_length(error_stacktrace) <= 100000",
                "execution_environment_length": "char_length(execution_environment) <= 100",
                "logs_array": "jsonb_typeof(logs) = 'array'",
                "artifacts_array": "jsonb_typeof(artifacts) = 'array'",
            },
        ),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "ix_test_results_build_id_status_id", "test_results", ["build_id", "status", "id"]
    )
    op.create_index(
        "ix_test_results_feature_id_status_created_at",
        "test_results",
        ["feature_id", "status", "created_at"],
    )
    op.create_index(
        "ix_test_results_recent",
        "test_results",
        ["project_id", "status", sa.text("executed_at DESC"), sa.text("id DESC")],
        postgresql_include=[
            "organization_id",
            "test_case_id",
            "code_coverage_percent",
            "duration_ms",
        ],
    )
    op.create_index(
        "ix_test_results_test_case_id_executed_at_id",
        "test_results",
        ["test_case_id", "executed_at", "id"],
    )
    for table in TABLES:
        wall(table, SHOWN)
    op.execute(FIRST_ID)
    op.execute(DEFAULT)
    op.execute("ALTER TABLE test_results_default ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE test_results_default FORCE ROW LEVEL SECURITY")
    op.execute(PARTITIONS)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.ensure_result_partitions(int) TO gateway_app")
    op.execute("SELECT ctx.ensure_result_partitions()")
    op.execute(COUNT)
    for command, changed in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER count_{command.lower()} AFTER {command} ON test_results"
            f" REFERENCING {changed} FOR EACH STATEMENT EXECUTE FUNCTION ctx.count_results()"
        )
    op.execute("REVOKE UPDATE ON test_results FROM gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for command in TRIGGERS:
        op.execute(f"DROP TRIGGER count_{command.lower()} ON test_results")
    op.execute("DROP FUNCTION ctx.count_results()")
    op.execute("DROP FUNCTION ctx.ensure_result_partitions(int)")
    op.execute("DROP FUNCTION ctx.first_id(timestamptz)")

    drop(TABLES, {})
