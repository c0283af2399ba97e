"""Following by plain requests: GET /changes, the same in GraphQL, and a snapshot to resume from."""

import asyncio
import random
from functools import partial

import httpx
import pytest

from auth.credentials.tokens import revoke
from graph.app import create_app
from graph.http.server.config import Config
from tests.core.keys import make_token
from tests.http.test_live_gateway import RENAME as RENAME_DOCUMENT
from tests.live.test_hub import DELETE, DOCUMENT, REMOVE, UPDATE, create, rename
from tests.loop import within
from tests.serving import served

START = "query($id: UUID!) { document(id: $id) { feedCursor } }"
PAGE = """query($id: UUID!, $after: String!, $first: Int!) { document(id: $id) {
    changes(after: $after, first: $first) {
        nodes { cursor kind version entity { id ... on Requirement { name } } }
        pageInfo { hasNextPage endCursor } } } }"""
SNAPSHOT = """query($id: UUID!, $after: String) { document(id: $id) { feedCursor
    requirements(first: 10, after: $after) {
        nodes { id version } pageInfo { hasNextPage endCursor } } } }"""
BLOCK = """mutation($id: UUID!) { blockCreate(input: { documentId: $id, type: "text", name: "B" }) {
    block { id } } }"""
HIDE = """mutation($id: UUID!) { blockDelete(id: $id, expectedVersion: 1) { block { id } } }"""
KINDS = ("organization", "project", "document", "requirement")


@pytest.fixture
def get(client, world):
    """Return a function that requests /changes as a person."""

    async def get(person="viewer", http=client, **parameters):
        headers = {"authorization": f"Bearer {await world.token(person)}"} if person else {}
        given = {name: str(value) for name, value in parameters.items()}
        # A gateway that has only just begun does not know the feed yet, and says so.
        while (
            answer := await http.get("/changes", params=given, headers=headers)
        ).status_code == 503:
            pass
        return answer

    return get


@pytest.fixture
async def start(get, world):
    """Return the cursor from which the document is followed."""
    return (await get(document=world.document)).json()["cursor"]


async def waits(http):
    """Wait until a request waits."""
    async with asyncio.timeout(20):
        text = ""
        while 'subscriptions{transport="poll"} 1.0' not in text:
            text = (await http.get("/metrics")).text


async def all_after(get, cursor, **asked):
    """Return every event after this cursor, page by page."""
    told, more = [], True
    while more:
        page = (await get(after=cursor, **asked)).json()
        told += page["events"]
        cursor, more = page["cursor"], page["hasMore"]
    return told, cursor


async def test_what_has_happened_after_a_cursor_is_told_as_the_subscription_tells_it(
    world, get, start, follow
):
    follower = await follow("viewer", DOCUMENT, id=world.document)
    await follower.until(lambda f: f.told)
    await rename(world, "Brakes hold")
    (event,) = await follower.has(1)
    answer = await get(document=world.document, after=start, wait=20)
    assert answer.status_code == 200
    page = answer.json()
    (told,) = page["events"]
    assert set(told) == {
        *("cursor", "kind", "at", "entityType", "entityId", "version", "changedFields"),
        *("sequence", "correlationId", "departed", "renumbered"),
    }
    assert {name: told[name] for name in told if name in event} == {
        name: event[name] for name in event if name in told
    }
    assert not page["hasMore"]
    again = (await get(document=world.document, after=page["cursor"])).json()
    assert again["events"] == []


@pytest.mark.parametrize("of", KINDS)
async def test_every_scope_is_followed_so(world, get, of):
    about = {of: getattr(world, of)}
    after = (await get(**about)).json()["cursor"]
    await rename(world, "Heard")
    (event,) = (await get(**about, after=after, wait=20)).json()["events"]
    assert (event["entityType"], event["version"]) == ("REQUIREMENT", 2)


async def test_pages_continue_each_other_and_stop_where_nothing_is_left(world, get, start):
    for number in range(5):
        await create(world, f"Number {number}")
    told = []
    while len(told) < 5:
        more, start = await all_after(get, start, document=world.document, first=2, wait=5)
        told += more
    assert [event["kind"] for event in told] == ["CREATED"] * 5
    numbers = [event["sequence"] for event in told]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


async def test_the_same_in_graphql_with_what_each_event_is_about(world):
    after = (await world.ask("viewer", START, id=world.document))["feedCursor"]
    await rename(world, "First")
    await rename(world, "Second", 2)
    told = []
    while len(told) < 2:
        found = await world.ask("viewer", PAGE, id=world.document, after=after, first=1)
        page = found["changes"]
        told += page["nodes"]
        after = page["pageInfo"]["endCursor"]
    assert [event["entity"]["name"] for event in told] == ["First", "Second"]


@pytest.mark.slow
async def test_reading_and_then_following_loses_nothing_that_others_write_meanwhile(world, get):
    """At least once: the snapshot and the events after it add up to the current rows."""
    chance, made = random.Random(11), [await create(world, f"Row {n}") for n in range(12)]

    async def write(seed):
        own = random.Random(seed)
        for number in range(8):
            row = made[own.randrange(len(made))]
            match own.randrange(4):
                case 0:
                    made.append(await create(world, f"Made {seed}.{number}"))
                case 1 if len(made) > 6:
                    made.remove(row)
                    await world.answer("editor", DELETE, id=row["id"], v=row["version"])
                case _:
                    row["version"] += 1
                    v, name = row["version"] - 1, f"Name {seed}.{number}"
                    await world.answer("editor", UPDATE, id=row["id"], v=v, name=name)

    writing = [asyncio.create_task(write(seed)) for seed in range(4)]
    await asyncio.sleep(chance.random() / 10)
    rows, cursor, after, more = {}, None, None, True
    while more:
        found = await world.ask("viewer", SNAPSHOT, id=world.document, after=after)
        cursor = cursor or found["feedCursor"]
        page = found["requirements"]
        rows |= {row["id"]: row["version"] for row in page["nodes"]}
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    await asyncio.gather(*writing)
    last = await create(world, "Last")
    while last["id"] not in rows:
        told, cursor = await all_after(get, cursor, document=world.document, wait=5, first=7)
        for event in told:
            if event["kind"] == "DELETED":
                rows.pop(event["entityId"], None)
            elif event["entityType"] == "REQUIREMENT":
                rows[event["entityId"]] = max(event["version"], rows.get(event["entityId"], 0))
    found = await world.superuser.fetch(
        "SELECT id::text, version FROM requirements WHERE document_id = $1 AND deleted_at IS NULL",
        world.document,
    )
    assert rows == {row["id"]: row["version"] for row in found}


async def test_a_cursor_of_the_past_is_none(world):
    query = "query($id: UUID!) { document(id: $id, atVersion: 1) { feedCursor } }"
    assert await world.ask("viewer", query, id=world.document) == {"feedCursor": None}


@pytest.mark.slow
async def test_a_request_waits_for_an_event_that_its_sender_may_see(world, get, start):
    polling = asyncio.create_task(get(document=world.document, after=start, wait=30, types="BLOCK"))
    await waits(world.client)
    await rename(world, "Not asked for")
    assert not polling.done()
    await world.ask("editor", BLOCK, id=world.document)
    (event,) = (await polling).json()["events"]
    assert event["entityType"] == "BLOCK"


@pytest.mark.slow
async def test_a_request_that_waits_in_vain_is_given_a_cursor_to_go_on_from(world, get, start):
    page = (await get(document=world.document, after=start, wait=1)).json()
    assert (page["events"], page["hasMore"]) == ([], False)
    await rename(world, "Later")
    later = (await get(document=world.document, after=page["cursor"], wait=20)).json()
    assert len(later["events"]) == 1


async def test_whose_rights_end_while_they_wait_is_told_nothing(world, get, start):
    polling = asyncio.create_task(get(document=world.document, after=start, wait=30))
    await waits(world.client)
    await world.ask("owner", REMOVE, id=world.members["viewer"])
    await rename(world, "Secret")
    answer = await polling
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_whose_token_is_revoked_while_they_wait_is_refused(world, get, start):
    polling = asyncio.create_task(get(document=world.document, after=start, wait=30))
    await waits(world.client)
    await revoke(world.database, await world.token("viewer"))
    await rename(world, "Secret")
    answer = await polling
    assert answer.status_code == 401
    assert "resource_metadata" in answer.headers["www-authenticate"]


async def test_who_may_not_see_it_is_told_the_same_as_of_what_is_not_there(world, get):
    hidden = await get("outsider", document=world.document, after="A" * 64)
    missing = await get("viewer", document=world.block, after="A" * 64)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json() == missing.json()
    anonymous = await get(None, document=world.document)
    assert anonymous.status_code == 401


async def test_a_token_needs_the_scope_of_what_it_follows(world, get):
    await make_token(world, "viewer", "organizations:read")
    answer = await get("viewer's script", document=world.document)
    assert answer.status_code == 403
    assert 'scope="requirements:read"' in answer.headers["www-authenticate"]
    assert (await get("viewer's script", organization=world.organization)).status_code == 200


async def test_a_cursor_that_is_too_old_is_gone_and_another_one_is_given(world, get):
    answer = await get(document=world.document, after="A" * 64)
    assert answer.status_code == 410
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions["code"] == "RESYNC"
    await rename(world, "After all")
    later = await get(document=world.document, after=extensions["cursor"], wait=20)
    assert len(later.json()["events"]) == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"since": "2026-01-01"}, ["since"]),
        ({"requirement": "x"}, ["requirement"]),
        ({"document": "x"}, ["document"]),
        ({"after": ""}, ["after"]),
        ({"after": "x"}, ["after"]),
        ({"first": "101"}, ["first"]),
        ({"wait": "-1"}, ["wait"]),
        ({"wait": "51"}, ["wait"]),
        ({"types": "Requirements"}, ["types"]),
        ({"types": ""}, ["types"]),
    ],
)
async def test_what_is_not_understood_is_refused_by_its_name(world, get, start, asked, field):
    answer = await get(**({"document": world.document, "after": start} | asked))
    assert answer.status_code == 400
    extensions = answer.json()["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == ("INVALID", field)


async def test_only_get_is_accepted_and_pages_of_other_sites_are_refused(client, world):
    assert (await client.post("/changes")).headers["allow"] == "GET"
    url = f"/changes?document={world.document}"
    foreign = await client.get(url, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert (await client.get(f"{url}&document={world.document}")).status_code == 400


async def test_requests_that_wait_count_as_subscriptions(world, settings, get):
    narrow = settings.model_copy(update={"live_subscriptions_per_person": 1})
    app = create_app(narrow)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
    ):
        asked = {"document": world.document, "http": http}
        after = (await get(**asked)).json()["cursor"]
        polling = asyncio.create_task(get(**asked, after=after, wait=30))
        await waits(http)
        second = await get(**asked, after=after, wait=30)
        assert (second.status_code, second.headers["retry-after"]) == (429, "5")
        assert (await get(**asked, after=after)).status_code == 200
        await rename(world, "Told")
        assert len((await polling).json()["events"]) == 1


@pytest.mark.slow
async def test_requests_that_wait_are_answered_when_the_server_stops(world, settings, get):
    config = partial(Config, settings=settings)
    async with served(lambda _: create_app(settings), config) as url:
        http = httpx.AsyncClient(base_url=url, timeout=40)
        asked = {"document": world.document, "http": http}
        after = (await get(**asked)).json()["cursor"]
        polling = asyncio.create_task(get(**asked, after=after, wait=50))
        await waits(http)
    async with within(10):
        assert (await polling).json()["events"] == []
    await http.aclose()


async def test_a_mutation_gives_the_cursor_from_before_it(world, get):
    """So that a client that writes first and follows then receives its own change, too."""
    query = RENAME_DOCUMENT.replace("name version", "feedCursor")
    done = await world.ask("editor", query, id=world.document, name="Mine")
    after = done["document"]["feedCursor"]
    told = (await get(document=world.document, after=after, wait=20)).json()["events"]
    assert [event["entityType"] for event in told] == ["DOCUMENT"]


async def test_a_page_of_requirements_holds_the_block_that_hides_them(world, get, start):
    await world.ask("editor", HIDE, id=world.block)
    page = await get(document=world.document, after=start, types="REQUIREMENT", wait=20)
    told = [(event["kind"], event["entityId"]) for event in page.json()["events"]]
    assert told == [("DELETED", str(world.block))]
