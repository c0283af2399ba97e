"""Migrations build indexes while rows are written."""

import ast
import asyncio
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations

from migrations import indexes, run
from tests.conftest import TEMPLATE, dsn_of

VERSIONS = Path(run.__file__).parent / "versions"
RULE = "2026_12_01"
"""Migrations from this day on keep the rule; the tables of earlier ones were small."""


def plain_indexes(source):
    """Return lines that build an index under a lock, of a table that the migration has not made."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [
        (node.func.attr, node)
        for node in calls
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "op"
    ]
    made = {node.args[0].value for name, node in named if name == "create_table"}
    lines = [
        node.lineno
        for name, node in named
        if name == "create_index" and getattr(node.args[1], "value", None) not in made
    ]
    lines += [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and " INDEX " in node.value.upper()
        and "CREATE " in node.value.upper()
        and "CONCURRENTLY" not in node.value.upper()
    ]
    return lines


@pytest.mark.parametrize("file", sorted(VERSIONS.glob("*.py")), ids=lambda file: file.stem)
def test_a_migration_builds_no_index_under_a_lock(file):
    if file.stem >= RULE:
        assert plain_indexes(file.read_text()) == [], "use migrations.indexes.create_index"


def test_the_rule_sees_what_it_forbids():
    assert plain_indexes('op.create_index("i", "audit_logs", ["a"])') == [1]
    assert plain_indexes('op.execute("CREATE UNIQUE INDEX i ON t (a)")') == [1]
    assert plain_indexes('op.create_table("t")\nop.create_index("i", "t", ["a"])') == []
    assert plain_indexes('create_index("i", "audit_logs", ["a"])') == []


@pytest.fixture
async def copy(server_dsn):
    """Yield a database with the gateway's tables, and a connection to it."""
    name = f"index_migrations_{uuid4().hex}"
    server = await asyncpg.connect(server_dsn)
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    connection = await asyncpg.connect(dsn_of(name, superuser=True))
    yield dsn_of(name, superuser=True), connection
    await connection.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def migrate(dsn, work):
    def within(connection):
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            work()

    await asyncio.to_thread(run.on_connection, dsn, within)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["audit_logs", "requirements"])
async def test_an_index_is_built_while_somebody_writes(copy, table):
    dsn, connection = copy
    name = f"ix_{table}_made_later"

    async def indexes_of():
        return await connection.fetch(
            "SELECT c.relname, indisvalid FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid"
            " WHERE c.relname LIKE '%made_later%'"
        )

    build = partial(indexes.create_index, name, table, ["version"], where="version > 1")
    building = asyncio.create_task(migrate(dsn, build))
    if table == "requirements":  # it waits for whoever is writing, and holds up nobody meanwhile
        writer = connection.transaction()
        await writer.start()
        await connection.execute("LOCK TABLE requirements IN ROW EXCLUSIVE MODE")
        await asyncio.sleep(0)
        other = await asyncpg.connect(dsn)
        async with other.transaction():
            await other.execute("LOCK TABLE requirements IN ROW EXCLUSIVE MODE NOWAIT")
        await other.close()
        await writer.rollback()
    await building
    found = await indexes_of()
    assert found
    assert all(row["indisvalid"] for row in found)
    await migrate(dsn, build)
    assert await indexes_of() == found
    await migrate(dsn, lambda: indexes.drop_index(name, table))
    assert await indexes_of() == []
