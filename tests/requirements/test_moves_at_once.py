"""Concurrent moves, over two documents with blocks: nothing is lost, doubled or out of order."""

import asyncio
import json
import random
from itertools import pairwise

import pytest

from tests.world import Refused

CLIENTS = 16
PEOPLE = ("editor", "admin", "owner")
READ = {
    "blocks": "query ($id: UUID!) { row: block(id: $id) { version documentId } }",
    "requirements": "query ($id: UUID!) { row: requirement(id: $id) { version documentId } }",
}
CREATE = """mutation ($id: UUID!, $block: UUID!) { requirementCreate(
    input: {documentId: $id, blockId: $block, name: "New"}) { requirement { id } } }"""
ROWS = """SELECT id, version, position, project_id::text, document_id::text, {inside}::text
    FROM {table} WHERE document_id = ANY($1) ORDER BY position, id"""
INSIDE = {"blocks": "parent_id", "requirements": "block_id"}


@pytest.fixture
async def shelves(shelf, other_project):
    """Return two documents of two projects, with requirements in the blocks of the first."""
    one, other = await shelf(), await shelf(project=other_project)
    for shelf_, letters in ((one, "ABCD"), (other, "WXYZ")):
        await shelf_.add_blocks(*letters)
        await shelf_.add_requirements(*(f"{letters[0]}{n}" for n in range(20)))
        for letter in letters:
            await shelf_.add_requirements(*(f"{letter}{n}" for n in range(20, 30)), block=letter)
    return one, other


async def stored(world, shelves, table):
    """Return the rows of both documents, in their order, by their ids."""
    rows = await world.superuser.fetch(
        ROWS.format(table=table, inside=INSIDE[table]), [shelf.id for shelf in shelves]
    )
    return {row["id"]: dict(row) for row in rows}


class Mover:
    """One client: makes random moves, and reads the moved rows again."""

    def __init__(self, world, shelves, table, number):
        self.world, self.shelves, self.table = world, shelves, table
        self.person = PEOPLE[number % len(PEOPLE)]
        self.chance = random.Random(number)
        self.ids = {
            shelf: [id for name, id in shelf.ids.items() if (len(name) == 1) == (table == "blocks")]
            for shelf in shelves
        }
        self.codes = []

    async def move(self):
        chance = self.chance
        of, to = chance.choice(self.shelves), chance.choice(self.shelves)
        id = chance.choice(self.ids[of])
        row = await self.world.ask(self.person, READ[self.table], id=id)
        place = {"documentId": to.id}
        if chance.random() < 0.3:
            inside = {"blocks": "parentId", "requirements": "blockId"}[self.table]
            place[inside] = chance.choice(
                [None, *(to.ids[name] for name in to.ids if len(name) == 1)]
            )
        way = chance.choice(["after", "before", "first", "last"])
        place[way] = True if way in ("first", "last") else chance.choice(self.ids[to])
        if way in ("after", "before") and chance.random() < 0.5:
            place[way] = self.ids[to][0]  # a popular place
        try:
            await self.shelves[0].move_by_id(self.table, id, row["version"], self.person, to=place)
        except Refused as refused:
            self.codes.append(refused.code)
        else:
            self.codes.append(None)


async def run(world, shelves, moves, tables):
    """Run this many moves by many clients at once; return the number of accepted ones."""
    before = {table: await stored(world, shelves, table) for table in INSIDE}
    movers = [
        Mover(world, shelves, tables[number % len(tables)], number) for number in range(CLIENTS)
    ]

    async def all_of(mover):
        for _ in range(moves // CLIENTS):
            await mover.move()

    await asyncio.gather(*map(all_of, movers))
    codes = [code for mover in movers for code in mover.codes]
    assert set(codes) <= {None, "INVALID", "CONFLICT"}, codes
    for table in INSIDE:
        after = await stored(world, shelves, table)
        require_order(before[table], after)
        await require_record(world, table, before[table], after)
    return codes.count(None)


def require_order(before, after):
    """Check that every row exists once, and no two of a document at one position."""
    assert after.keys() == before.keys()
    for document in {row["document_id"] for row in after.values()}:
        line = [row for row in after.values() if row["document_id"] == document]
        assert all(right["position"] - left["position"] >= 1e-9 for left, right in pairwise(line))


async def require_record(world, table, before, after):
    """Check that the recorded events, applied from the start, give the stored rows."""
    changes = await world.superuser.fetch(
        "SELECT entity_id, version, old_data, new_data FROM audit_logs"
        " WHERE entity_id = ANY($1) ORDER BY entity_id, version",
        list(before),
    )
    made = {id: dict(row) for id, row in before.items()}
    for change in changes:
        row = made[change["entity_id"]]
        old, new = json.loads(change["old_data"]), json.loads(change["new_data"])
        assert {name: row[name] for name in old} == old
        assert change["version"] == row["version"] + 1
        row |= new | {"version": change["version"]}
    assert made == after


@pytest.mark.slow
async def test_what_is_added_at_once_has_a_place_each(world, shelves):
    one, _ = shelves
    await asyncio.gather(
        *(world.ask("editor", CREATE, id=one.id, block=one.ids["A"]) for _ in range(8))
    )
    positions = [node["position"] for node in await one.listed()]
    assert len(positions) == len(set(positions)) == 68


async def test_what_is_added_to_a_block_while_it_goes_is_refused_or_goes_along(world, shelves):
    one, other = shelves
    codes = await asyncio.gather(
        *(world.code("editor", CREATE, id=one.id, block=one.ids["A"]) for _ in range(4)),
        one.move_block("A", documentId=other.id),
        *(world.code("editor", CREATE, id=one.id, block=one.ids["A"]) for _ in range(4)),
    )
    refused = [code for code in codes if isinstance(code, str)]
    assert set(refused) <= {"INVALID"}
    inside = [node for node in await other.listed() if node["block"] == {"name": "A"}]
    assert len(inside) == 10 + 8 - len(refused)
    for node in inside:
        records = await world.records(node["id"])
        assert records[-1]["document_id"] == other.id


@pytest.mark.slow
async def test_moves_at_once_leave_everything_once_in_its_order(world, shelves):
    assert await run(world, shelves, 48, ["requirements", "blocks"]) > 10


@pytest.mark.storm
@pytest.mark.exhaustive
async def test_many_moves_at_once_leave_everything_once_in_its_order(world, shelves, full):
    moves = 1008 if full else 240
    made = await run(world, shelves, moves, ["requirements", "requirements", "blocks"])
    assert made > moves * 0.3
