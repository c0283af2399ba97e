"""Serve the explorer: the page, its files and its examples, all from this origin alone.

People sign in to it by OAuth, as a first-party application; the page holds its client_id.
"""

import json
import mimetypes
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import BaseRoute, Route

from auth.oauth.clients import EXPLORER
from auth.policy.scope_names import OPEN_SCOPES, SCOPES
from graph.explorer.bundle import STATIC, Bundle
from graph.explorer.examples import read_examples
from graph.settings import Settings

PRODUCT = "Gateway"
DEMO = "editor@demo.example"
HEADERS = {
    # Nothing is added to what 'self' permits: no inline script or style, no data: or blob: URL.
    # The other three only narrow it further.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
FOREVER = "public, max-age=31536000, immutable"  # file names carry a hash of the content
MEDIA_TYPES = mimetypes.MimeTypes()  # the same on every machine, whatever its tables say
MEDIA_TYPES.add_type("text/javascript", ".js")
MEDIA_TYPES.add_type("font/ttf", ".ttf")
MEDIA_TYPES.add_type("font/woff", ".woff")
MEDIA_TYPES.add_type("font/woff2", ".woff2")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{product} API explorer</title>
<link rel="icon" href="/explorer/assets/{icon}" type="image/svg+xml">
<link rel="stylesheet" href="/explorer/assets/{style}">
<script type="module" src="/explorer/assets/{script}"></script>
</head>
<body>
<div id="explorer" data-product="{product}" data-demo="{demo}" data-issuer="{issuer}" \
data-client="{client}" data-scopes="{scopes}"></div>
<noscript>The explorer needs JavaScript. The API itself is at /graphql.</noscript>
</body>
</html>
"""
NOT_BUILT = "The explorer has not been built yet. Run `make explorer`, then reload this page.\n"


class Explorer:
    """The routes beneath /explorer, for the bundle in a directory."""

    def __init__(self, settings: Settings, static: Path = STATIC) -> None:
        self._static = static
        self._examples = JSONResponse(read_examples(), headers=HEADERS)
        # Only development has the demo data and its people.
        demo = "" if settings.in_production else DEMO
        told = {
            "product": PRODUCT,
            "demo": demo,
            "issuer": settings.url,
            "client": EXPLORER,
            "scopes": json.dumps({name: SCOPES[name] for name in (*OPEN_SCOPES, "admin")}),
        }
        self._told = {name: escape(value) for name, value in told.items()}

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the page, its examples and its files."""
        return [
            Route("/explorer", self.page),
            Route("/explorer/callback", self.page),
            Route("/explorer/examples.json", self.examples),
            Route("/explorer/assets/{name}", self.asset),
        ]

    def page(self, _: Request) -> Response:
        """Return the page; the bundle is read each time, so that a rebuild needs no restart."""
        bundle = Bundle.read(self._static)
        if bundle is None:
            return PlainTextResponse(NOT_BUILT, status_code=503, headers=HEADERS)
        names = {"style": bundle.style, "script": bundle.script, "icon": bundle.icon}
        # Not kept: the address of the callback holds a code, the page says who we are today.
        return HTMLResponse(
            PAGE.format(**self._told, **names), headers={**HEADERS, "Cache-Control": "no-store"}
        )

    def examples(self, _: Request) -> Response:
        """Return the examples and the query that fills their variables."""
        return self._examples

    def asset(self, request: Request) -> Response:
        """Return a file of the bundle, compressed where the browser accepts gzip."""
        name = request.path_params["name"]
        bundle = Bundle.read(self._static)
        if bundle is None or name not in bundle.files:
            return PlainTextResponse("There is no such file.\n", status_code=404, headers=HEADERS)
        headers = {**HEADERS, "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        media_type = MEDIA_TYPES.guess_type(name)[0]
        packed = f"{name}.gz"
        if packed in bundle.files and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            name = packed
        return FileResponse(self._static / name, media_type=media_type, headers=headers)
