"""Usage: written in batches and summed by day, warnings of limits, reports, and counted requests.

Only functions write these tables.
"""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, identifier

revision = "2026_12_01_usage"
down_revision = "2026_12_01_billing"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"

# Rows of organizations or people who are gone meanwhile are left out.
ADD = f"""
CREATE FUNCTION ctx.add_usage(added jsonb) RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    number int;
BEGIN
    INSERT INTO public.usage_logs (organization_id, user_id, feature, quantity, unit_type, metadata)
    SELECT a.organization_id, a.user_id, a.feature, least(a.quantity, 2147483647)::int,
        a.unit_type, jsonb_build_object('count', a.count)
    FROM jsonb_to_recordset(added) AS a (organization_id uuid, user_id uuid, feature text,
        quantity bigint, unit_type text, count bigint)
    WHERE EXISTS (SELECT FROM public.organizations AS o WHERE o.id = a.organization_id)
        AND EXISTS (SELECT FROM public.profiles AS p WHERE p.id = a.user_id);
    GET DIAGNOSTICS number = ROW_COUNT;
    RETURN number;
END $$
"""  # noqa: S608 (ours)
STORE = f"""
CREATE FUNCTION ctx.log_storage() RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    number int;
BEGIN
    INSERT INTO public.usage_logs (organization_id, user_id, feature, quantity, unit_type)
    SELECT o.id, m.user_id, 'storage', least(ceil(o.storage_used / 1e6), 2147483647)::int,
        'megabyte_day'
    FROM public.organizations AS o
    CROSS JOIN LATERAL (
        SELECT w.user_id FROM public.organization_members AS w
        WHERE w.organization_id = o.id AND w.role = 'owner' AND w.deleted_at IS NULL
        ORDER BY w.created_at, w.id LIMIT 1
    ) AS m
    WHERE o.storage_used > 0 AND o.deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM public.usage_days AS d
        WHERE d.organization_id = o.id AND d.day = (now() AT TIME ZONE 'UTC')::date
            AND d.feature = 'storage');
    GET DIAGNOSTICS number = ROW_COUNT;
    RETURN number;
END $$
"""  # noqa: S608 (ours)
SUM = f"""
CREATE FUNCTION ctx.sum_usage() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    INSERT INTO public.usage_days AS d
        (organization_id, day, feature, unit_type, user_id, quantity, count)
    SELECT a.organization_id, (a.created_at AT TIME ZONE 'UTC')::date, a.feature, a.unit_type,
        a.user_id, sum(a.quantity),
        sum(CASE WHEN a.metadata ->> 'count' ~ '^[0-9]{{1,12}}$'
            THEN (a.metadata ->> 'count')::bigint ELSE 1 END)
    FROM added AS a GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (organization_id, day, feature, unit_type, user_id) DO UPDATE
    SET quantity = d.quantity + excluded.quantity, count = d.count + excluded.count;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)

# Each pair of organization and limit is told once a month at 80 %, and once at 100 %. `plans` has
# the limits of each plan.
WARN = f"""
CREATE FUNCTION ctx.new_usage_warnings(plans jsonb, after uuid, batch int)
RETURNS TABLE (organization_id uuid, limit_name text, percent int, current bigint, maximum bigint)
LANGUAGE sql {DEFINER} AS $$
WITH tenants AS (
    SELECT o.id, o.usage_limits, plans -> o.billing_plan::text AS plan, o.max_members,
        o.max_monthly_requests, ctx.usage_of(o.id) AS used
    FROM public.organizations AS o WHERE o.id > after AND o.deleted_at IS NULL
    ORDER BY o.id LIMIT batch
), measured AS (
    SELECT t.id, u.key AS name, u.value::bigint AS current,
        coalesce((t.usage_limits ->> u.key)::bigint, least((t.plan ->> u.key)::bigint,
            CASE u.key WHEN 'members' THEN t.max_members
                WHEN 'monthly_requests' THEN t.max_monthly_requests END)) AS maximum
    FROM tenants AS t, jsonb_each_text(t.used) AS u
), reached AS (
    SELECT m.*, p.percent FROM measured AS m, (VALUES (80), (100)) AS p (percent)
    WHERE m.maximum > 0 AND m.current * 100 >= m.maximum * p.percent
), told AS (
    INSERT INTO public.usage_warnings AS w (organization_id, month, limit_name, percent)
    SELECT r.id, date_trunc('month', now() AT TIME ZONE 'UTC')::date, r.name, r.percent
    FROM reached AS r ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING RETURNING w.organization_id, w.limit_name, w.percent
)
SELECT r.id, r.name, r.percent, r.current, r.maximum FROM reached AS r
JOIN told AS t ON t.organization_id = r.id AND t.limit_name = r.name AND t.percent = r.percent
WHERE NOT EXISTS (SELECT FROM told AS h WHERE h.organization_id = r.id AND h.limit_name = r.name
    AND h.percent > r.percent)
UNION ALL
SELECT t.id, NULL, NULL, NULL, NULL FROM tenants AS t WHERE t.id = (SELECT max(id::text)::uuid
    FROM tenants)
$$
"""  # noqa: S608 (ours)
# What was counted since the last report becomes a report of its own, whose ID makes sending it
# twice harmless; returns those that are not sent.
REPORTS = f"""
CREATE FUNCTION ctx.next_meter_reports(batch int)
RETURNS TABLE (id uuid, customer text, meter text, quantity bigint, at timestamptz)
LANGUAGE plpgsql {DEFINER} AS $$
#variable_conflict use_column
DECLARE
    this_month constant date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('meter_reports', 7));
    INSERT INTO public.meter_reports (id, organization_id, month, meter, quantity)
    SELECT gen_random_uuid(), n.organization_id, n.month, n.meter, n.used - coalesce(r.reported, 0)
    FROM (
        SELECT c.organization_id, c.month, 'requests' AS meter, sum(c.used)::bigint AS used
        FROM public.usage_counters AS c WHERE c.month >= this_month - interval '1 month'
        GROUP BY 1, 2
        UNION ALL
        SELECT c.organization_id, c.month, 'credits', c.used
        FROM public.credit_counters AS c WHERE c.month >= this_month - interval '1 month'
    ) AS n
    JOIN public.stripe_customers AS s ON s.organization_id = n.organization_id
        AND s.deleted_at IS NULL AND s.stripe_customer_id IS NOT NULL
        AND s.subscription_status IN ('trialing', 'active', 'past_due')
    LEFT JOIN (
        SELECT m.organization_id, m.month, m.meter, sum(m.quantity)::bigint AS reported
        FROM public.meter_reports AS m WHERE m.month >= this_month - interval '1 month'
        GROUP BY 1, 2, 3
    ) AS r ON r.organization_id = n.organization_id AND r.month = n.month AND r.meter = n.meter
    WHERE n.used > coalesce(r.reported, 0);
    RETURN QUERY SELECT m.id, s.stripe_customer_id, m.meter, m.quantity, m.created_at
    FROM public.meter_reports AS m JOIN public.stripe_customers AS s
        ON s.organization_id = m.organization_id AND s.deleted_at IS NULL
        AND s.stripe_customer_id IS NOT NULL
    WHERE m.sent_at IS NULL AND m.created_at > now() - interval '30 days'
    ORDER BY m.created_at, m.id LIMIT batch;
END $$
"""  # noqa: S608 (ours)
SENT = f"""
CREATE FUNCTION ctx.sent_meter_report(report uuid) RETURNS void LANGUAGE sql {DEFINER} AS $$
UPDATE public.meter_reports SET sent_at = now() WHERE id = report AND sent_at IS NULL
$$
"""  # noqa: S608 (ours)

# As before (2026_11_21_usage), with these changes: a limit that was agreed with an organization
# holds in place of that of its plan; a tenth of the maximum is allowed beyond it; an organization
# that has to pay first is refused, with a maximum of -1; only those in `counting` are counted.
COUNT = """
CREATE FUNCTION ctx.count_requests(tenants uuid[], plans text[], most bigint[],
    counting uuid[] DEFAULT NULL)
RETURNS TABLE (organization_id uuid, used bigint, maximum bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    slots constant int := 16;
    this_month constant date := date_trunc('month', now() AT TIME ZONE 'UTC');
    tenant uuid;
    allowed bigint;
    unpaid boolean;
    known record;
    waited_for int;
BEGIN
    IF NOT tenants <@ ctx.organizations() THEN
        RAISE EXCEPTION 'another tenant' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH tenant IN ARRAY tenants LOOP
        LOOP
            SELECT coalesce((o.usage_limits ->> 'monthly_requests')::bigint,
                least(o.max_monthly_requests,
                    most[array_position(plans, o.billing_plan::text)])),
                o.payment_required_at <= now()
            INTO allowed, unpaid FROM public.organizations AS o WHERE o.id = tenant;
            IF unpaid THEN
                RETURN QUERY SELECT tenant, 0::bigint, -1::bigint;
                EXIT;
            END IF;
            EXIT WHEN counting IS NOT NULL AND tenant <> ALL (counting);
            allowed := allowed + allowed / 10;
            BEGIN
                UPDATE public.usage_counters AS c SET used = used + 1
                WHERE c.organization_id = tenant AND c.month = this_month AND c.slot = (
                    SELECT s.slot FROM public.usage_counters AS s
                    WHERE s.organization_id = tenant AND s.month = this_month
                        AND s.maximum = allowed AND s.used < s.share
                    ORDER BY s.used LIMIT 1 FOR UPDATE SKIP LOCKED);
                EXIT WHEN FOUND;
                RAISE EXCEPTION USING ERRCODE = 'GW001';
            EXCEPTION WHEN SQLSTATE 'GW001' THEN
            END;
            SELECT count(*) AS number, bool_and(c.maximum = allowed) AS shared,
                bool_or(c.used < c.share) AS any_left, sum(c.used)::bigint AS used
            INTO known
            FROM public.usage_counters AS c
            WHERE c.organization_id = tenant AND c.month = this_month;
            IF known.number = 0 THEN
                INSERT INTO public.usage_counters (organization_id, month, slot, share, maximum)
                SELECT tenant, this_month, i,
                    allowed / slots + CASE WHEN i < allowed % slots THEN 1 ELSE 0 END, allowed
                FROM generate_series(0, slots - 1) AS i
                ON CONFLICT DO NOTHING;
            ELSIF NOT known.shared THEN
                PERFORM FROM public.usage_counters AS c
                WHERE c.organization_id = tenant AND c.month = this_month
                ORDER BY c.slot FOR UPDATE;
                UPDATE public.usage_counters AS c
                SET maximum = allowed, share = c.used + rest.number / slots
                    + CASE WHEN c.slot < rest.number % slots THEN 1 ELSE 0 END
                FROM (
                    SELECT greatest(allowed - sum(s.used)::bigint, 0) AS number
                    FROM public.usage_counters AS s
                    WHERE s.organization_id = tenant AND s.month = this_month
                ) AS rest
                WHERE c.organization_id = tenant AND c.month = this_month;
            ELSIF NOT known.any_left THEN
                RETURN QUERY SELECT tenant, known.used, allowed - allowed / 11;
                EXIT;
            ELSE
                SELECT c.slot INTO waited_for FROM public.usage_counters AS c
                WHERE c.organization_id = tenant AND c.month = this_month
                    AND c.maximum = allowed AND c.used < c.share
                ORDER BY random() LIMIT 1;
                BEGIN
                    UPDATE public.usage_counters AS c SET used = used + 1
                    WHERE c.organization_id = tenant AND c.month = this_month
                        AND c.slot = waited_for AND c.maximum = allowed AND c.used < c.share;
                    EXIT WHEN FOUND;
                    RAISE EXCEPTION USING ERRCODE = 'GW001';
                EXCEPTION WHEN SQLSTATE 'GW001' THEN
                END;
            END IF;
        END LOOP;
    END LOOP;
END $$
"""
FUNCTIONS = {
    "add_usage(jsonb)": (ADD, "gateway_auth"),
    "log_storage()": (STORE, "gateway_auth"),
    "sum_usage()": (SUM, None),
    "new_usage_warnings(jsonb, uuid, int)": (WARN, "gateway_auth"),
    "next_meter_reports(int)": (REPORTS, "gateway_auth"),
    "sent_meter_report(uuid)": (SENT, "gateway_auth"),
    "count_requests(uuid[], text[], bigint[], uuid[])": (COUNT, "gateway_app"),
}
FORMER = "count_requests(uuid[], text[], bigint[])"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_tables()
    op.execute(f"DROP FUNCTION ctx.{FORMER}")
    for name, (function, role) in FUNCTIONS.items():
        op.execute(function)
        if role:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")
    op.execute(
        "CREATE TRIGGER sum_usage AFTER INSERT ON usage_logs REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION ctx.sum_usage()"
    )
    op.execute(SUM_ALL)


SUM_ALL = """
INSERT INTO usage_days (organization_id, day, feature, unit_type, user_id, quantity, count)
SELECT organization_id, (created_at AT TIME ZONE 'UTC')::date, feature, unit_type, user_id,
    sum(quantity), count(*)
FROM usage_logs GROUP BY 1, 2, 3, 4, 5
"""


def create_tables() -> None:
    """Create the tables. Those without a grant are read by functions alone."""
    zero = sa.text("0")
    create_usage_days()
    op.create_table(
        "usage_warnings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("limit_name", sa.Text(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "month", "limit_name", "percent", name="pk_usage_warnings"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_usage_warnings_organization_id"
        ),
    )
    op.create_table(
        "meter_reports",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_meter_reports"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_meter_reports_organization_id"
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_meter_reports_quantity_not_negative")),
    )
    op.create_index(
        "ix_meter_reports_organization_id_month_meter",
        "meter_reports",
        ["organization_id", "month", "meter"],
    )
    op.create_index(
        "ix_meter_reports_unsent",
        "meter_reports",
        ["created_at"],
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    for table in ("usage_warnings", "meter_reports"):
        protect(table)


def protect(table: str) -> None:
    """Give nobody but the owner the rows of a table."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")


def create_usage_days() -> None:
    """Create the table of sums, whose rows requests read."""
    zero = sa.text("0")
    op.create_table(
        "usage_days",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("unit_type", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("count", sa.BigInteger(), server_default=zero, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "day", "feature", "unit_type", "user_id", name="pk_usage_days"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_usage_days_organization_id"
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_usage_days_quantity_not_negative")),
        sa.CheckConstraint("count >= 0", name=op.f("ck_usage_days_count_not_negative")),
    )
    protect("usage_days")
    op.execute("CREATE POLICY application ON usage_days TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON usage_days"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute("GRANT SELECT ON usage_days TO gateway_app")


def downgrade() -> None:
    from importlib import import_module  # noqa: PLC0415 (its name begins with a digit)

    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER sum_usage ON usage_logs")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    op.execute(import_module("migrations.versions.2026_11_21_usage").COUNT_REQUESTS)
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{FORMER} TO gateway_app")
    for table in ("meter_reports", "usage_warnings", "usage_days"):
        op.drop_table(table)
