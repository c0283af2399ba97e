"""Workflows of projects, reviews with their items, reviewers and verdicts, and signatures."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_12_01_reviews"
down_revision = "2026_12_01_comment_anchors"

ENUMS = {
    "review_state": ("open", "closed", "cancelled"),
    "review_decision": ("approve", "reject", "abstain"),
    "signature_meaning": ("authorship", "review", "approval", "responsibility"),
}
TABLES = ("workflows", "reviews", "review_items", "reviewers", "review_verdicts", "signatures")
LABELS = ("workflow", "review", "signature")
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
EMPTY = sa.text("'{}'::jsonb")
FALSE, TRUE = sa.text("false"), sa.text("true")

# A signature may be hidden by the owner of the tables; nothing else of it ever changes. The
# application has no right to update or delete it.
REFUSE_CHANGE = """
CREATE FUNCTION ctx.refuse_signature_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    OLD.version := NEW.version;
    OLD.updated_at := NEW.updated_at;
    OLD.updated_by := NEW.updated_by;
    OLD.deleted_at := NEW.deleted_at;
    OLD.deleted_by := NEW.deleted_by;
    IF OLD IS DISTINCT FROM NEW THEN
        RAISE EXCEPTION 'a signature is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""
# What a signature states besides its content: when the signer last gave their password in this
# session, who they are, and the head of the chain of their organization.
SIGNING_FACTS = """
CREATE FUNCTION ctx.signing_facts(credential uuid, tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object(
    'proved_at', s.proved_at, 'now', clock_timestamp(), 'email', p.email,
    'name', p.full_name, 'seq', coalesce(h.seq, 0), 'hash', encode(h.hash, 'hex'))
FROM public.sessions AS s
JOIN public.profiles AS p ON p.id = s.user_id
LEFT JOIN LATERAL (
    SELECT a.seq, a.hash FROM public.audit_seals AS a
    WHERE a.organization_id = tenant ORDER BY a.seq DESC LIMIT 1
) AS h ON true
WHERE s.id = credential AND s.user_id = ctx.user_id() AND s.ended_at IS NULL
    AND s.expires_at > now() AND p.service_of IS NULL AND tenant = ANY (ctx.organizations())
$$
"""
# The reviews that are due soon, once for each reviewer who has not given a verdict on every item.
DUE = """
CREATE FUNCTION ctx.due_reviews(reminder text, ahead interval, most int)
RETURNS TABLE (id uuid, organization_id uuid, reviewer_id uuid, due_date timestamptz, key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT r.id, r.organization_id, p.reviewer_id, r.due_date, k.key
FROM public.reviews AS r
JOIN public.reviewers AS p ON p.organization_id = r.organization_id
    AND p.project_id = r.project_id AND p.review_id = r.id
    AND p.reviewer_id IS NOT NULL AND p.deleted_at IS NULL
CROSS JOIN LATERAL (SELECT concat_ws(' ', r.id, p.reviewer_id,
    to_char(r.due_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')) AS key) AS k
WHERE r.due_date > now() AND r.due_date <= now() + ahead
    AND r.state = 'open' AND r.deleted_at IS NULL
    AND EXISTS (SELECT FROM public.review_items AS i
        WHERE i.review_id = r.id AND i.deleted_at IS NULL
            AND NOT EXISTS (SELECT FROM public.review_verdicts AS v
                WHERE v.item_id = i.id AND v.reviewer_id = p.reviewer_id AND v.deleted_at IS NULL))
    AND NOT EXISTS (SELECT FROM public.jobs AS j
        WHERE j.organization_id = r.organization_id AND j.kind = reminder AND j.key = k.key)
ORDER BY r.due_date, r.id, p.reviewer_id LIMIT most
$$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for label in LABELS:
        op.execute(f"ALTER TYPE resource_type ADD VALUE IF NOT EXISTS '{label}'")
    create_enums(ENUMS)
    create_workflows()
    create_reviews()
    create_items()
    create_reviewers()
    create_verdicts()
    create_signatures()
    for table in TABLES:
        wall(table)
        allowed = "SELECT, INSERT" if table == "signatures" else "SELECT, INSERT, UPDATE"
        op.execute(f"GRANT {allowed} ON {table} TO gateway_app")
    op.execute(SIGNING_FACTS)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.signing_facts(uuid, uuid) TO gateway_app")
    op.execute(DUE)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.due_reviews(text, interval, int) TO gateway_auth")


def create_workflows() -> None:
    table = "workflows"
    op.create_table(
        "workflows",
        *place(),
        sa.Column("transitions", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("min_approvals", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("four_eyes", sa.Boolean(), server_default=TRUE, nullable=False),
        sa.Column("admins_exempt", sa.Boolean(), server_default=TRUE, nullable=False),
        sa.Column("imports_exempt", sa.Boolean(), server_default=TRUE, nullable=False),
        sa.Column("change_sets_need_approval", sa.Boolean(), server_default=FALSE, nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_workflows"),
        key(table, "projects", "project_id"),
        checked(table, "transitions_array", "jsonb_typeof(transitions) = 'array'"),
        checked(table, "min_approvals_range", "min_approvals BETWEEN 1 AND 50"),
        unique_live(table, "project_id"),
        *indexes(table),
        sa.Index(
            "ix_workflows_trash",
            "organization_id",
            "deleted_at",
            "id",
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        ),
    )


def create_reviews() -> None:
    table = "reviews"
    op.create_table(
        "reviews",
        *place(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("state", enum("review_state"), server_default="open", nullable=False),
        sa.Column("quorum", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("due_date", TIME, nullable=True),
        sa.Column("edited_at", TIME, nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        unique_place(table),
        key(table, "projects", "project_id"),
        *named(table, "name"),
        checked(table, "quorum_range", "quorum BETWEEN 1 AND 50"),
        checked(table, "closed_at_final", "state = 'open' OR closed_at IS NOT NULL"),
        *indexes(table),
        sa.Index(
            "ix_reviews_due",
            "due_date",
            postgresql_where=sa.text(
                "due_date IS NOT NULL AND state = 'open' AND deleted_at IS NULL"
            ),
        ),
    )


def create_items() -> None:
    table = "review_items"
    op.create_table(
        "review_items",
        *place(),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("entity_version", sa.BigInteger(), nullable=False),
        sa.Column("pin", sa.Text(), nullable=False),
        sa.Column("content", JSONB(), server_default=EMPTY, nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_review_items"),
        unique_place(table),
        key(table, "projects", "project_id"),
        key(table, "reviews", "project_id", "review_id", ondelete="CASCADE"),
        *named(table, "entity_type"),
        *named(table, "pin"),
        checked(table, "content_object", "jsonb_typeof(content) = 'object'"),
        checked(table, "entity_version_positive", "entity_version > 0"),
        unique_live(table, "review_id", "entity_id"),
        *indexes(table, "review_id", "entity_id"),
    )


def create_reviewers() -> None:
    table = "reviewers"
    op.create_table(
        "reviewers",
        *place(),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=True),
        sa.Column("role", enum("project_role"), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_reviewers"),
        key(table, "projects", "project_id"),
        key(table, "reviews", "project_id", "review_id", ondelete="CASCADE"),
        checked(table, "reviewer_id_or_role", "num_nonnulls(reviewer_id, role) = 1"),
        unique_live(table, "review_id", "reviewer_id", "role", postgresql_nulls_not_distinct=True),
        *indexes(table, "review_id"),
        sa.Index("ix_reviewers_reviewer_id", "reviewer_id"),
    )


def create_verdicts() -> None:
    table = "review_verdicts"
    op.create_table(
        "review_verdicts",
        *place(),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", enum("review_decision"), server_default="abstain", nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_review_verdicts"),
        key(table, "projects", "project_id"),
        key(table, "reviews", "project_id", "review_id", ondelete="CASCADE"),
        key(table, "review_items", "project_id", "item_id", ondelete="CASCADE"),
        unique_live(table, "item_id", "reviewer_id"),
        *indexes(table, "item_id", "review_id"),
    )


def create_signatures() -> None:
    table = "signatures"
    op.create_table(
        "signatures",
        *place(),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("signer_id", sa.Uuid(), nullable=False),
        sa.Column("signer_name", sa.Text(), nullable=False),
        sa.Column("signer_email", sa.Text(), nullable=False),
        sa.Column("meaning", enum("signature_meaning"), server_default="approval", nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("signed_at", TIME, nullable=False),
        sa.Column("authenticated_at", TIME, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_signatures"),
        key(table, "projects", "project_id", ondelete="CASCADE"),
        *named(table, "entity_type"),
        *named(table, "signer_name"),
        *named(table, "signer_email"),
        checked(table, "chain_seq_not_negative", "chain_seq >= 0"),
        checked(table, "content_length", "char_length(content) <= 1000000"),
        checked(table, "content_hash_digest", "octet_length(content_hash) = 32"),
        checked(table, "chain_hash_digest", "octet_length(chain_hash) = 32"),
        *indexes(table, "entity_id"),
    )
    op.execute(REFUSE_CHANGE)
    op.execute(
        "CREATE TRIGGER refuse_change BEFORE UPDATE ON signatures"
        " FOR EACH ROW EXECUTE FUNCTION ctx.refuse_signature_change()"
    )


def place() -> tuple[sa.Column[object], ...]:
    """Return the ID and the scopes of a row in a project."""
    return (
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
    )


def named(table: str, column: str) -> tuple[sa.CheckConstraint, ...]:
    """Return the checks that a text is not blank and not too long."""
    return (
        checked(table, f"{column}_not_blank", rf"{column} ~ '\S'"),
        checked(table, f"{column}_length", f"char_length({column}) <= 500"),
    )


def checked(table: str, rule: str, sql: str) -> sa.CheckConstraint:
    """Return a check of a table."""
    return sa.CheckConstraint(sql, name=op.f(f"ck_{table}_{rule}"))


def unique_place(table: str) -> sa.UniqueConstraint:
    """Return the constraint to which keys within the project refer."""
    columns = ("organization_id", "project_id", "id")
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def unique_live(table: str, *columns: str, **options: Any) -> sa.Index:
    """Return a unique index of the rows that are not deleted."""
    return sa.Index(
        f"uq_{table}_{'_'.join(columns)}",
        "organization_id",
        *columns,
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        **options,
    )


def indexes(table: str, *parents: str) -> list[sa.Index]:
    """Return the indexes of lists beneath each parent, the project and the organization."""
    places = (
        (parent, "created_at", "id") for parent in (*parents, "project_id", "organization_id")
    )
    return [sa.Index(f"ix_{table}_{'_'.join(columns)}", *columns) for columns in places]


def key(
    table: str, target: str, *columns: str, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    """Return a foreign key within the tenant."""
    scopes = ("organization_id", *columns[:-1])
    return sa.ForeignKeyConstraint(
        [*scopes, columns[-1]],
        [f"{target}.{name}" for name in (*scopes, "id")],
        name=f"fk_{table}_{columns[-1]}",
        ondelete=ondelete,
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


def downgrade() -> None:
    """Keep the labels in `resource_type`: events may have them."""
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP FUNCTION ctx.due_reviews(text, interval, int)")
    op.execute("DROP FUNCTION ctx.signing_facts(uuid, uuid)")
    drop(TABLES, ENUMS)
    op.execute("DROP FUNCTION ctx.refuse_signature_change()")
