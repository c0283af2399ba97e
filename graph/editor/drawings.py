"""Serve diagrams as SVG, to people who are signed in and may read them.

A diagram that the viewer may not read is answered as if it did not exist. Pictures are drawn in a
thread, one at a time, so that large ones do not hold up other requests.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from auth.accounts.mail import Outbox
from auth.web.site import Site, answering
from db.pool import Database
from db.requirements.diagrams import ExcalidrawDiagram, ReactFlowDiagram
from graph.editor.parameters import require_known
from graph.kit.context import Context
from graph.requirements.diagrams.drawing_picture import drawing_svg
from graph.requirements.diagrams.flow_picture import flow_svg
from graph.settings import Settings

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_THREAD = ThreadPoolExecutor(1, "picture")


def routes(database: Database, settings: Settings, outbox: Outbox) -> list[BaseRoute]:
    """Return the routes beneath /diagrams."""
    site = Site(database, settings, outbox)

    async def picture(request: Request) -> Response:
        """Return a diagram as SVG."""
        viewer = await site.signed_in(request)
        require_known(request, ())
        context = Context(site.session(request, viewer))
        row: Any = await context.node(
            request.path_params["diagram"], (ExcalidrawDiagram, ReactFlowDiagram)
        )
        loop = asyncio.get_running_loop()
        drawn = await loop.run_in_executor(_THREAD, _drawn, row)
        return Response(drawn, media_type="image/svg+xml", headers=HEADERS)

    return [Route("/diagrams/{diagram:uuid}.svg", answering(picture))]


def _drawn(row: Any) -> str:
    if row.model is ExcalidrawDiagram:
        return drawing_svg(row.name, row.diagram_data)
    return flow_svg(row.name, row.nodes, row.edges)
