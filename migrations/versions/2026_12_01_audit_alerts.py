"""Alerts by rules of risk, verifications by the gateway, and notifications of security."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, history, identifier

revision = "2026_12_01_audit_alerts"
down_revision = "2026_12_01_usage_sums"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
READ_ALERTS = (
    "id, organization_id, indicator, level, actor_id, event_id, event_at, event_count, version,"
    " created_at, created_by, updated_at, updated_by, deleted_at, deleted_by"
)
READ_VERIFICATIONS = (
    "id, organization_id, started_at, created_at, event_count, last_seq, head_hash, fault"
)
# As the migrations before have left it, with another kind that is mailed at once.
PREFERENCES = """
DO $do$ BEGIN
    EXECUTE replace(pg_get_functiondef('ctx.apply_notification_preferences()'::regprocedure),
        '{before}', '{after}');
END $do$
"""
SYSTEM = "''reviews'', ''system''"
SECURITY = "''reviews'', ''security'', ''system''"

# Nearly all events meet no rule: the condition of the trigger is all that they cost. An event that
# comes back from an archive alerts nobody.
ENQUEUE = f"""
CREATE FUNCTION ctx.enqueue_audit_alert() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    INSERT INTO public.audit_alert_queue
        (organization_id, actor_id, event_id, event_at, level, indicator)
    SELECT NEW.organization_id, coalesce(NEW.actor_id, NEW.user_id), NEW.id, NEW.created_at,
        coalesce(NEW.risk_level, 'low'), one
    FROM unnest(NEW.threat_indicators) AS one
    WHERE NEW.created_at > now() - interval '1 hour';
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)
TRIGGER = """
CREATE TRIGGER enqueue_alert AFTER INSERT ON audit_logs FOR EACH ROW
WHEN (cardinality(NEW.threat_indicators) > 0) EXECUTE FUNCTION ctx.enqueue_audit_alert()
"""
# Events outside of organizations, such as refusals, concern those of which the actor is a member.
# Within `quiet` of an alert, further ones about the same rule and actor are left out.
RAISE = f"""
CREATE FUNCTION ctx.raise_audit_alerts(batch int, quiet interval, OUT more boolean,
    OUT raised jsonb)
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    hit record;
    alert public.audit_alerts;
    told jsonb;
BEGIN
    more := false;
    raised := '[]';
    IF NOT pg_try_advisory_xact_lock(7310942026112004) THEN
        RETURN;
    END IF;
    FOR hit IN
        WITH taken AS (
            DELETE FROM public.audit_alert_queue WHERE id IN (
                SELECT id FROM public.audit_alert_queue ORDER BY created_at, id LIMIT batch)
            RETURNING *
        )
        SELECT place.id AS organization, t.indicator, t.actor_id AS actor,
            count(*) AS number, min(t.event_at) AS at,
            (array_agg(t.event_id ORDER BY t.event_at, t.event_id))[1] AS event,
            (array_agg(t.level ORDER BY array_position(
                ARRAY['low', 'medium', 'high', 'critical'], t.level) DESC))[1] AS level
        FROM taken AS t
        CROSS JOIN LATERAL (
            SELECT t.organization_id AS id WHERE t.organization_id IS NOT NULL
            UNION
            SELECT m.organization_id FROM public.organization_members AS m
            WHERE t.organization_id IS NULL AND m.user_id = t.actor_id
                AND m.deleted_at IS NULL AND m.status = 'active'
            UNION
            SELECT p.service_of FROM public.profiles AS p
            WHERE t.organization_id IS NULL AND p.id = t.actor_id AND p.service_of IS NOT NULL
        ) AS place
        JOIN public.organizations AS o ON o.id = place.id AND o.deleted_at IS NULL
        GROUP BY place.id, t.indicator, t.actor_id
        ORDER BY place.id, t.indicator, t.actor_id
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM public.audit_alerts AS a
            WHERE a.organization_id = hit.organization AND a.indicator = hit.indicator
                AND a.actor_id IS NOT DISTINCT FROM hit.actor
                AND a.created_at > now() - quiet);
        INSERT INTO public.audit_alerts
            (organization_id, indicator, level, actor_id, event_id, event_at, event_count)
        VALUES (hit.organization, hit.indicator, hit.level, hit.actor, hit.event, hit.at,
            hit.number)
        RETURNING * INTO alert;
        told := jsonb_build_object('indicator', alert.indicator, 'level', alert.level,
            'actor_id', alert.actor_id, 'event_id', alert.event_id, 'event_at', alert.event_at,
            'event_count', alert.event_count);
        INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, resource_type,
            resource_id, action, version, changed_fields, old_data, new_data, event_type, severity,
            risk_level, compliance_category, soc2_control, user_id, source_system, description)
        VALUES (alert.organization_id, alert.id, 'AuditAlert', 'audit_alert', alert.id, 'create',
            alert.version, ARRAY(SELECT k FROM jsonb_object_keys(told) AS k ORDER BY k), '{{}}',
            told, 'create', 'medium', 'medium', 'system_operations', 'CC7.2', alert.actor_id,
            'jobs', 'An alert was raised.');
        raised := raised || jsonb_build_object('id', alert.id, 'level', alert.level,
            'organization_id', alert.organization_id, 'administrators', (
                SELECT coalesce(jsonb_agg(m.user_id), '[]')
                FROM public.organization_members AS m
                JOIN public.profiles AS p ON p.id = m.user_id
                WHERE m.organization_id = alert.organization_id AND m.role IN ('owner', 'admin')
                    AND m.status = 'active' AND m.deleted_at IS NULL AND p.service_of IS NULL));
    END LOOP;
    more := EXISTS (SELECT FROM public.audit_alert_queue);
END $$
"""  # noqa: S608 (ours)
# The value of the kind is a text here: it is not to be used in the transaction that adds it.
URGENT = f"""
CREATE FUNCTION ctx.urgent_notification_recipients(
    mode public.notification_mail, within interval, most int) RETURNS SETOF uuid
LANGUAGE sql STABLE {DEFINER} AS $$
SELECT DISTINCT n.user_id FROM public.notifications AS n
WHERE n.mail = mode AND n.mail <> 'off' AND n.mailed_at IS NULL AND n.unread
    AND n.deleted_at IS NULL AND n.created_at > now() - within AND n.kind::text = 'security'
LIMIT most
$$
"""  # noqa: S608 (ours)
CHAINS = f"""
CREATE FUNCTION ctx.audit_chains(past uuid, most int) RETURNS SETOF uuid LANGUAGE sql {DEFINER}
AS $$
WITH RECURSIVE chain (id) AS (
    (SELECT organization_id FROM public.audit_seals WHERE organization_id > past
        ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (SELECT organization_id FROM public.audit_seals WHERE organization_id > chain.id
        ORDER BY organization_id LIMIT 1)
    FROM chain WHERE id IS NOT NULL
)
SELECT id FROM chain WHERE id IS NOT NULL LIMIT most
$$
"""  # noqa: S608 (ours)
# The events of the first releases were hashed without the number of their transaction.
VERIFY = f"""
CREATE FUNCTION ctx.verify_audit_chain(chain uuid, past bigint, batch int, OUT last bigint,
    OUT head bytea, OUT wrong bigint, OUT reason text)
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    seal record;
BEGIN
    last := past;
    IF past = 0 THEN
        head := sha256(convert_to(chain::text, 'UTF8'));
    ELSE
        SELECT s.hash INTO head FROM public.audit_seals AS s
        WHERE s.organization_id = chain AND s.seq = past;
    END IF;
    FOR seal IN
        SELECT s.seq, s.hash, CASE WHEN e.id IS NOT NULL THEN ctx.sealed_line(e) END AS line
        FROM (
            SELECT * FROM public.audit_seals WHERE organization_id = chain AND seq > past
            ORDER BY seq LIMIT batch
        ) AS s
        LEFT JOIN public.audit_logs AS e ON e.id = s.event_id AND e.created_at = s.event_at
        ORDER BY s.seq
    LOOP
        reason := CASE
            WHEN head IS NULL OR seal.seq <> last + 1 THEN 'missing'
            WHEN seal.line IS NULL THEN 'deleted'
            WHEN sha256(head || convert_to(seal.seq || E'\\n' || seal.line, 'UTF8')) <> seal.hash
                AND sha256(head || convert_to(seal.seq || E'\\n'
                    || regexp_replace(seal.line, ', "xid" : "\\d+"\\}}$', '}}'), 'UTF8'))
                    <> seal.hash
                THEN 'altered'
        END;
        IF reason IS NOT NULL THEN
            wrong := CASE reason WHEN 'missing' THEN last + 1 ELSE seal.seq END;
            RETURN;
        END IF;
        last := seal.seq;
        head := seal.hash;
    END LOOP;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "ctx.raise_audit_alerts(int, interval)": RAISE,
    "ctx.urgent_notification_recipients(notification_mail, interval, int)": URGENT,
    "ctx.audit_chains(uuid, int)": CHAINS,
    "ctx.verify_audit_chain(uuid, bigint, int)": VERIFY,
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE notification_kind ADD VALUE IF NOT EXISTS 'security' BEFORE 'system'")
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'audit_alert'")
    op.execute(PREFERENCES.format(before=SYSTEM, after=SECURITY))
    alerts()
    verifications()
    op.execute(ENQUEUE)
    op.execute(TRIGGER)
    for name, sql in FUNCTIONS.items():
        op.execute(sql)
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO gateway_auth")


def alerts() -> None:
    """Create the alerts, and the queue of events that are to be part of one."""
    op.create_table(
        "audit_alerts",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_at", TIME, nullable=False),
        sa.Column("event_count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_audit_alerts"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_audit_alerts_organization_id"
        ),
        sa.CheckConstraint("indicator ~ '\\S'", name=op.f("ck_audit_alerts_indicator_not_blank")),
        sa.CheckConstraint(
            "char_length(indicator) <= 500", name=op.f("ck_audit_alerts_indicator_length")
        ),
        sa.CheckConstraint("level ~ '\\S'", name=op.f("ck_audit_alerts_level_not_blank")),
        sa.CheckConstraint("char_length(level) <= 500", name=op.f("ck_audit_alerts_level_length")),
        sa.CheckConstraint(
            "event_count >= 0", name=op.f("ck_audit_alerts_event_count_not_negative")
        ),
    )
    for columns in (("created_at", "id"), ("indicator", "created_at")):
        name = "_".join(("ix_audit_alerts_organization_id", *columns))
        op.create_index(name, "audit_alerts", ["organization_id", *columns])
    op.create_table(
        "audit_alert_queue",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_at", TIME, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_alert_queue"),
    )
    op.create_index("ix_audit_alert_queue_created_at_id", "audit_alert_queue", ["created_at", "id"])
    _walled("audit_alert_queue")
    _walled("audit_alerts", READ_ALERTS)


def verifications() -> None:
    """Create the results of verifications, which authentication alone adds and deletes."""
    op.create_table(
        "audit_verifications",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_verifications"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_audit_verifications_organization_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "event_count >= 0", name=op.f("ck_audit_verifications_event_count_not_negative")
        ),
        sa.CheckConstraint(
            "last_seq >= 0", name=op.f("ck_audit_verifications_last_seq_not_negative")
        ),
        sa.CheckConstraint(
            "octet_length(head_hash) = 32", name=op.f("ck_audit_verifications_head_hash_digest")
        ),
        sa.CheckConstraint(
            "char_length(fault) <= 2000", name=op.f("ck_audit_verifications_fault_length")
        ),
    )
    op.create_index(
        "ix_audit_verifications_organization_id_created_at_id",
        "audit_verifications",
        ["organization_id", "created_at", "id"],
    )
    op.create_index("ix_audit_verifications_created_at", "audit_verifications", ["created_at"])
    table = "audit_verifications"
    _walled(table, READ_VERIFICATIONS)
    op.execute(f"CREATE POLICY authentication ON {table} TO gateway_auth USING (true)")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON {table} TO gateway_auth")


def _walled(table: str, shown: str = "") -> None:
    """Show requests these columns of the rows of their tenants, and nothing else."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    if not shown:
        return
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ({shown}) ON {table} TO gateway_app")


def downgrade() -> None:
    """Keep the values of enumerations: PostgreSQL does not remove one."""
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER enqueue_alert ON audit_logs")
    op.execute("DROP FUNCTION ctx.enqueue_audit_alert()")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    for table in ("audit_verifications", "audit_alert_queue", "audit_alerts"):
        op.drop_table(table)
    op.execute(PREFERENCES.format(before=SECURITY, after=SYSTEM))
