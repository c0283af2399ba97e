"""Bulk operations through the API, with a worker for their jobs."""

from dataclasses import dataclass
from typing import Any

import orjson

from graph.bulk import Bulk
from graph.kit.context import Context
from graph.platform.jobs.run import Services
from graph.platform.jobs.worker import Worker
from graph.requirements.bulk_operations import KINDS
from tests.platform.jobs.kinds import LONG
from tests.requirements.transferring import Transfers

QUERY = """mutation ($input: BulkQueryStartInput!) { bulkQueryStart(input: $input) { jobId } }"""
MUTATION = """mutation ($input: BulkMutationStartInput!) {
    bulkMutationStart(input: $input) { jobId job { kind } } }"""
JOB = """query ($id: UUID!) { job(id: $id) { status error attempts progress
    bulkResult { lines errors files { name mediaType size url } } } }"""


@dataclass
class BulkJobs:
    """Bulk operations of the world's organization."""

    transfers: Transfers
    operations: Any
    settings: Any

    @property
    def world(self) -> Any:
        return self.transfers.world

    async def run(self) -> None:
        """Run the jobs that are due."""
        bulk = Bulk(self.operations, self.settings, Context)
        services = Services(storage=self.transfers.place.storage, operations=bulk)
        await Worker(self.world.database, KINDS, lease=LONG, services=services).run_due()

    async def started(self, by: str, text: str, /, **input: Any) -> str:
        """Start an operation; return the ID of its job."""
        given = {"organizationId": self.world.organization} | input
        id: str = (await self.world.ask(by, text, input=given))["jobId"]
        return id

    async def code(self, by: str, text: str, /, **input: Any) -> str | None:
        """Start an operation; return the code of its error."""
        given = {"organizationId": self.world.organization} | input
        code: str | None = await self.world.code(by, text, input=given)
        return code

    async def job(self, id: str, by: str) -> Any:
        return await self.world.ask(by, JOB, id=id)

    async def result(self, id: str, by: str) -> list[Any]:
        """Return the lines of the result of a job that has succeeded."""
        job = await self.job(id, by)
        assert (job["status"], job["error"]) == ("SUCCEEDED", None)
        found = []
        for file in job["bulkResult"]["files"]:
            response = await self.transfers.place.outside.get(file["url"])
            assert len(response.content) == int(file["size"])
            found += [orjson.loads(line) for line in response.content.splitlines()]
        assert len(found) == job["bulkResult"]["lines"]
        return found

    async def asked(self, by: str, query: str, **variables: Any) -> list[Any]:
        """Run a query as a job; return its lines."""
        id = await self.started(by, QUERY, query=query, variables=variables)
        await self.run()
        return await self.result(id, by)

    async def fed(self, by: str, mutation: str, lines: list[Any], **input: Any) -> str:
        """Start a mutation for these lines; return the ID of its job."""
        content = b"\n".join(
            line if isinstance(line, bytes) else orjson.dumps(line) for line in lines
        )
        file = await self.transfers.uploaded("lines.jsonl", content)
        return await self.started(by, MUTATION, mutation=mutation, fileId=file, **input)
