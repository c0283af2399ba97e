"""Views of shares: counted and recorded beside the requests, and kept for 90 days."""

from types import SimpleNamespace

import httpx
import pytest

from db.problem import Problem
from db.retention import prune
from tests import networks
from tests.platform.sharing import PASSWORD, share

VIEWS = """query ($id: UUID!) { share(id: $id) { version viewCount lastViewedAt history {
    totalCount } views { totalCount nodes { id createdAt ipAddress userAgent } } } }"""
OBJECT = "{ shared { object { id } } }"


@pytest.fixture
async def browser(app):
    transport = httpx.ASGITransport(app, client=(networks.address(), 50000))
    headers = {"user-agent": "a browser", "accept": "text/html"}
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)
    async with client as browser:
        yield browser


async def test_views_are_counted_and_say_when_and_from_where(world, app, browser):
    made = await share(world)
    for _ in range(2):
        assert (await browser.get(made.path)).status_code == 200
    assert (await browser.get(f"{made.path}?page=9")).status_code == 404
    for _ in range(3):
        assert (await world.ask("guest", OBJECT))["object"]
    await app.state.views.write()
    seen = await world.ask("owner", VIEWS, id=made.id)
    assert (seen["viewCount"], seen["version"], seen["history"]["totalCount"]) == (3, 1, 1)
    views = seen["views"]["nodes"]
    assert len(views) == seen["views"]["totalCount"] == 3
    assert seen["lastViewedAt"] == max(view["createdAt"] for view in views)
    address, _ = browser._transport.client
    pages = [view for view in views if view["userAgent"] == "a browser"]
    assert [view["ipAddress"] for view in pages] == [address, address]
    assert await world.code("guest", VIEWS, id=made.id) == "NOT_FOUND"


async def test_what_asks_for_a_password_is_no_view(world, app, browser):
    made = await share(world, password=PASSWORD)
    await browser.get(made.path)
    assert await world.code("guest", OBJECT) == "UNAUTHENTICATED"
    await app.state.views.write()
    assert (await world.ask("owner", VIEWS, id=made.id))["viewCount"] == 0


async def test_views_that_could_not_be_written_are_written_the_next_time(
    world, app, browser, monkeypatch
):
    made, views = await share(world), app.state.views
    await browser.get(made.path)

    def busy(*_):
        raise Problem("BUSY", "No connection is free.")

    with monkeypatch.context() as patch:
        patch.setattr(views, "_database", SimpleNamespace(auth=SimpleNamespace(lend=busy)))
        with pytest.raises(Problem):
            await views.write()
    await views.write()
    assert (await world.ask("owner", VIEWS, id=made.id))["viewCount"] == 1


async def test_views_are_kept_for_90_days(world, app, browser, database):
    made = await share(world)
    await browser.get(made.path)
    await browser.get(made.path)
    await app.state.views.write()
    await world.superuser.execute(
        "UPDATE share_views SET created_at = now() - interval '91 days' WHERE id ="
        " (SELECT min(id::text)::uuid FROM share_views WHERE share_id = $1)",
        made.id,
    )
    assert await prune(database, "upkeep.share_views", batch=1) >= 1
    seen = await world.ask("owner", VIEWS, id=made.id)
    assert (seen["viewCount"], seen["views"]["totalCount"]) == (2, 1)
