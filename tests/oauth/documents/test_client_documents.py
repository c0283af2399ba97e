"""Applications that are named by the address of their metadata."""

import asyncio
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from auth import oauth
from auth.accounts.mail import Outbox
from auth.oauth.registry import disable
from tests.oauth.conftest import CALLBACK, ISSUER, SCOPE, Application, press, told
from tests.oauth.documents.conftest import HOST
from tests.oauth.test_pushed import push
from tests.oauth.waiting import DEVICE_CODE, ask

STALE = "UPDATE oauth_clients SET document_expires_at = now() WHERE client_id = $1"
LASTS = """
SELECT extract(epoch FROM document_expires_at - now()) FROM oauth_clients WHERE client_id = $1
"""


def path_of(application):
    return urlsplit(application.client_id).path


async def test_nothing_but_its_address_is_needed(board, person, http, publisher):
    page = await board.open(person.browser)
    assert page.status_code == 200, page.text
    tokens = (await board.redeem(told(await press(person.browser, page))["code"])).json()
    query = {"query": "{ viewer { profile { email } } }"}
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    answer = await http.post("/graphql", json=query, headers=headers)
    assert answer.json()["data"]["viewer"]["profile"]["email"] == person.email
    assert (await board.refresh(tokens["refresh_token"])).status_code == 200
    assert publisher.fetched[path_of(board)] == 1


async def test_the_page_names_its_host_and_that_nobody_has_verified_it(board, person):
    page = (await board.open(person.browser)).text
    assert f"It is described by <strong>{HOST}" in page
    assert "Nobody has verified who runs it." in page


async def test_it_is_known_to_pushed_requests_and_devices(board, publisher, dial, request):
    assert (await push(board)).status_code == 201
    grants = [DEVICE_CODE, "refresh_token"]
    screen = publisher.application(
        f"/{request.node.name}/screen.json", grant_types=grants, redirect_uris=[]
    )
    asked = await ask(Application(dial(), screen, None, ""), scope=SCOPE)
    assert asked.status_code == 200, asked.text


@pytest.mark.parametrize(
    "uri",
    [f"{CALLBACK}/", f"{CALLBACK}?a=b", "https://other.example/cb", "http://127.0.0.1:9/cb"],
)
async def test_its_redirect_uris_are_exactly_those_listed(publisher, dial, person, request, uri):
    listed = [CALLBACK, "http://127.0.0.1/cb"]
    id = publisher.application(f"/{request.node.name[:40]}", redirect_uris=listed)
    board = Application(dial(), id, None, CALLBACK)
    answer = await board.open(person.browser, redirect_uri=uri)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("max-age=7200", 7100, 7200),
        ("public, max-age=1", 290, 300),
        ("no-store", 290, 300),
        ("max-age=99999999", 86000, 86400),
        ("nonsense", 3500, 3600),
    ],
)
async def test_it_is_kept_as_its_headers_say_within_bounds(
    publisher, dial, person, superuser, header, least, most
):
    path = f"/lasts/{least}-{most}-{len(header)}.json"
    id = publisher.application(path)
    publisher.pages[path][2]["cache-control"] = header
    await Application(dial(), id, None, CALLBACK).open(person.browser)
    assert least <= await superuser.fetchval(LASTS, id) <= most


async def test_a_changed_document_is_read_once_it_is_not_fresh(
    board, person, publisher, superuser, monkeypatch
):
    await board.code(person)
    publisher.application(path_of(board), client_name="Boards", redirect_uris=[f"{CALLBACK}2"])
    assert (await board.open(person.browser)).status_code == 303  # remembered, still fresh
    await superuser.execute(STALE, board.client_id)
    monkeypatch.setattr("auth.oauth.fetched.LONGEST", 0.0)
    monkeypatch.setattr("auth.oauth.fetched.Document.age", 10**9)
    answer = await board.open(person.browser)
    assert answer.status_code == 400
    page = await board.open(person.browser, redirect_uri=f"{CALLBACK}2")
    assert "Allow Boards?" in page.text


WRONG = [
    {"client_id": "https://apps.example/other"},
    {"client_id": None},
    {"client_secret": "rqs_secret"},
    {"token_endpoint_auth_method": "client_secret_basic"},
    {"redirect_uris": ["javascript:alert(1)"]},
    {"redirect_uris": []},
    {"grant_types": ["client_credentials"]},
    {"scope": "admin"},
    {"client_name": "two\nlines"},
    {
        "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        "token_endpoint_auth_method": "private_key_jwt",
    },
]


@pytest.mark.parametrize("number", range(len(WRONG)))
async def test_a_document_that_is_not_valid_is_refused_on_a_page(
    publisher, dial, person, number, superuser
):
    id = publisher.application(f"/wrong/{number}.json", **WRONG[number])
    answer = await Application(dial(), id, None, CALLBACK).open(person.browser)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "metadata document" in answer.text
    stored = "SELECT count(*) FROM oauth_clients WHERE client_id = $1"
    assert await superuser.fetchval(stored, id) == 0


@pytest.mark.parametrize(
    ("content", "status", "headers"),
    [
        (b"a" * 40_000, 200, {}),
        (b"[]", 200, {}),
        (b"{", 200, {}),
        (b"{}", 404, {}),
        (b"{}", 302, {"location": "/documents/elsewhere.json"}),
        (b"<html>", 200, {"content_type": "text/html"}),
    ],
)
async def test_what_is_no_document_is_refused(
    publisher, dial, person, request, content, status, headers
):
    path = f"/{abs(hash(request.node.name))}.json"
    elsewhere = publisher.application("/documents/elsewhere.json")
    id = publisher.publish(path, content, status, **headers)
    answer = await Application(dial(), id, None, CALLBACK).open(person.browser)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert publisher.fetched[urlsplit(elsewhere).path] == 0, "no redirect is followed"
    await Application(dial(), id, None, CALLBACK).open(person.browser)
    assert publisher.fetched[path] == 1, "a failure is remembered for a while"


@pytest.mark.parametrize(
    "id",
    [
        "https://inside.example/client.json",
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://169.254.169.254/latest/meta-data",
        "https://unknown.example/client.json",
        "https://apps.example:22/client.json",
        "http://apps.example/client.json",
        "https://apps.example",
        "https://user:secret@apps.example/client.json",
        "https://apps.example/a/../client.json",
        "https://apps.example/a/%2e%2E/client.json",
        "https://apps.example/client.json#fragment",
        "https://apps.example/" + "a" * 500,
        "file:///etc/passwd",
    ],
)
async def test_addresses_inside_and_malformed_ones_are_refused_alike(dial, person, id):
    answer = await Application(dial(), id, None, CALLBACK).open(person.browser)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_many_that_ask_at_once_share_one_request(board, people, publisher):
    visitors = [await people() for _ in range(4)]
    pages = await asyncio.gather(*(board.open(each.browser) for each in visitors))
    assert {page.status_code for page in pages} == {200}
    assert publisher.fetched[path_of(board)] == 1


@pytest.mark.parametrize("policy", ["open", "documents", "closed"])
async def test_the_operator_decides_whether_documents_are_read(
    board, person, settings, database, publisher, policy
):
    other = settings.model_copy(update={"client_registration": policy})
    routes = oauth.routes(database, other, Outbox(other), publisher.outbound)
    transport = httpx.ASGITransport(Starlette(routes=routes))
    cookies = person.browser.cookies
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER, cookies=cookies) as browser:
        status = 400 if policy == "closed" else 200
        assert (await board.open(browser)).status_code == status
        about = (await browser.get("/.well-known/openid-configuration")).json()
        assert about["client_id_metadata_document_supported"] is (policy != "closed")
        assert ("registration_endpoint" in about) is (policy == "open")


async def test_one_that_the_operator_has_disabled_stays_so(board, person, database, superuser):
    tokens = await board.connect(person)
    await disable(database, board.client_id)
    await superuser.execute(STALE, board.client_id)
    assert (await board.open(person.browser)).status_code == 400
    assert (await board.refresh(tokens["refresh_token"])).status_code == 401
