"""A search of a small tenant reads its own rows alone, whatever other tenants' rows contain."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_small_tenants"
down_revision = "2026_11_30_sealed_transactions"

PROJECT = {
    "projects": "id",
    "documents": "project_id",
    "blocks": "project_id",
    "requirements": "project_id",
    "test_req": "project_id",
}
"""The column that names the project, which may be public."""
FEW = 5_000
"""The most rows that are scanned in place of the index, which holds all tenants' words."""

OWN = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC = "{project} = ANY ((SELECT ctx.projects())::uuid[])"
OTHERS = f"{PUBLIC} AND NOT {OWN}"
HEAD = """
CREATE OR REPLACE FUNCTION ctx.{table}_search_match(tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
"""
BY_SIZE = f"""{HEAD} SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    WITH size AS MATERIALIZED (
        SELECT count(*) > {FEW} AS is_large FROM (
            (SELECT FROM public.{{table}} WHERE {OWN} LIMIT {FEW} + 1)
            UNION ALL (SELECT FROM public.{{table}} WHERE {OTHERS} LIMIT {FEW} + 1)
        ) AS r
    )
    SELECT id FROM public.{{table}}
    WHERE search @@ $1 AND ({OWN} OR {PUBLIC}) AND (SELECT is_large FROM size)
    UNION ALL
    SELECT id FROM (
        SELECT id, search FROM public.{{table}} WHERE {OWN}
        UNION ALL SELECT id, search FROM public.{{table}} WHERE {OTHERS}
        OFFSET 0
    ) AS own WHERE NOT (SELECT is_large FROM size) AND search @@ $1
$$
"""  # noqa: S608 (names of ours)
BY_INDEX = f"""{HEAD} SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM public.{{table}} WHERE search @@ $1 AND ({OWN} OR {PUBLIC})
$$
"""  # noqa: S608 (names of ours)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table, project in PROJECT.items():
        op.execute(BY_SIZE.format(table=table, project=project))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table, project in PROJECT.items():
        op.execute(BY_INDEX.format(table=table, project=project))
