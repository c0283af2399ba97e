"""The feed: the entries that commits add, and the functions that order, read and trim them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

from migrations.columns import LOCK_TIMEOUT, TIME, TransactionId, create_enums, drop, enum

revision = "2026_11_21_feed"
down_revision = "2026_11_21_keys"

TABLES = ("feed_documents", "feed_entries", "feed_positions", "feed_cursor")
ENUMS = {"departed": ("document", "project")}


class Snapshot(UserDefinedType[str]):
    """PostgreSQL's type pg_snapshot."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the name of the type in DDL."""
        return "pg_snapshot"


# True for an event of the feed: a change of a row, or of the rights of a person.
NEWS = """({row}.version IS NOT NULL OR (
    {row}.resource_type IN ('user', 'session', 'token', 'oauth_client')
    AND {row}.event_type NOT IN ('login', 'login_failed', 'access_denied')))"""

# The events of this transaction that are not in the feed yet, each for whoever it concerns: where
# the row is, and where it was before it was moved. An event that says it is more than a day old was
# dated back; it is no news.
TO_COME = f"""
SELECT e.id, e.created_at, e.organization_id, p.project_id, p.document_id, p.departed
FROM public.audit_logs AS e
CROSS JOIN LATERAL (
    SELECT e.project_id, e.document_id, NULL::public.departed AS departed
    UNION ALL
    SELECT coalesce((e.old_data ->> 'project_id')::uuid, e.project_id),
        (e.old_data ->> 'document_id')::uuid,
        CASE WHEN 'project_id' = ANY (e.changed_fields) THEN 'project'::public.departed
            ELSE 'document' END
    WHERE e.action = 'update' AND e.changed_fields && ARRAY['document_id', 'project_id']
        AND (e.old_data ->> 'document_id' IS NOT NULL OR e.old_data ->> 'project_id' IS NOT NULL)
) AS p
WHERE e.xid = pg_current_xact_id() AND e.created_at >= now() - interval '1 day'
    AND {NEWS.format(row="e")}
    AND NOT EXISTS (SELECT FROM public.feed_entries AS f
        WHERE f.xid = pg_current_xact_id() AND f.event_id = e.id)
"""  # noqa: S608 (ours)

# The entries of a transaction, made when it commits: at the first event that PostgreSQL asks about
# for all of them, in the order in which they were recorded. The documents' counters are locked
# first, in the order of their ids, and nothing but the end of the commit comes between that and
# their release: the order of a document's entries is that of the commits.
ENTER = f"""
CREATE FUNCTION ctx.enter_feed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    documents uuid[];
    newest bigint[];
BEGIN
    IF EXISTS (SELECT FROM public.feed_entries AS f
        WHERE f.xid = pg_current_xact_id() AND f.event_id = NEW.id)
    THEN
        RETURN NULL;
    END IF;
    WITH counted AS (
        INSERT INTO public.feed_documents AS d (document_id, sequence)
        SELECT c.document_id, count(*) FROM ({TO_COME}) AS c
        WHERE c.document_id IS NOT NULL GROUP BY c.document_id ORDER BY c.document_id
        ON CONFLICT (document_id) DO UPDATE SET sequence = d.sequence + excluded.sequence
        RETURNING d.document_id, d.sequence
    )
    SELECT array_agg(document_id), array_agg(sequence) INTO documents, newest FROM counted;
    INSERT INTO public.feed_entries
        (event_id, event_at, organization_id, project_id, document_id, sequence, departed)
    SELECT c.id, c.created_at, c.organization_id, c.project_id, c.document_id,
        n.sequence + 1 - row_number() OVER (PARTITION BY c.document_id
            ORDER BY c.created_at DESC, c.id DESC, c.departed DESC NULLS LAST),
        c.departed
    FROM ({TO_COME}) AS c
    LEFT JOIN unnest(documents, newest) AS n (document_id, sequence) USING (document_id)
    ORDER BY c.created_at, c.id, c.departed NULLS FIRST;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)

# Gives positions to what was committed since the last call: to entries whose transaction is over in
# the snapshot of this call and was not in that of the last one. Those are the ones that began after
# it, and the ones that it saw at work. Within one call the order is that of the entries' ids, which
# were taken under the locks of their documents. Answers with the newest position and the epoch;
# nothing is written, nor anybody woken, when nothing has happened.
SEQUENCE = """
CREATE FUNCTION ctx.sequence_feed(OUT "position" bigint, OUT epoch uuid, OUT added bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
    place public.feed_cursor;
    here bigint := (SELECT system_identifier FROM pg_control_system());
    line int := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int;
    seen pg_snapshot;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed'
        OR pg_current_xact_id_if_assigned() IS NOT NULL
    THEN
        RAISE EXCEPTION 'sequencing is a transaction of its own, READ COMMITTED'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    added := 0;
    SELECT * INTO STRICT place FROM public.feed_cursor;
    IF place.cluster = here AND place.timeline = line AND NOT EXISTS (
        SELECT FROM ctx.unsequenced(place.snapshot))
    THEN
        position := place.position;
        epoch := place.epoch;
        RETURN;
    END IF;
    SELECT * INTO STRICT place FROM public.feed_cursor FOR UPDATE;
    seen := pg_current_snapshot();
    IF place.cluster <> here THEN  -- the numbers of its transactions mean nothing here
        INSERT INTO public.feed_positions (position, entry_id, event_id, event_at, organization_id,
            project_id, document_id, sequence, departed)
        SELECT place.position + row_number() OVER (ORDER BY e.id), e.id, e.event_id, e.event_at,
            e.organization_id, e.project_id, e.document_id, e.sequence, e.departed
        FROM public.feed_entries AS e
        WHERE e.id > (SELECT coalesce(max(p.entry_id), 0) FROM public.feed_positions AS p);
    ELSE
        INSERT INTO public.feed_positions (position, entry_id, event_id, event_at, organization_id,
            project_id, document_id, sequence, departed)
        SELECT place.position + row_number() OVER (ORDER BY e.id), e.id, e.event_id, e.event_at,
            e.organization_id, e.project_id, e.document_id, e.sequence, e.departed
        FROM ctx.unsequenced(place.snapshot) AS e
        WHERE pg_visible_in_snapshot(e.xid, seen);
    END IF;
    GET DIAGNOSTICS added = ROW_COUNT;
    place.position := place.position + added;
    place.epoch := CASE WHEN place.cluster = here AND place.timeline = line THEN place.epoch
        ELSE gen_random_uuid() END;
    UPDATE public.feed_cursor AS c SET snapshot = seen, position = place.position,
        epoch = place.epoch, cluster = here, timeline = line;
    PERFORM pg_notify('feed', place.position::text);
    position := place.position;
    epoch := place.epoch;
END $$
"""
UNSEQUENCED = """
CREATE FUNCTION ctx.unsequenced(since pg_snapshot) RETURNS SETOF public.feed_entries
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM public.feed_entries WHERE xid >= pg_snapshot_xmax(since)
UNION ALL
SELECT e.* FROM pg_snapshot_xip(since) AS flying JOIN public.feed_entries AS e ON e.xid = flying
$$
"""

# The reads of a node: the first and last position of the feed, and its events. They have the IDs of
# people and rows in every tenant, but no value of any row.
REACH = """
CREATE FUNCTION ctx.feed_reach(OUT oldest bigint, OUT "position" bigint, OUT epoch uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce((SELECT min(p.position) FROM public.feed_positions AS p), c.position + 1),
    c.position, c.epoch
FROM public.feed_cursor AS c
$$
"""
EVENTS = """
CREATE VIEW feed_events WITH (security_barrier) AS
SELECT p.position, p.event_id, p.event_at, p.organization_id, p.project_id, p.document_id,
    p.sequence, p.departed, e.entity_type, e.entity_id, e.action, e.version, e.changed_fields,
    e.actor_id, e.user_id, e.session_id, e.client_id, e.correlation_id, e.resource_type,
    e.event_type, coalesce((e.details ->> 'renumbered')::boolean, false) AS renumbered
FROM feed_positions AS p
JOIN audit_logs AS e ON e.id = p.event_id AND e.created_at = p.event_at
"""

# The events of one row, and those of the notifications of one person, of as long as any feed goes
# back: the record finds them by its own index.
EVENTS_OF = """
CREATE FUNCTION ctx.events_of(entity uuid, since timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT id FROM public.audit_logs WHERE entity_id = entity AND created_at >= since
$$
"""
NOTICES_TO = """
CREATE FUNCTION ctx.notices_to(person uuid, since timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT e.id FROM public.notifications AS n JOIN public.audit_logs AS e ON e.entity_id = n.id
WHERE n.user_id = person AND n.updated_at >= since AND e.created_at >= since
$$
"""

# Forgets positions that are older than this, and entries that every later call has passed.
TRIM = """
CREATE FUNCTION ctx.trim_feed(keep interval, batch int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    trimmed int;
BEGIN
    DELETE FROM public.feed_entries WHERE id IN (
        SELECT f.id FROM public.feed_entries AS f, public.feed_cursor AS c
        WHERE f.xid < pg_snapshot_xmin(c.snapshot)
        ORDER BY f.xid LIMIT batch FOR UPDATE OF f SKIP LOCKED);
    DELETE FROM public.feed_positions WHERE position IN (
        SELECT p.position FROM public.feed_positions AS p
        WHERE p.sequenced_at < now() - keep
            AND p.position <= (SELECT min(o.position) + batch FROM public.feed_positions AS o)
        ORDER BY p.position LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    RETURN trimmed;
END $$
"""
FOR_NODES = (
    "ctx.sequence_feed()",
    "ctx.feed_reach()",
    "ctx.trim_feed(interval, int)",
    "ctx.events_of(uuid, timestamptz)",
    "ctx.notices_to(uuid, timestamptz)",
)
FUNCTIONS = (
    "ctx.events_of(uuid, timestamptz)",
    "ctx.notices_to(uuid, timestamptz)",
    "ctx.trim_feed(interval, int)",
    "ctx.feed_reach()",
    "ctx.sequence_feed()",
    "ctx.unsequenced(pg_snapshot)",
    "ctx.enter_feed()",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "feed_documents",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name="pk_feed_documents"),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_feed_documents_sequence_positive")),
        # Rows are updated in their own page, which has room for the next versions of each.
        postgresql_with={"fillfactor": 40},
    )
    op.create_table(
        "feed_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "xid", TransactionId(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        *_of_entry(),
        sa.PrimaryKeyConstraint("id", name="pk_feed_entries"),
    )
    op.create_index("ix_feed_entries_xid_event_id", "feed_entries", ["xid", "event_id"])
    op.create_table(
        "feed_positions",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        *_of_entry(),
        sa.Column(
            "sequenced_at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("position", name="pk_feed_positions"),
        sa.CheckConstraint("position > 0", name=op.f("ck_feed_positions_position_positive")),
    )
    for scope in ("organization_id", "project_id", "document_id"):
        op.create_index(
            f"ix_feed_positions_{scope}_position", "feed_positions", [scope, "position"]
        )
    op.create_index("ix_feed_positions_event_id", "feed_positions", ["event_id"])
    op.create_table(
        "feed_cursor",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("snapshot", Snapshot(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("cluster", sa.BigInteger(), nullable=False),
        sa.Column("timeline", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_feed_cursor"),
        sa.CheckConstraint("one", name=op.f("ck_feed_cursor_one_row")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_feed_cursor_position_not_negative")),
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    for statement in (ENTER, UNSEQUENCED, SEQUENCE, REACH, TRIM, EVENTS, EVENTS_OF, NOTICES_TO):
        op.execute(statement)
    op.execute("GRANT SELECT ON feed_events TO gateway_auth")
    for name in FOR_NODES:
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO gateway_auth")
    op.execute(
        "INSERT INTO feed_cursor (snapshot, cluster, timeline)"
        " SELECT pg_current_snapshot(), system_identifier, 0 FROM pg_control_system()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER enter_feed AFTER INSERT ON audit_logs"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        f" WHEN ({NEWS.format(row='NEW')})"
        " EXECUTE FUNCTION ctx.enter_feed()"
    )


def _of_entry() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_at", TIME, nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("departed", enum("departed"), nullable=True),
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER enter_feed ON audit_logs")
    op.execute("DROP VIEW feed_events")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    drop(TABLES, ENUMS)
