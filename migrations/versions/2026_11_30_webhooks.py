"""Tables of webhooks: endpoints, deliveries, and the cursors and workers that send."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, enum, history, identifier

revision = "2026_11_30_webhooks"
down_revision = "2026_11_30_shares"

ENUMS = {
    "webhook_endpoint_status": ("active", "paused", "disabled"),
    "webhook_delivery_status": ("queued", "succeeded", "failed", "canceled"),
}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
HISTORY = "version, created_at, created_by, updated_at, updated_by, deleted_at, deleted_by"
WRITTEN = (
    "name, url, service_account_id, scopes, event_types, fields, selection, status,"
    " disabled_reason, former_secret_expires_at"
)
READ = f"id, organization_id, project_id, {WRITTEN}, failing_since, last_success_at,"
READ += f" last_failure_at, {HISTORY}"
"""The columns that requests read: all but the secrets."""
DELIVERY = (
    "id, organization_id, project_id, endpoint_id, webhook_id, event_type, event, entity_type,"
    " entity_id, order_key, position, status, attempts, due_at, url, request_headers,"
    " request_body, response_status, response_headers, response_body, error, log,"
    f" last_attempt_at, finished_at, {HISTORY}"
)
CHANGED = f"{WRITTEN}, secret, version, updated_at, updated_by, deleted_at, deleted_by"

TABLES = ("webhook_endpoints", "webhook_deliveries", "webhook_workers", "webhook_cursors")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'webhook'")
    create_enums(ENUMS)
    create_endpoints()
    create_deliveries()
    create_cursors()
    wall("webhook_endpoints", OWN_TENANT, OWN_TENANT)
    wall("webhook_deliveries", OWN_TENANT, "false")
    for table in TABLES:
        op.execute(f"CREATE POLICY authentication ON {table} TO gateway_auth USING (true)")
    op.execute(
        f"GRANT INSERT, SELECT ({READ}), UPDATE ({CHANGED}) ON webhook_endpoints TO gateway_app"
    )
    op.execute(f"GRANT SELECT ({DELIVERY}) ON webhook_deliveries TO gateway_app")
    health = "failing_since, last_success_at, last_failure_at"
    op.execute(f"GRANT SELECT, UPDATE ({health}) ON webhook_endpoints TO gateway_auth")
    for table in ("webhook_deliveries", "webhook_workers"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO gateway_auth")
    op.execute("GRANT SELECT, UPDATE ON webhook_cursors TO gateway_auth")


def create_endpoints() -> None:
    array = sa.text("'{}'::text[]")
    op.create_table(
        "webhook_endpoints",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("service_account_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text()), nullable=True),
        sa.Column("event_types", ARRAY(sa.Text()), server_default=array, nullable=False),
        sa.Column("fields", ARRAY(sa.Text()), server_default=array, nullable=False),
        sa.Column("selection", sa.Text(), nullable=True),
        sa.Column(
            "status", enum("webhook_endpoint_status"), server_default="active", nullable=False
        ),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("former_secret", sa.LargeBinary(), nullable=True),
        sa.Column("former_secret_expires_at", TIME, nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("last_success_at", TIME, nullable=True),
        sa.Column("last_failure_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
        sa.UniqueConstraint(
            "organization_id", "id", name="uq_webhook_endpoints_organization_id_id"
        ),
        *scopes("webhook_endpoints"),
        sa.ForeignKeyConstraint(
            ["organization_id", "service_account_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name="fk_webhook_endpoints_service_account_id",
        ),
        *checks(
            "webhook_endpoints",
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 100",
                "url_format": r"url ~ '^https?://\S+$' AND char_length(url) <= 2000",
                "event_types_number": "cardinality(event_types) <= 100",
                "fields_number": "cardinality(fields) <= 50",
                "selection_length": "char_length(selection) <= 10000",
                "disabled_reason_length": "char_length(disabled_reason) <= 500",
            },
        ),
    )
    for scope in ("organization_id", "project_id"):
        name = f"ix_webhook_endpoints_{scope}_created_at_id"
        op.create_index(name, "webhook_endpoints", [scope, "created_at", "id"])
    op.create_index(
        "ix_webhook_endpoints_service_account_id", "webhook_endpoints", ["service_account_id"]
    )
    op.create_index(
        "ix_webhook_endpoints_trash",
        "webhook_endpoints",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("event", JSONB(), nullable=True),
        sa.Column("entity_type", sa.Text(), nullable=True),
        sa.Column("entity_id", sa.Uuid(), nullable=True),
        sa.Column("order_key", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "status", enum("webhook_delivery_status"), server_default="queued", nullable=False
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("request_headers", JSONB(), nullable=True),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_headers", JSONB(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("log", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("last_attempt_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        *scopes("webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["webhook_endpoints.organization_id", "webhook_endpoints.id"],
            name="fk_webhook_deliveries_endpoint_id",
        ),
        *checks(
            "webhook_deliveries",
            {
                "event_object": "jsonb_typeof(event) = 'object'",
                "request_headers_object": "jsonb_typeof(request_headers) = 'object'",
                "response_headers_object": "jsonb_typeof(response_headers) = 'object'",
                "log_array": "jsonb_typeof(log) = 'array'",
                "request_body_length": "char_length(request_body) <= 300000",
                "response_body_length": "char_length(response_body) <= 10000",
            },
        ),
        # Rows are updated in their own page, which has room for the next version of each.
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "uq_webhook_deliveries_endpoint_id_webhook_id",
        "webhook_deliveries",
        ["organization_id", "endpoint_id", "webhook_id"],
        unique=True,
    )
    queued = sa.text("status = 'queued'")
    for name, columns in (
        ("queued", ["endpoint_id", "position", "id"]),
        ("queued_in_order", ["endpoint_id", "order_key"]),
    ):
        op.create_index(
            f"ix_webhook_deliveries_{name}", "webhook_deliveries", columns, postgresql_where=queued
        )
    for scope in ("endpoint_id", "organization_id", "project_id"):
        name = f"ix_webhook_deliveries_{scope}_created_at_id"
        op.create_index(name, "webhook_deliveries", [scope, "created_at", "id"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])


def create_cursors() -> None:
    """Create what only workers read."""
    op.create_table(
        "webhook_workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("has_lock", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_workers"),
        sa.UniqueConstraint("number", name="uq_webhook_workers_number"),
    )
    op.create_table(
        "webhook_cursors",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("due_at", TIME, server_default=sa.text("'infinity'"), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_webhook_cursors"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name="fk_webhook_cursors_endpoint_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"],
            ["webhook_workers.id"],
            name="fk_webhook_cursors_worker_id",
            ondelete="SET NULL",
        ),
        postgresql_with={"fillfactor": 50},
    )
    for column in ("worker_id", "due_at"):
        op.create_index(f"ix_webhook_cursors_{column}", "webhook_cursors", [column])
    for table in ("webhook_workers", "webhook_cursors"):
        wall(table, "false", "false")


def scopes(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    """Return the foreign keys to the organization and the project."""
    return (
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=f"fk_{table}_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name=f"fk_{table}_project_id",
        ),
    )


def checks(table: str, conditions: dict[str, str]) -> tuple[sa.CheckConstraint, ...]:
    return tuple(
        sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
        for name, condition in conditions.items()
    )


def wall(table: str, read: str, change: str) -> None:
    """Admit these rows alone to requests."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({read})"),
        ("INSERT", f"WITH CHECK ({change})"),
        ("UPDATE", f"USING ({change})"),
        ("DELETE", f"USING ({change})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    for table in reversed(TABLES):
        op.drop_table(table)
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")
