"""Threads of comments about objects and spans of their texts, and their comments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, drop, history, identifier

revision = "2026_12_01_comments"
down_revision = "2026_12_01_erasure"

TABLES = ("comment_threads", "comments")
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
# Purging a row purges what names it. The list of ctx.beneath is extended as it is found, whatever
# other migrations have added to it.
LAST_KEY = "('public.trace_links', 'target_id')"
OWN_KEY = "('public.comment_threads', 'entity_id')"
BENEATH = "ctx.beneath(oid[], uuid[], uuid[], int)"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'comment'")
    op.execute("ALTER TYPE notification_type ADD VALUE IF NOT EXISTS 'comment'")
    create_threads()
    create_comments()
    for table in TABLES:
        wall(table)
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO gateway_app")
    replace_in(BENEATH, LAST_KEY, f"{LAST_KEY},\n                {OWN_KEY}")


def create_threads() -> None:
    table = "comment_threads"
    op.create_table(
        "comment_threads",
        identifier(),
        *scopes(),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("path", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("anchored_text", sa.Text(), nullable=True),
        sa.Column("prefix", sa.Text(), nullable=True),
        sa.Column("suffix", sa.Text(), nullable=True),
        sa.Column("start_at", sa.Integer(), nullable=True),
        sa.Column("end_at", sa.Integer(), nullable=True),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_comment_threads"),
        sa.UniqueConstraint("organization_id", "id", name="uq_comment_threads_organization_id_id"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "document_id",
            "id",
            name="uq_comment_threads_organization_id_project_id_document_id_id",
        ),
        *scope_keys(table),
        sa.CheckConstraint(
            r"entity_type ~ '\S'", name=op.f("ck_comment_threads_entity_type_not_blank")
        ),
        sa.CheckConstraint(
            "char_length(entity_type) <= 500", name=op.f("ck_comment_threads_entity_type_length")
        ),
        sa.CheckConstraint(
            "char_length(quote) BETWEEN 1 AND 5000", name=op.f("ck_comment_threads_quote_length")
        ),
        sa.CheckConstraint(
            "num_nulls(field, quote, anchored_text, prefix, suffix) IN (0, 5)",
            name=op.f("ck_comment_threads_quote_anchor"),
        ),
        sa.CheckConstraint(
            "(start_at IS NULL) = (end_at IS NULL) AND start_at >= 0 AND end_at >= start_at",
            name=op.f("ck_comment_threads_start_at_range"),
        ),
        *lists(table, "entity_id"),
        sa.Index(
            "ix_comment_threads_anchored",
            "entity_id",
            postgresql_where=sa.text("field IS NOT NULL"),
        ),
        sa.Index(
            "ix_comment_threads_deleted", "id", postgresql_where=sa.text("deleted_at IS NOT NULL")
        ),
    )


def create_comments() -> None:
    table = "comments"
    op.create_table(
        "comments",
        identifier(),
        *scopes(),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("mentions", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("edited_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
        *scope_keys(table),
        sa.ForeignKeyConstraint(
            ["organization_id", "thread_id"],
            ["comment_threads.organization_id", "comment_threads.id"],
            name="fk_comments_thread_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id", "thread_id"],
            [
                f"comment_threads.{column}"
                for column in ("organization_id", "project_id", "document_id", "id")
            ],
            name="fk_comments_thread_id_place",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(r"body ~ '\S'", name=op.f("ck_comments_body_not_blank")),
        sa.CheckConstraint("char_length(body) <= 10000", name=op.f("ck_comments_body_length")),
        sa.CheckConstraint(
            "jsonb_typeof(mentions) = 'array'", name=op.f("ck_comments_mentions_array")
        ),
        *lists(table, "thread_id"),
    )


def scopes() -> tuple[sa.Column[object], ...]:
    """Return the columns of the place of a row."""
    return (
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
    )


def scope_keys(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    """Return the foreign keys to the place of a row, which it follows."""
    return (
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=f"fk_{table}_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name=f"fk_{table}_project_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name=f"fk_{table}_document_id",
            onupdate="CASCADE",
        ),
    )


def lists(table: str, key: str) -> tuple[sa.Index, ...]:
    """Return the indexes of lists of rows, and of the trash."""
    return (
        *(
            sa.Index(f"ix_{table}_{scope}_created_at_id", scope, "created_at", "id")
            for scope in (key, "document_id", "project_id", "organization_id")
        ),
        sa.Index(
            f"ix_{table}_trash",
            "organization_id",
            "deleted_at",
            "id",
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        ),
    )


def wall(table: str) -> None:
    """Admit rows of the viewer's own tenants alone."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, clause in (
        ("SELECT", "USING"),
        ("INSERT", "WITH CHECK"),
        ("UPDATE", "USING"),
        ("DELETE", "USING"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {clause} ({OWN_TENANT})"
        )


def replace_in(function: str, old: str, new: str) -> None:
    """Replace a part of the definition of a function."""
    bind = op.get_bind()
    signature = sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))")
    text: str = bind.execute(signature, {"name": function}).scalar_one()
    if old not in text:
        raise LookupError(f"{function} has no {old}.")
    bind.exec_driver_sql(text.replace(old, new))


def downgrade() -> None:
    """Keep the labels in enumerations: events and notifications may have them."""
    op.execute(LOCK_TIMEOUT)
    replace_in(BENEATH, f"{LAST_KEY},\n                {OWN_KEY}", LAST_KEY)
    drop(TABLES, {})
