"""A site made of the pages alone, people to sign in, and the rows that the database stores."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.accounts.mail import Mail, Outbox
from auth.credentials.identify import InvalidToken, identify
from auth.credentials.people import create_person
from auth.pages import routes
from db.pool import Database
from db.problem import CODES, Problem
from graph.settings import Settings
from tests import networks
from tests.locks import held
from tests.tenants import organization_of

PASSWORD, ANOTHER = "correct horse battery", "another horse battery"
SECURE, LOCAL = "https://gateway.example", "http://localhost:8000"


@dataclass(frozen=True)
class Person:
    """A person with the password above."""

    id: UUID
    email: str


@pytest.fixture(scope="session")
def settings() -> Settings:
    secret = SecretStr("a secret that the tests of accounts use alone")
    return Settings(gateway_secret=secret, sign_in_attempts=3, sign_in_window=900)


@pytest.fixture
async def person(database: Database) -> Person:
    email = f"member+{uuid4().hex}@demo.example"
    return Person(await create_person(database, email, "A Member", PASSWORD), email)


class Mailbox(Outbox):
    """The mailbox of all people: mails are stored here."""

    def __init__(self, settings: Settings, shared: "Mailbox | None" = None) -> None:
        super().__init__(settings)
        self.mails: list[Mail] = shared.mails if shared else []
        self._work = shared._work if shared else self._work

    async def _deliver(self, mail: Mail) -> None:
        self.mails.append(mail)

    async def of(self, email: str) -> list[Mail]:
        """Return the mails to this address, oldest first, once all have arrived."""
        await self.settle()
        return [mail for mail in self.mails if mail.to == email]

    async def link(self, email: str) -> str:
        """Return the path of the link in the last mail to this address."""
        [address] = re.findall(r"https?://\S+", (await self.of(email))[-1].text)[1:]
        return address.partition(":8000")[2]


@pytest.fixture
def mailbox(settings: Settings) -> Mailbox:
    return Mailbox(settings)


def site_of(database: Database, settings: Settings, outbox: Outbox) -> Starlette:
    """Return an application of the pages, and one resource that names its caller."""

    async def me(request: Request) -> Response:
        viewer = await identify(request, database, settings)
        return JSONResponse({"email": viewer.email, "session": viewer.session_id})

    async def refuse(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        status = CODES[problem.code].status
        headers = problem.headers if isinstance(problem, InvalidToken) else {}
        return JSONResponse(problem.extensions, status, headers)

    return Starlette(
        routes=[*routes(database, settings, outbox), Route("/me", me)],
        exception_handlers={Problem: refuse},
    )


Browse = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def browse(database: Database, settings: Settings, mailbox: Mailbox) -> AsyncIterator[Browse]:
    """Yield a function that makes browsers, each in a network of its own by default."""
    opened = []
    usual = site_of(database, settings, mailbox)

    def browse(base_url: str = SECURE, ip: str | None = None, **changed: Any) -> httpx.AsyncClient:
        site = usual
        if changed:
            others = settings.model_copy(update=changed)
            site = site_of(database, others, Mailbox(others, mailbox))
        ip = ip or networks.address()
        transport = httpx.ASGITransport(site, client=(ip, 50000))
        headers = {"user-agent": "a browser", "origin": base_url}
        browser = httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)
        opened.append(browser)
        return browser

    yield browse
    for browser in opened:
        await browser.aclose()


@pytest.fixture
def browser(browse: Browse) -> httpx.AsyncClient:
    return browse()


async def send(
    browser: httpx.AsyncClient, path: str, to: str | None = None, **fields: str
) -> httpx.Response:
    """Open the page at this path, fill in its form, send it to `to` or its own path."""
    page = await browser.get(path)
    form = {**hidden(page.text), **fields}
    return await browser.post(to or path.partition("?")[0], data=form)


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the forms on a page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


async def form_of(browser: httpx.AsyncClient, next: str = "/") -> dict[str, str]:
    """Return the hidden fields of the form for signing in, as the page holds them."""
    page = await browser.get("/sign-in", params={"next": next})
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    return {"csrf_token": token, "next": next}


async def sign_in(
    browser: httpx.AsyncClient, email: str, password: str = PASSWORD, next: str = "/"
) -> httpx.Response:
    """Sign in as a person does: open the form, fill it in, send it."""
    form = await form_of(browser, next)
    return await browser.post("/sign-in", data={**form, "email": email, "password": password})


Rows = Callable[..., Awaitable[list[asyncpg.Record]]]


@pytest.fixture
def events(superuser: asyncpg.Connection) -> Rows:
    """Return the recorded events about somebody, in order."""

    async def events(user_id: UUID | None, *types: str) -> list[asyncpg.Record]:
        return await superuser.fetch(
            "SELECT * FROM audit_logs WHERE user_id IS NOT DISTINCT FROM $1"
            " AND event_type::text = ANY($2) ORDER BY created_at",
            user_id,
            list(types),
        )

    return events


@pytest.fixture
async def organization(superuser: asyncpg.Connection, person: Person) -> UUID:
    """Return the ID of an organization that the person owns."""
    return await organization_of(superuser, person.id, "Harbour <b>")


@pytest.fixture
async def owner(browse: Browse, person: Person, organization: UUID) -> httpx.AsyncClient:
    """Return the browser of its owner, who has just signed in."""
    browser = browse()
    await sign_in(browser, person.email)
    return browser


Overtaken = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def overtaken(
    browse: Browse, mailbox: Mailbox, person: Person, superuser: asyncpg.Connection
) -> Overtaken:
    """Return the answer to a request that runs while its password is reset by a link.

    The row of the password is locked, or those of the sessions; the reset waits for the lock first,
    and then the request.
    """
    await send(browse(), "/forgotten-password", email=person.email)
    browser, link = browse(), await mailbox.link(person.email)
    form = {**hidden((await browser.get(link)).text), "password": ANOTHER}

    async def overtaken(
        request: Awaitable[httpx.Response], at: str = "profile_credentials"
    ) -> httpx.Response:
        async with held(superuser, f"{at} WHERE user_id = $1", person.id) as waiting:
            choice = asyncio.create_task(browser.post("/forgotten-password/choose", data=form))
            await waiting(1)
            late = asyncio.ensure_future(request)
            await waiting(2)
        assert (await choice).headers["location"] == "/sign-in?news=changed"
        return await late

    return overtaken
