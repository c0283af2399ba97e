"""Names and identifiers of provisioned members are unique in their organization."""

from migrations.indexes import create_index, drop_index

revision = "2026_12_01_provisioned"
down_revision = "2026_12_01_provisioning"

TABLE = "organization_members"


def upgrade() -> None:
    for column, key in (("user_name", "(lower(user_name))"), ("external_id", "external_id")):
        create_index(
            f"uq_{TABLE}_{column}",
            TABLE,
            ["organization_id", key],
            where=f"deleted_at IS NULL AND {column} IS NOT NULL",
            unique=True,
        )


def downgrade() -> None:
    for column in ("external_id", "user_name"):
        drop_index(f"uq_{TABLE}_{column}", TABLE)
