"""Months of the audit log in files, and legal holds, which keep the rows of an organization."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, identifier

revision = "2026_12_01_audit_archives"
down_revision = "2026_12_01_import_mappings"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
# A function as the migrations before have left it, but for one passage.
REPLACE = """
DO $do$
DECLARE
    former text := pg_get_functiondef('{function}'::regprocedure);
    passage text := $passage${before}$passage$;
BEGIN
    IF position(passage IN former) = 0 THEN
        RAISE EXCEPTION 'the passage is not in {function}';
    END IF;
    EXECUTE replace(former, passage, $passage${after}$passage$);
END $do$
"""
PURGE = "ctx.purge(text[], uuid[], int, boolean)"
IN_TENANT = "o.id = ANY (ctx.organizations())"
NOT_HELD = f"{IN_TENANT} AND NOT EXISTS (SELECT FROM public.legal_holds AS h"
NOT_HELD += " WHERE h.organization_id = o.id)"
VERIFY = "ctx.verify_audit_chain(uuid, bigint, int)"
# An archive is a part of the chain that is passed over. Its hashes must fit those beside it, and
# the seal at its end, which stays.
SKIP = """
        LOOP
            SELECT a.last_seq, a.head_hash INTO archived_seq, archived_hash
            FROM public.audit_archives AS a
            WHERE a.organization_id = chain AND a.first_seq = last + 1 AND a.restored_at IS NULL
                AND a.previous_hash = head;
            EXIT WHEN NOT FOUND;
            last := archived_seq;
            head := archived_hash;
        END LOOP;
"""
DECLARED = "    seal record;\n"
WITH_ARCHIVES = f"{DECLARED}    archived_seq bigint;\n    archived_hash bytea;\n"
LOOP = "        reason := CASE\n"
KEPT = """
        IF seal.seq = last THEN
            IF seal.hash <> head THEN
                wrong := last;
                reason := 'altered';
                RETURN;
            END IF;
            CONTINUE;
        END IF;
        CONTINUE WHEN seal.seq < last;
"""
PASSAGES = (
    (PURGE, IN_TENANT, NOT_HELD),
    (VERIFY, DECLARED, WITH_ARCHIVES),
    (VERIFY, LOOP, f"{SKIP}{KEPT}{LOOP}"),
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "audit_archives",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("archived_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("restored_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "first_seq", name="pk_audit_archives"),
        sa.CheckConstraint("first_seq > 0", name=op.f("ck_audit_archives_first_seq_positive")),
        sa.CheckConstraint("last_seq >= first_seq", name=op.f("ck_audit_archives_last_seq_order")),
        *(
            sa.CheckConstraint(
                f"octet_length({name}) = 32", name=op.f(f"ck_audit_archives_{name}_digest")
            )
            for name in ("previous_hash", "head_hash", "sha256")
        ),
    )
    op.create_table(
        "legal_holds",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_legal_holds"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_legal_holds_organization_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("reason ~ '\\S'", name=op.f("ck_legal_holds_reason_not_blank")),
        sa.CheckConstraint("char_length(reason) <= 500", name=op.f("ck_legal_holds_reason_length")),
    )
    op.create_index(
        "ix_legal_holds_organization_id_created_at_id",
        "legal_holds",
        ["organization_id", "created_at", "id"],
    )
    for table in ("audit_archives", "legal_holds"):
        _walled(table)
    op.add_column("audit_personal_data", sa.Column("archived_digest", sa.Text(), nullable=True))
    for function, before, after in PASSAGES:
        op.execute(REPLACE.format(function=function, before=before, after=after))


def _walled(table: str) -> None:
    """Show requests the rows of their tenants; only the owner of the tables writes."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ON {table} TO gateway_app")


def downgrade() -> None:
    """Lose the holds, and which months are in files: restore these first."""
    op.execute(LOCK_TIMEOUT)
    for function, before, after in reversed(PASSAGES):
        op.execute(REPLACE.format(function=function, before=after, after=before))
    op.drop_column("audit_personal_data", "archived_digest")
    for table in ("legal_holds", "audit_archives"):
        op.drop_table(table)
