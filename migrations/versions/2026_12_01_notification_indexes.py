"""Indexes of notifications: those to mail, the last digest, and those past their retention."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_notification_indexes"
down_revision = "2026_12_01_notifications"

TABLE = "notifications"
TO_MAIL = "mail <> 'off' AND mailed_at IS NULL AND unread AND deleted_at IS NULL"


def upgrade() -> None:
    create_index(
        "ix_notifications_to_mail", TABLE, ["mail", "user_id", "created_at"], where=TO_MAIL
    )
    create_index(
        "ix_notifications_mailed",
        TABLE,
        ["user_id", "mail", "mailed_at"],
        where="mailed_at IS NOT NULL",
    )
    create_index("ix_notifications_created_at", TABLE, ["created_at"])
    create_index("ix_notifications_read_at", TABLE, ["read_at"], where="read_at IS NOT NULL")


def downgrade() -> None:
    for name in ("read_at", "created_at", "mailed", "to_mail"):
        drop_index(f"ix_notifications_{name}", TABLE)
