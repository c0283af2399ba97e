"""The gateway behind https, people in browsers, and applications that act as them."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from uuid_utils.compat import uuid7

from auth.credentials.browser_sessions import start
from auth.oauth.registry import Registered, register
from auth.origin import Origin
from db.pool import NOBODY, Database
from graph.app import create_app
from graph.settings import Settings
from tests import networks
from tests.conftest import PATIENCE, SECRET, running
from tests.serving import served

ISSUER = "https://gateway.example"
API = f"{ISSUER}/graphql"
CALLBACK = "https://app.example/cb"
PASSWORD = "correct horse battery"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
SCOPE = "requirements:read organizations:read"


@pytest.fixture(scope="session")
def settings(database_dsn: str) -> Settings:
    return Settings(
        database_url=database_dsn,
        gateway_secret=SECRET,
        public_url=ISSUER,
        auth_connections=5,
        oauth_connections=5,
        **PATIENCE,
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    async with running(settings) as app:
        yield app


Dial = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def dial(app: Starlette) -> AsyncIterator[Dial]:
    """Yield a function that makes HTTP clients, each in a network of its own by default."""
    opened = []

    def dial(ip: str | None = None, **headers: str) -> httpx.AsyncClient:
        ip = ip or networks.address()
        transport = httpx.ASGITransport(app, client=(ip, 50000))
        client = httpx.AsyncClient(transport=transport, base_url=ISSUER, headers=headers)
        opened.append(client)
        return client

    yield dial
    for client in opened:
        await client.aclose()


@pytest.fixture
def http(dial: Dial) -> httpx.AsyncClient:
    """Return the HTTP client of applications."""
    return dial()


@dataclass(frozen=True)
class Person:
    id: UUID
    email: str
    browser: httpx.AsyncClient


@pytest.fixture
def people(
    database: Database, superuser: asyncpg.Connection, settings: Settings, dial: Dial
) -> Callable[[], Awaitable[Person]]:
    """Return a function that makes people who are signed in, without a password for speed."""

    async def somebody() -> Person:
        id = uuid7()
        email = f"member+{id.hex}@demo.example"
        await superuser.execute(
            "INSERT INTO profiles (id, email, is_approved) VALUES ($1, $2, true)", id, email
        )
        async with database.auth.lend(NOBODY) as lent:
            started = await start(lent, id, Origin(), settings)
        browser = dial(origin=ISSUER)
        browser.cookies.set("__Host-gateway", started.secret, domain="gateway.example")
        return Person(id, email, browser)

    return somebody


@pytest.fixture
async def person(people) -> Person:
    return await people()


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[str]:
    """Yield the address of the gateway, for applications that connect over the network."""

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url}))

    async with served(make) as url:
        yield url


@pytest.fixture
async def visitor(gateway: str, person: Person) -> AsyncIterator[Person]:
    """Yield a person whose browser is signed in to the gateway on this machine."""
    session = {"gateway": person.browser.cookies["__Host-gateway"]}
    options = {"base_url": gateway, "cookies": session, "headers": {"origin": gateway}}
    async with httpx.AsyncClient(**options) as browser:
        yield replace(person, browser=browser)


async def sign_in(browser: httpx.AsyncClient, email: str, next: str = "/") -> httpx.Response:
    form = hidden((await browser.get("/sign-in", params={"next": next})).text)
    return await browser.post("/sign-in", data={**form, "email": email, "password": PASSWORD})


def hidden(html: str) -> dict[str, str]:
    """Return the hidden fields of the first form of a page."""
    first = html.partition("</form>")[0]
    return {
        unescape(name): unescape(value)
        for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', first)
    }


@dataclass
class Application:
    """A registered client, and its requests."""

    http: httpx.AsyncClient
    client_id: str
    secret: str | None
    callback: str
    tokens: dict[str, Any] = field(default_factory=dict)

    def question(self, **change: Any) -> dict[str, Any]:
        """Return the parameters of a request for a code; None leaves one out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": SCOPE,
            "state": "s t/a+te&é",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | change
        return {name: value for name, value in asked.items() if value is not None}

    async def open(self, browser: httpx.AsyncClient, **change: Any) -> httpx.Response:
        return await browser.get("/oauth/authorize", params=self.question(**change))

    async def decide(
        self, browser: httpx.AsyncClient, decision: str = "allow", **change: Any
    ) -> httpx.Response:
        """Open the page and press a button, or follow the redirect if there is no page."""
        page = await self.open(browser, **change)
        if page.status_code != 200:
            return page
        return await press(browser, page, decision)

    async def code(self, person: Person, **change: Any) -> str:
        answer = await self.decide(person.browser, **change)
        return told(answer)["code"]

    def credentials(self) -> dict[str, Any]:
        if self.secret is None:
            return {}
        return {"auth": (self.client_id, self.secret)}

    async def post(self, path: str, data: Any = None, **options: Any) -> httpx.Response:
        return await self.http.post(f"/oauth/{path}", data=data, **self.credentials() | options)

    async def token(self, proof: str | list[str] | None = None, **form: Any) -> httpx.Response:
        """Request a token, with a proof in each header `DPoP`."""
        if self.secret is None:
            form.setdefault("client_id", self.client_id)
        proofs = [proof] if isinstance(proof, str) else proof or []
        headers = [("dpop", text) for text in proofs]
        form = {n: v for n, v in form.items() if v is not None}
        return await self.post("token", form, headers=headers)

    async def redeem(self, code: str, **change: Any) -> httpx.Response:
        form = {"code": code, "redirect_uri": self.callback, "code_verifier": VERIFIER} | change
        return await self.token(grant_type="authorization_code", **form)

    async def refresh(self, token: str, **change: Any) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token, **change)

    async def connect(self, person: Person, **change: Any) -> dict[str, Any]:
        """Return the tokens that a person grants it."""
        answer = await self.redeem(await self.code(person, **change))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def introspect(self, token: str) -> dict[str, Any]:
        answer = await self.post("introspect", {"token": token})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def revoke(self, token: str, **more: str) -> httpx.Response:
        form = {"token": token, **more}
        if self.secret is None:
            form["client_id"] = self.client_id
        return await self.post("revoke", form)


async def press(
    browser: httpx.AsyncClient, page: httpx.Response, decision: str = "allow"
) -> httpx.Response:
    """Press a button of the page."""
    form = hidden(page.text) | {"decision": decision}
    return await browser.post("/oauth/authorize", data=form)


def told(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters of a redirect to the application."""
    assert answer.status_code == 303, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}


async def arrive(browser: httpx.AsyncClient, address: str, decision: str = "allow") -> str:
    """Return the redirect after an authorization request; press a button if there is a page."""
    answer = await browser.get(address)
    if answer.status_code == 200:
        answer = await press(browser, answer, decision)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


Applications = Callable[..., Awaitable[Application]]


@pytest.fixture
def applications(database: Database, dial: Dial) -> Applications:
    """Return a function that registers applications, confidential ones by default."""

    async def application(*uris: str, name: str = "Planner", **options: Any) -> Application:
        uris = uris or (CALLBACK,)
        made: Registered = await register(database, name, uris, **options)
        return Application(dial(), made.client_id, made.secret, uris[0])

    return application


@pytest.fixture
async def planner(applications: Applications) -> Application:
    """Return a confidential application."""
    return await applications()


@pytest.fixture
async def spa(applications: Applications) -> Application:
    """Return a public application in a browser."""
    return await applications(public=True, name="Board")


@pytest.fixture
async def robot(applications: Applications) -> Application:
    """Return a confidential application that acts for itself."""
    grants = ("client_credentials",)
    return await applications(grant_types=grants, name="Robot")


@pytest.fixture
async def guard(applications: Applications) -> Application:
    """Return a resource server."""
    return await applications(grant_types=("client_credentials",), resource_server=True)


async def works(http: httpx.AsyncClient, token: str) -> bool:
    """Return whether the API accepts this token."""
    body = {"query": "{ viewer { profile { email } } }"}
    answer = await http.post("/graphql", json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


Events = Callable[[str], Awaitable[list[asyncpg.Record]]]


@pytest.fixture
def events(superuser: asyncpg.Connection) -> Events:
    """Return the recorded events about an application, in order."""

    async def events(client_id: str) -> list[asyncpg.Record]:
        return await superuser.fetch(
            "SELECT * FROM audit_logs WHERE client_id = $1 ORDER BY created_at", client_id
        )

    return events


REGISTER = "/oauth/register"
WANTED = {
    "client_name": "Canvas",
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "requirements:read organizations:read",
}


@pytest.fixture
def announce(dial):
    """Return a function with which an application registers itself from a network of its own."""

    async def announce(**change):
        members = {name: value for name, value in (WANTED | change).items() if value is not None}
        return await send(dial(), "POST", REGISTER, members)

    return announce


@pytest.fixture
async def canvas(announce, dial):
    """Return an application that has registered itself: its metadata and its requests."""
    made = (await announce()).json()
    application = Application(dial(), made["client_id"], made["client_secret"], CALLBACK)
    return made, application


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def path_of(made):
    return made["registration_client_uri"].removeprefix(ISSUER)


async def send(http, method, path, members, **headers):
    """Send JSON, also invalid JSON."""
    headers |= {"content-type": "application/json"}
    return await http.request(method, path, content=json.dumps(members), headers=headers)


async def manage(http, made, method="GET", **members):
    """Read, change or end a registration; None leaves a member out."""
    headers = bearer(made["registration_access_token"])
    if method != "PUT":
        return await http.request(method, path_of(made), headers=headers)
    body = WANTED | {"client_id": made["client_id"]} | members
    told = {name: value for name, value in body.items() if value is not None}
    return await send(http, method, path_of(made), told, **headers)
