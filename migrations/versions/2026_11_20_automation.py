"""Triggers, insert-only tables, partitions and a view that the database maintains by itself."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_20_automation"
down_revision = "2026_11_20_records"

# Each membership adds or takes one under the lock of its organization's row, so that concurrent
# ones are all counted. The version stays: nobody has changed the organization.
COUNT_MEMBERS = """
CREATE FUNCTION ctx.count_members() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before uuid;
    after uuid;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL AND OLD.status = 'active' THEN
        before := OLD.organization_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL AND NEW.status = 'active' THEN
        after := NEW.organization_id;
    END IF;
    IF before IS DISTINCT FROM after THEN
        UPDATE public.organizations SET member_count = member_count - 1 WHERE id = before;
        UPDATE public.organizations SET member_count = member_count + 1 WHERE id = after;
    END IF;
    RETURN NULL;
END $$
"""

REFUSE_CHANGE = """
CREATE FUNCTION ctx.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""

# Policies and grants of a table do not hold for its partitions when these are named directly:
# nobody is granted anything on them, and row level security without a policy shows no row.
# A partition is attached rather than created in place, which would lock out readers, too.
ENSURE_PARTITIONS = """
CREATE FUNCTION ctx.ensure_partitions(months_ahead int DEFAULT 3) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    parent text;
    month timestamp;
    partition text;
    made int := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months_ahead is from 0 to 24' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(7310942026112002);
    FOREACH parent IN ARRAY ARRAY['audit_logs', 'usage_logs'] LOOP
        FOR month IN SELECT generate_series(
            this_month - interval '1 month', this_month + months_ahead * interval '1 month',
            interval '1 month')
        LOOP
            partition := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
            EXECUTE format(
                'CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                partition, parent);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition);
            EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition);
            EXECUTE format(
                'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                parent, partition, month || '+00', month + interval '1 month' || '+00');
            IF parent = 'audit_logs' THEN
                EXECUTE format(
                    'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.%I'
                    ' EXECUTE FUNCTION ctx.refuse_change()', partition);
            END IF;
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$
"""

DOCUMENT_SUMMARY = """
CREATE VIEW document_summary WITH (security_invoker = true, security_barrier = true) AS
SELECT
    d.id AS document_id,
    d.organization_id,
    d.project_id,
    d.name AS document_name,
    b.number AS block_count,
    r.number AS requirement_count,
    greatest(d.updated_at, b.updated_at, r.updated_at) AS updated_at
FROM documents d
JOIN projects p ON p.id = d.project_id AND p.deleted_at IS NULL
CROSS JOIN LATERAL (
    SELECT count(*) AS number, max(updated_at) AS updated_at
    FROM blocks
    WHERE document_id = d.id AND deleted_at IS NULL
) b
CROSS JOIN LATERAL (
    SELECT count(*) AS number, max(updated_at) AS updated_at
    FROM requirements
    WHERE document_id = d.id AND deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM blocks WHERE id = requirements.block_id AND deleted_at IS NOT NULL
    )
) r
WHERE d.deleted_at IS NULL
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function in (COUNT_MEMBERS, REFUSE_CHANGE, ENSURE_PARTITIONS):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER count_members"
        " AFTER INSERT OR DELETE OR UPDATE OF organization_id, status, deleted_at"
        " ON organization_members FOR EACH ROW EXECUTE FUNCTION ctx.count_members()"
    )
    op.execute(
        "CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_logs"
        " FOR EACH ROW EXECUTE FUNCTION ctx.refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_logs"
        " EXECUTE FUNCTION ctx.refuse_change()"
    )
    op.execute("GRANT EXECUTE ON FUNCTION ctx.ensure_partitions(int) TO gateway_app")
    op.execute("SELECT ctx.ensure_partitions()")
    op.execute(DOCUMENT_SUMMARY)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP VIEW document_summary")
    op.execute("DROP TRIGGER refuse_change ON audit_logs")
    op.execute("DROP TRIGGER count_members ON organization_members")
    op.execute("DROP FUNCTION ctx.refuse_change() CASCADE")  # with the partitions' triggers
    op.execute("DROP FUNCTION ctx.ensure_partitions(int)")
    op.execute("DROP FUNCTION ctx.count_members()")
