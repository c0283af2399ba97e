"""Shares: secret addresses of one object each, which an organization may forbid."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, history, identifier

revision = "2026_11_30_shares"
down_revision = "2026_11_30_quality"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC_PROJECT = "project_id = ANY ((SELECT ctx.projects())::uuid[])"
# A property of an organization is read where a column of a readable project shows it.
SHOWN = (
    "project_id IS NULL AND EXISTS (SELECT FROM columns AS c"
    f" WHERE c.property_id = properties.id AND c.{PUBLIC_PROJECT})"
)
READ = (
    "id, organization_id, project_id, document_id, baseline_id, name, hint, password_hash,"
    " expires_at, revoked_at, version, created_at, created_by, updated_at, updated_by, deleted_at,"
    " deleted_by"
)
CHANGED = (
    "project_id, name, password_hash, expires_at, revoked_at, version, updated_at, updated_by,"
    " deleted_at, deleted_by"
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'share'")
    allowed = sa.Column("sharing_allowed", sa.Boolean(), server_default=sa.true(), nullable=False)
    op.add_column("organizations", allowed)
    op.create_table(
        "shares",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("baseline_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("key_hash", name="uq_shares_key_hash"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_shares_organization_id"
        ),
        key("projects", "project_id"),
        key("documents", "project_id", "document_id"),
        key("baselines", "project_id", "baseline_id"),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_shares_{name}"))
            for name, condition in {
                "name_not_blank": "name ~ '\\S'",
                "name_length": "char_length(name) <= 500",
                "key_hash_digest": "octet_length(key_hash) = 32",
                "hint_length": "char_length(hint) = 4",
                "document_id_object": "num_nonnulls(document_id, baseline_id) = 1",
                "expires_at_later": "expires_at > created_at",
            }.items()
        ),
    )
    for place in ("document_id", "baseline_id", "project_id", "organization_id"):
        op.create_index(f"ix_shares_{place}_created_at_id", "shares", [place, "created_at", "id"])
    wall()
    read_properties(f"{OWN_TENANT} OR {PUBLIC_PROJECT} OR {SHOWN}")


def read_properties(condition: str) -> None:
    """Admit requests to the properties for which the condition holds."""
    op.execute(f"ALTER POLICY tenant_select ON properties USING ({condition})")


def key(target: str, *columns: str) -> sa.ForeignKeyConstraint:
    """Return a foreign key within the tenant; a share follows its object to another project."""
    scopes = ("organization_id", *columns[:-1])
    return sa.ForeignKeyConstraint(
        [*scopes, columns[-1]],
        [f"{target}.{name}" for name in (*scopes, "id")],
        name=f"fk_shares_{columns[-1]}",
        onupdate="CASCADE" if len(columns) > 1 else None,
    )


def wall() -> None:
    """Admit requests to the shares of their tenants, and never to a digest."""
    op.execute("ALTER TABLE shares ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE shares FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON shares TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON shares TO gateway_app USING (true)")
    op.execute("CREATE POLICY authentication ON shares TO gateway_auth USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN_TENANT})"),
        ("INSERT", f"WITH CHECK ({OWN_TENANT})"),
        ("UPDATE", f"USING ({OWN_TENANT})"),
        ("DELETE", f"USING ({OWN_TENANT})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON shares"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT INSERT, SELECT ({READ}), UPDATE ({CHANGED}) ON shares TO gateway_app")
    op.execute("GRANT SELECT ON shares TO gateway_auth")


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    read_properties(f"{OWN_TENANT} OR {PUBLIC_PROJECT}")
    op.drop_table("shares")
    op.drop_column("organizations", "sharing_allowed")
