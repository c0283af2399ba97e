"""Order frameworks by index, and keep claims and billing to the rows that they need."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_compliance_plans"
down_revision = "2026_12_01_assessment_turns"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC')"
BEGUN = f"AND u.created_at >= {MONTH} AT TIME ZONE 'UTC'"
# The end of the month leaves out the partitions of later ones.
ENDED = f"AND u.created_at < ({MONTH} + interval '1 month') AT TIME ZONE 'UTC'"
# A claim takes a few rows, but its number is not known to the planner, which reads the whole table
# for what it takes for a tenth of it.
JOINS = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan")
CLAIM = "FUNCTION ctx.claim_assessments(int, interval, uuid, text, uuid[])"


def used(when: str) -> str:
    """Return the function that counts the assessments of the month, and unfinished ones."""
    return f"""
CREATE OR REPLACE FUNCTION ctx.used_assessments(tenant uuid) RETURNS int LANGUAGE sql {DEFINER} AS
$$
SELECT ((
    SELECT count(*) FROM public.usage_logs AS u
    WHERE u.organization_id = tenant AND u.feature = 'assessment_completed' {when}
) + (
    SELECT count(*) FROM public.assessments AS a
    WHERE a.organization_id = tenant AND a.status IN ('pending', 'processing')
))::int WHERE tenant = ANY (ctx.organizations())
$$
"""  # noqa: S608 (ours)


def billable(when: str) -> str:
    """Return the function that counts the billable assessments of the month."""
    return f"""
CREATE OR REPLACE FUNCTION ctx.billable_assessments(tenant uuid) RETURNS int LANGUAGE sql STABLE
{DEFINER} AS $$
SELECT count(*)::int FROM public.usage_logs AS u
WHERE u.organization_id = tenant AND tenant = ANY (ctx.organizations()) AND u.billable
    AND u.feature = 'assessment_completed' {when}
$$
"""  # noqa: S608 (ours)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function in (used, billable):
        op.execute(function(f"{BEGUN} {ENDED}"))
    for setting in JOINS:
        op.execute(f"ALTER {CLAIM} SET {setting} = off")
    op.execute(
        'ALTER TABLE frameworks ADD COLUMN name_order text COLLATE "C"'
        " GENERATED ALWAYS AS (ctx.sort_key(name)) STORED"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TABLE frameworks DROP COLUMN name_order")
    for setting in JOINS:
        op.execute(f"ALTER {CLAIM} RESET {setting}")
    for function in (used, billable):
        op.execute(function(BEGUN))
