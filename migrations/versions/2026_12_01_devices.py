"""Devices in which people have signed in, and the device of each session."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import CIDR

from migrations.columns import LOCK_TIMEOUT, TIME
from migrations.functions import replace_in
from migrations.tenants import checks, for_authentication

revision = "2026_12_01_devices"
down_revision = "2026_12_01_delivery_counts"

EXPORT, ERASE = "ctx.export_person(uuid)", "ctx.erase_person(uuid)"
EXPORTED = "('sessions', 'user_id = $1'),"
ERASED = "('sessions', 'DELETE FROM public.sessions WHERE user_id = $1'),"
PASSAGES = (
    (EXPORT, EXPORTED, f"{EXPORTED}\n        {EXPORTED.replace('sessions', 'devices')}"),
    (ERASE, ERASED, f"{ERASED}\n        {ERASED.replace('sessions', 'devices')}"),
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("network", CIDR(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_devices_user_id"),
        sa.UniqueConstraint("user_id", "token_hash", name="uq_devices_user_id_token_hash"),
        *checks("devices", {"token_hash_digest": "octet_length(token_hash) = 32"}),
    )
    op.create_index("ix_devices_last_seen_at", "devices", ["last_seen_at"])
    for_authentication("devices")
    op.add_column("sessions", sa.Column("device_id", sa.Uuid(), nullable=True))
    for function, old, new in PASSAGES:
        replace_in(function, old, new)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function, old, new in PASSAGES:
        replace_in(function, new, old)
    op.drop_column("sessions", "device_id")
    op.drop_table("devices")
