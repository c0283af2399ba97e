"""Billing: further plans, limits agreed with an organization, and states of Stripe.

Only functions write what Stripe says of billing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_billing"
down_revision = "2026_12_01_notification_indexes"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
HIDDEN = (
    "'{version, created_at, created_by, updated_at, updated_by, deleted_by, state_order}'::text[]"
)

# Record a change of a row by the gateway itself as one of somebody is recorded.
RECORD = f"""
CREATE FUNCTION ctx.record_billing(kind text, resource text, held jsonb, kept jsonb)
RETURNS void LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    was jsonb;
    becomes jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(n.key, n.value), '{{}}') INTO becomes
    FROM jsonb_each(kept - {HIDDEN}) AS n WHERE n.value IS DISTINCT FROM coalesce(held -> n.key,
        'null'::jsonb);
    SELECT coalesce(jsonb_object_agg(o.key, o.value), '{{}}') INTO was
    FROM jsonb_each(held) AS o WHERE becomes ? o.key;
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, resource_type,
        resource_id, action, version, changed_fields, old_data, new_data, event_type, severity,
        soc2_control, source_system)
    VALUES (coalesce(kept ->> 'organization_id', kept ->> 'id')::uuid, (kept ->> 'id')::uuid, kind,
        resource::public.resource_type, (kept ->> 'id')::uuid,
        CASE WHEN held = '{{}}' THEN 'create' ELSE 'update' END, (kept ->> 'version')::bigint,
        ARRAY(SELECT k FROM jsonb_object_keys(becomes) AS k ORDER BY k), was, becomes,
        CASE WHEN held = '{{}}' THEN 'create' ELSE 'update' END::public.audit_event_type, 'medium',
        'CC8.1', 'webhooks');
END $$
"""  # noqa: S608 (ours)

# The customer of an organization: the one that is stored, or this one, which then is.
CUSTOMER = f"""
CREATE FUNCTION ctx.stripe_customer_of(tenant uuid, customer text) RETURNS text
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    kept public.stripe_customers;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(tenant::text, 7));
    SELECT c.* INTO kept FROM public.stripe_customers AS c
    WHERE c.organization_id = tenant AND c.deleted_at IS NULL;
    IF kept.id IS NULL AND customer IS NOT NULL THEN
        INSERT INTO public.stripe_customers (id, organization_id, stripe_customer_id)
        SELECT gen_random_uuid(), o.id, customer FROM public.organizations AS o WHERE o.id = tenant
        RETURNING * INTO kept;
        PERFORM ctx.record_billing('StripeCustomer', 'billing', '{{}}', to_jsonb(kept));
    ELSIF kept.id IS NOT NULL AND kept.stripe_customer_id IS NULL AND customer IS NOT NULL THEN
        UPDATE public.stripe_customers AS c SET stripe_customer_id = customer,
            version = c.version + 1, updated_at = now() WHERE c.id = kept.id RETURNING * INTO kept;
    END IF;
    RETURN kept.stripe_customer_id;
END $$
"""  # noqa: S608 (ours)

# The plan and the limits that a state gives an organization. Limits that were agreed with it stay.
# Who is past due has some days; who is unpaid or paused has none.
ORGANIZATION = f"""
CREATE FUNCTION ctx.apply_billing(tenant uuid, former text, wanted jsonb)
RETURNS void LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    held public.organizations;
    kept public.organizations;
    status text := wanted ->> 'subscription_status';
    live constant text[] := '{{trialing, active, past_due, unpaid, paused}}';
    terms jsonb;
    required timestamptz;
BEGIN
    SELECT o.* INTO held FROM public.organizations AS o WHERE o.id = tenant FOR NO KEY UPDATE;
    terms := CASE WHEN status = ANY (live) THEN wanted -> 'terms'
        WHEN former = ANY (live) THEN wanted -> 'ended' END;
    required := CASE
        WHEN status = 'past_due' THEN CASE WHEN former IN ('past_due', 'unpaid', 'paused')
            THEN held.payment_required_at END
        WHEN status IN ('unpaid', 'paused') THEN least(held.payment_required_at, now()) END;
    IF status = 'past_due' AND required IS NULL THEN
        required := now() + make_interval(days => (wanted ->> 'grace_days')::int);
    END IF;
    UPDATE public.organizations AS o SET
        billing_plan = coalesce((terms ->> 'plan')::public.billing_plan, o.billing_plan),
        billing_cycle = coalesce((terms ->> 'interval')::public.pricing_plan_interval,
            o.billing_cycle),
        max_members = CASE WHEN jsonb_typeof(terms) = 'object' THEN
            coalesce((o.usage_limits ->> 'members')::int, (terms ->> 'max_members')::int)
            ELSE o.max_members END,
        max_monthly_requests = CASE WHEN jsonb_typeof(terms) = 'object' THEN
            coalesce((o.usage_limits ->> 'monthly_requests')::bigint,
                (terms ->> 'max_monthly_requests')::bigint)
            ELSE o.max_monthly_requests END,
        trial_ends_at = coalesce(to_timestamp((wanted ->> 'trial_end')::float8), o.trial_ends_at),
        payment_required_at = required
    WHERE o.id = tenant RETURNING o.* INTO kept;
    IF to_jsonb(kept) IS DISTINCT FROM to_jsonb(held) THEN
        UPDATE public.organizations AS o SET version = o.version + 1, updated_at = now(),
            updated_by = NULL WHERE o.id = tenant RETURNING o.* INTO kept;
        PERFORM ctx.record_billing('Organization', 'organization', to_jsonb(held), to_jsonb(kept));
    END IF;
END $$
"""  # noqa: S608 (ours)

# `state` is the place of the state among all: the time at which the subscription was created, its
# ID, the time of the event, its rank within that second, and its ID. What was fetched from Stripe
# (`fetched`) is the newest state, whatever its place. With `asks`, two events of one second between
# which the rank does not decide are a tie, and the caller fetches the state.
APPLY = f"""
CREATE FUNCTION ctx.apply_stripe_state(event uuid, customer text, state text, wanted jsonb,
    fetched boolean, asks boolean) RETURNS text LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    held public.stripe_customers;
    kept public.stripe_customers;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(customer, 7));
    SELECT c.* INTO held FROM public.stripe_customers AS c
    WHERE c.stripe_customer_id = customer AND c.deleted_at IS NULL FOR UPDATE;
    IF held.id IS NULL THEN
        RETURN 'unknown';
    END IF;
    IF event IS NOT NULL THEN
        UPDATE public.webhook_events SET organization_id = held.organization_id WHERE id = event;
    END IF;
    IF wanted IS NULL THEN
        RETURN 'known';
    END IF;
    IF NOT fetched THEN
        IF held.state_order = state THEN
            RETURN 'older';
        END IF;
        IF asks AND regexp_replace(held.state_order, ' [^ ]+$', '')
            = regexp_replace(state, ' [^ ]+$', '') THEN
            RETURN 'tie';
        END IF;
        IF held.state_order COLLATE "C" >= state THEN
            RETURN 'older';
        END IF;
    END IF;
    UPDATE public.stripe_customers AS c SET
        state_order = greatest(c.state_order COLLATE "C", state),
        stripe_subscription_id = wanted ->> 'stripe_subscription_id',
        subscription_status = (wanted ->> 'subscription_status')::public.subscription_status,
        price_id = wanted ->> 'price_id',
        current_period_start = to_timestamp((wanted ->> 'current_period_start')::float8),
        current_period_end = to_timestamp((wanted ->> 'current_period_end')::float8),
        cancel_at_period_end = (wanted ->> 'cancel_at_period_end')::boolean,
        payment_method_brand = CASE WHEN wanted ? 'card' THEN wanted #>> '{{card,brand}}'
            ELSE c.payment_method_brand END,
        payment_method_last4 = CASE WHEN wanted ? 'card' THEN wanted #>> '{{card,last4}}'
            ELSE c.payment_method_last4 END
    WHERE c.id = held.id RETURNING c.* INTO kept;
    IF to_jsonb(kept) - 'state_order' IS DISTINCT FROM to_jsonb(held) - 'state_order' THEN
        UPDATE public.stripe_customers AS c SET version = c.version + 1, updated_at = now(),
            updated_by = NULL WHERE c.id = held.id RETURNING c.* INTO kept;
        PERFORM ctx.record_billing('StripeCustomer', 'billing', to_jsonb(held), to_jsonb(kept));
    END IF;
    PERFORM ctx.apply_billing(held.organization_id, held.subscription_status::text, wanted);
    PERFORM ctx.refresh_billing_cache(held.organization_id);
    RETURN 'applied';
END $$
"""  # noqa: S608 (ours)

USAGE = f"""
CREATE FUNCTION ctx.usage_of(tenant uuid) RETURNS jsonb LANGUAGE sql STABLE {DEFINER} AS $$
SELECT jsonb_build_object(
    'members', o.member_count,
    'projects', (SELECT count(*) FROM public.projects AS p
        WHERE p.organization_id = tenant AND p.deleted_at IS NULL),
    'storage', o.storage_used,
    'monthly_requests', (SELECT coalesce(sum(c.used), 0)::bigint FROM public.usage_counters AS c
        WHERE c.organization_id = tenant
            AND c.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date),
    'credits', (SELECT coalesce(sum(c.used), 0)::bigint FROM public.credit_counters AS c
        WHERE c.organization_id = tenant
            AND c.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date))
FROM public.organizations AS o WHERE o.id = tenant
$$
"""  # noqa: S608 (ours)

CACHE = f"""
CREATE FUNCTION ctx.refresh_billing_cache(tenant uuid) RETURNS void
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    customer public.stripe_customers;
    first_day constant timestamptz := date_trunc('month', now() AT TIME ZONE 'UTC')
        AT TIME ZONE 'UTC';
    starts timestamptz;
    ends timestamptz;
    told jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(tenant::text, 8));
    SELECT c.* INTO customer FROM public.stripe_customers AS c
    WHERE c.organization_id = tenant AND c.deleted_at IS NULL;
    SELECT jsonb_build_object('plan', o.billing_plan, 'interval', o.billing_cycle,
        'payment_required_at', o.payment_required_at, 'status', customer.subscription_status)
    INTO told FROM public.organizations AS o WHERE o.id = tenant;
    IF told IS NULL THEN
        RETURN;
    END IF;
    starts := coalesce(customer.current_period_start, first_day);
    ends := coalesce(customer.current_period_end, first_day + interval '1 month');
    UPDATE public.billing_cache AS b SET billing_status = b.billing_status || told,
        current_period_usage = ctx.usage_of(tenant), synced_at = now(), period_start = starts,
        period_end = ends
    WHERE b.organization_id = tenant AND b.deleted_at IS NULL;
    IF NOT FOUND THEN
        INSERT INTO public.billing_cache (id, organization_id, billing_status,
            current_period_usage, period_start, period_end)
        VALUES (gen_random_uuid(), tenant, told, ctx.usage_of(tenant), starts, ends);
    END IF;
END $$
"""  # noqa: S608 (ours)

# Of each invoice the newest state, and of all invoices the 24 that were created last.
INVOICE = f"""
CREATE FUNCTION ctx.apply_stripe_invoice(event uuid, customer text, state text, invoice jsonb)
RETURNS text LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    tenant uuid;
    invoices jsonb;
    known text := invoice ->> 'id';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(customer, 7));
    SELECT c.organization_id INTO tenant FROM public.stripe_customers AS c
    WHERE c.stripe_customer_id = customer AND c.deleted_at IS NULL;
    IF tenant IS NULL THEN
        RETURN 'unknown';
    END IF;
    IF event IS NOT NULL THEN
        UPDATE public.webhook_events SET organization_id = tenant WHERE id = event;
    END IF;
    PERFORM ctx.refresh_billing_cache(tenant);
    SELECT coalesce(b.billing_status -> 'invoices', '{{}}') INTO invoices
    FROM public.billing_cache AS b WHERE b.organization_id = tenant AND b.deleted_at IS NULL;
    IF (invoices #>> ARRAY[known, 'order']) COLLATE "C" >= state THEN
        RETURN 'older';
    END IF;
    invoices := invoices || jsonb_build_object(known,
        invoice || jsonb_build_object('order', state));
    SELECT jsonb_object_agg(kept.key, kept.value) INTO invoices FROM (
        SELECT e.key, e.value FROM jsonb_each(invoices) AS e
        ORDER BY (e.value ->> 'created')::bigint DESC, e.key DESC LIMIT 24) AS kept;
    UPDATE public.billing_cache AS b
    SET billing_status = jsonb_set(b.billing_status, '{{invoices}}', invoices), synced_at = now()
    WHERE b.organization_id = tenant AND b.deleted_at IS NULL;
    RETURN 'applied';
END $$
"""  # noqa: S608 (ours)

CUSTOMERS = f"""
CREATE FUNCTION ctx.stripe_customers_after(after text, batch int) RETURNS SETOF text
LANGUAGE sql STABLE {DEFINER} AS $$
SELECT c.stripe_customer_id FROM public.stripe_customers AS c
WHERE c.stripe_customer_id > after AND c.deleted_at IS NULL
ORDER BY c.stripe_customer_id LIMIT batch
$$
"""  # noqa: S608 (ours)
HELD = f"""
CREATE FUNCTION ctx.billing_of(tenant uuid) RETURNS jsonb LANGUAGE sql STABLE {DEFINER} AS $$
SELECT jsonb_build_object('name', o.name, 'slug', o.slug, 'plan', o.billing_plan,
    'trial_ends_at', o.trial_ends_at, 'usage', ctx.usage_of(o.id),
    'usage_limits', o.usage_limits, 'customer', c.stripe_customer_id,
    'subscription', c.stripe_subscription_id, 'status', c.subscription_status)
FROM public.organizations AS o
LEFT JOIN public.stripe_customers AS c ON c.organization_id = o.id AND c.deleted_at IS NULL
WHERE o.id = tenant AND o.deleted_at IS NULL
$$
"""  # noqa: S608 (ours)

RECIPIENTS = f"""
CREATE FUNCTION ctx.billing_recipients(tenant uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE {DEFINER} AS $$
SELECT m.user_id FROM public.organization_members AS m
WHERE m.organization_id = tenant AND m.role IN ('owner', 'billing') AND m.deleted_at IS NULL
    AND m.status = 'active' ORDER BY m.created_at, m.id LIMIT 50
$$
"""  # noqa: S608 (ours)

FUNCTIONS = {
    "record_billing(text, text, jsonb, jsonb)": (RECORD, None),
    "usage_of(uuid)": (USAGE, None),
    "refresh_billing_cache(uuid)": (CACHE, "gateway_auth"),
    "stripe_customer_of(uuid, text)": (CUSTOMER, "gateway_auth"),
    "apply_billing(uuid, text, jsonb)": (ORGANIZATION, None),
    "apply_stripe_state(uuid, text, text, jsonb, boolean, boolean)": (APPLY, "gateway_auth"),
    "apply_stripe_invoice(uuid, text, text, jsonb)": (INVOICE, "gateway_auth"),
    "stripe_customers_after(text, int)": (CUSTOMERS, "gateway_auth"),
    "billing_of(uuid)": (HELD, "gateway_auth"),
    "billing_recipients(uuid)": (RECIPIENTS, "gateway_auth"),
}
FORMER = "apply_stripe_subscription(uuid, text, text, jsonb)"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for plan, after in (("starter", "free"), ("scale", "business")):
        op.execute(f"ALTER TYPE billing_plan ADD VALUE IF NOT EXISTS '{plan}' AFTER '{after}'")
    op.add_column("organizations", sa.Column("trial_ends_at", TIME, nullable=True))
    op.add_column("organizations", sa.Column("payment_required_at", TIME, nullable=True))
    op.add_column(
        "organizations",
        sa.Column("usage_limits", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_organizations_usage_limits_object"),
        "organizations",
        "jsonb_typeof(usage_limits) = 'object'",
    )
    for name, (function, role) in FUNCTIONS.items():
        op.execute(function)
        if role:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")
    op.execute(f"DROP FUNCTION ctx.{FORMER}")


def downgrade() -> None:
    """Keep the values of `billing_plan`: organizations may have them."""
    from importlib import import_module  # noqa: PLC0415 (its name begins with a digit)

    op.execute(LOCK_TIMEOUT)
    op.execute(import_module("migrations.versions.2026_11_30_webhook_events").APPLY)
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{FORMER} TO gateway_auth")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    for column in ("usage_limits", "payment_required_at", "trial_ends_at"):
        op.drop_column("organizations", column)
