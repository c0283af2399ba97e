"""Identity providers of organizations, identities of people, and the sessions that begin there."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, history, identifier
from migrations.tenants import checks, organization_key, wall

revision = "2026_12_01_single_sign_on"
down_revision = "2026_12_01_usage_archives"

READ = (
    "id, organization_id, name, issuer, client_id, is_enforced, tested_at, version, created_at,"
    " created_by, updated_at, updated_by, deleted_at, deleted_by"
)
"""The columns that requests read: all but the secret."""
WRITTEN = (
    "name, issuer, client_id, client_secret, is_enforced, tested_at, version, updated_at,"
    " updated_by, deleted_at, deleted_by"
)
EXPORT, ERASE = "ctx.export_person(uuid)", "ctx.erase_person(uuid)"
SESSIONS = "('sessions', 'DELETE FROM public.sessions WHERE user_id = $1'),"
IDENTITIES = (
    "\n        ('profile_identities', 'DELETE FROM public.profile_identities WHERE user_id = $1'),"
)
PASSAGES = (
    (
        EXPORT,
        "('profile_credentials', 'user_id = $1'),",
        "('profile_credentials', 'user_id = $1'),\n        ('profile_identities', 'user_id = $1'),",
    ),
    (ERASE, SESSIONS, SESSIONS + IDENTITIES),
)
PROVIDER = "identity_providers"
IDENTITY = "profile_identities"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'identity_provider'")
    providers()
    identities()
    op.add_column("sessions", sa.Column("identity_id", sa.Uuid(), nullable=True))
    op.add_column("sessions", sa.Column("provider_session", sa.Text(), nullable=True))
    for function, old, new in PASSAGES:
        replace_in(function, old, new)


def providers() -> None:
    op.create_table(
        "identity_providers",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_secret", sa.LargeBinary(), nullable=True),
        sa.Column("is_enforced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tested_at", TIME, nullable=True),
        *history(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{PROVIDER}"),
        organization_key(PROVIDER),
        *checks(
            PROVIDER,
            {
                "name_not_blank": r"name ~ '\S'",
                "name_length": "char_length(name) <= 100",
                "issuer_format": r"issuer ~ '^https?://[^\s?#]+$' AND char_length(issuer) <= 500",
                "client_id_not_blank": r"client_id ~ '\S'",
                "client_id_length": "char_length(client_id) <= 500",
                "is_enforced_tested": "NOT is_enforced OR tested_at IS NOT NULL",
            },
        ),
    )
    op.create_index(
        "uq_identity_providers_organization_id",
        "identity_providers",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_identity_providers_organization_id_created_at_id",
        "identity_providers",
        ["organization_id", "created_at", "id"],
    )
    wall(PROVIDER)
    op.execute(f"REVOKE SELECT, INSERT, UPDATE ON {PROVIDER} FROM gateway_app")
    op.execute(f"GRANT INSERT, SELECT ({READ}), UPDATE ({WRITTEN}) ON {PROVIDER} TO gateway_app")
    op.execute(f"CREATE POLICY authentication ON {PROVIDER} TO gateway_auth USING (true)")
    op.execute(
        f"GRANT SELECT, UPDATE (tested_at, version, updated_at, updated_by) ON {PROVIDER}"
        " TO gateway_auth"
    )


def identities() -> None:
    op.create_table(
        "profile_identities",
        identifier(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{IDENTITY}"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name=f"fk_{IDENTITY}_user_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=f"fk_{IDENTITY}_organization_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "organization_id",
            "issuer",
            "subject",
            name=f"uq_{IDENTITY}_organization_id_issuer_subject",
        ),
        sa.UniqueConstraint(
            "organization_id",
            "issuer",
            "user_id",
            name=f"uq_{IDENTITY}_organization_id_issuer_user_id",
        ),
        *checks(
            IDENTITY,
            {
                "issuer_length": "char_length(issuer) <= 500",
                "subject_length": "char_length(subject) BETWEEN 1 AND 255",
                "email_length": "char_length(email) <= 254",
            },
        ),
    )
    op.create_index("ix_profile_identities_user_id", "profile_identities", ["user_id"])
    op.execute(f"ALTER TABLE {IDENTITY} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {IDENTITY} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {IDENTITY} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY authentication ON {IDENTITY} TO gateway_auth USING (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {IDENTITY} TO gateway_auth")


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
    for function, old, new in PASSAGES:
        replace_in(function, new, old)
    op.drop_column("sessions", "provider_session")
    op.drop_column("sessions", "identity_id")
    op.drop_table(IDENTITY)
    op.drop_table(PROVIDER)
