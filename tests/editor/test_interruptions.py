"""The network goes, the server restarts, sessions end: the page goes on, and nothing is lost."""

import asyncio
import json
import re
from datetime import timedelta

import pytest
from playwright.async_api import WebSocketRoute, expect

from auth.credentials import tokens
from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from tests.editor.conftest import LOST, SECONDS
from tests.editor.test_together import UPDATE, both

pytestmark = pytest.mark.processes

SIGN_OUT = """async () => {
    const { csrfToken } = await (await fetch('/session')).json();
    const body = new URLSearchParams({ csrf_token: csrfToken, next: '/' });
    await fetch('/sign-out', { method: 'POST', body });
}"""
"""The sign-out of another tab."""

FOLLOW = """async ([id, tokens]) => {
    const { Connection } = await import('/live/assets/connection.js');
    const told = [];
    const connection = new Connection(location.origin.replace('http', 'ws') + '/graphql', {
        connectionParams: async () => ({ authorization: `Bearer ${tokens.shift()}` }),
        onState: (state) => told.push(state),
    });
    const query = `subscription ($id: UUID!, $after: String) {
        documentChanged(id: $id, after: $after) { cursor kind version } }`;
    connection.subscribe(query, { id }, {
        next: ({ kind, version }) => told.push(`${kind} ${version}`),
        error: (errors) => told.push(JSON.stringify(errors)),
    });
    window.told = told;
}"""
"""Another front end, which uses tokens."""


async def rename(world, name, version):
    """Rename the requirement as another client."""
    await world.ask("owner", UPDATE, id=world.requirement, version=version, input={"name": name})


async def versions(world):
    """Return the versions that the requirement has had since its creation, from the audit log."""
    return [record["version"] for record in await world.records(world.requirement)]


async def test_two_people_go_on_after_the_network_was_cut(enter, world, gateway):
    one, other = await both(enter, "editor", "owner")
    gateway.network.cut()
    for window in (one, other):
        await expect(window.page.locator("#bar")).to_contain_text("connection is lost")
    await one.type("name", "Written in a tunnel")
    await one.type("description", "At first")
    await one.type("description", "And then better")
    await other.type("externalId", "T-1")
    await expect(one.page.locator("#bar")).to_contain_text("changes are kept")
    await one.picture("offline")
    await world.ask(
        "owner", UPDATE, id=world.requirement, version=1, input={"priority": "CRITICAL"}
    )
    gateway.network.mend()
    for window in (one, other):
        await window.shows("name", "Written in a tunnel")
        await window.shows("description", "And then better")
        await window.shows("externalId", "T-1")
        await window.shows("priority", "Critical")
        await expect(window.page.locator("#bar")).to_be_hidden()
        await expect(window.page.locator(".note")).to_have_count(0)
        window.complaints.expect(LOST)
    assert await versions(world) == [2, 3, 4, 5]  # each once, of the description the last


async def test_an_answer_that_was_lost_is_asked_for_again_and_the_edit_done_once(
    enter, world, gateway
):
    (one,) = await both(enter, "editor")

    async def lose(route):
        await route.fetch()
        await route.abort("connectionreset")

    await one.page.route("**/graphql", lose, times=1)
    await one.type("name", "Done once")
    await one.shows("name", "Done once")
    await expect(one.page.locator("#state")).not_to_have_class(re.compile("saving"))
    await expect(one.cell("name").locator(".tag")).to_have_count(0)
    assert await versions(world) == [2]
    one.complaints.expect(LOST)


async def test_two_people_go_on_after_the_server_was_restarted(enter, world, gateway):
    one, other = await both(enter, "editor", "owner")
    await gateway.stop()
    await expect(one.page.locator("#bar")).to_be_visible(timeout=SECONDS)
    await one.type("name", "Written meanwhile")
    await gateway.start()
    for window in (one, other):
        await window.shows("name", "Written meanwhile")
    await other.type("name", "And after it")
    await one.shows("name", "And after it")
    assert await versions(world) == [2, 3]
    for window in (one, other):
        window.complaints.expect(LOST)


async def test_what_was_typed_survives_the_page(enter, world, gateway):
    (one,) = await both(enter, "editor")
    await one.page.route("**/graphql", lambda route: route.abort("connectionrefused"))
    await one.type("name", "Typed before the reload")
    await expect(one.page.locator("#state")).to_have_class(re.compile("saving"))
    await one.page.unroute("**/graphql")
    one.page.on("dialog", lambda dialog: dialog.accept())  # leave although it is not saved yet
    await one.page.reload()
    await one.is_live()
    await one.shows("name", "Typed before the reload")
    assert await versions(world) == [2]
    one.complaints.expect(LOST)


async def test_who_cannot_go_on_reads_again(enter, world, gateway):
    """The cursor that is given back belongs to an order of events that is gone."""
    one = await enter("editor")
    connections = []

    def outdate(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        connections.append(socket)

        def send(text: str | bytes) -> None:
            message = json.loads(text)
            variables = message.get("payload", {}).get("variables", {})
            if variables.get("after"):
                variables["after"] = f"{0:032}.1"
            server.send(json.dumps(message))

        socket.on_message(send)

    await one.page.route_web_socket("**/graphql", outdate)
    await one.open()
    await one.is_live()
    gateway.network.cut()
    await expect(one.page.locator("#bar")).to_be_visible(timeout=SECONDS)
    await rename(world, "Never told", 1)
    gateway.network.mend()
    await one.shows("name", "Never told")
    await rename(world, "Told again", 2)
    await one.shows("name", "Told again")
    assert len(connections) > 1
    assert any('"RESYNC"' in text for text in one.told)
    one.complaints.expect(LOST)


async def test_who_was_signed_out_signs_in_again_and_loses_nothing(enter, world, gateway, settings):
    (one,) = await both(enter, "editor")
    await one.page.evaluate(SIGN_OUT)
    await expect(one.page.locator("#bar")).to_contain_text("signed out", timeout=SECONDS)
    await one.type("name", "Typed by nobody")
    async with world.database.auth.lend(NOBODY) as lent:
        session = await start(lent, world.people["editor"], Origin(None, None, None), settings)
    cookie = {"name": "gateway", "value": session.secret, "url": gateway.url, "httpOnly": True}
    await one.page.context.add_cookies([cookie])
    await one.page.evaluate("window.dispatchEvent(new Event('focus'))")
    await one.shows("name", "Typed by nobody")
    await expect(one.page.locator("#bar")).to_be_hidden()
    one.complaints.expect("401")


async def test_a_front_end_with_tokens_shows_a_fresh_one_and_goes_on(enter, world, database):
    one = await enter("viewer")
    await one.open()
    email = world.email("editor")
    short = await tokens.issue(database, email, timedelta(seconds=4))
    await one.page.evaluate(FOLLOW, [str(world.document), [short, await world.token("editor")]])

    async def hears(*expected: str) -> None:
        async with asyncio.timeout(SECONDS / 1000):
            while (told := await one.page.evaluate("window.told"))[-len(expected) :] != [*expected]:
                assert not any("code" in each for each in told), told
                await asyncio.sleep(0.1)

    await hears("connecting", "open", "READY null")
    await rename(world, "Before", 1)
    await hears("UPDATED 2")
    await hears("UPDATED 2", "lost", "connecting", "open", "READY null")
    await rename(world, "After", 2)
    await hears("READY null", "UPDATED 3")
