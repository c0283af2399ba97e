"""The quality of requirements: what was found, and the functions of the job that writes it.

What is stale is found by an index, so nothing has to be noted when a requirement is written.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_quality"
down_revision = "2026_11_30_traces"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
ANALYZED = "({0}content_version::text || ' ' || {0}document_id::text || ' ' || {0}project_id::text)"
STALE = (
    "CASE WHEN {0}deleted_at IS NULL THEN ({0}ai_analysis ->> 'of') IS DISTINCT FROM "
    + ANALYZED
    + " ELSE {0}ai_analysis <> '{{}}'::jsonb END"
)
LONGEST = 20_001
"""Characters of a text that are read: one more than are analyzed."""
TEXT = f"""left(CASE WHEN r.description ~ '\\S' THEN r.description ELSE r.name END, {LONGEST})"""

FOUND = """
CREATE FUNCTION ctx.requirements_finding_keys_{verb}(text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM public.requirements
    WHERE finding_keys {operator} $1 AND (
        organization_id = ANY ((SELECT ctx.organizations())::uuid[])
        OR project_id = ANY ((SELECT ctx.projects())::uuid[])
    )
$$
"""
FINDS = {"overlap": "&&", "contain": "@>"}
STALE_DOCUMENTS = f"""
CREATE FUNCTION ctx.stale_analyses(after uuid, most int) RETURNS SETOF uuid
LANGUAGE sql STABLE {DEFINER} AS $$
SELECT DISTINCT r.document_id FROM public.requirements AS r
WHERE {STALE.format("r.")} AND r.document_id > after ORDER BY r.document_id LIMIT most
$$
"""  # noqa: S608 (ours)
TEXTS = f"""
CREATE FUNCTION ctx.texts_to_analyze(document uuid, chosen uuid[], most int)
RETURNS TABLE (id uuid, text text, format text, level text, of text, is_stale boolean,
    is_deleted boolean, analysis jsonb, settings jsonb)
LANGUAGE sql STABLE {DEFINER} AS $$
SELECT r.id, {TEXT}, r.format::text, r.level::text, {ANALYZED.format("r.")}, {STALE.format("r.")},
    r.deleted_at IS NOT NULL, r.ai_analysis, p.quality_settings
FROM public.requirements AS r JOIN public.projects AS p ON p.id = r.project_id
WHERE CASE WHEN chosen IS NULL THEN r.document_id = document AND {STALE.format("r.")}
    ELSE r.id = ANY (chosen) END
LIMIT most
$$
"""  # noqa: S608 (ours)
BESIDE = f"""
CREATE FUNCTION ctx.texts_beside(document uuid, longest int, most int)
RETURNS TABLE (id uuid, text text) LANGUAGE sql STABLE {DEFINER} AS $$
SELECT r.id, left({TEXT}, longest) FROM public.requirements AS r
WHERE r.document_id = document AND r.deleted_at IS NULL ORDER BY r.position, r.id LIMIT most
$$
"""  # noqa: S608 (ours)
# A requirement that somebody is writing is left out: it is stale again when they are done.
STORE = f"""
CREATE FUNCTION ctx.store_analyses(found jsonb) RETURNS int LANGUAGE sql {DEFINER} AS $$
WITH given AS MATERIALIZED (
    SELECT f.id, f.of, f.analysis, f.keys FROM jsonb_to_recordset(found)
        AS f (id uuid, of text, analysis jsonb, keys text[])
), free AS MATERIALIZED (
    SELECT r.id FROM public.requirements AS r WHERE r.id IN (SELECT g.id FROM given AS g)
    ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED
), stored AS (
    UPDATE public.requirements AS r SET ai_analysis = g.analysis, finding_keys = g.keys
    FROM given AS g JOIN free AS f ON f.id = g.id
    WHERE r.id = g.id AND g.of = {ANALYZED.format("r.")}
        AND (r.deleted_at IS NOT NULL) = (g.analysis = '{{}}'::jsonb)
    RETURNING 1
) SELECT count(*)::int FROM stored
$$
"""  # noqa: S608 (ours)
FORGET = f"""
CREATE FUNCTION ctx.forget_analyses(project uuid, after uuid, most int) RETURNS uuid
LANGUAGE sql {DEFINER} AS $$
WITH chosen AS MATERIALIZED (
    SELECT r.id FROM public.requirements AS r
    WHERE r.project_id = project AND r.id > after AND r.ai_analysis ? 'of'
    ORDER BY r.id LIMIT most FOR NO KEY UPDATE
), forgotten AS (
    UPDATE public.requirements AS r SET ai_analysis = r.ai_analysis - 'of'
    FROM chosen AS c WHERE r.id = c.id RETURNING r.id
) SELECT f.id FROM forgotten AS f ORDER BY f.id DESC LIMIT 1
$$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "stale_analyses(uuid, int)": STALE_DOCUMENTS,
    "texts_to_analyze(uuid, uuid[], int)": TEXTS,
    "texts_beside(uuid, int, int)": BESIDE,
    "store_analyses(jsonb)": STORE,
    "forget_analyses(uuid, uuid, int)": FORGET,
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "projects",
        sa.Column(
            "quality_settings", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.create_check_constraint(
        op.f("ck_projects_quality_settings_object"),
        "projects",
        "jsonb_typeof(quality_settings) = 'object'",
    )
    op.add_column(
        "requirements",
        sa.Column(
            "finding_keys", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
    )
    op.create_index(
        "ix_requirements_finding_keys", "requirements", ["finding_keys"], postgresql_using="gin"
    )
    op.create_index(
        "ix_requirements_stale",
        "requirements",
        ["document_id"],
        postgresql_where=sa.text(STALE.format("")),
    )
    for verb, operator in FINDS.items():
        op.execute(FOUND.format(verb=verb, operator=operator))
        name = f"ctx.requirements_finding_keys_{verb}(text[])"
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO gateway_app")
    for name, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    for verb in FINDS:
        op.execute(f"DROP FUNCTION ctx.requirements_finding_keys_{verb}(text[])")
    op.drop_index("ix_requirements_stale", "requirements")
    op.drop_index("ix_requirements_finding_keys", "requirements")
    op.drop_column("requirements", "finding_keys")
    op.drop_column("projects", "quality_settings")
