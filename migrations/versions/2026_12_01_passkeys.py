"""Passkeys, and the challenges that were used; a passkey is a second factor, too."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, drop
from migrations.functions import replace_in
from migrations.tenants import checks, for_authentication

revision = "2026_12_01_passkeys"
down_revision = "2026_12_01_frameworks_by_name"

TABLES = ("passkeys", "used_challenges")
EXPORT, ERASE = "ctx.export_person(uuid)", "ctx.erase_person(uuid)"
RIGHTS = "ctx.hold_rights(uuid, uuid[], uuid[])"
APP = "SELECT FROM public.second_factors AS f WHERE f.user_id = person"
EXPORTED = "('second_factors', 'user_id = $1'),"
ERASED = "('second_factors', 'DELETE FROM public.second_factors WHERE user_id = $1'),"
WITH_PASSKEYS = (
    f"EXISTS (\n            {APP}\n            UNION ALL\n"
    "            SELECT FROM public.passkeys AS k WHERE k.user_id = person)"
)
EXPORTS = f"{EXPORTED}\n        ('passkeys', 'user_id = $1'),"
ERASES = f"{ERASED}\n        {ERASED.replace('second_factors', 'passkeys')}"
PASSAGES = (
    (RIGHTS, f"EXISTS (\n            {APP})", WITH_PASSKEYS),
    (EXPORT, EXPORTED, EXPORTS),
    (ERASE, ERASED, ERASES),
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("aaguid", sa.Uuid(), nullable=False),
        sa.Column(
            "transports",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("is_backup_eligible", sa.Boolean(), nullable=False),
        sa.Column("is_backed_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_passkeys_user_id"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
        *checks(
            "passkeys",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 100",
                "credential_id_length": "octet_length(credential_id) BETWEEN 16 AND 1023",
                "public_key_length": "octet_length(public_key) BETWEEN 1 AND 2048",
                "sign_count_not_negative": "sign_count >= 0",
            },
        ),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    op.create_table(
        "used_challenges",
        sa.Column("challenge_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name="pk_used_challenges"),
        *checks(
            "used_challenges",
            {"challenge_hash_digest": "octet_length(challenge_hash) = 32"},
        ),
    )
    op.create_index("ix_used_challenges_expires_at", "used_challenges", ["expires_at"])
    for table in TABLES:
        for_authentication(table)
    for function, old, new in PASSAGES:
        replace_in(function, old, new)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function, old, new in PASSAGES:
        replace_in(function, new, old)
    drop(TABLES, {})
