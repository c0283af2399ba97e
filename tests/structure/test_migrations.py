"""Migrations: up and down, the same tables as the models', and the triggers of the database."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade as down
from alembic.command import upgrade as up
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql.base import ischema_names

from db.audit.seal import Snapshot
from db.change import TransactionId
from db.functions import FUNCTIONS
from db.tables import METADATA
from migrations import run
from migrations.roles import NotPreparedError, prepare
from tests.contexts import enter

pytestmark = pytest.mark.exhaustive

# The tables in the catalog, without partitions, which depend on the month.
OURS = "c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
CATALOG = {
    "columns": f"""
        SELECT c.relname, a.attname, format_type(atttypid, atttypmod), attnotnull, attgenerated,
            pg_get_expr(adbin, adrelid)
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attnum > 0 AND NOT attisdropped AND c.relkind IN ('r', 'p') AND {OURS}""",
    "constraints": f"""
        SELECT c.relname, conname, pg_get_constraintdef(k.oid)
        FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = conrelid
        WHERE contype NOT IN ('n', 't') AND {OURS}""",
    "indexes": f"""
        SELECT c.relname, pg_get_indexdef(indexrelid)
        FROM pg_index JOIN pg_class AS c ON c.oid = indrelid WHERE {OURS}""",
    "enumerations": """
        SELECT typname, array_agg(enumlabel::text ORDER BY enumsortorder)
        FROM pg_type AS t JOIN pg_enum ON enumtypid = t.oid GROUP BY typname""",
}
TEXT_FUNCTIONS = f"""
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'ctx'::regnamespace AND proname = ANY ('{{{",".join(FUNCTIONS)}}}')
    ORDER BY proname"""
LEFT = """
    SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'ctx')
    UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'ctx'
    UNION ALL SELECT 'a default privilege' FROM pg_default_acl"""


@pytest.fixture
async def make_database(server_dsn):
    """Yield a function that makes empty databases; drop them at the end."""
    names = []
    server = await asyncpg.connect(server_dsn)

    async def make():
        names.append(f"migrations_{uuid4().hex}")
        await server.execute(f"CREATE DATABASE {names[-1]}")
        return urlunsplit(urlsplit(server_dsn)._replace(path=f"/{names[-1]}"))

    yield make
    for name in names:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def upgrade(dsn, revision="head"):
    await asyncio.to_thread(run.upgrade, dsn, revision)


async def downgrade(dsn, revision):
    await asyncio.to_thread(run.downgrade, dsn, revision)


async def fetch(dsn, query):
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def catalog(dsn, what):
    return sorted(await fetch(dsn, CATALOG[what]), key=str)


async def test_migrations_and_models_make_the_same_database(make_database):
    migrated, created = await make_database(), await make_database()
    await upgrade(migrated)
    await asyncio.to_thread(run.on_connection, created, create_all)
    for what in CATALOG:
        expected = await catalog(created, what)
        assert len(expected) > 20
        assert await catalog(migrated, what) == expected
    functions = await fetch(created, TEXT_FUNCTIONS)
    assert len(functions) == len(FUNCTIONS)
    assert await fetch(migrated, TEXT_FUNCTIONS) == functions


def create_all(connection):
    METADATA.create_all(connection)
    connection.commit()


async def test_alembic_finds_nothing_to_migrate(make_database, monkeypatch):
    monkeypatch.setitem(ischema_names, "xid8", TransactionId)
    monkeypatch.setitem(ischema_names, "pg_snapshot", Snapshot)
    dsn = await make_database()
    await upgrade(dsn)
    differences = []

    def compare(connection):
        options = {
            "compare_server_default": True,
            "include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables,
        }
        context = MigrationContext.configure(connection, opts=options)
        differences.extend(compare_metadata(context, METADATA))

    await asyncio.to_thread(run.on_connection, dsn, compare)
    assert differences == []


async def test_every_migration_can_be_undone_and_done_again(make_database, monkeypatch):
    dsn, done = await make_database(), []
    script = ScriptDirectory.from_config(run._config())
    # Each command would read all migrations again.
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _: script)
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]

    def walk(connection):
        config = run._config(connection)
        for before, revision in zip(["base", *revisions], revisions, strict=False):
            for command, target in ((up, revision), (down, before), (up, revision)):
                command(config, target)
                version = connection.exec_driver_sql("SELECT version_num FROM ctx.alembic_version")
                assert version.scalar() == (None if target == "base" else target)
                connection.commit()
            done.append(revision)

    await asyncio.to_thread(run.on_connection, dsn, walk)
    assert done == revisions
    assert await asyncio.to_thread(run.current, dsn) == run.head()


async def test_going_all_the_way_down_leaves_nothing(make_database):
    dsn = await make_database()
    assert await asyncio.to_thread(run.current, dsn) is None
    await upgrade(dsn)
    before = [await catalog(dsn, what) for what in CATALOG]
    await downgrade(dsn, "base")
    assert await fetch(dsn, LEFT) == []
    assert await asyncio.to_thread(run.current, dsn) is None
    await upgrade(dsn)
    assert [await catalog(dsn, what) for what in CATALOG] == before


async def test_two_starts_at_once_migrate_once(make_database):
    dsn = await make_database()
    await asyncio.gather(upgrade(dsn), upgrade(dsn), upgrade(dsn))
    assert await fetch(dsn, "SELECT version_num FROM ctx.alembic_version") == [(run.head(),)]


async def test_a_login_that_may_not_prepare_is_told_what_to_run(make_database, server_dsn):
    dsn, name = await make_database(), f"stranger_{uuid4().hex}"
    server = await asyncpg.connect(server_dsn)
    await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'test'")
    try:
        stranger = await asyncpg.connect(dsn, user=name, password="test")
        with pytest.raises(NotPreparedError) as refusal:
            await prepare(stranger, dsn)
        await stranger.close()
        _, _, statements = str(refusal.value).partition("run in it: ")
        assert f"GRANT gateway_owner TO {name};" in statements
        connection = await asyncpg.connect(dsn)
        await connection.execute(statements)
        await connection.close()
        address = urlsplit(dsn)
        address = address._replace(netloc=f"{name}:test@{address.hostname}:{address.port}")
        await upgrade(urlunsplit(address))
        assert await fetch(dsn, "SELECT version_num FROM ctx.alembic_version") == [(run.head(),)]
    finally:
        await server.execute(f"DROP OWNED BY {name}")
        await server.execute(f"DROP ROLE {name}")
        await server.close()


@pytest.fixture
async def owner(superuser):
    """Yield a transaction of the tables' owner; nothing of it remains."""
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute("SET LOCAL ROLE gateway_owner")
    yield superuser
    await transaction.rollback()


async def event(owner, at="now()"):
    """Return the partition that holds a new event of this time."""
    return await owner.fetchval(
        f"INSERT INTO audit_logs (entity_id, entity_type, action, created_at)"
        f" VALUES (gen_random_uuid(), 'requirement', 'create', {at})"
        f" RETURNING tableoid::regclass::text"
    )


async def test_records_go_into_the_partition_of_their_month(owner):
    today = datetime.now(UTC)
    last_month = today.replace(day=1) - timedelta(days=1)
    assert await event(owner) == f"audit_logs_{today:%Y_%m}"
    assert await event(owner, "now() - interval '1 month'") == f"audit_logs_{last_month:%Y_%m}"


async def test_partitions_are_made_ahead_and_only_once(owner):
    with pytest.raises(asyncpg.CheckViolationError):
        async with owner.transaction():
            await event(owner, "now() + interval '5 months'")
    await owner.execute("SET LOCAL ROLE gateway_app")
    assert await owner.fetchval("SELECT ctx.ensure_partitions(5)") == 4
    assert await owner.fetchval("SELECT ctx.ensure_partitions(5)") == 0
    await owner.execute("SET LOCAL ROLE gateway_owner")
    await event(owner, "now() + interval '5 months'")
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await owner.execute("SELECT ctx.ensure_partitions(1000)")


@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}"]
)
@pytest.mark.parametrize("partition", [False, True])
async def test_records_of_changes_stay_as_they_are(owner, statement, partition):
    table = await event(owner)
    if partition:  # where row level security shows nothing, so that the owner takes it away
        await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is only added to"):
        await owner.execute(statement.format(table if partition else "audit_logs"))


async def join(connection: asyncpg.Connection, organization: UUID) -> UUID:
    user = await connection.fetchval(
        "INSERT INTO profiles (email) VALUES ($1) RETURNING id", f"{uuid4().hex}@demo.example"
    )
    return await connection.fetchval(
        "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2) RETURNING id",
        organization,
        user,
    )


async def organize(connection: asyncpg.Connection) -> UUID:
    return await connection.fetchval(
        "INSERT INTO organizations (name, slug) VALUES ('Rover', $1) RETURNING id",
        f"rover-{uuid4().hex}",
    )


async def test_members_are_counted_while_they_are_active(owner):
    organization = await organize(owner)
    members = [await join(owner, organization) for _ in range(3)]
    await enter(owner, organizations=[organization])
    counts = []
    for change in (
        "status = 'suspended'",
        "deleted_at = now()",
        "deleted_at = NULL",
        "status = 'active'",
        "role = 'admin'",
    ):
        await owner.execute(f"UPDATE organization_members SET {change} WHERE id = $1", members[0])
        counts += await owner.fetchrow(
            "SELECT member_count FROM organizations WHERE id = $1 AND version = 1", organization
        )
    assert counts == [2, 2, 2, 3, 3]
    await owner.execute("SET LOCAL ROLE gateway_owner")
    await owner.execute("DELETE FROM organization_members WHERE id = $1", members[0])
    count = "SELECT member_count FROM organizations WHERE id = $1"
    assert await owner.fetchval(count, organization) == 2


async def test_members_who_join_at_once_are_all_counted(superuser, database_dsn):
    organization = await organize(superuser)

    async def one():
        settings = {"role": "gateway_owner"}
        connection = await asyncpg.connect(database_dsn, server_settings=settings)
        await join(connection, organization)
        await connection.close()

    await asyncio.gather(*(one() for _ in range(8)))
    count = "SELECT member_count FROM organizations WHERE id = $1"
    assert await superuser.fetchval(count, organization) == 8
