"""The functions by which PostgreSQL orders and searches text, the same on every server.

Collations differ between servers, versions and systems, and the parser of text search takes a
number behind a hyphen for a negative one; so neither decides. Migrations have a copy of each
function, and a test compares them.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, MetaData, func, select

MAX_COMPARED = 200
"""Characters of a text that decide its place in an order."""

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
"""Without case and accents: "Überhöhe" is "uberhohe"."""
SORT_KEY = f"""
CREATE FUNCTION ctx.sort_key(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(regexp_replace(regexp_replace(
    ctx.fold(left($1, {MAX_COMPARED})), '([0-9]+)', '00000000000\\1', 'g'),
    '0+([0-9]{{12,}})(?![0-9])', '\\1', 'g'), 250) || E'\\x01' || left($1, {MAX_COMPARED})
"""
"""Compared by bytes it is the order of people: by letters, numbers by their value; then by the
text itself."""
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
"""The letters and digits of a text, words apart; scripts without spaces, character by character."""
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
"""SQL of the function that turns the terms of a search into a tsquery. A term's first character is
its kind: `=` as it is, `*` its last word is a prefix, `-` absent; `|` separates alternatives."""

FUNCTIONS = {
    "fold": FOLD,
    "sort_key": SORT_KEY,
    "words_of": WORDS_OF,
    "search_query": SEARCH_QUERY,
}
"""In the order in which they need each other."""


def sort_key(value: Any) -> ColumnElement[str]:
    """Return the sort key of a text."""
    key: ColumnElement[str] = func.ctx.sort_key(value).collate("C")
    return key


def sort_key_of(value: str) -> ColumnElement[str]:
    """Return the sort key of a statement's parameter, computed once a statement."""
    return select(sort_key(value)).scalar_subquery()


def create_functions(_: MetaData, connection: Connection, **__: Any) -> None:
    """Create the functions, where tables are created from their models."""
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS ctx")
    for function in FUNCTIONS.values():
        created = function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        connection.exec_driver_sql(created)
