"""Functions that find rows by GIN indexes. Migrations share it: it never changes.

Under row level security `search @@ query` reads every row of the tenant: the operator is not
leakproof, so that policies come first and no index serves it; the same holds for `&&` and `@>`.
These functions run as the owner, whom no policy restricts, and repeat what gateway_app may read.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

OWN = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC = "project_id = ANY ((SELECT ctx.projects())::uuid[])"
SHOWN = f"{OWN} OR project_id IN (SELECT unnest((SELECT ctx.projects())))"
"""The rows of a project that requests may read: those of their tenants, and of public projects."""
FEW = 5_000
"""The most rows that are scanned in place of the index, which holds all tenants' words."""
SEARCH = f"""
CREATE FUNCTION ctx.{{table}}_search_match(tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    WITH size AS MATERIALIZED (
        SELECT count(*) > {FEW} AS is_large FROM (
            (SELECT FROM public.{{table}} WHERE {OWN} LIMIT {FEW} + 1)
            UNION ALL (SELECT FROM public.{{table}} WHERE {PUBLIC} AND NOT {OWN} LIMIT {FEW} + 1)
        ) AS r
    )
    SELECT id FROM public.{{table}}
    WHERE search @@ $1 AND ({OWN} OR {PUBLIC}) AND (SELECT is_large FROM size)
    UNION ALL
    SELECT id FROM (
        SELECT id, search FROM public.{{table}} WHERE {OWN}
        UNION ALL SELECT id, search FROM public.{{table}} WHERE {PUBLIC} AND NOT {OWN}
        OFFSET 0
    ) AS own WHERE NOT (SELECT is_large FROM size) AND search @@ $1
$$
"""  # noqa: S608 (names of ours)
WORDS = f"""
CREATE FUNCTION ctx.{{table}}_{{column}}_{{verb}}(text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM public.{{table}} WHERE {{column}} {{operator}} $1 AND ({OWN} OR {PUBLIC})
$$
"""  # noqa: S608 (names of ours)
VERBS = {"overlap": "&&", "contain": "@>"}


def create_search(table: str) -> None:
    """Create the function that finds rows of a project by a text query."""
    op.execute(SEARCH.format(table=table))
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{table}_search_match(tsquery) TO gateway_app")


def drop_search(table: str) -> None:
    """Drop it."""
    op.execute(f"DROP FUNCTION ctx.{table}_search_match(tsquery)")


def create_words(table: str, column: str) -> None:
    """Create the functions that find rows of a project by words in a column."""
    for verb, operator in VERBS.items():
        op.execute(WORDS.format(table=table, column=column, verb=verb, operator=operator))
        function = f"ctx.{table}_{column}_{verb}(text[])"
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO gateway_app")


def drop_words(table: str, column: str) -> None:
    """Drop them."""
    for verb in VERBS:
        op.execute(f"DROP FUNCTION ctx.{table}_{column}_{verb}(text[])")


def search_column(**weights: str) -> sa.Column[str]:
    """Return the search vector of these columns, each with its weight, A to D."""
    written = " || ' ' || ".join(f"left(coalesce({column}, ''), 10000)" for column in weights)
    forms = [f"setweight({_vector(column)}, '{weight}')" for column, weight in weights.items()]
    sql = " || ".join([f"to_tsvector('simple', ctx.words_of({written}))", *forms])
    return sa.Column("search", TSVECTOR(), sa.Computed(sql, persisted=True), nullable=False)


def _vector(column: str) -> str:
    language = "simple" if column.endswith("_id") else "english"
    return f"to_tsvector('{language}', left(coalesce({column}, ''), 50000))"
