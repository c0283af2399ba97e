"""Keys, checks and policies of tables of tenants. Migrations share it: it never changes."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from alembic import op

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
NONE = "false"


def tenant_key(
    table: str, target: str, column: str, *, to: str = "id", ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    """Return a foreign key to a row of the same tenant, named as `db.base` names it."""
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.{to}"],
        name=f"fk_{table}_{column}",
        ondelete=ondelete,
    )


def organization_key(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key to the organization of a row."""
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organizations.id"], name=f"fk_{table}_organization_id"
    )


def checks(table: str, conditions: Mapping[str, str]) -> Iterator[sa.CheckConstraint]:
    """Yield checks, by column and rule."""
    for name, condition in conditions.items():
        yield sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def wall(table: str, read: str = OWN_TENANT, write: str = OWN_TENANT) -> None:
    """Admit requests to rows of their own tenants alone, and grant what is not `NONE`."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({read})"),
        ("INSERT", f"WITH CHECK ({write})"),
        ("UPDATE", f"USING ({write})"),
        ("DELETE", f"USING ({write})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    rights = [*(["SELECT"] if read != NONE else []), *(["INSERT, UPDATE"] if write != NONE else [])]
    if rights:
        op.execute(f"GRANT {', '.join(rights)} ON {table} TO gateway_app")


def project_row_key(
    table: str, target: str, column: str, *, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    """Return a foreign key to a row of the same project, named as `db.base` names it."""
    scopes = ["organization_id", "project_id"]
    return sa.ForeignKeyConstraint(
        [*scopes, column],
        [f"{target}.{key}" for key in (*scopes, "id")],
        name=f"fk_{table}_{column}",
        ondelete=ondelete,
    )


def for_authentication(table: str) -> None:
    """Admit the role gateway_auth alone to a table."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY authentication ON {table} TO gateway_auth USING (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO gateway_auth")
