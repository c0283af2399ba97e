"""Counters of organizations' usage of their plan, which do not serialize writers."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_usage"
down_revision = "2026_11_21_baselines"

# One writing request of each of these organizations, in the caller's transaction: rolled back, it
# is not counted. Answers with the organizations that have none left this month. `plans` and `most`
# are the table of plans; of a plan without a limit, `most` is null, and the organization's own
# maximum holds.
#
# The maximum is shared out among sixteen slots. A request takes one from any slot that nobody else
# holds, so that sixteen transactions do not wait for each other. Where every slot with something
# left is held, it waits for one of them: what is held may yet be given back. So no more than the
# maximum is ever used, and all of it can be.
#
# Nobody who holds a slot waits for another, or two could wait for each other: PostgreSQL locks a
# row before it sees that it no longer fits, and so an attempt that finds nothing is undone (GW001).
#
# If the maximum has changed since the slots were created, it is divided again, under the locks of
# all slots: used amounts stay used, and the rest of the new maximum is divided.
COUNT_REQUESTS = """
CREATE FUNCTION ctx.count_requests(tenants uuid[], plans text[], most bigint[])
RETURNS TABLE (organization_id uuid, used bigint, maximum bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    slots constant int := 16;
    this_month constant date := date_trunc('month', now() AT TIME ZONE 'UTC');
    tenant uuid;
    allowed bigint;
    known record;
    waited_for int;
BEGIN
    IF NOT tenants <@ ctx.organizations() THEN
        RAISE EXCEPTION 'another tenant' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH tenant IN ARRAY tenants LOOP
        LOOP
            SELECT least(o.max_monthly_requests,
                most[array_position(plans, o.billing_plan::text)])
            INTO allowed FROM public.organizations AS o WHERE o.id = tenant;
            BEGIN
                UPDATE public.usage_counters AS c SET used = used + 1
                WHERE c.organization_id = tenant AND c.month = this_month AND c.slot = (
                    SELECT s.slot FROM public.usage_counters AS s
                    WHERE s.organization_id = tenant AND s.month = this_month
                        AND s.maximum = allowed AND s.used < s.share
                    ORDER BY s.used LIMIT 1 FOR UPDATE SKIP LOCKED);
                EXIT WHEN FOUND;
                RAISE EXCEPTION USING ERRCODE = 'GW001';
            EXCEPTION WHEN SQLSTATE 'GW001' THEN
            END;
            SELECT count(*) AS number, bool_and(c.maximum = allowed) AS shared,
                bool_or(c.used < c.share) AS any_left, sum(c.used)::bigint AS used
            INTO known
            FROM public.usage_counters AS c
            WHERE c.organization_id = tenant AND c.month = this_month;
            IF known.number = 0 THEN
                INSERT INTO public.usage_counters (organization_id, month, slot, share, maximum)
                SELECT tenant, this_month, i,
                    allowed / slots + CASE WHEN i < allowed % slots THEN 1 ELSE 0 END, allowed
                FROM generate_series(0, slots - 1) AS i
                ON CONFLICT DO NOTHING;
            ELSIF NOT known.shared THEN
                PERFORM FROM public.usage_counters AS c
                WHERE c.organization_id = tenant AND c.month = this_month
                ORDER BY c.slot FOR UPDATE;
                UPDATE public.usage_counters AS c
                SET maximum = allowed, share = c.used + rest.number / slots
                    + CASE WHEN c.slot < rest.number % slots THEN 1 ELSE 0 END
                FROM (
                    SELECT greatest(allowed - sum(s.used)::bigint, 0) AS number
                    FROM public.usage_counters AS s
                    WHERE s.organization_id = tenant AND s.month = this_month
                ) AS rest
                WHERE c.organization_id = tenant AND c.month = this_month;
            ELSIF NOT known.any_left THEN
                RETURN QUERY SELECT tenant, known.used, allowed;
                EXIT;
            ELSE
                SELECT c.slot INTO waited_for FROM public.usage_counters AS c
                WHERE c.organization_id = tenant AND c.month = this_month
                    AND c.maximum = allowed AND c.used < c.share
                ORDER BY random() LIMIT 1;
                BEGIN
                    UPDATE public.usage_counters AS c SET used = used + 1
                    WHERE c.organization_id = tenant AND c.month = this_month
                        AND c.slot = waited_for AND c.maximum = allowed AND c.used < c.share;
                    EXIT WHEN FOUND;
                    RAISE EXCEPTION USING ERRCODE = 'GW001';
                EXCEPTION WHEN SQLSTATE 'GW001' THEN
                END;
            END IF;
        END LOOP;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "usage_counters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, server_default="0", nullable=False),
        sa.Column("used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("maximum", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "month", "slot", name="pk_usage_counters"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_usage_counters_organization_id"
        ),
        sa.CheckConstraint("used >= 0", name=op.f("ck_usage_counters_used_not_negative")),
        sa.CheckConstraint("share >= 0", name=op.f("ck_usage_counters_share_not_negative")),
        # Rows are updated in their own page, which has room for the next version of each.
        postgresql_with={"fillfactor": 40},
    )
    op.execute("ALTER TABLE usage_counters ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE usage_counters FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON usage_counters TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON usage_counters TO gateway_app USING (true)")
    own = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
    for command, condition in (
        ("SELECT", f"USING ({own})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON usage_counters"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute("GRANT SELECT ON usage_counters TO gateway_app")
    op.execute(COUNT_REQUESTS)
    op.execute(
        "GRANT EXECUTE ON FUNCTION ctx.count_requests(uuid[], text[], bigint[]) TO gateway_app"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP FUNCTION ctx.count_requests(uuid[], text[], bigint[])")
    op.drop_table("usage_counters")
