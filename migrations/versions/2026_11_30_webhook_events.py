"""Incoming webhooks, the functions by which alone they are written, and the order of states."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, enum, history, identifier

revision = "2026_11_30_webhook_events"
down_revision = "2026_11_30_webhook_queue"

ENUMS = {"webhook_event_status": ("received", "processed", "failed", "ignored")}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
READ = (
    "id, organization_id, provider, external_id, event_type, occurred_at, body, status, attempts,"
    " error, processed_at, version, created_at, created_by, updated_at, updated_by, deleted_at,"
    " deleted_by"
)
WORD = "^[!-~]{1,255}$"

# Whoever sends the same event at the same time waits here for the end of the first transaction.
RECEIVE = f"""
CREATE FUNCTION ctx.receive_webhook_event(sender text, known_as text, type text, at timestamptz,
    content text, job_kind text, trace text) RETURNS uuid LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    stored uuid;
BEGIN
    INSERT INTO public.webhook_events (provider, external_id, event_type, occurred_at, body, status)
    VALUES (sender, known_as, type, at, content,
        CASE WHEN job_kind IS NULL THEN 'ignored' ELSE 'received' END::public.webhook_event_status)
    ON CONFLICT (provider, external_id) DO NOTHING RETURNING id INTO stored;
    IF stored IS NOT NULL AND job_kind IS NOT NULL THEN
        PERFORM ctx.enqueue_jobs(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(),
            'kind', job_kind, 'key', stored, 'payload', jsonb_build_object('event', stored),
            'max_attempts', 10, 'traceparent', trace)));
    END IF;
    RETURN stored;
END $$
"""  # noqa: S608 (ours)
END = f"""
CREATE FUNCTION ctx.end_webhook_event(event uuid, becomes text, reason text) RETURNS void
LANGUAGE sql {DEFINER} AS $$
UPDATE public.webhook_events SET status = becomes::public.webhook_event_status,
    error = left(reason, 2000), attempts = attempts + 1, version = version + 1, updated_at = now(),
    processed_at = CASE becomes WHEN 'processed' THEN now() END
WHERE id = event
$$
"""  # noqa: S608 (ours)
# An event whose job was lost is still `received`, with no job that waits or runs.
REPLAY = f"""
CREATE FUNCTION ctx.replay_webhook_events(kinds jsonb, wanted uuid) RETURNS SETOF uuid
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT e.id, kinds ->> e.provider AS kind FROM public.webhook_events AS e
        WHERE kinds ? e.provider
            AND (e.id = wanted OR wanted IS NULL AND e.status IN ('received', 'failed'))
            AND NOT EXISTS (SELECT FROM public.jobs AS j
                WHERE j.organization_id IS NULL AND j.kind = kinds ->> e.provider
                    AND j.key = e.id::text AND j.status IN ('queued', 'running'))
        ORDER BY e.created_at LIMIT 10000 FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE public.webhook_events SET status = 'received', error = NULL, processed_at = NULL,
            version = version + 1, updated_at = now() WHERE id = one.id;
        DELETE FROM public.jobs AS j WHERE j.organization_id IS NULL AND j.kind = one.kind
            AND j.key = one.id::text AND j.status NOT IN ('queued', 'running');
        PERFORM ctx.enqueue_jobs(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(),
            'kind', one.kind, 'key', one.id,
            'payload', jsonb_build_object('event', one.id), 'max_attempts', 10)));
        RETURN NEXT one.id;
    END LOOP;
END $$
"""  # noqa: S608 (ours)
PRUNE = f"""
CREATE FUNCTION ctx.prune_webhook_events(batch int) RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    pruned int;
BEGIN
    DELETE FROM public.webhook_events WHERE id IN (
        SELECT id FROM public.webhook_events
        WHERE created_at < now() - interval '30 days' AND (status IN ('processed', 'ignored')
            OR created_at < now() - interval '90 days')
        ORDER BY created_at LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$
"""  # noqa: S608 (ours)
APPLY = f"""
CREATE FUNCTION ctx.apply_stripe_subscription(event uuid, customer text, state text, wanted jsonb)
RETURNS boolean LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    hidden text[] := '{{version, created_at, created_by, updated_at, updated_by, deleted_by,
        state_order}}';
    held public.stripe_customers;
    kept public.stripe_customers;
    was jsonb;
    becomes jsonb;
BEGIN
    SELECT c.* INTO held FROM public.stripe_customers AS c
    WHERE c.stripe_customer_id = customer AND c.deleted_at IS NULL FOR UPDATE;
    IF held.id IS NULL THEN
        RETURN false;
    END IF;
    UPDATE public.webhook_events SET organization_id = held.organization_id WHERE id = event;
    IF held.state_order COLLATE "C" >= state THEN
        RETURN true;
    END IF;
    UPDATE public.stripe_customers AS c SET state_order = state,
        stripe_subscription_id = wanted ->> 'stripe_subscription_id',
        subscription_status = (wanted ->> 'subscription_status')::public.subscription_status,
        price_id = wanted ->> 'price_id',
        current_period_start = to_timestamp((wanted ->> 'current_period_start')::float8),
        current_period_end = to_timestamp((wanted ->> 'current_period_end')::float8),
        cancel_at_period_end = (wanted ->> 'cancel_at_period_end')::boolean,
        version = c.version + 1, updated_at = now(), updated_by = NULL
    WHERE c.id = held.id RETURNING c.* INTO kept;
    SELECT coalesce(jsonb_object_agg(n.key, n.value), '{{}}') INTO becomes
    FROM jsonb_each(to_jsonb(kept) - hidden) AS n
    WHERE n.value IS DISTINCT FROM to_jsonb(held) -> n.key;
    SELECT coalesce(jsonb_object_agg(o.key, o.value), '{{}}') INTO was
    FROM jsonb_each(to_jsonb(held)) AS o WHERE becomes ? o.key;
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, resource_type,
        resource_id, action, version, changed_fields, old_data, new_data, event_type, severity,
        soc2_control, source_system)
    VALUES (kept.organization_id, kept.id, 'StripeCustomer', 'billing', kept.id, 'update',
        kept.version, ARRAY(SELECT k FROM jsonb_object_keys(becomes) AS k ORDER BY k), was, becomes,
        'update', 'medium', 'CC8.1', 'webhooks');
    RETURN true;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "receive_webhook_event(text, text, text, timestamptz, text, text, text)": RECEIVE,
    "end_webhook_event(uuid, text, text)": END,
    "replay_webhook_events(jsonb, uuid)": REPLAY,
    "prune_webhook_events(int)": PRUNE,
    "apply_stripe_subscription(uuid, text, text, jsonb)": APPLY,
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'webhook'")
    create_enums(ENUMS)
    op.add_column("stripe_customers", sa.Column("state_order", sa.Text(), nullable=True))
    create_table()
    wall()
    for name, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO gateway_auth")


def create_table() -> None:
    op.create_table(
        "webhook_events",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "status", enum("webhook_event_status"), server_default="received", nullable=False
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("processed_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_events"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_webhook_events_organization_id"
        ),
        sa.UniqueConstraint(
            "provider", "external_id", name="uq_webhook_events_provider_external_id"
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_webhook_events_{name}"))
            for name, condition in {
                "provider_format": "provider ~ '^[a-z][a-z0-9-]{0,49}$'",
                "external_id_format": f"external_id ~ '{WORD}'",
                "event_type_format": f"event_type ~ '{WORD}'",
                "error_length": "char_length(error) <= 2000",
            }.items()
        ),
    )
    for columns in ("organization_id", "created_at", "id"), ("created_at", "id"):
        name = "_".join(columns)
        op.create_index(f"ix_webhook_events_{name}", "webhook_events", list(columns))
    op.create_index(
        "ix_webhook_events_failed",
        "webhook_events",
        ["created_at"],
        postgresql_where=sa.text("status IN ('received', 'failed')"),
    )


def wall() -> None:
    """Show requests the events of their tenants; nothing but functions writes them."""
    op.execute("ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON webhook_events TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON webhook_events TO gateway_app USING (true)")
    op.execute("CREATE POLICY authentication ON webhook_events TO gateway_auth USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON webhook_events"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ({READ}) ON webhook_events TO gateway_app")
    op.execute("GRANT SELECT ON webhook_events TO gateway_auth")


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    op.drop_table("webhook_events")
    op.drop_column("stripe_customers", "state_order")
    op.execute("DROP TYPE webhook_event_status")
