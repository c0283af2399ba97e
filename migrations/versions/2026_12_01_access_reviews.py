"""Access reviews and the rights that they review."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum, history, identifier

revision = "2026_12_01_access_reviews"
down_revision = "2026_12_01_role_reviewers"

ENUMS = {
    "access_review_state": ("open", "closed", "cancelled"),
    "grant_kind": ("membership", "project_membership", "role"),
    "access_decision": ("pending", "confirmed", "revoked", "ended", "unconfirmed", "gone"),
}
TABLES = ("access_reviews", "access_review_items")
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
EXPORT = "ctx.export_person(uuid)"
EXPORTED = "('user_roles', 'user_id = $1'),"
MORE_EXPORTED = """
        ('access_review_items', 'user_id = $1'),"""

# The head of the chain of one of the caller's organizations.
CHAIN_HEAD = """
CREATE FUNCTION ctx.chain_head(tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('seq', coalesce(h.seq, 0), 'hash', encode(h.hash, 'hex'))
FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
    SELECT a.seq, a.hash FROM public.audit_seals AS a
    WHERE a.organization_id = tenant ORDER BY a.seq DESC LIMIT 1
) AS h ON true
WHERE tenant = ANY (ctx.organizations())
$$
"""
# A review that is closed or cancelled, and an item whose outcome is final, may be hidden by the
# owner of the tables; nothing else of it ever changes.
REFUSE_CHANGE = """
CREATE FUNCTION ctx.refuse_{noun}_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {may_change} THEN
        RETURN NEW;
    END IF;
    OLD.version := NEW.version;
    OLD.updated_at := NEW.updated_at;
    OLD.updated_by := NEW.updated_by;
    OLD.deleted_at := NEW.deleted_at;
    OLD.deleted_by := NEW.deleted_by;
    IF OLD IS DISTINCT FROM NEW THEN
        RAISE EXCEPTION '{text}' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""
REFUSALS = {
    "access_reviews": (
        "access_review",
        "OLD.state = 'open'",
        "a closed access review is never changed",
    ),
    "access_review_items": (
        "access_review_item",
        "OLD.decision IN ('pending', 'confirmed')",
        "a final decision on a right is never changed",
    ),
}
# What is to be done about open reviews. Reviewers who can still decide something are reminded once
# by due date. A review whose due date has passed is closed with the rights of the person who has
# asked for grants to end; when their job has ended without closing it, or nobody has asked, with
# those of the owner who has been one for longest, which ends nothing.
DUE = """
CREATE FUNCTION ctx.due_access_reviews(reminder text, closing text, ahead interval, most int)
RETURNS TABLE (kind text, id uuid, organization_id uuid, user_id uuid, due_date timestamptz,
    key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH due AS (
    SELECT reminder AS kind, r.id, r.organization_id, m.user_id, r.due_date
    FROM public.access_reviews AS r
    JOIN public.organization_members AS m ON m.organization_id = r.organization_id
        AND m.user_id = ANY (r.reviewer_ids) AND m.deleted_at IS NULL AND m.status = 'active'
    WHERE r.due_date > now() AND r.due_date <= now() + ahead
        AND r.state = 'open' AND r.deleted_at IS NULL
        AND EXISTS (SELECT FROM public.access_review_items AS i
            WHERE i.access_review_id = r.id AND i.deleted_at IS NULL
                AND i.decision = 'pending' AND i.user_id <> m.user_id)
    UNION ALL
    SELECT closing, r.id, r.organization_id, person.id, r.due_date
    FROM public.access_reviews AS r
    JOIN public.organizations AS o ON o.id = r.organization_id AND o.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT r.ends_by AS id, 1 AS place
        UNION ALL
        (SELECT m.user_id, 2 FROM public.organization_members AS m
        WHERE m.organization_id = r.organization_id AND m.role = 'owner'
            AND m.deleted_at IS NULL AND m.status = 'active'
            AND NOT EXISTS (SELECT FROM public.jobs AS j
                WHERE j.organization_id = r.organization_id AND j.kind = closing
                    AND j.status IN ('queued', 'running')
                    AND j.key = ctx.access_review_key(r.id, r.ends_by, r.due_date))
        ORDER BY m.created_at, m.id LIMIT 1)
    ) AS person
    WHERE r.due_date <= now() AND r.state = 'open' AND r.deleted_at IS NULL
        AND person.id IS NOT NULL
        AND (person.place = 1 OR r.ends_by IS NULL OR EXISTS (SELECT FROM public.jobs AS j
            WHERE j.organization_id = r.organization_id AND j.kind = closing
                AND j.key = ctx.access_review_key(r.id, r.ends_by, r.due_date)))
)
SELECT d.kind, d.id, d.organization_id, d.user_id, d.due_date, k.key
FROM due AS d
CROSS JOIN LATERAL (SELECT ctx.access_review_key(d.id, d.user_id, d.due_date) AS key) AS k
WHERE NOT EXISTS (SELECT FROM public.jobs AS j
    WHERE j.organization_id = d.organization_id AND j.kind = d.kind AND j.key = k.key)
ORDER BY d.due_date, d.id, d.user_id LIMIT most
$$
"""
KEY = """
CREATE FUNCTION ctx.access_review_key(review uuid, person uuid, due timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT concat_ws(' ', review, person,
    to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))
$$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'access_review'")
    create_enums(ENUMS)
    create_reviews()
    create_items()
    for table in TABLES:
        wall(table)
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO gateway_app")
    for table, (noun, may_change, text) in REFUSALS.items():
        op.execute(REFUSE_CHANGE.format(noun=noun, may_change=may_change, text=text))
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION ctx.refuse_{noun}_change()"
        )
    op.execute(CHAIN_HEAD)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.chain_head(uuid) TO gateway_app")
    op.execute(KEY)
    op.execute(DUE)
    op.execute(
        "GRANT EXECUTE ON FUNCTION ctx.due_access_reviews(text, text, interval, int)"
        " TO gateway_auth"
    )
    replace_in(EXPORT, EXPORTED, EXPORTED + MORE_EXPORTED)


def create_reviews() -> None:
    table = "access_reviews"
    op.create_table(
        "access_reviews",
        *place(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("state", enum("access_review_state"), server_default="open", nullable=False),
        sa.Column("due_date", TIME, nullable=False),
        sa.Column(
            "reviewer_ids",
            ARRAY(sa.Uuid()),
            server_default=sa.text("'{}'::uuid[]"),
            nullable=False,
        ),
        sa.Column("ends_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("report_hash", sa.LargeBinary(), nullable=True),
        sa.Column("chain_seq", sa.BigInteger(), nullable=True),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("organization_id", "id", name=f"uq_{table}_organization_id_id"),
        *places(table),
        *checked(
            table,
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 500",
                "due_date_later": "due_date > created_at",
                "reviewer_ids_length": "cardinality(reviewer_ids) <= 50",
                "closed_at_final": "state = 'open' OR closed_at IS NOT NULL",
                "report_closed": "state <> 'closed' OR"
                " num_nulls(report, report_hash, chain_seq, chain_hash) = 0",
                "report_length": "char_length(report) <= 5000000",
                "report_hash_digest": "octet_length(report_hash) = 32",
                "chain_hash_digest": "octet_length(chain_hash) = 32",
                "chain_seq_not_negative": "chain_seq >= 0",
            },
        ),
        *indexes(table),
        sa.Index(
            f"ix_{table}_due",
            "due_date",
            postgresql_where=sa.text("state = 'open' AND deleted_at IS NULL"),
        ),
    )


def create_items() -> None:
    table = "access_review_items"
    op.create_table(
        "access_review_items",
        *place(),
        sa.Column("access_review_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", enum("grant_kind"), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("grant_version", sa.BigInteger(), nullable=False),
        sa.Column("role", enum("user_role_type"), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", TIME, nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("decision", enum("access_decision"), server_default="pending", nullable=False),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *places(table),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["organization_members.organization_id", "organization_members.user_id"],
            name=f"fk_{table}_user_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "access_review_id"],
            ["access_reviews.organization_id", "access_reviews.id"],
            name=f"fk_{table}_access_review_id",
            ondelete="CASCADE",
        ),
        *checked(
            table,
            {
                "object_type_not_blank": r"object_type ~ '\S'",
                "object_type_length": "char_length(object_type) <= 500",
                "comment_not_blank": r"comment ~ '\S'",
                "comment_length": "char_length(comment) <= 500",
                "grant_version_positive": "grant_version > 0",
            },
        ),
        sa.Index(
            f"uq_{table}_access_review_id_grant_id",
            "organization_id",
            "access_review_id",
            "grant_id",
            unique=True,
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
        sa.Index(f"ix_{table}_user_id", "user_id"),
        *indexes(table, "access_review_id"),
    )


def place() -> tuple[sa.Column[object], ...]:
    """Return the ID and the scopes of a row in an organization, perhaps in a project."""
    return (
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
    )


def places(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
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


def checked(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    """Return the checks of a table."""
    return [sa.CheckConstraint(sql, name=op.f(f"ck_{table}_{rule}")) for rule, sql in rules.items()]


def indexes(table: str, *parents: str) -> list[sa.Index]:
    """Return the indexes of lists beneath each parent, the project and the organization."""
    columns = [
        (parent, "created_at", "id") for parent in (*parents, "project_id", "organization_id")
    ]
    return [sa.Index(f"ix_{table}_{'_'.join(names)}", *names) for names in columns]


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
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    replace_in(EXPORT, MORE_EXPORTED, "")
    op.execute("DROP FUNCTION ctx.due_access_reviews(text, text, interval, int)")
    op.execute("DROP FUNCTION ctx.access_review_key(uuid, uuid, timestamptz)")
    op.execute("DROP FUNCTION ctx.chain_head(uuid)")
    drop(TABLES, ENUMS)
    for noun, _, _ in REFUSALS.values():
        op.execute(f"DROP FUNCTION ctx.refuse_{noun}_change()")
