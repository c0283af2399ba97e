"""An endpoint that a worker holds is due: whatever it has queued, when it dies, is sent by others.

It was due when it was given back, or when its stream had something new. A worker that was killed
gave nothing back, so that messages that it had queued waited for the next event of the stream.
"""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_webhook_takeover"
down_revision = "2026_12_01_acknowledged_alerts"

HOLD = "UPDATE public.webhook_cursors AS c SET worker_id = claimer FROM chosen AS h"
HOLD_AND_DUE = HOLD.replace(" FROM", ", due_at = now() FROM")
REPLACE = """
DO $do$
DECLARE
    former text := pg_get_functiondef('ctx.claim_webhooks(uuid, bigint, int, int)'::regprocedure);
BEGIN
    IF position('{before}' IN former) = 0 THEN
        RAISE EXCEPTION 'the passage is not in ctx.claim_webhooks';
    END IF;
    EXECUTE replace(former, '{before}', '{after}');
END $do$
"""
FREE = "UPDATE webhook_cursors SET due_at = now() WHERE worker_id IS NOT NULL"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(REPLACE.format(before=HOLD, after=HOLD_AND_DUE))
    op.execute(FREE)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(REPLACE.format(before=HOLD_AND_DUE, after=HOLD))
