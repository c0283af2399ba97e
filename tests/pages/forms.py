"""A browser without a script, for pages with forms: it reads them, and sends what they hold."""

import re
from html import unescape
from typing import Any
from uuid import UUID

import httpx

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.settings import Settings
from tests.world import World

FORM = re.compile(r'<form method="post" action="([^"]+)">(.*?)</form>', re.DOTALL)
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
ALERT = re.compile(r'role="alert">([^<]*)<')


class Browser:
    """The browser of one person of a test's tenant."""

    def __init__(self, client: httpx.AsyncClient, cookie: str) -> None:
        self._client = client
        self._headers = {"Cookie": cookie, "Origin": "http://localhost"}
        self.page: httpx.Response

    @classmethod
    async def of(cls, world: World, settings: Settings, person: str) -> "Browser":
        """Sign a person in."""
        id: UUID = world.people[person]
        async with world.database.auth.lend(NOBODY) as lent:
            session = await start(lent, id, Origin(None, None, None), settings)
        return cls(world.client, f"gateway={session.secret}")

    async def open(self, path: str) -> str:
        """Open a page; return its text."""
        self.page = await self._client.get(path, headers=self._headers)
        return self.page.text

    def form(self, action: str, **having: Any) -> dict[str, str]:
        """Return the hidden fields of the form of this action whose fields have these values."""
        wanted = {name: str(value) for name, value in having.items()}
        for path, inside in FORM.findall(self.page.text):
            fields = {name: unescape(value) for name, value in HIDDEN.findall(inside)}
            if path == action and wanted.items() <= fields.items():
                return fields
        raise AssertionError(f"no form {action} with {wanted}")

    async def post(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        """Send fields as a form."""
        self.page = await self._client.post(path, data=fields, headers=self._headers)
        return self.page

    async def send(self, action: str, having: dict[str, Any] | None = None, **fields: Any) -> str:
        """Send a form of the page with these fields, and follow it; return the text."""
        answer = await self.post(action, self.form(action, **having or {}) | fields)
        if answer.status_code != 303:
            return answer.text
        return await self.open(answer.headers["location"])

    @property
    def refusal(self) -> str | None:
        """Return the message of the alert on the page."""
        found = ALERT.search(self.page.text)
        return unescape(found[1]) if found else None
