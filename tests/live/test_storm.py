"""Readers are cut off again and again, nodes and a database die: no gap, no repetition."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.embedded.cluster import Embedded
from tests.live.storm import Cluster, Reader, Writer, cluster, database_of_its_own, until

pytestmark = [pytest.mark.processes, pytest.mark.exhaustive, pytest.mark.storm]


@dataclass(frozen=True)
class Size:
    """The number of clients, and the least that each of them does."""

    readers: int
    cuts: int
    rows: int
    times: int


SMALL, FULL = Size(10, 10, 10, 20), Size(20, 50, 50, 49)
WRITERS = 4
DOCUMENTS = """
INSERT INTO documents (id, organization_id, project_id, name, slug, position)
SELECT $1, organization_id, project_id, 'Second', 'second', 9 FROM documents WHERE id = $2
"""
BLOCKS = """
INSERT INTO blocks (id, organization_id, project_id, document_id, name, position)
SELECT $1, organization_id, project_id, id, 'Block', 1 FROM documents WHERE id = $2
"""
LAST = "SELECT sequence FROM feed_documents WHERE document_id = $1"
RECORD = """
SELECT entity_id::text, version, new_data ->> 'name' AS name FROM audit_logs
WHERE document_id = $1 AND entity_type = 'Requirement' ORDER BY entity_id, version
"""


@pytest.fixture
def embedded() -> Iterator[Embedded]:
    """Start a server outside of any loop."""
    with database_of_its_own() as embedded:
        yield embedded


async def test_everybody_is_told_everything_once_and_in_order(
    embedded: Embedded, tmp_path: Path, full: bool
):
    size = FULL if full else SMALL
    async with cluster(embedded, 2, tmp_path) as broken:
        superuser = await asyncpg.connect(broken.superuser_dsn)
        second, block = uuid4(), uuid4()
        await superuser.execute(DOCUMENTS, second, broken.world.document)
        await superuser.execute(BLOCKS, block, second)
        await superuser.close()
        places = [(broken.world.document, broken.world.block), (second, block)]
        readers = [
            Reader(broken, places[seed % 2][0], seed, size.cuts, whole=seed % 2 == 0)
            for seed in range(size.readers)
        ]
        for reader in readers:
            reader.after = await _start(broken, reader.document)
        following = [asyncio.create_task(reader.follow()) for reader in readers]
        writers = [Writer(broken, *places[seed % 2], seed) for seed in range(WRITERS)]
        storming = asyncio.create_task(_storm(broken))
        await asyncio.gather(*(writer.write(size.rows, size.times, storming) for writer in writers))
        await storming
        edits = sum(writer.edits for writer in writers)
        assert edits >= WRITERS * size.rows * (1 + size.times)
        assert sum(writer.repeated for writer in writers) > 0

        superuser = await asyncpg.connect(broken.superuser_dsn)
        for document, _ in places:
            last = await superuser.fetchval(LAST, document)
            record = [tuple(row) for row in await superuser.fetch(RECORD, document)]
            edits -= len(record)
            for reader in readers:
                if reader.document == document:
                    await until(partial(reader.is_through, last), reader)
                    _has_read_all(reader, last, record)
        assert edits == 0  # the record has what was acknowledged, and no more
        for task in following:
            task.cancel()
        await superuser.close()


async def _start(broken: Cluster, document: UUID) -> str:
    """Return the cursor from which this document is followed."""
    reader = Reader(broken, document, 0, 0)
    following = asyncio.create_task(reader.follow())
    await until(lambda: reader.after, reader)
    following.cancel()
    return reader.after


async def _storm(broken: Cluster) -> None:
    """Kill two nodes, one after the other, and crash the database twice."""
    for node in broken.nodes:
        await asyncio.sleep(1)
        node.kill()
        await asyncio.sleep(1)
        node.start()
        await node.ready()
        await asyncio.sleep(1)
        await broken.crash()


def _has_read_all(reader: Reader, last: int, record: list[tuple[str, int, str]]) -> None:
    """Check that every number came once, and every version of every row in its order."""
    assert reader.strange == []
    assert reader.greeted > reader.cuts  # each cut was that of somebody who followed
    first = reader.told[0]["sequence"]
    assert [event["sequence"] for event in reader.told] == list(range(first, last + 1))
    told = [(event["entityId"], event["version"]) for event in reader.told]
    assert sorted(told) == [event[:2] for event in record]
    if reader.whole:
        rows = [(event["entityId"], *event["entity"].values()) for event in reader.told]
        assert sorted(rows) == record
    newest: dict[str, int] = {}
    for id, version in told:
        assert version == newest.get(id, 0) + 1
        newest[id] = version
