"""Notifications of billing have the kind `billing`, and the preferences of `system` until then."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_billing_notices"
down_revision = "2026_12_01_billing_kind"

EVENTS = (
    "'payment_failed', 'trial_ending', 'subscription_ended', 'subscription_paused', 'limit_near',"
    " 'limit_reached'"
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    _change("system", "billing")
    op.execute(
        "UPDATE profiles SET notification_settings = notification_settings"
        " || jsonb_build_object('billing', notification_settings -> 'system')"
        " WHERE notification_settings ? 'system' AND NOT notification_settings ? 'billing'"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    _change("billing", "system")
    op.execute(
        "UPDATE profiles SET notification_settings = notification_settings - 'billing'"
        " WHERE notification_settings ? 'billing'"
    )


def _change(former: str, kind: str) -> None:
    op.execute(
        f"UPDATE notifications SET kind = '{kind}'"  # noqa: S608 (ours)
        f" WHERE kind = '{former}' AND metadata ->> 'event' IN ({EVENTS})"
    )
