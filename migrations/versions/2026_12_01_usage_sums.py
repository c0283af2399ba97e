"""Usage is summed by feature and day, and by person and spans of days, in place of all at once."""

from importlib import import_module
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_usage_sums"
down_revision = "2026_12_01_access_reviews"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
SPANS = "(VALUES (1), (8), (64)) AS s (span)"
"""The days of the spans of which sums are kept (`db.core.usage`)."""
BEGINS = "{day} - ({day} - DATE '0001-01-01' + 1) % s.span"
"""The first day of the span with this day; days are counted from the year 1."""

FEATURES = """
INSERT INTO public.usage_features AS f
    (organization_id, day, feature, unit_type, quantity, count)
SELECT a.organization_id, {day}, a.feature, a.unit_type, sum(a.quantity), sum({count})
FROM {added} AS a GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
ON CONFLICT (organization_id, day, feature, unit_type) DO UPDATE
SET quantity = f.quantity + excluded.quantity, count = f.count + excluded.count
"""
PEOPLE = """
INSERT INTO public.usage_people AS p
    (organization_id, span, first_day, user_id, unit_type, quantity, count)
SELECT a.organization_id, s.span, {begins}, a.user_id, a.unit_type, sum(a.quantity), sum({count})
FROM {added} AS a CROSS JOIN {spans} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (organization_id, span, first_day, user_id, unit_type) DO UPDATE
SET quantity = p.quantity + excluded.quantity, count = p.count + excluded.count
"""
LOGGED = {
    "added": "added",
    "day": "(a.created_at AT TIME ZONE 'UTC')::date",
    "count": "CASE WHEN a.metadata ->> 'count' ~ '^[0-9]{1,12}$'"
    " THEN (a.metadata ->> 'count')::bigint ELSE 1 END",
}
SUMMED = {"added": "public.usage_days", "day": "a.day", "count": "a.count"}


def adding(sums: str, source: dict[str, str]) -> str:
    """Return the statement that adds rows of this source to sums."""
    begins = BEGINS.format(day=source["day"])
    return sums.format(**source, begins=begins, spans=SPANS)


SUM = f"""
CREATE OR REPLACE FUNCTION ctx.sum_usage() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    {adding(FEATURES, LOGGED)};
    {adding(PEOPLE, LOGGED)};
    RETURN NULL;
END $$
"""
STORE = f"""
CREATE OR REPLACE FUNCTION ctx.log_storage() RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    number int;
BEGIN
    INSERT INTO public.usage_logs (organization_id, user_id, feature, quantity, unit_type)
    SELECT o.id, m.user_id, 'storage', least(ceil(o.storage_used / 1e6), 2147483647)::int,
        'megabyte_day'
    FROM public.organizations AS o
    CROSS JOIN LATERAL (
        SELECT w.user_id FROM public.organization_members AS w
        WHERE w.organization_id = o.id AND w.role = 'owner' AND w.deleted_at IS NULL
        ORDER BY w.created_at, w.id LIMIT 1
    ) AS m
    WHERE o.storage_used > 0 AND o.deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM public.usage_features AS f
        WHERE f.organization_id = o.id AND f.day = (now() AT TIME ZONE 'UTC')::date
            AND f.feature = 'storage');
    GET DIAGNOSTICS number = ROW_COUNT;
    RETURN number;
END $$
"""  # noqa: S608 (ours)
SUM_ALL = f"""
INSERT INTO usage_days (organization_id, day, feature, unit_type, user_id, quantity, count)
SELECT a.organization_id, {LOGGED["day"]}, a.feature, a.unit_type, a.user_id, sum(a.quantity),
    sum({LOGGED["count"]})
FROM usage_logs AS a GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 (ours)
KEYS = {
    "usage_features": ("organization_id", "day", "feature", "unit_type"),
    "usage_people": ("organization_id", "span", "first_day", "user_id", "unit_type"),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "usage_features",
        *sums("usage_features", sa.Column("day", sa.Date()), sa.Column("feature", sa.Text())),
    )
    op.create_table(
        "usage_people",
        *sums(
            "usage_people",
            sa.Column("span", sa.Integer()),
            sa.Column("first_day", sa.Date()),
            sa.Column("user_id", sa.Uuid()),
        ),
    )
    for table in KEYS:
        show(table)
    op.execute("LOCK TABLE usage_logs IN SHARE ROW EXCLUSIVE MODE")  # nothing is added meanwhile
    op.execute(adding(FEATURES, SUMMED))
    op.execute(adding(PEOPLE, SUMMED))
    op.execute(SUM)
    op.execute(STORE)
    op.drop_table("usage_days")


def sums(table: str, *columns: sa.Column[Any]) -> list[Any]:
    """Return the columns and constraints of a table of sums."""
    zero = sa.text("0")
    for column in columns:
        column.nullable = False
    return [
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *columns,
        sa.Column("unit_type", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("count", sa.BigInteger(), server_default=zero, nullable=False),
        sa.PrimaryKeyConstraint(*KEYS[table], name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=f"fk_{table}_organization_id"
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f(f"ck_{table}_quantity_not_negative")),
        sa.CheckConstraint("count >= 0", name=op.f(f"ck_{table}_count_not_negative")),
    ]


def show(table: str) -> None:
    """Show requests the rows of their tenants; triggers alone write them."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ON {table} TO gateway_app")


def downgrade() -> None:
    """Sum up the usage that is logged."""
    former = import_module("migrations.versions.2026_12_01_usage")
    op.execute(LOCK_TIMEOUT)
    op.execute("LOCK TABLE usage_logs IN SHARE ROW EXCLUSIVE MODE")
    former.create_usage_days()
    op.execute(SUM_ALL)
    for function in (former.SUM, former.STORE):
        op.execute(function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.drop_table("usage_people")
    op.drop_table("usage_features")
