"""500 rows cost as few statements as one, counted on the wire to PostgreSQL."""

import httpx
import pytest
from pydantic import SecretStr

from graph.app import create_app
from tests.requirements.bulk import (
    CREATE,
    CREATE_BLOCKS,
    DELETE,
    DELETE_BLOCKS,
    MOVE,
    MOVE_BLOCKS,
    UPDATE,
    UPDATE_BLOCKS,
    change,
    codes,
    gone,
    moved,
)
from tests.wire import tapped
from tests.world import found

MANY = 500
MOST = 5
"""Statements between BEGIN and COMMIT."""

WRITING = "WITH recorded"
"""The beginning of a statement that writes."""


@pytest.fixture(scope="module")
async def wire(database_dsn):
    async with tapped(database_dsn) as wire:
        yield wire


@pytest.fixture(scope="module")
async def tapped_client(wire, settings):
    """Yield an application behind the tap, with one connection for writes."""
    through = {"database_url": SecretStr(wire.dsn), "orm_connections": 1}
    app = create_app(settings.model_copy(update=through))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
async def world(superuser, database, tapped_client):
    """Return a tenant of this test's own, whose requests pass the tap."""
    world = await found(superuser, database, tapped_client)
    for query, id in ((UPDATE, world.requirement), (UPDATE_BLOCKS, world.block)):
        for person in ("editor", "owner"):  # the driver asks once for each enum that it meets
            await world.ask(person, query, items=[change(id, 1, name="Warm")])
    return world


@pytest.fixture
def sent(world, wire):
    """Send a request; return the data and the statements of its transaction."""

    async def sent(query, **variables):
        await world.token("editor")
        wire.forget()
        answer = await world.ask("editor", query, **variables)
        (transaction,) = (sent for sent in wire.transactions() if WRITING in " ".join(sent))
        return answer, transaction

    return sent


@pytest.fixture
async def another(world):
    """Return another document of the project."""
    return await world.superuser.fetchval(
        "INSERT INTO documents (organization_id, project_id, name, slug)"
        " VALUES ($1, $2, 'Another', 'another') RETURNING id",
        world.organization,
        world.project,
    )


async def many(world, query, table):
    items = [{"documentId": world.document, "name": f"N{n}"} for n in range(MANY)]
    made = await world.ask("editor", query, items=items)
    row = "block" if table == "blocks" else "requirement"
    return [result[row]["id"] for result in made["results"]]


async def touch(world, table, ids):
    """Record a change of every row by another person."""
    update = UPDATE_BLOCKS if table == "blocks" else UPDATE
    other = {"type": "table"} if table == "blocks" else {"status": "APPROVED"}
    answer = await world.ask("owner", update, items=[change(id, 1, **other) for id in ids])
    assert answer["failed"] == 0


@pytest.mark.slow
async def test_requirements_are_created(world, sent):
    items = [
        {
            "documentId": world.document,
            "blockId": world.block,
            "name": f"N{n}",
            "externalId": f"{n}",
        }
        for n in range(MANY)
    ]
    answer, statements = await sent(CREATE, items=items)
    assert answer["succeeded"] == MANY
    assert len(statements) <= MOST + 1  # one reads the definitions of properties


@pytest.mark.slow
async def test_requirements_are_updated_stale_or_not(world, sent):
    ids = await many(world, CREATE, "requirements")
    answer, statements = await sent(UPDATE, items=[change(id, name="A") for id in ids])
    assert (answer["succeeded"], len(statements) <= MOST - 1) == (MANY, True)
    items = [change(id, 1, tags=["b"], description=str(n)) for n, id in enumerate(ids)]
    answer, statements = await sent(UPDATE, items=items)
    assert {result["merged"] for result in answer["results"]} == {True}
    assert len(statements) <= MOST


@pytest.mark.slow
async def test_requirements_are_deleted(world, sent):
    ids = await many(world, CREATE, "requirements")
    answer, statements = await sent(DELETE, items=[gone(id) for id in ids])
    assert (answer["succeeded"], len(statements) <= MOST) == (MANY, True)


@pytest.mark.slow
async def test_blocks_are_created_within_others(world, sent):
    items = [
        {"documentId": world.document, "parentId": world.block, "name": f"N{n}"}
        for n in range(MANY)
    ]
    answer, statements = await sent(CREATE_BLOCKS, items=items)
    assert (answer["succeeded"], len(statements) <= MOST) == (MANY, True)


@pytest.mark.slow
async def test_blocks_are_renamed_stale_or_not(world, sent):
    ids = await many(world, CREATE_BLOCKS, "blocks")
    await touch(world, "blocks", ids)
    items = [change(id, 1, name="N") for id in ids]
    answer, statements = await sent(UPDATE_BLOCKS, items=items)
    assert {result["merged"] for result in answer["results"]} == {True}
    assert len(statements) <= MOST


@pytest.mark.slow
async def test_blocks_are_deleted(world, sent):
    ids = await many(world, CREATE_BLOCKS, "blocks")
    answer, statements = await sent(DELETE_BLOCKS, items=[gone(id) for id in ids])
    assert (answer["succeeded"], len(statements) <= MOST) == (MANY, True)


@pytest.mark.slow
async def test_requirements_are_moved_to_one_place(world, sent):
    ids = await many(world, CREATE, "requirements")
    items = [moved(id, after=world.requirement) for id in ids]
    answer, statements = await sent(MOVE, items=items)  # with some that make room over and over
    assert (answer["succeeded"], len(statements)) == (MANY, MOST - 1)
    versions = [result["requirement"]["version"] for result in answer["results"]]
    items = [
        moved(id, version, blockId=world.block, before=world.requirement)
        for id, version in zip(ids, versions, strict=True)
    ]
    answer, statements = await sent(MOVE, items=items)
    assert (answer["succeeded"], len(statements)) == (MANY, MOST)


@pytest.mark.slow
async def test_requirements_are_moved_to_another_document_stale_or_not(world, sent, another):
    ids = await many(world, CREATE, "requirements")
    await touch(world, "requirements", ids[:250])
    items = [moved(id, 1, documentId=another) for id in ids]
    answer, statements = await sent(MOVE, items=items)
    # With their comment threads and assignments.
    assert (answer["succeeded"], len(statements)) == (MANY, MOST + 2), statements


@pytest.mark.slow
async def test_blocks_are_moved_with_what_is_in_them(world, sent, another):
    ids = await many(world, CREATE_BLOCKS, "blocks")
    items = [moved(id, parentId=world.block, at={"end": "START"}) for id in ids]
    answer, statements = await sent(MOVE_BLOCKS, items=items)
    assert (answer["succeeded"], len(statements)) == (MANY, MOST - 1)
    items = [moved(id, 2, documentId=another) for id in ids]
    answer, statements = await sent(MOVE_BLOCKS, items=items)
    assert (answer["succeeded"], len(statements)) == (MANY, MOST + 3), statements


@pytest.mark.slow
async def test_refusals_that_need_no_database_cost_no_statement(world, sent):
    ids = await many(world, CREATE, "requirements")
    await touch(world, "requirements", ids)
    good = [change(id, 1, name="A") for id in ids]
    _, without = await sent(UPDATE, items=good, dryRun=True)
    bad = [
        change(ids[0], 1, name="NUL \0"),
        change(ids[1], 99, name="No such version"),
        change(ids[2], 1, status="REJECTED"),
        change(world.project, 1, name="No such row"),
        change(ids[4], 0, name="No such version"),
        change(ids[5], 1, force=True, name="Not an administrator"),
        change(ids[6], 1, tags=[" "]),
        change(ids[8], 1, name="Twice"),
    ]
    answer, statements = await sent(UPDATE, items=[*bad, *good[8:]], onError="CONTINUE")
    assert codes(answer)[:9] == [
        "INVALID",
        "INVALID",
        "CONFLICT",
        "NOT_FOUND",
        "INVALID",
        "FORBIDDEN",
        "INVALID",
        None,
        "INVALID",
    ]
    assert answer["succeeded"] == len(answer["results"]) - 8
    assert len(statements) == len(without) <= MOST


@pytest.mark.slow
async def test_what_only_the_database_refuses_is_found_by_halving(world, sent):
    taken = {"documentId": world.document, "name": "Taken", "externalId": "T"}
    await world.ask("editor", CREATE, items=[taken])
    items = [{"documentId": world.document, "name": f"N{n}"} for n in range(MANY)]
    for index in (7, 250, 499):
        items[index] = taken
    answer, statements = await sent(CREATE, items=items, onError="CONTINUE")
    assert answer["failed"] == 3
    assert [result["index"] for result in answer["results"] if result["error"]] == [7, 250, 499]
    assert len(statements) < 3 * 4 * 9
