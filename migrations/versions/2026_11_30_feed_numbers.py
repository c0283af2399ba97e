"""Event numbers of a document, assigned by the sequencer, so that commits do not wait."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_feed_numbers"
down_revision = "2026_11_30_allowed_clients"

# The events of this transaction, each for whoever it concerns, as in the migration of the feed.
TO_COME = """
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
    AND (e.version IS NOT NULL OR (
        e.resource_type IN ('user', 'session', 'token', 'oauth_client')
        AND e.event_type NOT IN ('login', 'login_failed', 'access_denied')))
    AND NOT EXISTS (SELECT FROM public.feed_entries AS f
        WHERE f.xid = pg_current_xact_id() AND f.event_id = e.id)
"""

# Leaves the entries of a transaction when it commits. Whoever waited for it, for a row or for its
# answer, commits after it and has entries with higher ids.
ENTER = f"""
CREATE OR REPLACE FUNCTION ctx.enter_feed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.feed_entries AS f
        WHERE f.xid = pg_current_xact_id() AND f.event_id = NEW.id)
    THEN
        INSERT INTO public.feed_entries
            (event_id, event_at, organization_id, project_id, document_id, departed)
        SELECT c.id, c.created_at, c.organization_id, c.project_id, c.document_id, c.departed
        FROM ({TO_COME}) AS c
        ORDER BY c.created_at, c.id, c.departed NULLS FIRST;
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)

# As before, with the counters of documents locked until the commit.
ENTER_NUMBERED = f"""
CREATE OR REPLACE FUNCTION ctx.enter_feed() RETURNS trigger
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

# Gives positions to new entries, and numbers to those that have none: in the order of their ids.
NUMBERED = """
WITH entries AS ({entries}),
counted AS (
    INSERT INTO public.feed_documents AS d (document_id, sequence)
    SELECT e.document_id, count(*) FROM entries AS e
    WHERE e.document_id IS NOT NULL AND e.sequence IS NULL
    GROUP BY e.document_id ORDER BY e.document_id
    ON CONFLICT (document_id) DO UPDATE SET sequence = d.sequence + excluded.sequence
    RETURNING d.document_id, d.sequence
)
INSERT INTO public.feed_positions (position, entry_id, event_id, event_at, organization_id,
    project_id, document_id, sequence, departed)
SELECT place.position + row_number() OVER (ORDER BY e.id), e.id, e.event_id, e.event_at,
    e.organization_id, e.project_id, e.document_id,
    coalesce(e.sequence, n.sequence + 1 - row_number() OVER (
        PARTITION BY e.document_id, e.sequence IS NULL ORDER BY e.id DESC)),
    e.departed
FROM entries AS e LEFT JOIN counted AS n ON n.document_id = e.document_id
"""
PLACED = """
INSERT INTO public.feed_positions (position, entry_id, event_id, event_at, organization_id,
    project_id, document_id, sequence, departed)
SELECT place.position + row_number() OVER (ORDER BY e.id), e.id, e.event_id, e.event_at,
    e.organization_id, e.project_id, e.document_id, e.sequence, e.departed
FROM ({entries}) AS e
"""
NEW = """
SELECT u.* FROM ctx.unsequenced(place.snapshot) AS u WHERE pg_visible_in_snapshot(u.xid, seen)"""
FOUND = """
SELECT t.* FROM taken AS t
WHERE t.id > (SELECT coalesce(max(p.entry_id), 0) FROM public.feed_positions AS p)"""
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
    IF place.cluster <> here THEN  -- the numbers of its transactions mean nothing here
        {found};
    ELSE
        {new};
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
TAKEN = "WITH taken AS (DELETE FROM public.feed_entries RETURNING *)"

# Numbers the events that have none when a downgrade brings back the former functions.
NUMBER_THE_REST = """
WITH counted AS (
    INSERT INTO feed_documents AS d (document_id, sequence)
    SELECT e.document_id, count(*)
    FROM feed_cursor AS c, ctx.unsequenced(c.snapshot) AS e
    WHERE e.document_id IS NOT NULL AND e.sequence IS NULL GROUP BY e.document_id
    ON CONFLICT (document_id) DO UPDATE SET sequence = d.sequence + excluded.sequence
    RETURNING d.document_id, d.sequence
)
UPDATE feed_entries AS e SET sequence = numbered.sequence
FROM (
    SELECT u.id, n.sequence + 1 - row_number() OVER (
        PARTITION BY u.document_id ORDER BY u.id DESC) AS sequence
    FROM feed_cursor AS c, ctx.unsequenced(c.snapshot) AS u
    JOIN counted AS n ON n.document_id = u.document_id
    WHERE u.sequence IS NULL
) AS numbered
WHERE e.id = numbered.id
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    found = NUMBERED.format(entries=FOUND).replace("WITH entries", f"{TAKEN}, entries", 1)
    op.execute(SEQUENCE.format(found=found, new=NUMBERED.format(entries=NEW)))
    op.execute(ENTER)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("LOCK TABLE feed_cursor IN EXCLUSIVE MODE")
    op.execute(ENTER_NUMBERED)
    op.execute(NUMBER_THE_REST)
    found = PLACED.format(entries=FOUND).replace("INSERT", f"{TAKEN} INSERT", 1)
    op.execute(SEQUENCE.format(found=found, new=PLACED.format(entries=NEW)))
