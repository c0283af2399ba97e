"""Credits of organizations, proposed wordings of requirements, and the functions of credits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_credits"
down_revision = "2026_11_30_fair_claims"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
# The row of the month is locked by each reservation for the rest of its transaction, which is
# short; so no more than the maximum is used and reserved together. A job that has a reservation
# keeps it.
RESERVE = f"""
CREATE FUNCTION ctx.reserve_credits(job uuid, tenant uuid, amount bigint, maximum bigint)
RETURNS boolean LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    this_month constant date := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    IF EXISTS (SELECT FROM public.credit_reservations AS r WHERE r.id = job) THEN
        RETURN true;
    END IF;
    INSERT INTO public.credit_counters (organization_id, month) VALUES (tenant, this_month)
    ON CONFLICT DO NOTHING;
    UPDATE public.credit_counters AS c SET reserved = c.reserved + amount
    WHERE c.organization_id = tenant AND c.month = this_month
        AND c.used + c.reserved + amount <= maximum;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO public.credit_reservations (id, organization_id, month, credits)
    VALUES (job, tenant, this_month, amount);
    RETURN true;
END $$
"""  # noqa: S608 (ours)
RESERVE_OWN = f"""
CREATE FUNCTION ctx.reserve_own_credits(job uuid, tenant uuid, amount bigint, maximum bigint)
RETURNS boolean LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    IF tenant = ANY (ctx.organizations()) IS NOT true OR amount < 0 THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN ctx.reserve_credits(job, tenant, amount, maximum);
END $$
"""
# A reservation is settled once: who settles it again finds none.
SETTLE = f"""
CREATE FUNCTION ctx.settle_credits(job uuid, amount bigint, person uuid, feature text, about jsonb)
RETURNS boolean LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    held public.credit_reservations;
    charged bigint;
BEGIN
    DELETE FROM public.credit_reservations AS r WHERE r.id = job RETURNING r.* INTO held;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    charged := least(greatest(amount, 0), held.credits);
    UPDATE public.credit_counters AS c
    SET reserved = greatest(c.reserved - held.credits, 0), used = c.used + charged
    WHERE c.organization_id = held.organization_id AND c.month = held.month;
    INSERT INTO public.usage_logs (organization_id, user_id, feature, quantity, unit_type, metadata)
    VALUES (held.organization_id, person, feature, charged, 'credit', about);
    RETURN true;
END $$
"""  # noqa: S608 (ours)
RELEASE = f"""
CREATE FUNCTION ctx.release_credits() RETURNS int LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    released int;
BEGIN
    WITH gone AS (
        DELETE FROM public.credit_reservations AS r
        WHERE NOT EXISTS (SELECT FROM public.jobs AS j
            WHERE j.id = r.id AND j.status IN ('queued', 'running'))
        RETURNING r.organization_id, r.month, r.credits
    ), sums AS (
        SELECT g.organization_id, g.month, sum(g.credits) AS credits, count(*) AS number
        FROM gone AS g GROUP BY 1, 2
    ), changed AS (
        UPDATE public.credit_counters AS c SET reserved = greatest(c.reserved - s.credits, 0)
        FROM sums AS s WHERE c.organization_id = s.organization_id AND c.month = s.month
    ) SELECT coalesce(sum(s.number), 0)::int INTO released FROM sums AS s;
    RETURN released;
END $$
"""  # noqa: S608 (ours)
CREDITS = f"""
CREATE FUNCTION ctx.used_credits(tenant uuid) RETURNS bigint LANGUAGE sql STABLE {DEFINER} AS $$
SELECT coalesce((SELECT c.used + c.reserved FROM public.credit_counters AS c
    WHERE c.organization_id = tenant AND tenant = ANY (ctx.organizations())
        AND c.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0)
$$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "reserve_credits(uuid, uuid, bigint, bigint)": (RESERVE, "gateway_auth"),
    "reserve_own_credits(uuid, uuid, bigint, bigint)": (RESERVE_OWN, "gateway_app"),
    "settle_credits(uuid, bigint, uuid, text, jsonb)": (SETTLE, "gateway_auth"),
    "release_credits()": (RELEASE, "gateway_auth"),
    "used_credits(uuid)": (CREDITS, "gateway_app"),
}
TABLES = ("credit_counters", "credit_reservations")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "requirements",
        sa.Column("enhancement", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_requirements_enhancement_object"),
        "requirements",
        "jsonb_typeof(enhancement) = 'object'",
    )
    zero = sa.text("0")
    op.create_table(
        "credit_counters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("used", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default=zero, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "month", name="pk_credit_counters"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_credit_counters_organization_id"
        ),
        sa.CheckConstraint("used >= 0", name=op.f("ck_credit_counters_used_not_negative")),
        sa.CheckConstraint("reserved >= 0", name=op.f("ck_credit_counters_reserved_not_negative")),
    )
    op.create_table(
        "credit_reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("credits", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_credit_reservations"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_credit_reservations_organization_id"
        ),
        sa.CheckConstraint(
            "credits >= 0", name=op.f("ck_credit_reservations_credits_not_negative")
        ),
    )
    op.create_index(
        "ix_credit_reservations_organization_id", "credit_reservations", ["organization_id"]
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    for name, (function, role) in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("requirements", "enhancement")
