"""The hash chain over the audit log: its seals, and the function that creates them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

from migrations.columns import LOCK_TIMEOUT, TIME, TransactionId

revision = "2026_11_20_seals"
down_revision = "2026_11_20_search"

TABLES = ("audit_seals", "audit_seal_cursor", "audit_checkpoints")
ADDED_ONLY = ("audit_seals", "audit_checkpoints")


class Snapshot(UserDefinedType[str]):
    """PostgreSQL's type pg_snapshot."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the name of the type in DDL."""
        return "pg_snapshot"


# The hashed and exported text of an event: every column but its transaction ID, which means nothing
# in another cluster. It is the same in every session, with any time zone or format. PostgreSQL
# inlines it, so it must stay one plain expression. A column that is added to audit_logs later
# belongs here too, but only where it is not null: the lines of the events that were there before
# must not change.
AUDIT_LINE = """
CREATE FUNCTION ctx.audit_line(event audit_logs) RETURNS text LANGUAGE sql STABLE AS $$
SELECT json_build_object(
    'id', event.id,
    'created_at', to_char(event.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'organization_id', event.organization_id,
    'project_id', event.project_id,
    'document_id', event.document_id,
    'entity_id', event.entity_id,
    'entity_type', event.entity_type,
    'action', event.action,
    'version', event.version,
    'changed_fields', event.changed_fields,
    'old_data', event.old_data,
    'new_data', event.new_data,
    'event_type', event.event_type,
    'severity', event.severity,
    'actor_id', event.actor_id,
    'user_id', event.user_id,
    'session_id', event.session_id,
    'client_id', event.client_id,
    'request_id', event.request_id,
    'correlation_id', event.correlation_id,
    'ip_address', event.ip_address,
    'user_agent', event.user_agent,
    'resource_type', event.resource_type,
    'resource_id', event.resource_id,
    'description', event.description,
    'details', event.details,
    'metadata', event.metadata,
    'soc2_control', event.soc2_control,
    'compliance_category', event.compliance_category,
    'risk_level', event.risk_level,
    'threat_indicators', event.threat_indicators,
    'source_system', event.source_system
)::text
$$
"""

# One call seals what lies between two snapshots: events whose transaction was not over in the one
# (`sealed`) and is over in the other (`sealing`). Writers are never asked to wait; whoever still
# has a transaction open is in the next difference. `sealed` moves on only when its difference is
# sealed to the end, which may take several calls: `reached` is the last event looked at.
#
# If `sealed` is null, nothing is known, and every event without a seal is sealed: at the
# beginning, and in another cluster, where a dump was restored and transactions count anew. An
# event that has a seal never gets another, so that nothing depends on the numbers there.
#
# The planner's settings make a call cost what its batch holds, and not what has piled up: the index
# over xid gives the order, and plans are made for the numbers at hand.
#
# The snapshot is taken before the call has a transaction's number of its own, so that what its
# transaction may write later belongs to the next difference.
SEAL = """
CREATE FUNCTION ctx.seal_audit_logs(batch int, OUT sealed int, OUT done boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET enable_sort = off SET jit = off AS $$
DECLARE
    place public.audit_seal_cursor;
    here bigint := (SELECT system_identifier FROM pg_control_system());
    event record;
    chain uuid;
    number bigint;
    link bytea;
    looked_at int := 0;
BEGIN
    IF batch < 1 THEN
        RAISE EXCEPTION 'batch is more than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed'
        OR pg_current_xact_id_if_assigned() IS NOT NULL
    THEN
        RAISE EXCEPTION 'sealing is a transaction of its own, READ COMMITTED'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    sealed := 0;
    done := true;
    IF NOT pg_try_advisory_xact_lock(7310942026112003) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT place FROM public.audit_seal_cursor;
    IF place.cluster <> here THEN
        place.cluster := here;
        place.sealed := NULL;
        place.sealing := NULL;
    END IF;
    IF place.sealing IS NULL THEN
        place.sealing_at := clock_timestamp();
        place.sealing := pg_current_snapshot();
        place.reached_xid := coalesce(pg_snapshot_xmin(place.sealed), '0');
        place.reached_at := '-infinity';
        place.reached_id := '00000000-0000-0000-0000-000000000000';
    END IF;
    FOR event IN
        SELECT due.*, CASE WHEN NOT EXISTS (
            SELECT FROM public.audit_seals AS s
            WHERE s.organization_id = due.chain AND s.event_id = due.id
                AND s.event_at = due.created_at
        ) THEN ctx.audit_line(e) END AS line
        FROM (
            SELECT xid, created_at, id,
                coalesce(organization_id, '00000000-0000-0000-0000-000000000000') AS chain
            FROM public.audit_logs
            WHERE (xid, created_at, id) > (place.reached_xid, place.reached_at, place.reached_id)
                AND (place.sealed IS NULL OR pg_visible_in_snapshot(xid, place.sealing)
                    AND NOT pg_visible_in_snapshot(xid, place.sealed))
            ORDER BY xid, created_at, id
            LIMIT batch
        ) AS due
        JOIN public.audit_logs AS e ON e.id = due.id AND e.created_at = due.created_at
        ORDER BY due.chain, due.xid, due.created_at, due.id
    LOOP
        looked_at := looked_at + 1;
        IF (event.xid, event.created_at, event.id)
            > (place.reached_xid, place.reached_at, place.reached_id)
        THEN
            place.reached_xid := event.xid;
            place.reached_at := event.created_at;
            place.reached_id := event.id;
        END IF;
        CONTINUE WHEN event.line IS NULL;  -- it has its seal
        IF event.chain IS DISTINCT FROM chain THEN
            chain := event.chain;
            SELECT s.seq, s.hash INTO number, link FROM public.audit_seals AS s
            WHERE s.organization_id = chain ORDER BY s.seq DESC LIMIT 1;
            IF NOT FOUND THEN
                number := 0;
                link := sha256(convert_to(chain::text, 'UTF8'));
            END IF;
        END IF;
        number := number + 1;
        link := sha256(link || convert_to(number || E'\\n' || event.line, 'UTF8'));
        INSERT INTO public.audit_seals (organization_id, seq, event_at, event_id, hash, not_before)
        VALUES (chain, number, event.created_at, event.id, link,
            CASE WHEN event.xid >= pg_snapshot_xmax(place.sealed) THEN place.sealed_at END);
        sealed := sealed + 1;
    END LOOP;
    done := looked_at < batch;
    IF done THEN
        place.sealed := place.sealing;
        place.sealed_at := place.sealing_at;
        place.sealing := NULL;
    END IF;
    UPDATE public.audit_seal_cursor SET
        cluster = place.cluster, sealed = place.sealed, sealed_at = place.sealed_at,
        sealing = place.sealing, sealing_at = place.sealing_at, reached_xid = place.reached_xid,
        reached_at = place.reached_at, reached_id = place.reached_id;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "audit_seals",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_at", TIME, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", TIME, nullable=True),
        sa.Column("sealed_at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "seq", name="pk_audit_seals"),
        sa.UniqueConstraint(
            "organization_id",
            "event_id",
            "event_at",
            name="uq_audit_seals_organization_id_event_id_event_at",
        ),
        sa.CheckConstraint("seq > 0", name=op.f("ck_audit_seals_seq_positive")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_seals_hash_digest")),
    )
    op.create_table(
        "audit_seal_cursor",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("cluster", sa.BigInteger(), nullable=False),
        sa.Column("sealed", Snapshot(), nullable=True),
        sa.Column("sealed_at", TIME, nullable=True),
        sa.Column("sealing", Snapshot(), nullable=True),
        sa.Column("sealing_at", TIME, nullable=True),
        sa.Column("reached_xid", TransactionId(), nullable=True),
        sa.Column("reached_at", TIME, nullable=True),
        sa.Column("reached_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("one", name="pk_audit_seal_cursor"),
        sa.CheckConstraint("one", name=op.f("ck_audit_seal_cursor_one_row")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "made_at", name="pk_audit_checkpoints"),
        sa.CheckConstraint("seq > 0", name=op.f("ck_audit_checkpoints_seq_positive")),
        sa.CheckConstraint(
            "octet_length(hash) = 32", name=op.f("ck_audit_checkpoints_hash_digest")
        ),
        sa.CheckConstraint(
            "(signature IS NULL) = (key_id IS NULL)",
            name=op.f("ck_audit_checkpoints_signature_key"),
        ),
    )
    op.execute(
        "INSERT INTO audit_seal_cursor (cluster) SELECT system_identifier FROM pg_control_system()"
    )
    op.execute(AUDIT_LINE)
    op.execute(SEAL)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.seal_audit_logs(int) TO gateway_app")
    for table in ADDED_ONLY:
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION ctx.refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}"
            " EXECUTE FUNCTION ctx.refuse_change()"
        )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    wall_seals()
    op.execute("GRANT SELECT ON audit_seals TO gateway_app")


def wall_seals() -> None:
    """Let a tenant read its own seals; those outside of any organization are nobody's."""
    own = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
    op.execute("CREATE POLICY application ON audit_seals TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({own})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON audit_seals"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP FUNCTION ctx.seal_audit_logs(int)")
    op.execute("DROP FUNCTION ctx.audit_line(audit_logs)")
    for table in reversed(TABLES):
        op.drop_table(table)
