"""Sealing: every committed event gets one place in its chain, and no writer ever waits."""

import asyncio
import random
import time
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.audit import sealing
from db.audit.sealing import SEALING, Sealed, keep_sealing, seal, seal_everything
from db.pool import Database
from graph.app import create_app
from graph.settings import Settings
from tests.audit.ledger import INSERT, positions
from tests.conftest import SECRET
from tests.contexts import read_key, signed

CURSOR = "SELECT * FROM audit_seal_cursor"


async def test_each_organization_has_a_chain_of_its_own(ledger):
    ours, theirs = await ledger.organization(), await ledger.organization()
    written = {ours: [], theirs: [], None: []}
    before = len(await ledger.sealed(None))
    for number in range(3):
        for organization in written:
            written[organization] += await ledger.write(organization, number)
    await ledger.seal()
    for organization in (ours, theirs):
        assert await ledger.sealed(organization) == written[organization]
        assert positions(await ledger.seals(organization)) == [1, 2, 3]
    assert (await ledger.sealed(None))[before:] == written[None]


async def test_an_open_transaction_holds_up_nobody_and_is_sealed_after_its_commit(
    ledger, organization
):
    async with ledger.connected("gateway_owner") as writer:
        await writer.execute("SET lock_timeout = '50ms'")
        transaction = writer.transaction()
        await transaction.start()
        early = await writer.fetchval(INSERT, organization, "{}")
        late = await ledger.write(organization, "committed")
        await ledger.seal()
        assert await ledger.sealed(organization) == late
        also_early = await writer.fetchval(INSERT, organization, "{}")
        await transaction.commit()
    await ledger.seal()
    assert await ledger.sealed(organization) == [*late, early, also_early]
    assert (await ledger.verify(organization)).exit_code == 0


async def test_what_was_rolled_back_is_not_sealed(ledger, organization):
    async with ledger.connected("gateway_owner") as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.fetchval(INSERT, organization, "{}")
        await ledger.seal()
        await transaction.rollback()
    await ledger.seal()
    assert await ledger.sealed(organization) == []


@pytest.mark.slow
async def test_concurrent_writers_and_sealers_seal_every_committed_event_once(ledger):
    organizations = [await ledger.organization() for _ in range(3)]
    committed: set[UUID] = set()
    await ledger.seal()  # what earlier tests have left
    meanwhile, begun = 0, time.monotonic()

    def goes_on() -> bool:
        """Return whether to write and seal on: for a while, and until something was sealed."""
        spent = time.monotonic() - begun
        return spent < 0.8 or (meanwhile == 0 and spent < 20)

    async def write(seed: int, hold: float) -> None:
        chance = random.Random(seed)
        async with ledger.connected("gateway_owner") as writer:
            await writer.execute("SET lock_timeout = '50ms'")
            while goes_on():
                transaction = writer.transaction()
                await transaction.start()
                written = set()
                for _ in range(chance.randint(1, 4)):
                    organization = chance.choice(organizations)
                    written.add(await writer.fetchval(INSERT, organization, "{}"))
                    await asyncio.sleep(hold * chance.random())
                if chance.random() < 0.2:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    committed.update(written)

    async def keep(batch: int) -> None:
        nonlocal meanwhile
        async with ledger.connected() as sealer:
            while goes_on():
                meanwhile += (await seal(sealer, batch)).events
                await asyncio.sleep(0)

    await asyncio.gather(
        *(write(seed, hold) for seed, hold in enumerate((0.002, 0.002, 0.02, 0.3))),
        *(keep(batch) for batch in (3, 50)),
    )
    await ledger.seal()
    sealed = [event for each in organizations for event in await ledger.sealed(each)]
    assert len(sealed) == len(set(sealed))
    assert set(sealed) == committed
    assert meanwhile > 0  # some of them while the others wrote
    for organization in organizations:
        assert (await ledger.verify(organization)).exit_code == 0


async def test_a_large_backlog_is_sealed_in_batches_and_the_cursor_moves_at_its_end(
    ledger, organization
):
    await ledger.seal()
    await ledger.write(organization, *range(25))
    reached = (await ledger.superuser.fetchrow(CURSOR))["sealed"]
    async with ledger.connected() as sealer:
        for batch in (1, 2):
            assert await seal(sealer, 10) == Sealed(10, done=False)
            assert (await ledger.superuser.fetchrow(CURSOR))["sealed"] == reached
            await ledger.write(organization, f"meanwhile {batch}")
        assert await seal(sealer, 10) == Sealed(5, done=True)
        assert (await ledger.superuser.fetchrow(CURSOR))["sealed"] != reached
        assert await seal(sealer, 10) == Sealed(2, done=True)
    assert positions(await ledger.seals(organization)) == list(range(1, 28))


async def test_in_another_cluster_what_has_no_seal_is_sealed_and_nothing_twice(
    ledger, organization, events
):
    """As after a dump was restored: snapshots and transaction IDs are another cluster's."""
    far = "'900000000000'"
    unsealed = await ledger.write(organization, "just before the dump")
    await ledger.tamper(
        f"UPDATE audit_logs SET xid = {far} WHERE id IN ('{events[4]}', '{unsealed[0]}')",
        "UPDATE audit_seal_cursor SET cluster = 1, sealed = '800000000000:800000000000:'",
    )
    await ledger.rehash(organization)  # it was sealed there with that number
    assert (await ledger.verify(organization)).exit_code == 0
    new = await ledger.write(organization, "written here")
    await ledger.seal()
    assert await ledger.sealed(organization) == [*events, *new, *unsealed]
    later = await ledger.write(organization, "and later")
    await ledger.seal()
    assert await ledger.sealed(organization) == [*events, *new, *unsealed, *later]
    assert (await ledger.verify(organization)).exit_code == 0


async def test_one_seals_and_the_others_do_not_wait_for_it(ledger, organization):
    await ledger.write(organization, "waits")
    async with ledger.connected() as busy, ledger.connected() as other:
        await busy.execute(f"SELECT pg_advisory_lock({SEALING})")
        assert await seal(other) == Sealed(0, done=True)
        assert await seal_everything(busy) >= 1
        assert await seal(other) == Sealed(0, done=True)
        await busy.execute(f"SELECT pg_advisory_unlock({SEALING})")
    assert len(await ledger.sealed(organization)) == 1


async def test_an_id_that_is_used_twice_holds_up_nothing(ledger, organization, events):
    again = "INSERT INTO audit_logs (id, organization_id, entity_id, entity_type, action)"
    await ledger.superuser.execute(
        f"{again} VALUES ($1, $2, $1, 'Requirement', 'update')", events[0], organization
    )
    await ledger.seal()
    assert await ledger.sealed(organization) == [*events, events[0]]


@pytest.mark.parametrize("isolation", ["repeatable_read", "read_committed"])
async def test_sealing_is_a_transaction_of_its_own(ledger, organization, isolation):
    async with ledger.connected("gateway_owner") as connection:
        transaction = connection.transaction(isolation=isolation)
        await transaction.start()
        await connection.fetchval(INSERT, organization, "{}")
        with pytest.raises(asyncpg.PostgresError, match="a transaction of its own"):
            await seal(connection)
        await transaction.rollback()
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await seal(connection, 0)


async def test_requests_see_the_seals_of_their_tenant_and_change_none(ledger, organization, events):
    other = await ledger.organization()
    await ledger.write(other, "theirs")
    await ledger.write(None, "nobody's")
    await ledger.seal()
    async with ledger.connected() as app:
        key = await read_key(ledger.superuser)
        context = signed(key, organizations=[organization])[1]
        await app.execute("SELECT set_config('app.organizations', $1, false)", context)
        rows = await app.fetch("SELECT DISTINCT organization_id FROM audit_seals")
        assert [row[0] for row in rows] == [organization]
        for statement in (
            "UPDATE audit_seals SET hash = ''",
            "DELETE FROM audit_seals",
            f"INSERT INTO audit_seals VALUES ('{organization}', 9, now(), '{uuid4()}', '')",
            "SELECT FROM audit_seal_cursor",
            "SELECT FROM audit_checkpoints",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)


@pytest.mark.parametrize("table", ["audit_seals", "audit_checkpoints"])
async def test_seals_and_checkpoints_are_only_added_to(ledger, events, table):
    await ledger.run("checkpoint")
    async with ledger.connected("gateway_owner") as owner:
        for statement in ("UPDATE {} SET seq = seq + 1", "DELETE FROM {}", "TRUNCATE {}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is only added to"):
                await owner.execute(statement.format(table))


async def eventually(condition):
    for _ in range(100):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(condition)


@pytest.mark.slow
async def test_a_failure_does_not_end_the_sealing(ledger, organization, monkeypatch):
    monkeypatch.setattr(sealing, "BUSY_PAUSE", 0.02)
    monkeypatch.setattr(sealing, "IDLE_PAUSE", 0.05)

    async def sealed(number: int) -> bool:
        return len(await ledger.sealed(organization)) == number

    async with Database(ledger.dsn, app_connections=1, orm_connections=1) as database:
        task = asyncio.create_task(keep_sealing(database))
        await ledger.write(organization, "before")
        await eventually(lambda: sealed(1))
        rename = "ALTER FUNCTION ctx.{}(int) RENAME TO {}"
        await ledger.superuser.execute(rename.format("seal_audit_logs", "away"))
        await ledger.write(organization, "meanwhile")
        await asyncio.sleep(0.1)
        assert await sealed(1)
        await ledger.superuser.execute(rename.format("away", "seal_audit_logs"))
        await eventually(lambda: sealed(2))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_server_seals(ledger, organization, tmp_path):
    settings = Settings(database_url=ledger.dsn, gateway_secret=SECRET, gateway_data_dir=tmp_path)
    app = create_app(settings)
    await ledger.write(organization, "before it starts")

    async def sealed() -> bool:
        return len(await ledger.sealed(organization)) == 1

    async with app.router.lifespan_context(app):
        await eventually(sealed)
