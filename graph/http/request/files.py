"""The routes of a storage in a folder: upload of a part, and download, by signed addresses."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from uuid import UUID, uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from db.problem import CODES, Problem
from graph.http.operation.errors import described
from graph.kit.storage import MAX_PARTS, Storage, unreachable
from graph.platform.files.folder import Folder

Handler = Callable[[Request], Awaitable[Response]]

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # who has the address may show an image of it
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes(storage: Storage) -> list[BaseRoute]:
    """Return the routes beneath /files; none for a storage with addresses of its own."""
    if not isinstance(storage, Folder):
        return []

    async def upload(request: Request) -> Response:
        """Store one part, of exactly the size and the type of the address."""
        file_id: UUID = request.path_params["id"]
        number: int = request.path_params["number"]
        storage.signed.verify("PUT", request.url.path, request.query_params)
        size, type_ = int(request.query_params["size"]), request.query_params["type"]
        if not 1 <= number <= MAX_PARTS or _length(request) != size:
            raise Problem("INVALID", f"The part has {size} bytes: send this Content-Length.")
        if request.headers.get("content-type") != type_:
            raise Problem("INVALID", f"Send the part with `Content-Type: {type_}`.")
        await _store(request, storage.part(file_id, number), size)
        return Response(status_code=204, headers=HEADERS)

    async def download(request: Request) -> Response:
        """Send a stored content as an attachment; ranges of it (RFC 9110, section 14) as well."""
        given = request.query_params
        storage.signed.verify("GET", request.url.path, given)
        path = storage.root / request.url.path.removeprefix("/")
        if not await asyncio.to_thread(path.is_file):
            raise Problem("NOT_FOUND", "The file is not stored any more.")
        disposition = f"attachment; filename*=UTF-8''{quote(given['name'], safe='')}"
        headers = {**HEADERS, "Content-Disposition": disposition}
        return FileResponse(path, media_type=given["type"], headers=headers)

    return [
        Route("/files/uploads/{id:uuid}/{number:int}", _answering(upload), methods=["PUT"]),
        Route("/files/{id:uuid}/{digest}", _answering(download), methods=["GET"]),
    ]


def _answering(handler: Handler) -> Handler:
    """Return the handler, with an answer in place of a Problem."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (Problem, OSError) as error:
            problem = error if isinstance(error, Problem) else unreachable()
            body = {"errors": [described(problem)]}
            return JSONResponse(body, CODES[problem.code].status, headers=HEADERS)

    return answer


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 16 else None  # noqa: PLR2004 (digits)


async def _store(request: Request, path: Path, size: int) -> None:
    """Write the body beside the part and then in its place, so that a part is always whole."""
    beside = path.with_name(f"arriving-{uuid4().hex}")
    file = await asyncio.to_thread(_open, beside)
    arrived = 0
    try:
        async for chunk in request.stream():
            arrived += len(chunk)
            if arrived > size:
                break
            await asyncio.to_thread(file.write, chunk)
    except ClientDisconnect:
        arrived = 0
    finally:
        await asyncio.to_thread(file.close)
        if arrived != size:
            beside.unlink(missing_ok=True)
    if arrived != size:
        raise Problem("INVALID", f"The part has {size} bytes, and {arrived} arrived.")
    await asyncio.to_thread(beside.replace, path)


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
