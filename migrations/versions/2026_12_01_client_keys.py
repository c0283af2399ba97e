"""Applications that authenticate by a key, and those that are named by their document."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_client_keys"
down_revision = "2026_12_01_webhook_takeover"

FITS_TYPE = "ck_oauth_clients_client_secret_fits_type"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("oauth_clients", sa.Column("document_expires_at", TIME, nullable=True))
    op.drop_constraint(op.f(FITS_TYPE), "oauth_clients", type_="check")
    op.create_check_constraint(
        op.f(FITS_TYPE),
        "oauth_clients",
        "(client_secret IS NULL)"
        " = (is_public OR token_endpoint_auth_method = 'private_key_jwt')"
        " AND NOT (is_public AND token_endpoint_auth_method = 'private_key_jwt')",
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_constraint(op.f(FITS_TYPE), "oauth_clients", type_="check")
    op.create_check_constraint(
        op.f(FITS_TYPE), "oauth_clients", "is_public = (client_secret IS NULL)"
    )
    op.drop_column("oauth_clients", "document_expires_at")
