"""Moves per second through HTTP, and the number of rows that a move renumbers.

All are within one document of 10,000 requirements, where moves take turns: 16 clients move their
requirements to random places, or all of them right after one and the same. A bulk is 500 such.
"""

import asyncio
import random
import time
from uuid import UUID

from bench.stand import Stand

CLIENTS, MOVES = 16, 60
BLOCKS, REQUIREMENTS = 10, 1_000
MANY = 500

MOVE = """mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {
  requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {
    requirement { id version position } } }"""
MANY_MOVES = """mutation ($items: [RequirementsMoveItemInput!]!) {
  requirementsMove(items: $items) { results { requirement { id version position } } } }"""
RENUMBERED = """SELECT count(*) FROM audit_logs
WHERE document_id = $1 AND details ? 'renumbered'"""


async def measure(stand: Stand) -> None:
    """Move, and print the figures."""
    project = await stand.project(1, BLOCKS, REQUIREMENTS)
    rows = await stand.superuser.fetch(
        "SELECT id, document_id FROM requirements WHERE project_id = $1 ORDER BY position", project
    )
    document, ids = rows[0]["document_id"], [str(row["id"]) for row in rows]
    chance = random.Random(20261121)
    versions = dict.fromkeys(ids, 1)
    place = ids[len(ids) // 2]
    sources = [id for id in ids if id != place]

    async def move(id: str, after: str) -> None:
        sent = {"id": id, "version": str(versions[id]), "to": {"at": {"after": after}}}
        answer = (await stand.ask(MOVE, **sent)).json()["data"]["requirementMove"]
        versions[id] = int(answer["requirement"]["version"])

    async def client(number: int, *, to_one: bool) -> None:
        mine = sources[number::CLIENTS]
        for _ in range(MOVES):
            id = chance.choice(mine)
            await move(id, place if to_one or id == ids[0] else ids[0])
            if not to_one:
                await move(id, chance.choice([other for other in ids if other != id]))

    await move(ids[1], ids[2])  # which lets the driver learn the types
    count = await stand.statements(lambda: move(ids[2], ids[9]))
    print(f"a move: {count} statements")
    for kind, to_one in (("anywhere", False), ("to one place", True)):
        before = await renumbered(stand, document)
        start = time.perf_counter()
        await asyncio.gather(*(client(number, to_one=to_one) for number in range(CLIENTS)))
        seconds = time.perf_counter() - start
        made = CLIENTS * MOVES * (1 if to_one else 2)
        told = (await renumbered(stand, document) - before) / made
        print(
            f"{CLIENTS} clients  {kind:<14}{made / seconds:8.1f} moves/s{told:7.2f} renumbered each"
        )
    await _bulk(stand, document, place, sources[-MANY:], versions)


async def _bulk(
    stand: Stand, document: UUID, place: str, ids: list[str], versions: dict[str, int]
) -> None:
    items = [
        {"id": id, "expectedVersion": str(versions[id]), "placeAt": {"at": {"after": place}}}
        for id in ids
    ]
    before = await renumbered(stand, document)
    start = time.perf_counter()
    count = await stand.statements(lambda: stand.ask(MANY_MOVES, items=items))
    seconds = time.perf_counter() - start
    told = (await renumbered(stand, document) - before) / len(items)
    print(f"{MANY} in one: {seconds * 1000:.0f} ms, {count} statements,{told:6.2f} renumbered each")


async def renumbered(stand: Stand, document: UUID) -> int:
    """Return the number of rows that moves have renumbered in this document so far."""
    return int(await stand.superuser.fetchval(RENUMBERED, document))
