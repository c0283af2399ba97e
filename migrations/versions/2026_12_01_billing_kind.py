"""The kind `billing` of notifications, which are mailed at once unless their recipient says else.

A value of an enumeration is used by the next migration: not in the transaction that adds it.
"""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_billing_kind"
down_revision = "2026_12_01_stars"

FORMER = "'assignments', 'reviews', 'system'"
# As before (2026_12_01_notifications), with another kind that is mailed at once.
APPLY = """
CREATE OR REPLACE FUNCTION ctx.apply_notification_preferences() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted jsonb;
BEGIN
    SELECT p.notification_settings -> NEW.kind::text INTO wanted
    FROM public.profiles AS p WHERE p.id = NEW.user_id;
    NEW.in_app := coalesce(wanted ->> 'in_app', 'true') <> 'false';
    NEW.mail := CASE
        WHEN wanted ->> 'mail' IN ('off', 'at_once', 'daily')
            THEN (wanted ->> 'mail')::public.notification_mail
        WHEN NEW.kind IN ({kinds})
            THEN 'at_once'::public.notification_mail
        ELSE 'daily'::public.notification_mail
    END;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE notification_kind ADD VALUE IF NOT EXISTS 'billing' BEFORE 'system'")
    op.execute(APPLY.format(kinds=f"{FORMER}, 'billing'"))


def downgrade() -> None:
    """Keep the value: PostgreSQL does not remove one."""
    op.execute(LOCK_TIMEOUT)
    op.execute(APPLY.format(kinds=FORMER))
