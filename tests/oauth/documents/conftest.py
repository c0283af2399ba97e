"""A server of applications, by TLS, with the metadata and the keys that they publish."""

import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.outbound import Outbound
from graph.settings import Settings
from tests.certificates import certificate_of
from tests.conftest import running
from tests.oauth.conftest import CALLBACK, Application
from tests.serving import served

HOST = "apps.example"
NAMES = {HOST: ["127.0.0.1"], "inside.example": ["10.0.0.1"]}


@dataclass
class Publisher:
    """The documents that a server publishes by path, and how often each was fetched."""

    base: str = ""
    pages: dict[str, tuple[bytes, int, dict[str, str]]] = field(default_factory=dict)
    fetched: Counter[str] = field(default_factory=Counter)
    outbound: Outbound = field(default_factory=Outbound)

    def publish(self, path: str, content: Any, status: int = 200, **headers: str) -> str:
        """Publish this under the path; return its address."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (body, status, {"content-type": "application/json"} | told)
        return self.base + path

    def application(self, path: str, **change: Any) -> str:
        """Publish the metadata of an application; return its client ID. None leaves one out."""
        members = {
            "client_id": self.base + path,
            "client_name": "Board",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "requirements:read organizations:read",
        } | change
        return self.publish(path, {n: v for n, v in members.items() if v is not None})

    async def show(self, request: Request) -> Response:
        path = request.url.path
        self.fetched[path] += 1
        body, status, headers = self.pages.get(path, (b"", 404, {}))
        return Response(body, status, headers)


@pytest.fixture(scope="session")
async def publisher(tmp_path_factory: Any) -> AsyncIterator[Publisher]:
    pem, key = certificate_of(tmp_path_factory.mktemp("tls"), HOST)

    async def resolve(host: str, _: int) -> list[str]:
        if host not in NAMES:
            raise OSError("no such name")
        return NAMES[host]

    here = Publisher()
    here.outbound = Outbound(
        [ip_network("127.0.0.0/8")],
        resolve=resolve,
        trust=ssl.create_default_context(cafile=pem),
    )
    routes = [Route("/{path:path}", here.show)]
    config = partial(uvicorn.Config, ssl_certfile=pem, ssl_keyfile=key)
    async with served(lambda _: Starlette(routes=routes), config) as address:
        here.base = f"https://{HOST}:{address.rpartition(':')[2]}"
        yield here


@pytest.fixture(scope="session")
async def app(settings: Settings, publisher: Publisher) -> AsyncIterator[Starlette]:
    """Yield the gateway, which reaches the server of applications."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graph.app.outbound_of", lambda _: publisher.outbound)
        async with running(settings) as app:
            yield app


@pytest.fixture
def board(publisher: Publisher, dial: Any) -> Application:
    """Return an application that is named by its document."""
    path = f"/{uuid4()}/client.json"
    return Application(dial(), publisher.application(path), None, CALLBACK)
