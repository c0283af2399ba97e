"""Alembic's environment: it migrates on the connection of `migrations.run`, as gateway_owner."""

import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names

from db.audit.seal import Snapshot
from db.change import TransactionId
from db.tables import METADATA
from migrations.run import VERSIONS_SCHEMA, on_connection

# Types that SQLAlchemy does not know when it compares:
ischema_names.update(xid8=TransactionId, pg_snapshot=Snapshot)


def migrate(connection: Connection) -> None:
    """Run the requested migrations, each in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table_schema=VERSIONS_SCHEMA,
        transaction_per_migration=True,
        compare_server_default=True,
        include_name=lambda name, kind, _: kind != "table" or name in METADATA.tables,
    )
    with context.begin_transaction():
        context.run_migrations()


if connection := context.config.attributes.get("connection"):
    migrate(connection)
else:  # the command `alembic`, which writes a new revision
    on_connection(os.environ["DATABASE_URL"], migrate)
