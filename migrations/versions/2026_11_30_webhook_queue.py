"""Functions of webhooks: what is claimed, disabled, tested and repeated."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_webhook_queue"
down_revision = "2026_11_30_webhooks"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
LOCKS = 1_109_420_102
"""The class of the advisory locks that workers hold, by their numbers."""

# An endpoint reads as a service account of its own organization. A new secret leaves the one before
# it in its place; an endpoint that is used again has not failed yet.
KEEP = f"""
CREATE FUNCTION ctx.keep_webhook() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.profiles AS p
        WHERE p.id = NEW.service_account_id AND p.service_of = NEW.organization_id) THEN
        RAISE EXCEPTION 'not a service account' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_webhook_endpoints_service_account_id_serves';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.secret <> OLD.secret THEN
            NEW.former_secret := OLD.secret;
        END IF;
        IF NEW.status = 'active' AND OLD.status <> 'active' THEN
            NEW.failing_since := NULL;
        END IF;
    END IF;
    RETURN NEW;
END $$
"""
# A worker that holds an endpoint has what it was when it was claimed: it loses it with a change.
FOLLOWED = (
    "status",
    "url",
    "secret",
    "event_types",
    "fields",
    "selection",
    "scopes",
    "service_account_id",
    "deleted_at",
)
BEGIN = f"""
CREATE FUNCTION ctx.begin_webhook() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.webhook_cursors (endpoint_id, epoch, position)
        SELECT NEW.id, c.epoch, c.position FROM public.feed_cursor AS c;
    ELSE
        UPDATE public.webhook_cursors SET worker_id = NULL, due_at = now()
        WHERE endpoint_id = NEW.id;
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)

# An endpoint is due when it has something to send, or its stream has something new. Those that
# fail come last, and only as many as `failing`. What a worker held that is gone is free before its
# lease is over, if it held a lock: the server has released it.
CLAIM = f"""
CREATE FUNCTION ctx.claim_webhooks(claimer uuid, up_to bigint, most int, failing int)
RETURNS SETOF public.webhook_cursors LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    DELETE FROM public.webhook_workers WHERE id IN (
        SELECT w.id FROM public.webhook_workers AS w
        WHERE w.expires_at < now() OR w.has_lock AND NOT EXISTS (
            SELECT FROM pg_locks AS l
            WHERE l.locktype = 'advisory' AND l.classid = {LOCKS}::oid AND l.objid = w.number::oid
                AND l.objsubid = 2 AND l.granted
                AND l.database = (
                    SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
        FOR UPDATE SKIP LOCKED);
    RETURN QUERY
    WITH free AS MATERIALIZED (
        SELECT c.endpoint_id, c.due_at, e.failing_since IS NOT NULL AS fails
        FROM public.webhook_cursors AS c
        JOIN public.webhook_endpoints AS e ON e.id = c.endpoint_id
        JOIN public.organizations AS o ON o.id = e.organization_id
        WHERE c.worker_id IS NULL AND e.status = 'active' AND e.deleted_at IS NULL
            AND o.deleted_at IS NULL
            AND NOT EXISTS (SELECT FROM public.projects AS p
                WHERE p.id = e.project_id AND p.deleted_at IS NOT NULL)
            AND (c.due_at <= now() OR c.position < up_to AND CASE
                WHEN e.project_id IS NULL THEN EXISTS (SELECT FROM public.feed_positions AS f
                    WHERE f.organization_id = e.organization_id AND f.position > c.position)
                ELSE EXISTS (SELECT FROM public.feed_positions AS f
                    WHERE f.project_id = e.project_id AND f.position > c.position) END)
        FOR UPDATE OF c SKIP LOCKED
    ), chosen AS (
        SELECT f.endpoint_id FROM (
            SELECT free.*, row_number() OVER (PARTITION BY fails ORDER BY due_at) AS place FROM free
        ) AS f
        WHERE NOT f.fails OR f.place <= failing ORDER BY f.fails, f.due_at LIMIT most
    )
    UPDATE public.webhook_cursors AS c SET worker_id = claimer FROM chosen AS h
    WHERE c.endpoint_id = h.endpoint_id AND c.worker_id IS NULL RETURNING c.*;
END $$
"""  # noqa: S608 (ours)

# Streams in which nothing happens are read up to the present, so that the feed can forget what
# comes before it. Where it has forgotten something after the cursor, the endpoint is to be told.
ADVANCE = f"""
CREATE FUNCTION ctx.advance_webhooks() RETURNS void LANGUAGE sql {DEFINER} AS $$
UPDATE public.webhook_cursors AS c SET position = r.position
FROM public.webhook_endpoints AS e, ctx.feed_reach() AS r
WHERE e.id = c.endpoint_id AND c.worker_id IS NULL AND c.epoch = r.epoch AND c.position < r.position
    AND c.position + 1 >= r.oldest
    AND NOT EXISTS (SELECT FROM public.feed_positions AS f
        WHERE f.organization_id = e.organization_id AND f.position > c.position)
$$
"""  # noqa: S608 (ours)

# The gateway itself has done this: the event has no actor.
DISABLE = f"""
CREATE FUNCTION ctx.disable_webhook(endpoint uuid, reason text) RETURNS boolean
LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    WITH changed AS (
        UPDATE public.webhook_endpoints AS e SET status = 'disabled',
            disabled_reason = left(reason, 500), version = e.version + 1, updated_at = now(),
            updated_by = NULL
        WHERE e.id = endpoint AND e.status = 'active' AND e.deleted_at IS NULL RETURNING e.*
    )
    INSERT INTO public.audit_logs (organization_id, project_id, entity_id, entity_type,
        resource_type, resource_id, action, version, changed_fields, old_data, new_data,
        event_type, severity, soc2_control, source_system)
    SELECT c.organization_id, c.project_id, c.id, 'WebhookEndpoint', 'webhook', c.id, 'update',
        c.version, '{{disabled_reason,status}}',
        '{{"status": "active", "disabled_reason": null}}',
        jsonb_build_object('status', 'disabled', 'disabled_reason', c.disabled_reason), 'update',
        'medium', 'PI1.3', 'webhooks'
    FROM changed AS c;
    RETURN FOUND;
END $$
"""  # noqa: S608 (ours)

# The cursor is locked first: a worker that lets go of the endpoint finds what is due afterwards.
WAKE = """
    PERFORM FROM public.webhook_endpoints AS e
    WHERE e.id = endpoint AND e.organization_id = ANY (ctx.organizations())
        AND e.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE public.webhook_cursors SET due_at = now() WHERE endpoint_id = endpoint;
"""
PING = f"""
CREATE FUNCTION ctx.ping_webhook(endpoint uuid, delivery uuid, type text) RETURNS uuid
LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
{WAKE}
    INSERT INTO public.webhook_deliveries (id, organization_id, project_id, endpoint_id, webhook_id,
        event_type, order_key, created_by, updated_by)
    SELECT delivery, e.organization_id, e.project_id, e.id,
        'msg_' || replace(delivery::text, '-', ''), type, delivery, ctx.user_id(), ctx.user_id()
    FROM public.webhook_endpoints AS e WHERE e.id = endpoint;
    RETURN delivery;
END $$
"""  # noqa: S608 (ours)
REPLAY = f"""
CREATE FUNCTION ctx.replay_webhooks(endpoint uuid, delivery uuid, since timestamptz,
    failed_only boolean, most int) RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    replayed int;
BEGIN
{WAKE}
    UPDATE public.webhook_deliveries AS d SET status = 'queued', attempts = 0, due_at = now(),
        finished_at = NULL, version = d.version + 1, updated_at = now(), updated_by = ctx.user_id()
    WHERE d.id IN (
        SELECT r.id FROM public.webhook_deliveries AS r
        WHERE r.endpoint_id = endpoint AND r.status <> 'queued'
            AND (r.id = delivery OR r.created_at >= since)
            AND (NOT failed_only OR r.status = 'failed')
        ORDER BY r.created_at, r.id LIMIT most FOR UPDATE);
    GET DIAGNOSTICS replayed = ROW_COUNT;
    RETURN replayed;
END $$
"""  # noqa: S608 (ours)
APPLICATION = {
    "ping_webhook(uuid, uuid, text)": PING,
    "replay_webhooks(uuid, uuid, timestamptz, boolean, int)": REPLAY,
}
AUTHENTICATION = {
    "claim_webhooks(uuid, bigint, int, int)": CLAIM,
    "disable_webhook(uuid, text)": DISABLE,
    "advance_webhooks()": ADVANCE,
}
TRIGGERS = {"keep_webhook()": KEEP, "begin_webhook()": BEGIN}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function in (*TRIGGERS.values(), *APPLICATION.values(), *AUTHENTICATION.values()):
        op.execute(function)
    changed = " IS DISTINCT FROM ".join(
        f"({', '.join(f'{row}.{column}' for column in FOLLOWED)})" for row in ("NEW", "OLD")
    )
    for function, when, condition in (
        ("keep_webhook", "BEFORE INSERT OR UPDATE", "true"),
        ("begin_webhook", "AFTER INSERT", "true"),
        ("begin_webhook", "AFTER UPDATE", changed),
    ):
        op.execute(
            f"CREATE TRIGGER {function}_{when.split()[-1].lower()} {when} ON webhook_endpoints"
            f" FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION ctx.{function}()"
        )
    for role, functions in (("gateway_app", APPLICATION), ("gateway_auth", AUTHENTICATION)):
        for name in functions:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for trigger in ("keep_webhook_update", "begin_webhook_insert", "begin_webhook_update"):
        op.execute(f"DROP TRIGGER {trigger} ON webhook_endpoints")
    for name in (*APPLICATION, *AUTHENTICATION, *TRIGGERS):
        op.execute(f"DROP FUNCTION ctx.{name}")
