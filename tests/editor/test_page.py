"""The server's answers beneath /live, without a browser."""

import re
from uuid import uuid4

import httpx
import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.editor.page import STATIC


@pytest.fixture
async def signed_in(client, world, settings):
    """Return the header that signs a person in."""
    async with world.database.auth.lend(NOBODY) as lent:
        session = await start(lent, world.people["viewer"], Origin(None, None, None), settings)
    return {"Cookie": f"gateway={session.secret}"}


async def test_who_is_not_signed_in_does_that_first_and_comes_back(client):
    id = uuid4()
    answer = await client.get(f"/live/{id}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next=%2Flive%2F{id}"


async def test_the_page_is_the_same_for_every_document(client, world, other_world, signed_in):
    pages = {
        (await client.get(f"/live/{id}", headers=signed_in)).text
        for id in (world.document, other_world.document, uuid4())
    }
    assert len(pages) == 1


async def test_the_page_permits_nothing_from_elsewhere_and_nothing_inline(client, signed_in):
    answer = await client.get(f"/live/{uuid4()}", headers=signed_in)
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in answer.headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)| on\w+=", answer.text)


async def test_every_module_that_is_named_is_there_and_kept_while_it_is_good(client, signed_in):
    page = (await client.get(f"/live/{uuid4()}", headers=signed_in)).text
    page += (await client.get("/", headers=signed_in)).text
    named = set(re.findall(r'"/live/assets/([\w.-]+)"', page))
    for module in STATIC.glob("*.js"):
        named |= set(re.findall(r"from '\./([\w.-]+)'", module.read_text(encoding="utf-8")))
    assert named == {file.name for file in STATIC.iterdir()}
    for name in named:
        answer = await client.get(f"/live/assets/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        again = {"If-None-Match": answer.headers["etag"]}
        assert (await client.get(f"/live/assets/{name}", headers=again)).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["assets/page.html", "assets/..%2Fpage.py", "assets/%2Fetc%2Fpasswd", "assets/", "nothing", ""],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, signed_in, path):
    answer = await client.get(f"/live/{path}", headers=signed_in)
    assert answer.status_code in (404, 405)
