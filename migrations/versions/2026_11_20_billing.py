"""Billing, and documents kept elsewhere."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_11_20_billing"
down_revision = "2026_11_20_oauth"

TABLES = ("stripe_customers", "billing_cache", "external_documents")
ENUMS = {
    "subscription_status": (
        "incomplete",
        "incomplete_expired",
        "trialing",
        "active",
        "past_due",
        "unpaid",
        "paused",
        "cancelled",
    ),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    op.create_table(
        "stripe_customers",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("stripe_customer_id", sa.Text(), nullable=True),
        sa.Column("stripe_subscription_id", sa.Text(), nullable=True),
        sa.Column(
            "subscription_status",
            enum("subscription_status"),
            server_default="incomplete",
            nullable=False,
        ),
        sa.Column("price_id", sa.Text(), nullable=True),
        sa.Column("current_period_start", TIME, nullable=True),
        sa.Column("current_period_end", TIME, nullable=True),
        sa.Column(
            "cancel_at_period_end", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("payment_method_last4", sa.Text(), nullable=True),
        sa.Column("payment_method_brand", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_stripe_customers"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_stripe_customers_organization_id"
        ),
        sa.CheckConstraint(
            "payment_method_last4 ~ '^[0-9]{4}$'",
            name=op.f("ck_stripe_customers_payment_method_last4_digits"),
        ),
        sa.CheckConstraint(
            "current_period_end > current_period_start",
            name=op.f("ck_stripe_customers_current_period_end_later"),
        ),
    )
    op.create_index(
        "uq_stripe_customers_organization_id",
        "stripe_customers",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_stripe_customers_stripe_customer_id",
        "stripe_customers",
        ["stripe_customer_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_stripe_customers_stripe_subscription_id",
        "stripe_customers",
        ["stripe_subscription_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_stripe_customers_organization_id_created_at",
        "stripe_customers",
        ["organization_id", "created_at"],
    )
    op.create_table(
        "billing_cache",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("billing_status", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column(
            "current_period_usage", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("synced_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("period_start", TIME, nullable=False),
        sa.Column("period_end", TIME, nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_billing_cache"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_billing_cache_organization_id"
        ),
        sa.CheckConstraint(
            "jsonb_typeof(billing_status) = 'object'",
            name=op.f("ck_billing_cache_billing_status_object"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(current_period_usage) = 'object'",
            name=op.f("ck_billing_cache_current_period_usage_object"),
        ),
        sa.CheckConstraint(
            "period_end > period_start", name=op.f("ck_billing_cache_period_end_later")
        ),
    )
    op.create_index(
        "uq_billing_cache_organization_id",
        "billing_cache",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_billing_cache_organization_id_created_at",
        "billing_cache",
        ["organization_id", "created_at"],
    )
    op.create_table(
        "external_documents",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("gumloop_name", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_external_documents"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_external_documents_organization_id"
        ),
        sa.CheckConstraint("name ~ '\\S'", name=op.f("ck_external_documents_name_not_blank")),
        sa.CheckConstraint(
            "char_length(name) <= 500", name=op.f("ck_external_documents_name_length")
        ),
        sa.CheckConstraint("url ~* '^https?://\\S+$'", name=op.f("ck_external_documents_url_web")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_external_documents_size_not_negative")),
    )
    op.create_index(
        "ix_external_documents_organization_id_created_at_id",
        "external_documents",
        ["organization_id", "created_at", "id"],
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    drop(TABLES, ENUMS)
