"""Purging: permanent removal of rows deleted long enough ago, with all their dependents."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_purge"
down_revision = "2026_11_21_past"

# What hangs on a row is found by the foreign keys in the catalog, so that a table which a later
# migration makes is purged without being named here. Only what names a row of any kind, and
# therefore has no key, is listed; such a row might name another tenant's, so `tenants` bounds it.
#
# `of` says of which table each of `ids` is. Looking ends when there are more than `most`.
BENEATH = """
CREATE FUNCTION ctx.beneath(INOUT of oid[], INOUT ids uuid[], tenants uuid[], most int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    level_of oid[] := of;
    level uuid[] := ids;
    next_of oid[];
    next uuid[];
    found uuid[];
    edge record;
BEGIN
    WHILE cardinality(level) > 0 AND cardinality(ids) <= most LOOP
        next_of := '{}';
        next := '{}';
        FOR edge IN
            SELECT k.conrelid AS child, a.attname AS key, k.confrelid AS parent
            FROM pg_constraint AS k
            JOIN pg_attribute AS a
                ON a.attrelid = k.conrelid AND a.attnum = k.conkey[cardinality(k.conkey)]
            JOIN pg_attribute AS r
                ON r.attrelid = k.confrelid AND r.attnum = k.confkey[cardinality(k.confkey)]
            WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY (level_of)
                AND r.attname = 'id' AND ctx.is_entity(k.conrelid)
            UNION ALL
            SELECT child::regclass, key, NULL::oid FROM (VALUES
                ('public.assignments', 'entity_id'),
                ('public.trace_links', 'source_id'),
                ('public.trace_links', 'target_id')
            ) AS keyless (child, key)
        LOOP
            EXECUTE format(
                'SELECT array_agg(id) FROM %s WHERE %I = ANY ($1)'
                ' AND organization_id = ANY ($2) AND id <> ALL ($3)',
                edge.child::regclass, edge.key)
            INTO found
            USING ARRAY(
                SELECT id FROM unnest(level_of, level) AS l (o, id)
                WHERE o = coalesce(edge.parent, o)
            ), tenants, ARRAY(
                SELECT id FROM unnest(of || next_of, ids || next) AS known (o, id)
                WHERE o = edge.child
            );
            next_of := next_of || array_fill(edge.child, ARRAY[coalesce(cardinality(found), 0)]);
            next := next || found;
        END LOOP;
        of := of || next_of;
        ids := ids || next;
        level_of := next_of;
        level := next;
    END LOOP;
END $$
"""

# A row under the policy, which is recorded: it has a version and belongs to one organization.
IS_ENTITY = """
CREATE FUNCTION ctx.is_entity(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*) = 3 FROM pg_attribute
WHERE attrelid = relation AND attname IN ('id', 'version', 'organization_id') AND NOT attisdropped
$$
"""

# Nobody who serves requests may delete. This may, but only what is in the caller's tenants, was
# deleted itself, and was deleted as long ago as its organization wants things kept: what is not is
# left out, whoever asks. The rows on top are locked first, so that they are either restored or
# purged.
#
# Of the rows on top, in their order, as many are taken as have no more than `most` rows beneath
# them, but at least one. All is removed by one statement, so that the order of the foreign keys
# does not matter. Rows without a version (what was used, what is counted) go unmentioned; who had
# the organization as their current one has none.
PURGE = """
CREATE FUNCTION ctx.purge(tables text[], tops uuid[], most int, really boolean)
RETURNS TABLE (entity text, id uuid, version bigint, organization_id uuid, project_id uuid,
    document_id uuid, user_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    due_of oid[] := '{}';
    due uuid[] := '{}';
    tenants uuid[] := '{}';
    gone_of oid[];
    gone uuid[];
    taken int;
    kind record;
    edge record;
    found record;
    columns text;
    statement text := 'WITH g AS MATERIALIZED (SELECT * FROM unnest($1, $2) AS g (o, id))';
    answer text := '';
BEGIN
    FOR kind IN
        SELECT c.oid, c.relname, array_agg(asked.id) AS ids,
            CASE c.relname WHEN 'organizations' THEN 'id' ELSE 'organization_id' END AS tenant
        FROM unnest(tables, tops) AS asked (name, id)
        JOIN pg_class AS c ON c.relname = asked.name
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
            AND (ctx.is_entity(c.oid) OR c.relname = 'organizations')
        GROUP BY c.oid, c.relname
        ORDER BY c.relname
    LOOP
        EXECUTE format(
            'SELECT array_agg(id) AS ids, array_agg(tenant) AS tenants FROM ('
            ' SELECT t.id, o.id AS tenant'
            ' FROM public.%I AS t JOIN public.organizations AS o ON o.id = t.%I'
            ' WHERE t.id = ANY ($1) AND o.id = ANY (ctx.organizations())'
            ' AND t.deleted_at + make_interval(days => o.trash_retention_days) <= now()'
            ' ORDER BY t.id FOR UPDATE OF t) AS due',
            kind.relname, kind.tenant)
        INTO found USING kind.ids;
        due_of := due_of || array_fill(kind.oid, ARRAY[coalesce(cardinality(found.ids), 0)]);
        due := due || found.ids;
        tenants := tenants || found.tenants;
    END LOOP;
    SELECT coalesce(array_agg(t.o ORDER BY asked.place), '{}'),
        coalesce(array_agg(t.id ORDER BY asked.place), '{}')
    INTO due_of, due
    FROM unnest(tables, tops) WITH ORDINALITY AS asked (name, id, place)
    JOIN unnest(due_of, due) AS t (o, id)
        ON t.id = asked.id AND t.o = to_regclass('public.' || quote_ident(asked.name));
    IF cardinality(due) = 0 THEN
        RETURN;
    END IF;
    taken := cardinality(due);
    LOOP
        SELECT b.of, b.ids INTO gone_of, gone
        FROM ctx.beneath(due_of[1 : taken], due[1 : taken], tenants,
            CASE taken WHEN 1 THEN 2147483647 ELSE most END) AS b;
        EXIT WHEN taken = 1 OR cardinality(gone) <= most;
        taken := taken / 2;
    END LOOP;
    FOR kind IN
        SELECT DISTINCT o AS oid, relname FROM unnest(gone_of) AS o JOIN pg_class AS c ON c.oid = o
    LOOP
        SELECT string_agg(CASE
            WHEN kind.relname || '_id' = replace(name, '_id', 's_id') THEN 't.id'  -- is one
            WHEN attname IS NULL THEN 'NULL::uuid'
            ELSE 't.' || name END, ', ' ORDER BY place)
        INTO columns
        FROM unnest(ARRAY['organization_id', 'project_id', 'document_id', 'user_id'])
            WITH ORDINALITY AS wanted (name, place)
        LEFT JOIN pg_attribute ON attrelid = kind.oid AND attname = name AND NOT attisdropped;
        columns := format('%L::text, t.id, t.version, ', kind.relname) || columns;
        statement := statement || format(
            CASE WHEN really
                THEN ', %1$I AS (DELETE FROM public.%1$I AS t USING g'
                    ' WHERE g.o = %2$s AND t.id = g.id RETURNING %3$s)'
                ELSE ', %1$I AS (SELECT %3$s FROM public.%1$I AS t JOIN g'
                    ' ON g.o = %2$s AND t.id = g.id)'
            END, kind.relname, kind.oid, columns);
        answer := answer || format(' UNION ALL SELECT * FROM %I', kind.relname);
    END LOOP;
    FOR edge IN
        SELECT k.conrelid::regclass AS child, a.attname AS key, k.confrelid AS parent,
            k.conrelid = 'public.profiles'::regclass AS stays
        FROM pg_constraint AS k
        JOIN pg_attribute AS a
            ON a.attrelid = k.conrelid AND a.attnum = k.conkey[cardinality(k.conkey)]
        WHERE really AND k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY (gone_of)
            AND NOT ctx.is_entity(k.conrelid)
    LOOP
        EXECUTE format(
            CASE WHEN edge.stays THEN 'UPDATE %1$s SET %2$I = NULL' ELSE 'DELETE FROM %1$s' END
            || ' WHERE %2$I = ANY ($1)', edge.child, edge.key)
        USING ARRAY(SELECT g.id FROM unnest(gone_of, gone) AS g (o, id) WHERE o = edge.parent);
    END LOOP;
    RETURN QUERY EXECUTE statement || ' ' || substr(answer, length(' UNION ALL ') + 1)
        USING gone_of, gone;
END $$
"""

FUNCTIONS = {
    "ctx.is_entity(oid)": IS_ENTITY,
    "ctx.beneath(oid[], uuid[], uuid[], int)": BENEATH,
    "ctx.purge(text[], uuid[], int, boolean)": PURGE,
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function in FUNCTIONS.values():
        op.execute(function)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.purge(text[], uuid[], int, boolean) TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
