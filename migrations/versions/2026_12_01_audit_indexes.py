"""Indexes by which administrators filter the audit log."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_audit_indexes"
down_revision = "2026_12_01_exchange"

TABLE = "audit_logs"
# Comparisons of enumerations are not leakproof, so under row level security no index serves them.
# Ordinary changes of content, nearly all events, are found by time.
INDEXES: dict[tuple[str, ...], str] = {
    ("organization_id", "entity_type", "created_at"): "",
    ("organization_id", "soc2_control", "created_at"): "soc2_control NOT IN ('PI1.3', 'C1.2')",
    ("organization_id", "risk_level", "created_at"): "risk_level <> 'low'",
    ("organization_id", "user_id", "created_at"): "user_id IS NOT NULL",
    ("correlation_id",): "",
}


def _name(columns: tuple[str, ...]) -> str:
    return f"ix_{TABLE}_{'_'.join(columns)}"


def upgrade() -> None:
    for columns, where in INDEXES.items():
        create_index(_name(columns), TABLE, columns, where=where)


def downgrade() -> None:
    for columns in reversed(INDEXES):
        drop_index(_name(columns), TABLE)
