"""Indexes of the audit log for rare values of every filter: what is frequent is found by time."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_audit_filters"
down_revision = "2026_12_01_passkeys"

TABLE = "audit_logs"
BY_TIME = ("organization_id", "created_at")
ORDINARY = (
    "'requirement', 'block', 'document', 'property', 'test', 'test_execution', 'trace_link',"
    " 'notification'"
)
# Comparisons of enumerations are not leakproof: under row level security they serve no index as its
# columns, but as its condition, for that compares no rows.
INDEXES: dict[str, tuple[tuple[str, ...], str]] = {
    "document_id": (("document_id", "created_at"), "document_id IS NOT NULL"),
    "action": (("organization_id", "action", "created_at"), "action NOT IN ('create', 'update')"),
    "ip_address": (("organization_id", "ip_address", "created_at"), ""),
    "deletions": (BY_TIME, "event_type = 'delete'"),
    "imports": (BY_TIME, "event_type = 'import'"),
    "rare_types": (BY_TIME, "event_type NOT IN ('create', 'update', 'delete', 'import')"),
    "severe": (BY_TIME, "severity > 'low'"),
    "most_severe": (BY_TIME, "severity >= 'high'"),
    "rare_resources": (BY_TIME, f"resource_type NOT IN ({ORDINARY})"),
}


def _name(suffix: str) -> str:
    return f"ix_{TABLE}_by_{suffix}"


def upgrade() -> None:
    for suffix, (columns, where) in INDEXES.items():
        create_index(_name(suffix), TABLE, columns, where=where)


def downgrade() -> None:
    for suffix in reversed(INDEXES):
        drop_index(_name(suffix), TABLE)
