"""Files that are uploaded, imported and exported through the API, with a worker for the jobs."""

from dataclasses import dataclass
from typing import Any

from auth.outbound import Outbound
from graph.platform.jobs.run import Services
from graph.requirements.exchange.jobs import KINDS
from tests.platform.jobs.kinds import worker
from tests.storage.uploading import Uploading

IMPORT = """mutation ($input: ImportStartInput!, $dryRun: Boolean!) {
    importStart(input: $input, dryRun: $dryRun) { jobId job { kind status } } }"""
EXPORT = """mutation ($input: ExportStartInput!) { exportStart(input: $input) { jobId } }"""
JOB = """query ($id: UUID!) { job(id: $id) { status error progress
    exportedFile { name mediaType size sha256 url }
    importReport { dryRun documents notes objects { kind externalId name outcome fields }
        counts { kind created updated restored unchanged absent } } } }"""


@dataclass
class Transfers:
    """Imports into the world's project and exports from it."""

    place: Uploading

    @property
    def world(self) -> Any:
        return self.place.world

    async def run(self, outbound: Outbound | None = None) -> None:
        """Run the jobs that are due, which reach public servers unless told otherwise."""
        services = Services(storage=self.place.storage, outbound=outbound or Outbound())
        await worker(self.world.database, *KINDS, services=services).run_due()

    async def job(self, id: str, by: str = "editor") -> Any:
        return await self.world.ask(by, JOB, id=id)

    async def uploaded(self, name: str, content: bytes) -> str:
        """Upload a file of the project; return its ID."""
        media = "application/octet-stream"
        file = await self.place.stored(
            content, name=name, mediaType=media, ownerId=self.world.project
        )
        id: str = file["id"]
        return id

    async def imported(
        self, name: str, content: bytes, *, dry_run: bool = False, **input: Any
    ) -> Any:
        """Import a file; return its job, with the report."""
        file = await self.uploaded(name, content)
        given = {"projectId": self.world.project, "fileId": file} | input
        started = await self.world.ask("editor", IMPORT, input=given, dryRun=dry_run)
        await self.run()
        return await self.job(started["jobId"])

    async def exported(self, format: str, by: str = "viewer", **input: Any) -> bytes:
        """Export the project, or what the input names; return the content of the file."""
        given = {"projectId": self.world.project, "format": format} | input
        started = await self.world.ask(by, EXPORT, input=given)
        await self.run()
        job = await self.job(started["jobId"], by)
        assert (job["status"], job["error"]) == ("SUCCEEDED", None), job
        response = await self.place.outside.get(job["exportedFile"]["url"])
        assert response.status_code == 200
        assert len(response.content) == int(job["exportedFile"]["size"])
        return response.content


def counts(job: Any, kind: str) -> dict[str, int]:
    """Return the numbers of a kind in a report, without those that are zero."""
    (found,) = (each for each in job["importReport"]["counts"] if each["kind"] == kind)
    return {name: number for name, number in found.items() if name != "kind" and number}
