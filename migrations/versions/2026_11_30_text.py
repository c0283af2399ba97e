"""The same order and search of text on every server; identifiers sort by their parts.

It rewrites projects, documents, blocks, requirements and tests, and rebuilds their search indexes;
they can neither be read nor written meanwhile: some 20 seconds for 100,000 requirements.
"""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_text"
down_revision = "2026_11_30_storage"

MOST_COMPARED = 200
UPPER = "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x410, 0x430)]))
LOWER = "".join(map(chr, [*range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA), *range(0x430, 0x450)]))
UPPER += "".join(map(chr, [*range(0x402, 0x410), *range(0x531, 0x557)]))
LOWER += "".join(map(chr, [*range(0x452, 0x460), *range(0x561, 0x587)]))
UPPER += "ÆŒÞẞ\u03c2ØĐÐŁĦŦŊøđðłħŧŋ\u0131"
LOWER += "æœþß\u03c3oddlhtnoddlhtni"
"""Greek, Cyrillic and Armenian letters, and Latin ones that are no letter with a mark."""

FOLD = f"""
CREATE FUNCTION ctx.fold(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length($1) = length($1) THEN lower($1 COLLATE "C") ELSE
    replace(replace(replace(replace(translate(
        lower(regexp_replace(normalize($1, NFKD), '[\\u0300-\\u036f]', '', 'g') COLLATE "C"),
        '{UPPER}',
        '{LOWER}'
    ), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
END
"""
SORT_KEY = f"""
CREATE FUNCTION ctx.sort_key(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(regexp_replace(regexp_replace(
    ctx.fold(left($1, {MOST_COMPARED})), '([0-9]+)', '00000000000\\1', 'g'),
    '0+([0-9]{{12,}})(?![0-9])', '\\1', 'g'), 250) || E'\\x01' || left($1, {MOST_COMPARED})
"""
WORDS_OF = """
CREATE FUNCTION ctx.words_of(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length($1) = length($1)
    THEN regexp_replace(lower($1 COLLATE "C"), '[^a-z0-9]+', ' ', 'g')
    ELSE regexp_replace(regexp_replace(ctx.fold($1),
        '([\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u2e80-\\u2fdf\\u3005\\u3040-\\u30ff\\u3400-\\u9fff'
            '\\uf900-\\ufaff\\U00020000-\\U0003ffff])', ' \\1 ', 'g'),
        '[\\u0001-\\u002f\\u003a-\\u0060\\u007b-\\u00bf\\u00d7\\u00f7\\u2000-\\u2bff\\u3000-\\u3004'
            '\\u3006-\\u3020\\u3030-\\u303f]+', ' ', 'g')
END
"""
SEARCH_QUERY = """
CREATE FUNCTION ctx.search_query(terms text[]) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    term text;
    words tsquery;
    found tsquery := '';
    together tsquery := '';
    excluded tsquery := '';
BEGIN
    FOREACH term IN ARRAY terms LOOP
        IF term = '|' THEN
            found := found || together;
            together := '';
            CONTINUE;
        END IF;
        words := phraseto_tsquery('simple', ctx.words_of(substr(term, 2)));
        IF left(term, 1) = '*' AND words::text ~ '([^'' ]{2}|[0-9])''$' THEN
            words := (words::text || ':*')::tsquery;
        END IF;
        words := words || phraseto_tsquery('english', substr(term, 2));
        IF left(term, 1) = '-' THEN
            excluded := excluded || words;
        ELSE
            together := together && words;
        END IF;
    END LOOP;
    found := found || together;
    RETURN CASE WHEN numnode(excluded) > 0 THEN found && !!excluded ELSE found END;
END
$$
"""

FUNCTIONS = {
    "ctx.fold(text)": FOLD,
    "ctx.sort_key(text)": SORT_KEY,
    "ctx.words_of(text)": WORDS_OF,
    "ctx.search_query(text[])": SEARCH_QUERY,
}

SEARCHED = {
    "projects": {"name": "A", "description": "B"},
    "documents": {"external_id": "A", "name": "A", "description": "B"},
    "blocks": {"external_id": "A", "name": "A", "content": "C"},
    "requirements": {
        "external_id": "A",
        "name": "A",
        "description": "B",
        "original_requirement": "C",
        "enhanced_requirement": "C",
    },
    "test_req": {"test_id": "A", "title": "A", "description": "B", "expected_results": "C"},
}
"""The columns of each vector, with their weights."""
STRINGS = """jsonb_path_query_array(content, 'strict $.** ? (@.type() == "string")')::text"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for signature, function in FUNCTIONS.items():
        op.execute(function.replace(":", r"\:"))
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO gateway_app, gateway_auth")
    for table, weights in SEARCHED.items():
        written = " || ' ' || ".join(map(_text, weights))
        forms = [_forms(column, weight) for column, weight in weights.items()]
        orders = ""
        if table == "requirements":
            orders = "".join(
                f""", ADD COLUMN {column}_order text COLLATE "C"
                GENERATED ALWAYS AS (ctx.sort_key({column})) STORED"""
                for column in ("name", "external_id")
            )
        _search(table, [f"to_tsvector('simple', ctx.words_of({written}))", *forms], orders)
    for column in ("name_order", "external_id_order"):
        op.create_index(
            f"ix_requirements_project_id_{column}_id",
            "requirements",
            ["project_id", column, "id"],
        )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table, weights in SEARCHED.items():
        vectors = [_forms(column, weight) for column, weight in weights.items()]
        is_ordered = table == "requirements"
        drop = ", DROP COLUMN name_order, DROP COLUMN external_id_order" if is_ordered else ""
        _search(table, vectors, drop)
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")


def _search(table: str, vectors: list[str], also: str) -> None:
    vector = " || ".join(vectors).replace(":", r"\:")
    op.execute(
        f"ALTER TABLE {table} DROP COLUMN search, ADD COLUMN search tsvector"
        f" GENERATED ALWAYS AS ({vector}) STORED NOT NULL{also}"
    )
    op.create_index(f"ix_{table}_search", table, ["search"], postgresql_using="gin")


def _text(column: str) -> str:
    if column == "content":
        return rf"left(replace({STRINGS}, '\n', ' '), 10000)"
    return f"left(coalesce({column}, ''), 10000)"


def _forms(column: str, weight: str) -> str:
    if column == "content":
        return f"""setweight(jsonb_to_tsvector('english', content, '["string"]'), '{weight}')"""
    language = "simple" if column.endswith("_id") else "english"
    return f"setweight(to_tsvector('{language}', left(coalesce({column}, ''), 50000)), '{weight}')"
