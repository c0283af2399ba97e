"""Jobs of external documents: whether a URL can be reached, and the text of a document."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from auth.outbound import AnswerTooLongError, Network, Outbound, UnreachableError
from db.problem import Problem
from db.requirements.external import ExternalDocument
from db.requirements.files import File, FileState
from graph.kit.storage import Storage, Stored
from graph.platform.document_processing import (
    DocumentProcessor,
    ProcessorRefused,
    ProcessorUnreachable,
)
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import JobFailed, Run

SECONDS = 10.0
"""Seconds for one request, with redirects."""
OFF = "This gateway has no document processor."
NO_CONTENT = "The document has neither a URL nor a stored file."
FILE_LIFE = timedelta(minutes=15)
"""The time for which the document processor can download a file."""
NOT_HEAD = frozenset({403, 404, 405, 501})
"""Statuses of servers that do not answer HEAD as they answer GET."""
REACHED = range(200, 300)


class OutboundSettings(Protocol):
    """The settings of requests to URLs that users give."""

    @property
    def allowed_networks(self) -> Collection[Network]:
        """Return the private networks that may be reached."""

    @property
    def outbound_http(self) -> bool:
        """Return whether http is allowed besides https."""


async def _row(run: Run) -> Any:
    id = UUID(run.payload["externalDocumentId"])
    rows = await run.session.rows(ExternalDocument, ExternalDocument.id == id, limit=1)
    if not rows:
        raise JobFailed("The external document does not exist any more.")
    return rows[0]


async def status_of(outbound: Outbound, url: str) -> tuple[int | None, str | None]:
    """Return the status of the answer of a URL, after redirects; or the reason why there is none.

    Addresses in the own network are refused like any that do not exist.
    """
    try:
        status = (await outbound.fetch("HEAD", url)).status
        if status in NOT_HEAD:
            status = (await outbound.fetch("GET", url, headers={"Range": "bytes=0-0"})).status
    except AnswerTooLongError:
        return 200, None
    except (UnreachableError, Problem) as error:
        return None, str(error)
    return status, None if status in REACHED else f"The server answered with status {status}."


async def _check(run: Run, outbound: Outbound) -> Result:
    """Ask the server of the document, and store whether it has it."""
    row = await _row(run)
    if row.url is None:
        raise JobFailed("The document has no URL.")
    status, error = await status_of(outbound, row.url)
    async with run.completing({"status": status, "error": error}) as transaction:
        current = await transaction.find(ExternalDocument, row.id)
        if current.url != row.url:
            raise JobFailed("The URL was changed meanwhile.")
        transaction.change(
            current, None, checked_at=transaction.now, check_status=status, check_error=error
        )
    return None


async def _process(
    run: Run, processor: DocumentProcessor | None, storage: Storage | None = None
) -> Result:
    """Ask the document processor for the text, and store it."""
    if processor is None:
        raise JobFailed(OFF)
    row = await _row(run)
    file_url = await _file_url(run, row.id, storage)
    if row.url is None and file_url is None:
        raise JobFailed(NO_CONTENT)
    try:
        text = await processor.text_of(_described(row, file_url))
    except ProcessorUnreachable as error:
        raise Problem("BUSY", str(error)) from error
    except ProcessorRefused as refused:
        raise JobFailed(str(refused)) from refused
    async with run.completing({"characters": len(text)}) as transaction:
        current = await transaction.find(ExternalDocument, row.id)
        transaction.change(current, None, extracted_text=text, processed_at=transaction.now)
    return None


def _described(row: Any, file_url: str | None) -> Mapping[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "type": row.type,
        "size": row.size,
        "url": row.url,
        "fileUrl": file_url,
        "gumloopName": row.gumloop_name,
    }


async def _file_url(run: Run, id: UUID, storage: Storage | None) -> str | None:
    """Return a URL of the first stored file of a document; None without one."""
    if storage is None:
        return None
    files = await run.session.rows(
        File, File.external_document_id == id, File.state == FileState.STORED, limit=1
    )
    if not files:
        return None
    (file,) = files
    stored = Stored(file.id, file.sha256, file.name, file.media_type)
    return storage.address(stored, FILE_LIFE)


CHECK = Kind(
    "external_documents.check", partial(_check, outbound=Outbound()), max_attempts=2, timeout=60.0
)
PROCESS = Kind(
    "external_documents.process", partial(_process, processor=None), max_attempts=3, timeout=180.0
)
KINDS = (CHECK, PROCESS)
"""The kinds as a gateway without a document processor has them."""


def kinds_of(
    outbound: Outbound, processor: DocumentProcessor | None, storage: Storage | None
) -> tuple[Kind, ...]:
    """Return the kinds of jobs with what they reach: other servers, and the document processor."""
    return (
        replace(CHECK, handler=partial(_check, outbound=outbound)),
        replace(PROCESS, handler=partial(_process, processor=processor, storage=storage)),
    )


def outbound_of(settings: OutboundSettings) -> Outbound:
    """Return requests to URLs that users give, within the networks that the settings allow."""
    return Outbound(
        settings.allowed_networks,
        insecure=settings.outbound_http,
        most_bytes=100_000,
        seconds=SECONDS,
    )
