"""In another cluster the feed accepts the entries it finds: their transaction IDs are invalid."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_restored_feed"
down_revision = "2026_11_21_held_credentials"

# As before, but for the entries that a dump has brought along. Those whose transactions have higher
# numbers than this cluster's would be found again and again until its own have come that far, and
# then be given positions once more. The statement that gives them their positions takes them: one
# that came after it would take what was committed in between.
SEQUENCE = """
CREATE OR REPLACE FUNCTION ctx.sequence_feed(
    OUT "position" bigint, OUT epoch uuid, OUT added bigint)
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
    IF place.cluster <> here THEN  -- the numbers of its transactions mean nothing here{taken}
        INSERT INTO public.feed_positions (position, entry_id, event_id, event_at, organization_id,
            project_id, document_id, sequence, departed)
        SELECT place.position + row_number() OVER (ORDER BY e.id), e.id, e.event_id, e.event_at,
            e.organization_id, e.project_id, e.document_id, e.sequence, e.departed
        FROM {entries} AS e
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
TAKEN = """
        WITH taken AS (DELETE FROM public.feed_entries RETURNING *)"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(SEQUENCE.format(taken=TAKEN, entries="taken"))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(SEQUENCE.format(taken="", entries="public.feed_entries"))
