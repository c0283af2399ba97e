"""The wall of tokens for one project, on tables whose rows are in projects. It never changes."""

from alembic import op

# PostgreSQL estimates it as true for nearly all rows, as it is without such a token: the first
# comparison, which is always true, counts as one that holds for few.
OTHER_PROJECT = "{0} = {0} AND {0} <> (SELECT ctx.project())"


def project_wall(table: str, column: str = "project_id") -> None:
    """Hide rows of other projects from requests of a token for one, and refuse to write them."""
    condition = f"({OTHER_PROJECT.format(column)}) IS NOT TRUE"
    op.execute(
        f"CREATE POLICY one_project ON {table} AS RESTRICTIVE FOR ALL TO gateway_app"
        f" USING ({condition})"
    )
