"""The bytes of baselines, counted in `organizations.storage_used`."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_storage"
down_revision = "2026_11_30_code_failures"

# Statement by statement: a baseline is inserted by one, and purged by one with its items. A row of
# an item takes about a hundred bytes beside its data, and as much in its indexes. What is purged
# with its organization finds no row to change.
SIZE = "octet_length(data::text) + 200"
COUNT_STORAGE = f"""
CREATE FUNCTION ctx.count_storage() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE public.organizations AS o SET storage_used = o.storage_used + a.bytes
        FROM (SELECT organization_id, sum({SIZE}) AS bytes FROM changed GROUP BY 1) AS a
        WHERE o.id = a.organization_id;
    ELSE
        UPDATE public.organizations AS o
        SET storage_used = greatest(o.storage_used - a.bytes, 0)
        FROM (SELECT organization_id, sum({SIZE}) AS bytes FROM changed GROUP BY 1) AS a
        WHERE o.id = a.organization_id;
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(COUNT_STORAGE)
    for command, table in (("INSERT", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER count_storage_{command.lower()} AFTER {command} ON baseline_items"
            f" REFERENCING {table} TABLE AS changed"
            " FOR EACH STATEMENT EXECUTE FUNCTION ctx.count_storage()"
        )
    op.execute(
        "UPDATE organizations AS o SET storage_used = a.bytes"  # noqa: S608 (ours)
        f" FROM (SELECT organization_id, sum({SIZE}) AS bytes FROM baseline_items GROUP BY 1) AS a"
        " WHERE o.id = a.organization_id"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for command in ("insert", "delete"):
        op.execute(f"DROP TRIGGER count_storage_{command} ON baseline_items")
    op.execute("DROP FUNCTION ctx.count_storage()")
