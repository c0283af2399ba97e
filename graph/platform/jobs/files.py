"""Files that jobs write: how they are stored, and the field of a job that leads to them."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.problem import Problem
from graph.kit.context import Info
from graph.kit.fields import computed, described, extend_type
from graph.kit.scalars import BigInt
from graph.kit.storage import MAX_DOWNLOAD_TIME, Stored
from graph.platform.jobs.outside import PREFIX
from graph.platform.jobs.run import JobFailed, Run
from graph.platform.jobs.types import Job

MINUTE = 60


@strawberry.type(description="A file that a job has written.")
class ExportedFile:
    job_id: strawberry.Private[UUID]
    sha256: str = described("The SHA-256 digest of the content, in hexadecimal.")
    name: str = described("The name of the file.")
    media_type: str = described("The media type of the content.")
    size: BigInt = described("The size of the content, in bytes.")

    @strawberry.field(
        description="A URL from which the content can be downloaded until it expires, without a"
        " token. Whoever has the URL can download the content."
    )
    def url(
        self,
        info: Info,
        minutes: Annotated[
            int, strawberry.argument(description="The minutes until it expires, from 1 to 60.")
        ] = 5,
    ) -> str:
        most = int(MAX_DOWNLOAD_TIME.total_seconds()) // MINUTE
        if not 1 <= minutes <= most:
            raise Problem("INVALID", f"Must be from 1 to {most} minutes.", field=["minutes"])
        stored = Stored(self.job_id, bytes.fromhex(self.sha256), self.name, self.media_type)
        return info.context.storage.address(stored, MAX_DOWNLOAD_TIME * minutes / most)


@computed(
    "id",
    "kind",
    "result",
    text="The file that an export has written; null for other jobs, and until it has succeeded."
    " The file is removed with the job, a week after it ends.",
)
def _exported_file(root: strawberry.Parent[Any]) -> ExportedFile | None:
    file = (root.result or {}).get("file")
    if file is None or root.kind.startswith(PREFIX):
        return None
    return exported_file(root.id, file)


def exported_file(job: UUID, file: Mapping[str, Any]) -> ExportedFile:
    """Return a file from the result of a job."""
    return ExportedFile(
        job_id=job,
        name=file["name"],
        media_type=file["mediaType"],
        size=BigInt(file["size"]),
        sha256=file["sha256"],
    )


extend_type(Job, exported_file=_exported_file)


async def keep_file(run: Run, source: Path, name: str, media_type: str) -> dict[str, Any]:
    """Store a local file as that of the job; return the entry `file` of the job's result.

    Raises JobFailed for a file that is larger than the storage allows.
    """
    size, digest = await asyncio.to_thread(_measured, source)
    if size > run.storage.largest:
        raise JobFailed(f"The file has {size:,} bytes, which is more than the limit.")
    await run.storage.put_file(Stored(run.job.id, digest, name, media_type), source)
    return {"name": name, "mediaType": media_type, "size": size, "sha256": digest.hex()}


def _measured(source: Path) -> tuple[int, bytes]:
    with source.open("rb") as file:
        return source.stat().st_size, hashlib.file_digest(file, "sha256").digest()
