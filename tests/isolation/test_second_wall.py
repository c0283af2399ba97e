"""Row level security by itself: any SQL on a connection that serves requests."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from json import dumps
from uuid import uuid4

import asyncpg
import pytest

from auth.credentials.identify import act_for
from db.logins import APPLICATION, Logins, derived_password, find
from db.pool import Database
from db.problem import Problem
from db.row_security import lint_login
from tests.contexts import read_key, signed

REFUSED = (asyncpg.PostgresError,)
ROLES = ("gateway_owner", "gateway_auth", "gateway", "postgres")
BECOMING = [
    *(f"SET ROLE {role}" for role in ROLES),
    *(f"SELECT set_config('role', '{role}', false)" for role in ROLES),
    *(f"SET SESSION AUTHORIZATION {role}" for role in ROLES),
    *(f"GRANT {role} TO gateway_app" for role in ROLES),
    "ALTER ROLE gateway_app BYPASSRLS",
    "ALTER ROLE gateway_app CREATEROLE",
    "ALTER ROLE gateway_auth PASSWORD 'mine'",
    "CREATE ROLE other IN ROLE gateway_owner",
]
WEAKENING = [
    "ALTER TABLE requirements DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE requirements NO FORCE ROW LEVEL SECURITY",
    "CREATE POLICY hole ON requirements TO gateway_app USING (true)",
    "DROP POLICY tenant_select ON requirements",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION ctx.organizations() RETURNS uuid[] LANGUAGE sql AS 'SELECT NULL'",
    "GRANT SELECT ON ctx.context_keys TO gateway_app",
]
MAKING = [
    "CREATE TABLE public.requirements_2 (id uuid)",
    "CREATE SCHEMA mine",
    "CREATE TEMPORARY TABLE requirements (id uuid)",
    "CREATE TEMPORARY VIEW requirements AS SELECT 1 AS id",
    "CREATE TEMPORARY SEQUENCE mine",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION ctx.mine() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "CREATE OPERATOR public.=== (leftarg = uuid, rightarg = uuid, function = uuid_eq)",
    "CREATE EXTENSION pgcrypto",
    "CREATE TRIGGER mine BEFORE INSERT ON requirements EXECUTE FUNCTION ctx.keep_client()",
    "DO LANGUAGE plpgsql $$ BEGIN EXECUTE 'CREATE TEMPORARY TABLE t ()'; END $$",
]
READING = [
    "SELECT * FROM ctx.context_keys",
    "COPY ctx.context_keys TO STDOUT",
    "SELECT query_to_xml('SELECT * FROM ctx.context_keys', true, false, '')",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT lo_import('/etc/passwd')",
    "COPY requirements TO PROGRAM 'cat'",
    "SELECT * FROM profile_credentials",
    "SELECT * FROM pg_authid",
    "SET row_security = off; SELECT * FROM requirements",
]
READABLE = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
AND NOT relispartition AND has_table_privilege('gateway_app', oid, 'SELECT') AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'organization_id')
"""

IN_PROJECTS = READABLE.replace("'organization_id')", "'project_id'\n)")


@pytest.fixture
async def lent(world, other_world, database):
    """Yield a connection that serves our owner, in a transaction that is rolled back."""
    viewer = await act_for(world.email("owner"), world.database)
    async with database.app.lend(viewer.context) as connection:
        yield connection
        await connection.execute("RESET ALL")
        connection.terminate()


async def seen(connection, superuser, organization):
    """Return the tables in which a row of this organization is visible, and can be changed."""
    tables = [row[0] for row in await superuser.fetch(READABLE)]
    found = set()
    for table in tables:
        for statement in (
            f"SELECT true FROM {table} WHERE organization_id = $1 LIMIT 1",
            f"UPDATE {table} SET organization_id = $1 WHERE organization_id = $1 RETURNING true",
        ):
            with suppress(asyncpg.InsufficientPrivilegeError):
                if await connection.fetchval(statement, organization):
                    found.add(table)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("statement", BECOMING + WEAKENING + MAKING + READING)
async def test_a_statement_that_would_lead_past_the_wall_is_refused(lent, statement):
    with pytest.raises(REFUSED):
        await lent.execute(statement)
    who = await lent.fetchrow("SELECT current_user, session_user")
    assert set(who.values()) == {"gateway_app"}


async def test_a_context_counts_only_with_its_signature(lent, world, other_world, superuser):
    key, process = await read_key(superuser), lent.get_server_pid()
    theirs = other_world.organization
    real = signed(key, organizations=[theirs], process=process)[1]
    plain = real.rpartition(";")[2]
    ours = await lent.fetchval("SELECT current_setting('app.organizations')")
    assert theirs not in await lent.fetchval("SELECT ctx.organizations()")
    for forged in (
        plain,
        f"{ours.rpartition(';')[0]};{plain}",
        signed(uuid4().bytes * 4, organizations=[theirs], process=process)[1],
        signed(key, organizations=[theirs], process=process + 1)[1],
        signed(key, organizations=[theirs], process=process, ahead=-4000)[1],
        signed(key, projects=[theirs], process=process)[2],  # of another setting
        "0" * 64 + real[64:],
        real[:64] + real[64:].replace(str(process), "0", 1),
        "nonsense",
    ):
        await lent.execute("SELECT set_config('app.organizations', $1, false)", forged)
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await lent.fetch("SELECT id FROM requirements")
    await lent.execute("SELECT set_config('app.organizations', $1, false)", real)
    assert await lent.fetchval("SELECT ctx.organizations()") == [theirs]  # so the rest was right


async def test_no_row_of_another_tenant_is_read_or_written(lent, world, other_world, superuser):
    assert await seen(lent, superuser, other_world.organization) == set()
    assert {"requirements", "documents"} <= await seen(lent, superuser, world.organization)
    for statement in ("RESET ALL", "SET ROLE NONE", "RESET ROLE"):
        await lent.execute(statement)
        assert await seen(lent, superuser, other_world.organization) == set()


OTHER_PROJECT = """
INSERT INTO projects (id, organization_id, name, slug, visibility)
VALUES ($1, $2, 'Other', $3, 'private')
"""


async def test_no_row_of_another_project_is_read_or_written_with_a_token_for_one(
    world, database, superuser
):
    other = uuid4()
    await superuser.execute(OTHER_PROJECT, other, world.organization, other.hex)
    viewer = await act_for(world.email("owner"), world.database)
    narrowed = replace(viewer.context, project=other)
    async with database.app.lend(narrowed) as connection:
        assert await connection.fetchval("SELECT id FROM projects WHERE id = $1", other)
        assert not await connection.fetch("SELECT id FROM projects WHERE id <> $1", other)
        tables = [row[0] for row in await superuser.fetch(IN_PROJECTS)]
        assert {"requirements", "documents", "comments", "features"} <= {*tables}
        for table in tables:
            there = f"SELECT true FROM {table} WHERE project_id = $1 LIMIT 1"
            assert not await connection.fetchval(there, world.project), table
        changed = await connection.execute("UPDATE requirements SET name = 'Theirs'")
        assert changed == "UPDATE 0"
        values = (uuid4(), world.organization, world.project)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO documents (id, organization_id, project_id, name, slug)"
                " VALUES ($1, $2, $3, 'New', 'new')",
                *values,
            )
    async with database.app.lend(viewer.context) as connection:
        assert await connection.fetchval(
            "SELECT id FROM requirements WHERE id = $1", world.requirement
        )


async def test_functions_serve_the_context_and_not_their_arguments(lent, other_world, superuser):
    there, row = other_world.organization, other_world.requirement
    before = await superuser.fetchrow("SELECT * FROM requirements WHERE id = $1", row)
    assert await lent.fetch("SELECT * FROM ctx.purge('{requirements}', $1, 9, true)", [row]) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await lent.fetch("SELECT * FROM ctx.count_requests($1, '{free}', '{1}')", [there])
    with pytest.raises(REFUSED):
        await lent.fetch("SELECT ctx.know_client($1, 'digest')", there)
    assert await superuser.fetchrow("SELECT * FROM requirements WHERE id = $1", row) == before


async def test_a_context_that_is_over_costs_a_connection_and_no_more(world, database):
    viewer = await act_for(world.email("owner"), world.database)

    async def read(organizations):
        async with database.app.lend(viewer.context) as connection:
            set_ = "SELECT set_config('app.organizations', $1, false)"
            await connection.execute(set_, organizations)
            return await connection.fetch("SELECT id FROM requirements")

    with pytest.raises(Problem) as refused:
        await read("over")
    assert refused.value.code == "BUSY"
    async with database.app.lend(viewer.context) as connection:
        assert await connection.fetch("SELECT id FROM requirements")


async def test_what_serves_requests_has_a_login_of_its_own(database, lent):
    assert not database.shares_login
    assert await lint_login(lent) == []


async def test_one_login_for_everything_is_found(database_dsn):
    """As where an operator's database has no logins for the roles."""
    shared = Logins(database_dsn, separation="one")
    assert (await find(shared)).logins[APPLICATION].role == APPLICATION
    async with Database(shared, app_connections=1) as database:
        assert database.shares_login
        connection = await asyncpg.connect(database_dsn)
        try:
            lines = " ".join(await lint_login(connection))
        finally:
            await connection.close()
    assert "may become other roles" in lines


async def test_a_password_that_is_not_that_of_the_roles_is_told(database_dsn, superuser):
    other = f"other_{uuid4().hex}"
    await superuser.execute(f"CREATE ROLE {other} LOGIN PASSWORD 'other' IN ROLE gateway_auth")
    try:
        address = database_dsn.partition("@")[2]
        with pytest.raises(Problem, match=r"refuses the login gateway_auth.*DATABASE_LOGINS=one"):
            await find(Logins(f"postgresql://{other}:other@{address}"))
    finally:
        await superuser.execute(f"DROP ROLE {other}")


async def test_an_operator_may_give_each_role_an_address(database_dsn):
    password = database_dsn.partition("://")[2].partition("@")[0].partition(":")[2]
    at = database_dsn.partition("@")[2]
    alone, both = (
        f"postgresql://{role}:{derived_password(role, password)}@{at}"
        for role in (APPLICATION, "gateway_auth")
    )
    async with Database(Logins(alone, both), app_connections=1) as database:
        assert not database.shares_login
    with pytest.raises(Problem, match="AUTH_DATABASE_URL"):
        await find(Logins(alone))


MAINTENANCE = {"ensure_partitions", "forget_idempotency_keys", "seal_audit_logs"}
"""Functions for all tenants at once, which take no ids and tell no more than a number."""
DEFINERS = """
SELECT proname, array(SELECT t::regtype::text FROM unnest(proargtypes::oid[]) t) AS types
FROM pg_proc WHERE prosecdef AND pronamespace = 'ctx'::regnamespace
AND has_function_privilege('gateway_app', oid, 'EXECUTE') ORDER BY proname
"""
KEPT = """
SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
AND relname <> ALL($1) AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'organization_id')
"""


NAMING = ("organization_id", "user_id", "project_id", "id")
JOB = {"kind": "a", "payload": {}, "max_attempts": 1}


async def content(superuser, organization):
    """Return a digest of each table's rows in an organization."""
    tables = [row[0] for row in await superuser.fetch(KEPT, ["audit_seals", "audit_checkpoints"])]
    digest = "md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), ''))"
    parts = [f"SELECT '{t}', {digest} FROM {t} t WHERE organization_id = $1" for t in tables]
    return dict(await superuser.fetch(" UNION ALL ".join(parts), organization))


async def test_no_function_reaches_another_tenant_whatever_it_is_given(
    lent, world, other_world, superuser
):
    """Every function that acts as its owner, with the ids of another tenant in every place."""
    there = other_world
    ids = [there.organization, there.project, there.document, there.block, there.requirement]
    before = await content(superuser, there.organization)
    tried = set()
    for name, types in await superuser.fetch(DEFINERS):
        if name in MAINTENANCE:
            assert not any("uuid" in type for type in types)
            continue
        for id in [*ids, there.people["owner"], there.members["owner"]]:
            values = {
                "uuid": [id],
                "uuid[]": [[id], [world.organization, id]],
                "text[]": [["requirements"], ["a"], ["free"]],
                "bigint[]": [[10**9]],
                "integer": [9],
                "bigint": [10**9],
                "double precision": [0.5],
                "interval": [timedelta(seconds=1)],
                "boolean": [True],
                "text": ["a"],
                "bytea": [b"a"],
                "tsquery": ["a"],
                "jsonb": ["{}", dumps([dict.fromkeys(NAMING, str(id)) | JOB])],
                "timestamp with time zone": [datetime(2020, 1, 1, tzinfo=UTC)],
                "numbered_type": ["requirement", "test_case"],
            }
            for given in product(*(values[type] for type in types)):
                places = ", ".join(f"${n}::{type}" for n, type in enumerate(types, 1))
                with suppress(*REFUSED):
                    async with lent.transaction():
                        told = await lent.fetch(f"SELECT * FROM ctx.{name}({places})", *given)
                        named = {str(one) for one in ids} - {str(one) for one in given}
                        assert not any(one in str(told) for one in named), name
            tried.add(name)
    assert len(tried) > 20
    assert not lent.is_in_transaction()  # so that all of it was committed
    assert await content(superuser, there.organization) == before
