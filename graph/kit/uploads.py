"""Uploading: what the file entity of every product does to receive its content and to send it.

A product declares its file entity as a `StoredFile` with the keys of its owners, its type as a
`StoredContent`, and its mutations from `begin`, `targets` and `finish`.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from auth.session import Transaction
from db.core.files import StoredFile
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.fields import computed, described
from graph.kit.mutations import writing
from graph.kit.scalars import BigInt
from graph.kit.storage import (
    MAX_DOWNLOAD_TIME,
    MAX_PARTS,
    UPLOAD_LIFETIME,
    Content,
    Storage,
    Stored,
    Target,
    Upload,
    WrongType,
    incomplete,
    require_type,
)

MAX_CONCURRENT = 4
"""Contents that a process digests at the same time."""
DIGESTING = asyncio.Semaphore(MAX_CONCURRENT)
MINUTE = 60

Minutes = Annotated[
    int,
    strawberry.argument(description="The number of minutes until the URL expires, from 1 to 60."),
]
F = TypeVar("F", bound=StoredFile)


@strawberry.type(description="A header of an HTTP request.")
class HttpHeader:
    name: str = described("The name of the header.")
    value: str = described("The value of the header.")


@strawberry.type(description="A part of a file to upload, by one HTTP request.")
class FileUploadPart:
    number: int = described("The number of the part, starting at 1.")
    size: BigInt = described("The size of the part, in bytes. The body has exactly this size.")
    url: str = described("The URL to which the part is sent with the method PUT.")
    headers: list[HttpHeader] = described("The headers to send, besides `Content-Length`.")
    uploaded: bool = described("Whether the part has been uploaded.")


@strawberry.type(description="The requests that upload the content of a file.")
class FileUpload:
    parts: list[FileUploadPart] = strawberry.field(
        description="The parts of the content, in order. A small file has one.",
        metadata={"largest_page": MAX_PARTS},
    )
    url_expires_at: datetime = described(
        "The date and time when the URLs expire. Resuming the upload returns new ones."
    )
    expires_at: datetime = described("The date and time until which the upload must be finished.")


async def begin(info: Info, transaction: Transaction, file: StoredFile) -> None:
    """Add the row of a file whose content is expected.

    Raises INVALID for one that is too large, LIMIT_REACHED when the plan has no room for it.
    """
    most = info.context.storage.largest
    if file.size > most:
        raise Problem("INVALID", f"A file can have at most {most} bytes.", field=["size"])
    file.expires_at = transaction.now + UPLOAD_LIFETIME
    transaction.add(file)


async def upload_of(info: Info, file: Any) -> FileUpload | None:
    """Return the requests that upload a file's content; None where the storage does not answer."""
    try:
        found = await info.context.storage.targets(expected(file))
    except Problem:
        return None
    return FileUpload(
        parts=[_part(target) for target in found],
        url_expires_at=datetime.now(UTC) + file.address_lifetime,
        expires_at=file.expires_at,
    )


async def finish(info: Info, model: type[F], id: UUID) -> F:
    """Verify the content that was uploaded, and store it for good.

    No transaction is open while the content is read. Raises INVALID where it is not complete or not
    of the size, and WrongType where it is not of the type, that the file was created with.
    """
    storage = info.context.storage
    async with writing(info, None) as transaction:
        file = await _pending(transaction, model, id)
    if file.sha256 is not None:
        return file
    upload = expected(file)
    async with DIGESTING:
        content = await storage.received(upload)
    await _verify(storage, file, content)
    await storage.keep(upload, content)
    async with writing(info, None) as transaction:
        file = await _pending(transaction, model, id)
        if file.sha256 is None:
            values = file.when_stored(transaction.now) | {"expires_at": None}
            transaction.change(file, None, sha256=content.sha256, **values)
    await storage.discard_upload(id)
    return file


async def resume(info: Info, model: type[F], id: UUID) -> F:
    """Return a file whose upload goes on. Raises INVALID where it is finished."""
    async with writing(info, None) as transaction:
        file = await _pending(transaction, model, id)
    if file.sha256 is not None:
        raise incomplete("The upload is finished.")
    return file


def download(info: Info, file: Any, minutes: int) -> str | None:
    """Return an address for downloading a stored file; None before its upload is finished."""
    life = timedelta(minutes=minutes)
    if not timedelta(minutes=1) <= life <= MAX_DOWNLOAD_TIME:
        most = int(MAX_DOWNLOAD_TIME.total_seconds()) // MINUTE
        raise Problem("INVALID", f"Must be from 1 to {most} minutes.", field=["minutes"])
    if file.sha256 is None:
        return None
    stored = Stored(file.id, file.sha256, file.name, file.media_type)
    return info.context.storage.address(stored, life)


@strawberry.type
class StoredContent:
    """The fields of the file entity of every product that tell of its content."""

    @computed(
        "sha256",
        text="The SHA-256 digest of the content, in hexadecimal; null until it is stored.",
    )
    def sha256(root: strawberry.Parent[Any]) -> str | None:  # noqa: N805
        return root.sha256.hex() if root.sha256 else None

    @computed(
        "id",
        "sha256",
        "name",
        "media_type",
        text="A URL from which the content can be downloaded until it expires, without a token;"
        " null until it is stored. Whoever has the URL can download the content.",
    )
    def url(
        root: strawberry.Parent[Any],  # noqa: N805
        info: Info,
        minutes: Minutes = 5,
    ) -> str | None:
        return download(info, root, minutes)


def expected(file: StoredFile) -> Upload:
    """Return the content that a file expects."""
    return Upload(file.id, file.media_type, file.size, file.address_lifetime)


async def _pending(transaction: Transaction, model: type[F], id: UUID) -> F:
    file: F = await transaction.find(model, id)
    transaction.require_update(file, {})
    if failure := file.failure:
        raise Problem("INVALID", failure, field=["id"])
    if file.expires_at and file.expires_at <= transaction.now:
        raise Problem("INVALID", "The upload has expired.", field=["id"])
    return file


async def _verify(storage: Storage, file: StoredFile, content: Content) -> None:
    try:
        require_type(file.media_type, content.head)
    except WrongType:
        await storage.discard_upload(file.id)
        raise


def _part(target: Target) -> FileUploadPart:
    return FileUploadPart(
        number=target.number,
        size=BigInt(target.size),
        url=target.url,
        headers=[HttpHeader(name=name, value=value) for name, value in target.headers],
        uploaded=target.uploaded,
    )
