"""Readers are cut off a thousand times, nodes and a database die: no gap, no repetition."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.embedded import Embedded
from tests.live.storm import Cluster, Reader, Writer, cluster, database_of_its_own, until

pytestmark = [pytest.mark.processes, pytest.mark.exhaustive]

READERS, CUTS = 20, 50
WRITERS, ROWS, TIMES = 4, 50, 49
EDITS = WRITERS * ROWS * (1 + TIMES)
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
    """Started outside of any loop."""
    with database_of_its_own() as embedded:
        yield embedded


async def test_everybody_is_told_everything_once_and_in_order(embedded: Embedded, tmp_path: Path):
    async with cluster(embedded, 2, tmp_path) as broken:
        superuser = await asyncpg.connect(broken.superuser_dsn)
        second, block = uuid4(), uuid4()
        await superuser.execute(DOCUMENTS, second, broken.world.document)
        await superuser.execute(BLOCKS, block, second)
        await superuser.close()
        places = [(broken.world.document, broken.world.block), (second, block)]
        readers = [
            Reader(broken, places[seed % 2][0], seed, CUTS, whole=seed % 2 == 0)
            for seed in range(READERS)
        ]
        for reader in readers:
            reader.after = await _start(broken, reader.document)
        following = [asyncio.create_task(reader.follow()) for reader in readers]
        writers = [Writer(broken, *places[seed % 2], seed) for seed in range(WRITERS)]
        storming = asyncio.create_task(_storm(broken))
        await asyncio.gather(*(writer.write(ROWS, TIMES) for writer in writers))
        await storming
        assert sum(writer.edits for writer in writers) == EDITS
        assert sum(writer.repeated for writer in writers) > 0

        superuser = await asyncpg.connect(broken.superuser_dsn)
        for document, _ in places:
            last = await superuser.fetchval(LAST, document)
            record = [tuple(row) for row in await superuser.fetch(RECORD, document)]
            for reader in readers:
                if reader.document == document:
                    await until(partial(reader.is_through, last), reader)
                    _has_read_all(reader, last, record)
        for task in following:
            task.cancel()
        await superuser.close()


async def _start(broken: Cluster, document: UUID) -> str:
    """The cursor from which on this document is to be followed."""
    reader = Reader(broken, document, 0, 0)
    following = asyncio.create_task(reader.follow())
    await until(lambda: reader.after, reader)
    following.cancel()
    return reader.after


async def _storm(broken: Cluster) -> None:
    """Two nodes are killed, one after the other, and the database crashes twice."""
    for node in broken.nodes:
        await asyncio.sleep(3)
        node.kill()
        await asyncio.sleep(2)
        node.start()
        await node.ready()
        await asyncio.sleep(2)
        await broken.crash()


def _has_read_all(reader: Reader, last: int, record: list[tuple[str, int, str]]) -> None:
    """Every number once, and every version of every row in its order, as the record has it."""
    assert reader.strange == []
    assert reader.greeted > CUTS  # each cut was that of somebody who followed
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
