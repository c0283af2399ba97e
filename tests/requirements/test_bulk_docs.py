"""The examples of docs/bulk.md run as written."""

import re
from pathlib import Path

import pytest

from graph.http.operation.operations import Operations
from graph.schema import schema
from tests.requirements.bulk_jobs import BulkJobs
from tests.requirements.transferring import Transfers
from tests.storage.uploading import Uploading

DOCUMENT = (Path(__file__).parents[2] / "docs" / "bulk.md").read_text()
READ, RESULT, WRITE = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def bulk(world, client, app, settings):
    transfers = Transfers(Uploading(world, app.state.storage, client))
    return BulkJobs(transfers, Operations(schema, settings), settings)


async def test_the_examples_work_one_after_the_other(world, bulk):
    line = b'{"documentId": "%s", "name": "Wheels"}' % str(world.document).encode()
    file = await bulk.transfers.uploaded("lines.jsonl", line)
    given = {"organization": world.organization, "file": file}
    written = await world.ask("editor", WRITE, **given)
    await bulk.run()
    found = (await world.ask("editor", RESULT, job=written["jobId"]))["bulkResult"]
    assert (found["lines"], found["errors"]) == (1, 0)
    given = {"organization": world.organization, "project": world.project}
    read = await world.ask("viewer", READ, **given)
    await bulk.run()
    lines = await bulk.result(read["jobId"], "viewer")
    assert "Wheels" in [line["name"] for line in lines]
