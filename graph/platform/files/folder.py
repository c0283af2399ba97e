"""A storage of files in a folder, for development and for servers that share one.

Each part of an upload is a file of its own; addresses lead to the routes of the gateway
(`graph.http.request.files`), which verify their signatures.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog

from graph.kit.storage import (
    HEAD,
    Content,
    Stored,
    Target,
    Upload,
    incomplete,
    prefix_of,
    served_type,
    unreachable,
    unreadable,
)
from graph.platform.files.signed_address import SignedAddress
from graph.settings import Settings

log = structlog.get_logger(__name__)
T = TypeVar("T")

PART = 4 * 2**20
"""Bytes of a part at least: it arrives within BODY_TIMEOUT on a slow line."""
CHUNK = 2**20


class Folder:
    """The folder: `uploads/` with what has arrived, `files/` with what is stored."""

    origin = ""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.gateway_data_dir.resolve()
        self.signed = SignedAddress(settings)
        self.largest = settings.max_file_bytes

    async def targets(self, upload: Upload) -> Sequence[Target]:
        """Return the parts: addresses of the gateway, each for so many bytes."""
        there = await _done(self._sizes, upload.file_id)
        sizes = upload.sizes(PART)
        return [
            Target(
                number,
                size,
                self.signed.url(
                    "PUT",
                    f"/files/uploads/{upload.file_id}/{number}",
                    upload.address_lifetime,
                    size=str(size),
                    type=upload.media_type,
                ),
                (("Content-Type", upload.media_type),),
                uploaded=there.get(number) == size,
            )
            for number, size in enumerate(sizes, start=1)
        ]

    async def received(self, upload: Upload) -> Content:
        """Put the parts together into a file that no address leads to, and digest it."""
        return await _done(self._assemble, upload)

    async def keep(self, upload: Upload, content: Content) -> None:
        """Move the file that was put together to its place."""
        stored = Stored(upload.file_id, content.sha256, "", "")
        target = self.root / stored.key

        def move() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(content.tag).replace(target)

        await _done(move)

    async def put(self, stored: Stored, content: bytes) -> None:
        """Write the content to its place."""
        target = self.root / stored.key

        def write() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

        await _done(write)

    async def put_file(self, stored: Stored, source: Path) -> None:
        """Copy the file to its place."""
        target = self.root / stored.key

        def copy() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

        await _done(copy)

    async def read(self, stored: Stored, most: int) -> bytes:
        """Read the content from its place."""
        source = self.root / stored.key

        def read() -> bytes | None:
            if not source.is_file() or source.stat().st_size > most:
                return None
            return source.read_bytes()

        content = await _done(read)
        if content is None:
            raise unreadable(stored)
        return content

    async def read_range(self, stored: Stored, start: int, length: int) -> bytes:
        """Read a part of the content from its place."""
        source = self.root / stored.key

        def read() -> bytes | None:
            if not source.is_file():
                return None
            with source.open("rb") as file:
                file.seek(start)
                return file.read(length)

        content = await _done(read)
        if content is None:
            raise unreadable(stored)
        return content

    async def discard_upload(self, file_id: UUID) -> None:
        """Remove the parts."""
        await _done(partial(shutil.rmtree, self.parts_of(file_id), ignore_errors=True))

    async def remove(self, file_id: UUID) -> None:
        """Remove the stored content of a file, and its parts."""
        stored = self.root / prefix_of(file_id)
        await _done(partial(shutil.rmtree, stored, ignore_errors=True))
        await self.discard_upload(file_id)

    def address(self, stored: Stored, life: timedelta) -> str:
        """Return an address of the gateway that sends the content as an attachment."""
        return self.signed.url(
            "GET",
            f"/{stored.key}",
            life,
            name=stored.name,
            type=served_type(stored.media_type),
        )

    async def sweep(self, before: datetime) -> int:
        """Remove the parts of uploads in which nothing has arrived since."""
        return await _done(self._sweep, before.timestamp())

    async def close(self) -> None:
        """Do nothing: a folder has no connections."""

    def parts_of(self, file_id: UUID) -> Path:
        """Return the folder of the parts of an upload."""
        return self.root / "uploads" / str(file_id)

    def part(self, file_id: UUID, number: int) -> Path:
        """Return the path of a part that has arrived."""
        return self.parts_of(file_id) / str(number)

    def _sizes(self, file_id: UUID) -> dict[int, int]:
        folder = self.parts_of(file_id)
        if not folder.is_dir():
            return {}
        parts = (path for path in folder.iterdir() if path.name.isdecimal())
        return {int(path.name): path.stat().st_size for path in parts}

    def _assemble(self, upload: Upload) -> Content:
        sizes = dict(enumerate(upload.sizes(PART), start=1))
        there = self._sizes(upload.file_id)
        missing = [number for number, size in sizes.items() if there.get(number) != size]
        if missing:
            raise incomplete(f"Part {missing[0]} of {len(sizes)} has not been uploaded.")
        whole = self.parts_of(upload.file_id) / f"whole-{uuid4().hex}"
        digest, written, head = hashlib.sha256(), 0, b""
        with whole.open("wb") as file:
            for number in sizes:
                for chunk in _chunks(self.part(upload.file_id, number)):
                    digest.update(chunk)
                    head = head or chunk[:HEAD]
                    written += file.write(chunk)
        if written != upload.size:
            whole.unlink()
            raise incomplete(f"The content has {written} bytes, not {upload.size}.")
        return Content(written, digest.digest(), head, str(whole))

    def _sweep(self, before: float) -> int:
        folder, swept = self.root / "uploads", 0
        for upload in folder.iterdir() if folder.is_dir() else ():
            times = [path.stat().st_mtime for path in (upload, *upload.iterdir())]
            if max(times) < before:
                shutil.rmtree(upload, ignore_errors=True)
                swept += 1
        return swept


async def _done(work: Callable[..., T], *arguments: Any) -> T:
    """Return the result of work in a thread. Raises BUSY where the folder cannot be used."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except OSError as error:
        log.warning("storage of files", folder=error.filename, failed=error.strerror)
        raise unreachable() from error


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
