"""A storage of files in a bucket of S3, or of a server that is compatible with it.

What is uploaded stands under `uploads/`. Only a content that was verified is copied to `files/`, to
which no address for uploading leads, so that it never changes.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID
from xml.etree.ElementTree import Element

import httpx2
from defusedxml.ElementTree import fromstring

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
from graph.platform.files.sigv4 import Signer, encoded, encoded_key
from graph.settings import Settings

PART = 16 * 2**20
"""Bytes of a part at least; S3 takes none under 5 MiB but the last."""
CHUNK = 256 * 2**10
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
TIMEOUT = 10.0
"""Seconds in which the storage answers, or sends more."""
GONE = 404


class S3:
    """The bucket. One client, made with the first request, keeps the connections."""

    def __init__(self, settings: Settings) -> None:
        bucket, endpoint = settings.s3_bucket, settings.s3_endpoint
        self._bucket = bucket
        self.origin = endpoint or f"https://{bucket}.s3.{settings.s3_region}.amazonaws.com"
        self._base = f"{endpoint}/{bucket}" if endpoint else self.origin
        secret_key = settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else ""
        self._signer = Signer(settings.s3_region, settings.s3_access_key, secret_key)
        self.largest = settings.max_file_bytes
        self._client: httpx2.AsyncClient | None = None

    async def targets(self, upload: Upload) -> Sequence[Target]:
        """Return one address for a small content, or one for each part of a multipart upload."""
        sizes, key = upload.sizes(PART), _upload_key(upload.file_id)
        if len(sizes) == 1:
            there = await self._size(key) == upload.size
            return [self._target(upload, 1, upload.size, {}, uploaded=there)]
        id = await self._multipart(key) or await self._begin(key, upload.media_type)
        there_of = await self._parts(key, id)
        return [
            self._target(
                upload,
                number,
                size,
                {"partNumber": str(number), "uploadId": id},
                uploaded=there_of.get(number, ("", 0))[1] == size,
            )
            for number, size in enumerate(sizes, start=1)
        ]

    async def received(self, upload: Upload) -> Content:
        """Complete a multipart upload, and digest the object while it is read."""
        key = _upload_key(upload.file_id)
        if len(upload.sizes(PART)) > 1 and (id := await self._multipart(key)):
            await self._complete(upload, key, id)
        digest, read, head = hashlib.sha256(), 0, b""
        async with self._stream(key) as response:
            if response.status_code == GONE:
                raise incomplete("The content has not been uploaded.")
            tag = response.headers["etag"]
            async for chunk in response.aiter_bytes(CHUNK):
                digest.update(chunk)
                head = head if len(head) >= HEAD else (head + chunk)[:HEAD]
                read += len(chunk)
                if read > upload.size:
                    break
        if read != upload.size:
            raise incomplete(f"The content does not have {upload.size} bytes.")
        return Content(read, digest.digest(), head, tag)

    async def keep(self, upload: Upload, content: Content) -> None:
        """Copy the version of the object that was digested to its place."""
        stored = Stored(upload.file_id, content.sha256, "", "")
        source = f"/{self._bucket}/{encoded_key(_upload_key(upload.file_id))}"
        headers = {
            "x-amz-copy-source": source,
            "x-amz-copy-source-if-match": content.tag,
            "x-amz-metadata-directive": "REPLACE",
            "content-type": served_type(upload.media_type),
            "content-disposition": "attachment",
        }
        response = await self._send("PUT", stored.key, headers=headers)
        if response.status_code == 412:  # noqa: PLR2004 (precondition failed)
            raise incomplete("The content was uploaded again meanwhile. Finish it again.")
        # A copy that fails after its answer has begun tells so in a document of status 200.
        if response.status_code != 200 or b"<Error" in response.content[:512]:  # noqa: PLR2004
            raise unreachable()

    async def put(self, stored: Stored, content: bytes) -> None:
        """Write the content to its place."""
        headers = {"content-type": served_type(stored.media_type)}
        response = await self._send("PUT", stored.key, headers=headers, body=content)
        if response.status_code != 200:  # noqa: PLR2004 (created, as S3 says it)
            raise unreachable()

    async def put_file(self, stored: Stored, source: Path) -> None:
        """Send the file to its place."""
        size = (await asyncio.to_thread(source.stat)).st_size
        headers = {"content-type": served_type(stored.media_type), "content-length": str(size)}
        url, digest = self._url(stored.key), stored.sha256.hex()
        signed = self._signer.headers("PUT", url, {}, headers, digest=digest)
        try:
            response = await self._opened().put(url, headers=signed, content=_chunks(source))
        except httpx2.HTTPError as error:
            raise unreachable() from error
        if response.status_code != 200:  # noqa: PLR2004 (created, as S3 says it)
            raise unreachable()

    async def read(self, stored: Stored, most: int) -> bytes:
        """Read the object, as far as it may be long."""
        content = bytearray()
        async with self._stream(stored.key) as response:
            if response.status_code == GONE:
                raise unreadable(stored)
            async for chunk in response.aiter_bytes(CHUNK):
                content += chunk
                if len(content) > most:
                    raise unreadable(stored)
        return bytes(content)

    async def read_range(self, stored: Stored, start: int, length: int) -> bytes:
        """Read a part of the object (RFC 9110, section 14.2)."""
        headers = {"range": f"bytes={start}-{start + length - 1}"}
        response = await self._send("GET", stored.key, headers=headers)
        if response.status_code != 206:  # noqa: PLR2004 (partial content)
            raise unreadable(stored)
        return response.content

    async def discard_upload(self, file_id: UUID) -> None:
        """Remove the object that was uploaded, or the parts of an upload that was not completed."""
        key = _upload_key(file_id)
        if id := await self._multipart(key):
            await self._send("DELETE", key, {"uploadId": id})
        await self._send("DELETE", key)

    async def remove(self, file_id: UUID) -> None:
        """Remove the stored contents of a file, and what was uploaded for it."""
        async for key, _ in self._objects(prefix_of(file_id)):
            await self._send("DELETE", key)
        await self.discard_upload(file_id)

    def address(self, stored: Stored, life: timedelta) -> str:
        """Return a signed address that sends the content as an attachment."""
        query = {
            "response-content-disposition": "attachment; filename*=UTF-8''"
            + quote(stored.name, safe=""),
            "response-content-type": served_type(stored.media_type),
        }
        return self._signer.presign("GET", self._url(stored.key), life, query, {})

    async def sweep(self, before: datetime) -> int:
        """Remove what was uploaded before this time and not stored."""
        swept = 0
        async for key, modified in self._objects("uploads/"):
            if modified < before:
                await self._send("DELETE", key)
                swept += 1
        for element in (await self._uploads("uploads/")).iter(f"{NAMESPACE}Upload"):
            if _time(element, "Initiated") < before:
                await self._send(
                    "DELETE", _text(element, "Key"), {"uploadId": _text(element, "UploadId")}
                )
                swept += 1
        return swept

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _target(
        self, upload: Upload, number: int, size: int, query: Mapping[str, str], *, uploaded: bool
    ) -> Target:
        sent = {} if query else {"Content-Type": upload.media_type}
        signed = {**sent, "Content-Length": str(size)}
        url = self._url(_upload_key(upload.file_id))
        address = self._signer.presign("PUT", url, upload.address_lifetime, query, signed)
        return Target(number, size, address, tuple(sent.items()), uploaded)

    def _url(self, key: str) -> str:
        return f"{self._base}/{encoded_key(key)}"

    async def _size(self, key: str) -> int | None:
        response = await self._send("HEAD", key)
        if response.status_code == GONE:
            return None
        return int(response.headers.get("content-length", "0"))

    async def _multipart(self, key: str) -> str | None:
        """Return the ID of the multipart upload of a key; None where there is none."""
        for element in (await self._uploads(key)).iter(f"{NAMESPACE}Upload"):
            if _text(element, "Key") == key:
                return _text(element, "UploadId")
        return None

    async def _uploads(self, prefix: str) -> Element:
        return _tree(await self._send("GET", "", {"uploads": "", "prefix": prefix}))

    async def _begin(self, key: str, media_type: str) -> str:
        response = await self._send(
            "POST", key, {"uploads": ""}, {"content-type": served_type(media_type)}
        )
        return _text(_tree(response), "UploadId")

    async def _parts(self, key: str, id: str) -> dict[int, tuple[str, int]]:
        """Return the tag and the size of each part that has arrived."""
        response = await self._send("GET", key, {"uploadId": id})
        return {
            int(_text(part, "PartNumber")): (_text(part, "ETag"), int(_text(part, "Size")))
            for part in _tree(response).iter(f"{NAMESPACE}Part")
        }

    async def _complete(self, upload: Upload, key: str, id: str) -> None:
        there = await self._parts(key, id)
        sizes = dict(enumerate(upload.sizes(PART), start=1))
        for number, size in sizes.items():
            if there.get(number, ("", 0))[1] != size:
                raise incomplete(f"Part {number} of {len(sizes)} has not been uploaded.")
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{there[number][0]}</ETag></Part>"
            for number in sizes
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        response = await self._send("POST", key, {"uploadId": id}, body=body)
        if response.status_code not in (200, GONE) or b"<Error" in response.content[:512]:
            raise unreachable()

    async def _objects(self, prefix: str) -> AsyncIterator[tuple[str, datetime]]:
        """Yield the keys with a prefix, each with the time of its last change."""
        query = {"list-type": "2", "prefix": prefix}
        while True:
            tree = _tree(await self._send("GET", "", query))
            for element in tree.iter(f"{NAMESPACE}Contents"):
                yield _text(element, "Key"), _time(element, "LastModified")
            token = _text(tree, "NextContinuationToken")
            if not token:
                return
            query = {**query, "continuation-token": token}

    async def _send(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> httpx2.Response:
        """Send a signed request. Raises BUSY where there is no answer, or a failure of S3."""
        url, query = self._url(key), query or {}
        signed = self._signer.headers(method, url, query, headers or {}, body)
        try:
            address = f"{url}?{encoded(query)}" if query else url
            response = await self._opened().request(method, address, headers=signed, content=body)
        except httpx2.HTTPError as error:
            raise unreachable() from error
        if response.status_code in (401, 403) or response.status_code >= 500:  # noqa: PLR2004
            raise unreachable()
        return response

    @asynccontextmanager
    async def _stream(self, key: str) -> AsyncIterator[httpx2.Response]:
        """Read an object, or learn that there is none; other failures are BUSY."""
        url = self._url(key)
        signed = self._signer.headers("GET", url, {}, {})
        try:
            async with self._opened().stream("GET", url, headers=signed) as response:
                if response.status_code not in (200, GONE):
                    raise unreachable()
                yield response
        except httpx2.HTTPError as error:
            raise unreachable() from error

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            limits = httpx2.Limits(max_connections=20)
            self._client = httpx2.AsyncClient(
                timeout=TIMEOUT, limits=limits, follow_redirects=False, trust_env=False
            )
        return self._client


async def _chunks(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


def _upload_key(file_id: UUID) -> str:
    return f"uploads/{file_id}"


def _tree(response: httpx2.Response) -> Element:
    if response.status_code != 200:  # noqa: PLR2004 (every listing of S3 is one)
        raise unreachable()
    tree: Element = fromstring(response.content)
    return tree


def _text(element: Element, name: str) -> str:
    return element.findtext(f"{NAMESPACE}{name}") or ""


def _time(element: Element, name: str) -> datetime:
    return datetime.fromisoformat(_text(element, name))
