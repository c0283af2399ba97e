"""Caches of billing are refreshed in batches, and reports to meters are read page by page."""

from importlib import import_module

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_billing_upkeep"
down_revision = "2026_12_01_billing_notices"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
# What is as it was is written once an hour, so that its time tells that it has been compared.
REFRESH = f"""
CREATE FUNCTION ctx.refresh_billing_caches(after uuid, batch int, OUT refreshed int, OUT last uuid)
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    one record;
BEGIN
    refreshed := 0;
    FOR one IN
        SELECT o.id, b.id IS NULL OR b.synced_at < now() - interval '1 hour'
            OR b.current_period_usage IS DISTINCT FROM ctx.usage_of(o.id)
            OR b.billing_status ->> 'plan' IS DISTINCT FROM o.billing_plan::text
            OR b.billing_status ->> 'interval' IS DISTINCT FROM o.billing_cycle::text
            OR b.billing_status -> 'payment_required_at'
                IS DISTINCT FROM coalesce(to_jsonb(o.payment_required_at), 'null')
            OR c.id IS NULL AND b.period_end <= now() AS is_due
        FROM (
            SELECT t.* FROM public.organizations AS t
            WHERE t.id > after AND t.deleted_at IS NULL ORDER BY t.id LIMIT batch
        ) AS o
        LEFT JOIN public.billing_cache AS b ON b.organization_id = o.id AND b.deleted_at IS NULL
        LEFT JOIN public.stripe_customers AS c ON c.organization_id = o.id AND c.deleted_at IS NULL
        ORDER BY o.id
    LOOP
        last := one.id;
        IF one.is_due THEN
            PERFORM ctx.refresh_billing_cache(one.id);
            refreshed := refreshed + 1;
        END IF;
    END LOOP;
END $$
"""  # noqa: S608 (ours)
# What was counted since the last reports becomes new ones with the first page, that is, `after` no
# ID. A report that cannot be sent does not keep those of other pages from being sent.
REPORTS = f"""
CREATE FUNCTION ctx.next_meter_reports(after uuid, batch int)
RETURNS TABLE (id uuid, customer text, meter text, quantity bigint, at timestamptz)
LANGUAGE plpgsql {DEFINER} AS $$
#variable_conflict use_column
BEGIN
    IF after IS NULL THEN
        PERFORM ctx.new_meter_reports();
    END IF;
    RETURN QUERY SELECT m.id, s.stripe_customer_id, m.meter, m.quantity, m.created_at
    FROM public.meter_reports AS m JOIN public.stripe_customers AS s
        ON s.organization_id = m.organization_id AND s.deleted_at IS NULL
        AND s.stripe_customer_id IS NOT NULL
    WHERE m.sent_at IS NULL AND m.created_at > now() - interval '30 days'
        AND (after IS NULL OR m.id > after)
    ORDER BY m.id LIMIT batch;
END $$
"""  # noqa: S608 (ours)
NEW_REPORTS = f"""
CREATE FUNCTION ctx.new_meter_reports() RETURNS void LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    last_month constant date :=
        (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('meter_reports', 7));
    INSERT INTO public.meter_reports (id, organization_id, month, meter, quantity)
    SELECT gen_random_uuid(), n.organization_id, n.month, n.meter, n.used - coalesce(r.reported, 0)
    FROM (
        SELECT c.organization_id, c.month, 'requests' AS meter, sum(c.used)::bigint AS used
        FROM public.usage_counters AS c WHERE c.month >= last_month GROUP BY 1, 2
        UNION ALL
        SELECT c.organization_id, c.month, 'credits', c.used
        FROM public.credit_counters AS c WHERE c.month >= last_month
    ) AS n
    JOIN public.stripe_customers AS s ON s.organization_id = n.organization_id
        AND s.deleted_at IS NULL AND s.stripe_customer_id IS NOT NULL
        AND s.subscription_status IN ('trialing', 'active', 'past_due')
    LEFT JOIN (
        SELECT m.organization_id, m.month, m.meter, sum(m.quantity)::bigint AS reported
        FROM public.meter_reports AS m WHERE m.month >= last_month GROUP BY 1, 2, 3
    ) AS r ON r.organization_id = n.organization_id AND r.month = n.month AND r.meter = n.meter
    WHERE n.used > coalesce(r.reported, 0);
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "refresh_billing_caches(uuid, int)": (REFRESH, "gateway_auth"),
    "new_meter_reports()": (NEW_REPORTS, None),
    "next_meter_reports(uuid, int)": (REPORTS, "gateway_auth"),
}
FORMER = "next_meter_reports(int)"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(f"DROP FUNCTION ctx.{FORMER}")
    for name, (function, role) in FUNCTIONS.items():
        op.execute(function)
        if role:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    op.execute(import_module("migrations.versions.2026_12_01_usage").REPORTS)
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{FORMER} TO gateway_auth")
