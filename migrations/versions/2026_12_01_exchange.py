"""The files that exports write are removed from the storage with their jobs."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_exchange"
down_revision = "2026_12_01_proposals"

# The content has the ID of the job. An export that failed may have written it as well.
REMOVE_EXPORTS = """
CREATE FUNCTION ctx.remove_exports() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.file_removals (file_id)
    SELECT id FROM changed WHERE kind = 'requirements.export';
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(REMOVE_EXPORTS)
    op.execute(
        "CREATE TRIGGER remove_exports AFTER DELETE ON jobs REFERENCING OLD TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION ctx.remove_exports()"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER remove_exports ON jobs")
    op.execute("DROP FUNCTION ctx.remove_exports()")
