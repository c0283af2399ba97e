"""Anchors of comments, which PostgreSQL moves when the texts that they are in change."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_comment_anchors"
down_revision = "2026_12_01_comments"

TEXTS = {
    "documents": ("name", "description"),
    "blocks": ("name", "content"),
    "requirements": ("name", "description", "properties"),
    "test_req": ("title", "description", "preconditions", "expected_results"),
}
"""The columns with texts that threads are about."""

# The number of characters that two texts have in common at their beginning.
COMMON_PREFIX = """
CREATE FUNCTION ctx.common_prefix(a text, b text) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low int := 0;
    high int := least(char_length(a), char_length(b));
    middle int;
BEGIN
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF left(a, middle) = left(b, middle) THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END $$
"""

# The places of a text in another one, from 0, at most `most`.
OCCURRENCES = """
CREATE FUNCTION ctx.occurrences(of text, among text, most int) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found int[] := '{}';
    at int := 0;
    next int;
BEGIN
    WHILE cardinality(found) < most LOOP
        next := strpos(substr(among, at + 1), of);
        EXIT WHEN next = 0;
        at := at + next;
        found := found || (at - 1);
    END LOOP;
    RETURN found;
END $$
"""

# Where the characters from `first` to `last` of a text are after a change of the text: the new
# first and last, or null when nothing of them is left. The texts are equal before `p`, and from `q`
# on; `delta` is the difference of their lengths.
MOVED_SPAN = """
CREATE FUNCTION ctx.moved_span(was text, new text, p int, q int, delta int, first int, last int,
    prefix text, suffix text) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span text := substr(was, first + 1, last - first);
    slid int := greatest(p - first, 0);
    base int := least(p, first);
    region text;
    before int[];
    after int[];
    place int;
    score int;
    best int := 3;
    chosen int;
BEGIN
    IF last <= p THEN
        RETURN ARRAY[first, last];
    ELSIF first >= q THEN
        RETURN ARRAY[first + delta, last + delta];
    END IF;
    -- Characters were only removed. Where those before the removed ones are like its last, others
    -- may have been removed as well: if the whole span, that is how it is read.
    IF q + delta = p AND slid <= q - last
        AND substr(was, p - slid + 1, slid) = substr(was, q - slid + 1, slid)
    THEN
        RETURN NULL;
    END IF;
    -- Likewise what was put in may have been put right before the span, or right behind it.
    IF first <= p AND substr(new, first + 1, last - first) = span THEN
        RETURN ARRAY[first, last];
    ELSIF q <= last AND substr(new, first + delta + 1, last - first) = span THEN
        RETURN ARRAY[first + delta, last + delta];
    END IF;
    -- Several changes at once, before and behind it: the span may be among what is between them.
    IF greatest(q, last) + delta - base > 20000 THEN
        -- To compare all occurrences would take too long. It is where it was, seen from one end of
        -- the text, or else where what is next to it is.
        FOREACH place IN ARRAY ARRAY[first, first + delta] LOOP
            IF place >= char_length(prefix) AND substr(new, place - char_length(prefix) + 1,
                char_length(prefix || span || suffix)) = prefix || span || suffix
            THEN
                RETURN ARRAY[place, place + last - first];
            END IF;
        END LOOP;
        region := substr(new, base + 1, greatest(q, last) + delta - base);
        place := strpos(region, right(prefix, 8) || span);
        IF place > 0 THEN
            place := base + place - 1 + char_length(right(prefix, 8));
            RETURN ARRAY[place, place + last - first];
        END IF;
        place := strpos(region, span || left(suffix, 8));
        IF place > 0 THEN
            RETURN ARRAY[base + place - 1, base + place - 1 + last - first];
        END IF;
        after := '{}';
    ELSE
        region := substr(new, base + 1, greatest(q, last) + delta - base);
        before := ctx.occurrences(span, substr(was, base + 1, greatest(q, last) - base), 50);
        after := ctx.occurrences(span, region, 50);
        place := after[array_position(before, first - base)];
        IF cardinality(before) = cardinality(after) AND place IS NOT NULL THEN
            RETURN ARRAY[base + place, base + place + last - first];
        END IF;
    END IF;
    IF char_length(span) >= 32 THEN
        best := -1;
    END IF;
    FOREACH place IN ARRAY after LOOP
        score := ctx.common_prefix(reverse(prefix), reverse(substr(new,
                greatest(base + place - 32, 0) + 1, least(base + place, 32))))
            + ctx.common_prefix(suffix, substr(new, base + place + last - first + 1, 32));
        IF score > best THEN
            best := score;
            chosen := base + place;
        END IF;
    END LOOP;
    IF chosen IS NOT NULL THEN
        RETURN ARRAY[chosen, chosen + last - first];
    END IF;
    IF first < p AND last > q THEN
        RETURN ARRAY[first, last + delta];
    ELSIF first < p THEN
        RETURN ARRAY[first, p];
    ELSIF last > q THEN
        RETURN ARRAY[q + delta, last + delta];
    END IF;
    RETURN NULL;
END $$
"""

# Runs as whoever writes, in the same transaction, whichever way the row is written. The work is
# bounded by the number of threads of an object and the sizes of its texts. A text that comes back,
# as by undoing, has its anchor again.
MOVE_ANCHORS = """
CREATE FUNCTION ctx.move_anchors() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    thread record;
    read_field text;
    read_path text[];
    was text;
    new_text text;
    p int;
    q int;
    delta int;
    span int[];
    place int;
BEGIN
    FOR thread IN
        SELECT t.id, t.field, t.path, t.anchored_text, t.prefix, t.suffix, t.start_at, t.end_at
        FROM public.comment_threads AS t
        WHERE t.entity_id = NEW.id AND t.field = ANY (TG_ARGV)
        ORDER BY t.field, t.path, t.id
    LOOP
        IF thread.field IS DISTINCT FROM read_field OR thread.path IS DISTINCT FROM read_path THEN
            read_field := thread.field;
            read_path := thread.path;
            IF read_path = '{}' THEN
                EXECUTE format('SELECT ($1).%1$I, ($2).%1$I', read_field)
                INTO was, new_text USING OLD, NEW;
            ELSE
                EXECUTE format('SELECT ($1).%1$I #>> $3, ($2).%1$I #>> $3', read_field)
                INTO was, new_text USING OLD, NEW, read_path;
            END IF;
            was := coalesce(was, '');
            new_text := coalesce(new_text, '');
            IF was <> new_text THEN
                delta := char_length(new_text) - char_length(was);
                p := ctx.common_prefix(was, new_text);
                q := char_length(was) - ctx.common_prefix(
                    reverse(substr(was, p + 1)), reverse(substr(new_text, p + 1)));
            END IF;
        END IF;
        CONTINUE WHEN was = new_text;
        IF thread.start_at IS NULL THEN
            place := strpos(new_text, thread.prefix || thread.anchored_text || thread.suffix);
            CONTINUE WHEN place = 0;
            place := place - 1 + char_length(thread.prefix);
            span := ARRAY[place, place + char_length(thread.anchored_text)];
        ELSE
            span := ctx.moved_span(was, new_text, p, q, delta, thread.start_at, thread.end_at,
                thread.prefix, thread.suffix);
            IF span[2] <= span[1] THEN
                span := NULL;
            END IF;
        END IF;
        IF span IS NULL THEN
            UPDATE public.comment_threads AS t SET start_at = NULL, end_at = NULL
            WHERE t.id = thread.id;
        ELSE
            UPDATE public.comment_threads AS t
            SET start_at = span[1], end_at = span[2],
                anchored_text = substr(new_text, span[1] + 1, span[2] - span[1]),
                prefix = right(left(new_text, span[1]), 32),
                suffix = substr(new_text, span[2] + 1, 32)
            WHERE t.id = thread.id;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
FUNCTIONS = {
    "ctx.common_prefix(text, text)": COMMON_PREFIX,
    "ctx.occurrences(text, text, int)": OCCURRENCES,
    "ctx.moved_span(text, text, int, int, int, int, int, text, text)": MOVED_SPAN,
    "ctx.move_anchors()": MOVE_ANCHORS,
}
TRIGGER = """
CREATE TRIGGER move_anchors AFTER UPDATE OF {columns} ON {table} FOR EACH ROW
WHEN ({differs}) EXECUTE FUNCTION ctx.move_anchors({arguments})
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function in FUNCTIONS.values():
        op.execute(function)
    for signature in [*FUNCTIONS][:-1]:  # which the trigger calls as whoever writes
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO gateway_app")
    for table, columns in TEXTS.items():
        differs = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)
        arguments = ", ".join(f"'{name}'" for name in columns)
        names = ", ".join(columns)
        op.execute(TRIGGER.format(columns=names, table=table, differs=differs, arguments=arguments))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TEXTS:
        op.execute(f"DROP TRIGGER move_anchors ON {table}")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
