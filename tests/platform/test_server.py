"""The checks of a server before the gateway uses it."""

import asyncpg
import pytest

from db.problem import Problem
from db.server import (
    UnreachableError,
    connected,
    missing_partitions,
    missing_roles,
    require_usable,
)
from db.supported import require_supported


def version(major, minor):
    return asyncpg.ServerVersion(major, 0, minor, "final", 0)


@pytest.mark.parametrize("old", [version(14, 20), version(15, 0), version(15, 13)])
def test_servers_with_known_holes_are_refused(old):
    with pytest.raises(Problem, match=rf"{old.major}.{old.micro} is too old.*15\.14 or later"):
        require_supported(old)


@pytest.mark.parametrize("good", [version(15, 14), version(16, 0), version(18, 6)])
def test_servers_from_15_14_on_are_accepted(good):
    require_supported(good)


async def test_the_server_of_the_tests_is_usable(database_dsn):
    await require_usable(database_dsn)
    async with connected(database_dsn, "gateway_app") as connection:
        assert await connection.fetchval("SELECT current_user") == "gateway_app"
        assert await missing_roles(connection, database_dsn) == []


async def test_a_role_that_does_not_exist_is_told_with_the_script_that_makes_it(database_dsn):
    with pytest.raises(UnreachableError, match=r"lacks the role nobody_here.*db/roles\.sql"):
        async with connected(database_dsn, "nobody_here"):
            pass


async def test_a_database_that_does_not_exist_is_told_without_the_password(database_dsn):
    with pytest.raises(UnreachableError, match="refuses: database") as refused:
        await require_usable(database_dsn.rpartition("/")[0] + "/nothing_here")
    assert "@" not in str(refused.value)


async def test_a_month_without_a_partition_is_noticed(superuser):
    assert await missing_partitions(superuser, "audit_logs") == []
    undo = superuser.transaction()
    await undo.start()
    try:
        partition = await superuser.fetchval(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'audit_logs'::regclass AND pg_get_expr(relpartbound, inhrelid)"
            " LIKE '%FROM (''' || to_char(date_trunc('month', now()), 'YYYY-MM-DD') || '%'"
        )
        await superuser.execute(f"ALTER TABLE audit_logs DETACH PARTITION {partition}")
        assert len(await missing_partitions(superuser, "audit_logs")) == 1
    finally:
        await undo.rollback()
