"""The pages of shares: a document or a baseline without script, and the form for a password."""

import re

import pytest

from graph.logs import remove_secrets
from tests.platform.sharing import (
    BASELINE,
    DELETE,
    PASSWORD,
    REVOKE,
    UPDATE,
    expire,
    share,
    visitors,
)

ROW = "SELECT * FROM shares WHERE id = $1"


@pytest.fixture
async def visit(app):
    """Yield a function that makes browsers, each in a network of its own."""
    async with visitors(app) as visit:
        yield visit


@pytest.fixture
def browser(visit):
    return visit()


async def give(browser, path, password):
    """Fill in the form for the password, and send it."""
    page = await browser.get(path)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    return await browser.post(path, data={"csrf_token": token, "password": password})


async def test_a_document_is_shown_with_its_tables_and_without_script(world, browser):
    at = (world.organization, world.project, world.document)
    property = await world.superuser.fetchval(
        "INSERT INTO properties (organization_id, key, name, property_type, options) VALUES"
        """ ($1, 'how', 'Verified by', 'select', '{"choices": [{"id": "t", "label": "Test"}]}')"""
        " RETURNING id",
        world.organization,
    )
    await world.superuser.execute(
        "INSERT INTO columns (organization_id, project_id, document_id, block_id, property_id)"
        " VALUES ($1, $2, $3, $4, $5)",
        *(*at, world.block, property),
    )
    await world.superuser.execute(
        """UPDATE requirements SET external_id = 'SYS-7', status = 'in_review',
        description = '<script>alert(1)</script>', properties = '{"how": "t", "cost": 7}'
        WHERE id = $1""",
        world.requirement,
    )
    await world.superuser.execute(
        """INSERT INTO blocks (organization_id, project_id, document_id, parent_id, name, content)
        VALUES ($1, $2, $3, $4, 'Within', '{"text": "As agreed & signed"}')""",
        *(*at, world.block),
    )
    made = await share(world)
    response = await browser.get(made.path)
    page = response.text
    assert response.status_code == 200
    for text in (f"<h1>Document {world.name}</h1>", f"<h2>Block {world.name}</h2>", "SYS-7"):
        assert text in page
    for text in ("<h3>Within</h3>", "As agreed &amp; signed", "In review", "Verified by", "Test"):
        assert text in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    for hidden in ("cost", f"Project {world.name}", world.email("owner"), "Supplier"):
        assert hidden not in page
    headers = response.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "script-src" not in headers["content-security-policy"]
    assert made.key not in str(remove_secrets(None, "info", {"path": made.path}))


async def test_whatever_is_wrong_the_page_is_the_same(world, visit):
    """An address that is unknown, expired, revoked, or of a document that is deleted."""
    pages = set()

    async def missing(path):
        response = await visit().get(path)
        assert response.status_code == 404
        pages.add(response.text)
        if "?" not in path:
            posted = await visit().post(path, data={"password": PASSWORD})
            assert posted.status_code == 404

    made = await share(world)
    await missing(f"{made.path}x")
    await missing(made.path[:-1] + ("a" if made.path[-1] != "a" else "b"))
    await missing("/s/nothing")
    await missing(f"{made.path}?page=2")
    await missing(f"{made.path}?page=-1")
    await expire(world, made)
    await missing(made.path)
    made = await share(world)
    await world.ask("owner", REVOKE, id=made.id)
    await missing(made.path)
    made = await share(world, password=PASSWORD)
    await world.ask("owner", DELETE, id=world.document)
    await missing(made.path)
    assert len(pages) == 1


async def test_a_password_is_asked_for_and_its_change_asks_again(world, browser, visit):
    made = await share(world, password=PASSWORD)
    asked = await browser.get(made.path)
    assert asked.status_code == 200
    assert world.name not in asked.text
    wrong = await give(browser, made.path, "another password")
    assert (wrong.status_code, "The password is wrong." in wrong.text) == (401, True)
    assert not browser.cookies.get("gateway-share")
    refused = (await world.records(made.id))[-1]
    assert (refused["action"], refused["event_type"]) == ("refuse", "access_denied")
    assert "another password" not in str(dict(refused))
    right = await give(browser, made.path, PASSWORD)
    assert (right.status_code, right.headers["location"]) == (303, made.path)
    cookie = next(h for h in right.headers.get_list("set-cookie") if "gateway-share" in h)
    for part in (f"Path={made.path}", "HttpOnly", "Max-Age=43200", "SameSite=lax"):
        assert part in cookie
    assert f"Document {world.name}" in (await browser.get(made.path)).text
    other = await share(world, password=PASSWORD)
    held = {"cookie": f"gateway-share={browser.cookies.get('gateway-share')}"}
    assert world.name not in (await visit().get(other.path, headers=held)).text
    input = {"password": "another walk in the rain"}
    await world.ask("owner", UPDATE, id=made.id, version=1, input=input)
    assert world.name not in (await browser.get(made.path)).text


async def test_a_form_of_another_site_gives_no_password(world, browser):
    made = await share(world, password=PASSWORD)
    answer = await browser.post(made.path, data={"password": PASSWORD})
    assert answer.status_code == 403


async def test_a_program_gets_a_key_for_a_password(world, browser):
    made = await share(world, password=PASSWORD)
    headers = {"accept": "application/json"}
    answer = await browser.post(made.path, data={"password": PASSWORD}, headers=headers)
    world.tokens["guest"] = token = answer.json()["token"]
    query = "{ shared { object { id } } }"
    opened = await world.ask("guest", query)
    assert opened["object"]["id"] == str(world.document)
    time, _, signature = token.partition(".")[2].partition(".")
    for forged in (f"{int(time, 16) + 60:x}.{signature}", f"{time}.{signature[:-1]}", time):
        world.tokens["guest"] = f"{made.key}.{forged}"
        assert await world.code("guest", query) == "UNAUTHENTICATED"
    world.tokens["guest"] = token
    input = {"password": "another walk in the rain"}
    await world.ask("owner", UPDATE, id=made.id, version=1, input=input)
    assert await world.code("guest", query) == "UNAUTHENTICATED"


@pytest.mark.slow
async def test_guesses_of_a_password_have_to_wait(world, browser, settings):
    made = await share(world, password=PASSWORD)
    headers = {"accept": "application/json"}

    async def guess(client, password="a wrong password"):
        response = await client.post(made.path, data={"password": password}, headers=headers)
        return response.status_code

    tried = [await guess(browser) for _ in range(settings.sign_in_attempts + 1)]
    assert set(tried[:-1]) == {401}
    assert tried[-1] == 429
    assert await guess(browser, PASSWORD) == 429


@pytest.mark.parametrize("of", ["document", "project"])
async def test_a_baseline_is_shown_as_it_was(world, browser, of):
    place = {f"{of}Id": getattr(world, of)}
    made = await world.ask("owner", BASELINE, input={"name": "Release 1", **place})
    made = await share(world, object_id=made["baseline"]["id"])
    await world.superuser.execute(
        "UPDATE requirements SET name = 'Changed' WHERE id = $1", world.requirement
    )
    page = (await browser.get(made.path)).text
    if of == "project":
        assert "<h1>Release 1</h1>" in page
        link = f"{made.path}?document={world.document}"
        assert link in page
        other = await browser.get(f"{made.path}?document={world.block}")
        assert other.status_code == 404
        page = (await browser.get(link)).text
    assert "Baseline Release 1, as of" in page
    assert f"Document {world.name}" in page
    assert f"Requirement {world.name}" in page
    assert "Changed" not in page


async def test_a_long_document_has_pages(world, browser):
    await world.superuser.execute(
        "INSERT INTO requirements (organization_id, project_id, document_id, block_id, name,"
        " position) SELECT $1, $2, $3, $4, 'R' || n || '.', n + 2"
        " FROM generate_series(1, 250) AS n",
        *(world.organization, world.project, world.document, world.block),
    )
    made = await share(world)
    first, second = [(await browser.get(f"{made.path}?page={n}")).text for n in (1, 2)]
    assert "Page 1 of 2" in first
    assert f"{made.path}?page=2" in first
    assert ("R199." in first, "R200." in first) == (True, False)
    assert ("R199." in second, "R200." in second, "R250." in second) == (False, True, True)
    assert f"Block {world.name}" in second
