"""Rows found by GIN indexes, within the context: by text, tags and properties."""

from typing import NamedTuple

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_20_search"
down_revision = "2026_11_20_row_security"

# Under row level security `search @@ query` reads every row of the tenant: the operator is not
# leakproof, so that policies come first and no index serves it; the same holds for `&&` and `@>`.
# These functions run as the owner, whom no policy restricts, and repeat what gateway_app may read.
FUNCTION = """
CREATE FUNCTION {signature} RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM public.{table}
    WHERE {column} {operator} $1 AND (
        organization_id = ANY ((SELECT ctx.organizations())::uuid[])
        OR {project} = ANY ((SELECT ctx.projects())::uuid[])
    )
$$
"""
PROJECT = {
    "projects": "id",
    "documents": "project_id",
    "blocks": "project_id",
    "requirements": "project_id",
    "test_req": "project_id",
}
"""The column that names the project, which may be public."""


class Find(NamedTuple):
    """A condition that a GIN index serves: `column operator $1`."""

    table: str
    column: str
    operator: str
    type: str

    @property
    def signature(self) -> str:
        """Return the signature, such as ctx.requirements_tags_overlap(text[])."""
        verb = {"@@": "match", "&&": "overlap", "@>": "contain"}[self.operator]
        return f"ctx.{self.table}_{self.column}_{verb}({self.type})"


TAGS = {"projects": "tags", "documents": "tags", "requirements": "tags", "test_req": "category"}
FINDS = (
    *(Find(table, "search", "@@", "tsquery") for table in PROJECT),
    *(Find(table, tags, "&&", "text[]") for table, tags in TAGS.items()),
    *(Find(table, tags, "@>", "text[]") for table, tags in TAGS.items()),
    Find("requirements", "properties", "@>", "jsonb"),
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for find in FINDS:
        op.execute(
            FUNCTION.format(
                signature=find.signature,
                table=find.table,
                column=find.column,
                operator=find.operator,
                project=PROJECT[find.table],
            )
        )
        op.execute(f"GRANT EXECUTE ON FUNCTION {find.signature} TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for find in FINDS:
        op.execute(f"DROP FUNCTION {find.signature}")
