"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
from migrations.columns import LOCK_TIMEOUT

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    ${downgrades if downgrades else "pass"}
