"""Serve the traceability matrix as CSV (RFC 4180), to the person who is signed in.

Rows are read page by page while they are sent, so that neither memory nor a connection is held, and
the rights of the reader are those at each page. A person has one download at a time.
"""

import asyncio
import csv
import io
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from auth.accounts.mail import Outbox
from auth.web.site import Site, answering
from db.core.projects import Project
from db.pool import Database
from db.problem import Problem
from db.requirements.collaboration import TraceLinkType
from db.requirements.documents import Document
from graph.editor.parameters import require_known
from graph.kit.context import Context
from graph.kit.cursor import beyond, encode
from graph.kit.scalars import uuid_of
from graph.requirements.reading_order import KEYS, keys_in
from graph.requirements.sql.traceability import Side, Traceability
from graph.settings import Settings

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Disposition": 'attachment; filename="traceability.csv"',
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
MAX_ROWS, MAX_COLUMNS = 20_000, 2_000
PAGE = 100
"""Rows that are read at once."""
FORMULA = tuple("=+-@\t\r\n")
"""The first characters of what spreadsheets take for a formula."""


def routes(database: Database, settings: Settings, outbox: Outbox) -> list[BaseRoute]:
    """Return the routes beneath /downloads."""
    site = Site(database, settings, outbox)
    running: WeakValueDictionary[UUID | None, _Download] = WeakValueDictionary()

    async def traceability(request: Request) -> Response:
        """Return the matrix as CSV: a line for each row, with a field for each column."""
        viewer = await site.signed_in(request)
        require_known(request, ("rows", "columns", "linkType"), several="linkType")
        if viewer.id in running:
            raise Problem("RATE_LIMITED", "Wait until your other download has ended.")
        download = running[viewer.id] = _Download()
        context = Context(site.session(request, viewer))
        near, far = [await _side(context, request, name) for name in ("rows", "columns")]
        matrix = Traceability(context.session, near, far, _types(request))
        numbers = await matrix.summary()
        for name, most in (("rows", MAX_ROWS), ("columns", MAX_COLUMNS)):
            if numbers[name] > most:
                raise Problem(
                    "INVALID", f"There are {numbers[name]} {name}; the maximum is {most}."
                )
        columns = [row async for page in _pages(matrix.of_columns()) for row in page]

        async def renew() -> None:
            context.become(await site.viewer(request))

        return StreamingResponse(
            _lines(download, matrix, columns, renew),
            media_type="text/csv; charset=utf-8; header=present",
            headers=HEADERS,
        )

    return [Route("/downloads/traceability.csv", answering(traceability))]


class _Download:
    """One download of a person, running for as long as something refers to it."""


async def _side(context: Context, request: Request, name: str) -> Side:
    """Return the document or project that a parameter of the query names. Raises NOT_FOUND."""
    id = uuid_of(request.query_params.get(name, ""))
    if id is None:
        raise Problem("INVALID", f"`{name}` must be the ID of a document or a project.")
    row: Any = await context.node(id, (Document, Project))
    return Side("project_id" if row.model is Project else "document_id", id)


def _types(request: Request) -> tuple[TraceLinkType, ...]:
    """Return the types of links that the query names, as `linkType=SATISFIES`; by default all."""
    named = request.query_params.getlist("linkType")
    if unknown := [name for name in named if name not in TraceLinkType.__members__]:
        raise Problem("INVALID", f"Unknown link type {unknown[0][:50]!r}.")
    return tuple(dict.fromkeys(TraceLinkType[name] for name in named)) or tuple(TraceLinkType)


async def _pages(matrix: Traceability) -> AsyncIterator[list[Any]]:
    """Yield the requirements of the near side, a statement for each page."""
    cursor: str | None = None
    while True:
        found = await _page(matrix, cursor)
        if found:
            yield found
        if len(found) < PAGE:
            return
        cursor = encode(KEYS, _Place(found[-1]))


async def _page(matrix: Traceability, cursor: str | None) -> list[Any]:
    def bounds(columns: Any) -> list[Any]:
        keys = keys_in(columns)
        return [] if cursor is None else [beyond(keys, cursor, "after", backwards=False)]

    def order(columns: Any) -> list[Any]:
        return [key.ordered(backwards=False) for key in keys_in(columns)]

    return await matrix.page(bounds, order, PAGE, holes=False)


class _Place:
    """A record as an object, for its cursor."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.document_id, self.position = record["document_id"], record["position"]
        self.id: UUID = record["id"]


async def _lines(
    _: _Download, matrix: Traceability, columns: Sequence[Any], renew: Callable[[], Awaitable[None]]
) -> AsyncIterator[str]:
    """Yield the file: a header, then the lines of each page, after its reader was `renew`ed."""
    yield _written([["ID", "Requirement", *map(_label, columns)]])
    places = {column["id"]: place for place, column in enumerate(columns)}
    async for page in _pages(matrix):
        await renew()
        links = await matrix.cells([row["id"] for row in page], None, MAX_COLUMNS)
        yield await asyncio.to_thread(_lines_of, page, links, places)


def _lines_of(page: Sequence[Any], links: Sequence[Any], places: Mapping[UUID, int]) -> str:
    texts: dict[UUID, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for link in links:
        place = places.get(link["far_id"])  # none for a column that is new since
        if place is not None:
            texts[link["near_id"]][place].append(_text(link))
    lines = []
    for row in page:
        cells = [""] * len(places)
        for place, parts in texts[row["id"]].items():
            cells[place] = "; ".join(parts)
        lines.append([row["external_id"] or "", row["name"], *cells])
    return _written(lines)


def _label(row: Any) -> str:
    return str(row["external_id"] or row["name"])


def _text(link: Any) -> str:
    """Return a link as `SATISFIES`, `SATISFIES (incoming)` or `SATISFIES (incoming, suspect)`."""
    said = [] if link["outgoing"] else ["incoming"]
    said += ["suspect"] if link["suspect"] else []
    name = TraceLinkType(link["link_type"]).name
    return f"{name} ({', '.join(said)})" if said else name


def _written(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of CSV, with an apostrophe before what a spreadsheet takes for a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    for line in lines:
        writer.writerow([f"'{text}" if text.startswith(FORMULA) else text for text in line])
    return file.getvalue()
