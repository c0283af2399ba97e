"""The explorer as a first-party application: a code with PKCE, tokens in memory, no cookie."""

import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
from playwright.async_api import Response, Route, expect

from tests.browsing import keep_picture
from tests.explorer.conftest import Visitor

pytestmark = pytest.mark.processes

EDITOR = "editor@demo.example"
WHO = "{ viewer { profile { email } scopes } }"
LIVING = """
SELECT count(*) FROM oauth_refresh_tokens
WHERE client_id = 'gateway-explorer' AND revoked_at IS NULL AND rotated_at IS NULL
    AND created_at > $1
"""
REVOKE = """
UPDATE {} SET revoked_at = now() WHERE client_id = 'gateway-explorer' AND created_at > $1
"""
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour'"
KEPT = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


@pytest.fixture
async def start(superuser: asyncpg.Connection) -> datetime:
    """Return the time at the start of the test: older tokens are others'."""
    return await superuser.fetchval("SELECT clock_timestamp()")


def tokens_of(visitor: Visitor) -> list[str]:
    """Return the tokens that operations were sent with, each once, in order."""
    sent = [r.headers.get("authorization", "") for r in visitor.sent if r.url.endswith("/graphql")]
    return list(dict.fromkeys(sent))


async def ask(visitor: Visitor, token: str) -> int:
    """Return the status of a request with this value of Authorization, from another client."""
    async with httpx.AsyncClient() as http:
        headers = {"authorization": token}
        answer = await http.post(
            f"{visitor.gateway.url}/graphql", json={"query": WHO}, headers=headers
        )
    return answer.status_code


async def test_somebody_signs_in_and_acts_with_a_token_and_no_cookie(visitor: Visitor):
    await visitor.open()
    await visitor.sign_in(EDITOR)
    await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)
    assert visitor.page.url == f"{visitor.gateway.url}/explorer"

    asked = next(r.url for r in visitor.sent if "/oauth/authorize?" in r.url)
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
    assert query["client_id"] == "gateway-explorer"
    assert query["redirect_uri"] == f"{visitor.gateway.url}/explorer/callback"
    assert query["code_challenge_method"] == "S256"
    assert "prompt" not in query

    await visitor.type_operation(WHO)
    answer = await visitor.execute()
    assert answer["data"]["viewer"] == {"profile": {"email": EDITOR}, "scopes": ["admin"]}
    for request in visitor.sent:
        if request.url.endswith("/graphql"):
            headers = await request.all_headers()
            assert headers["authorization"].startswith("Bearer rqt_")
            assert "cookie" not in headers


async def test_tokens_are_kept_nowhere_and_end_with_the_page(visitor: Visitor, superuser, start):
    async with visitor.page.expect_request("**/graphql"):
        await visitor.sign_in(EDITOR)
    await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)
    kept = await visitor.page.evaluate(KEPT)
    assert "rqt_" not in kept
    assert "rqr_" not in kept
    assert await superuser.fetchval(LIVING, start) == 1

    async with visitor.page.expect_request("**/graphql"):
        await visitor.page.reload()
    await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)
    first, second = tokens_of(visitor)
    assert await ask(visitor, second) == 200
    for _ in range(50):  # it was given back while the page went
        if await ask(visitor, first) == 401:
            break
        await visitor.page.wait_for_timeout(100)
    assert await ask(visitor, first) == 401
    assert await superuser.fetchval(LIVING, start) == 1


async def test_a_token_is_renewed_before_it_ends(visitor: Visitor):
    async def shorten(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=await answer.json() | {"expires_in": 4})

    await visitor.page.route("**/oauth/token", shorten, times=1)

    def renews(response: Response) -> bool:
        return "grant_type=refresh_token" in (response.request.post_data or "")

    async with visitor.page.expect_response(renews) as renewal:
        await visitor.sign_in(EDITOR)
        await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)
    assert (await renewal.value).status == 200
    await visitor.type_operation(WHO)
    assert (await visitor.execute())["data"]["viewer"]["profile"]["email"] == EDITOR
    first, second = tokens_of(visitor)
    assert first != second


async def test_a_token_that_is_refused_is_renewed_and_the_operation_repeated(
    visitor: Visitor, superuser, start
):
    await visitor.sign_in(EDITOR)
    await visitor.type_operation(WHO)
    await superuser.execute(REVOKE.format("oauth_access_tokens"), start)

    def answered(response: Response) -> bool:
        return response.url.endswith("/graphql") and response.status == 200

    async with visitor.page.expect_response(answered) as response:
        await visitor.page.get_by_role("button", name="Execute query").click()
    assert (await (await response.value).json())["data"]["viewer"]["profile"]["email"] == EDITOR
    await expect(visitor.page.locator(".graphiql-response")).to_contain_text(EDITOR)
    assert await visitor.complaints.arrival("401") == 1  # the browser's own


async def test_whoever_is_disconnected_elsewhere_is_told(visitor: Visitor, superuser, start):
    await visitor.sign_in(EDITOR)
    await visitor.type_operation(WHO)
    for table in ("oauth_access_tokens", "oauth_refresh_tokens"):
        await superuser.execute(REVOKE.format(table), start)
    await visitor.page.get_by_role("button", name="Execute query").click()
    banner = visitor.page.get_by_role("banner")
    await expect(banner).to_contain_text("Your access has ended.")
    visitor.complaints.expect("40[01]")
    await banner.get_by_role("button", name="Sign in").click()
    await expect(banner).to_contain_text(EDITOR)


async def test_with_fewer_scopes_the_explorer_shows_what_a_partner_would_see(visitor: Visitor):
    await visitor.sign_in(EDITOR)
    await expect(visitor.page.locator(".scopes > summary")).to_have_text("Everything")
    await visitor.page.locator(".scopes > summary").click()
    await keep_picture(visitor.page, "explorer-scopes")
    await visitor.page.keyboard.press("Escape")

    await visitor.choose("Read only")
    await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)
    await visitor.type_operation(WHO)
    seen = (await visitor.execute())["data"]["viewer"]["scopes"]
    assert seen == ["compliance:read", "delivery:read", "organizations:read", "requirements:read"]

    await visitor.page.get_by_role("button", name="Create a requirement").click()
    await expect(visitor.page.get_by_role("region", name="Variables")).to_contain_text(
        re.compile(r'"documentId":\s"[0-9a-f]{8}-')
    )
    (error,) = (await visitor.execute())["errors"]
    assert error["extensions"]["scope"] == "requirements:write"
    told = await visitor.complaints.arrival(r"403 \(Forbidden\)")
    assert told == 1  # Chromium tells its console of every 403

    await visitor.page.reload()
    await expect(visitor.page.locator(".scopes > summary")).to_have_text("Read only")


async def test_everything_takes_a_fresh_proof_and_until_then_it_reads_and_writes(
    visitor: Visitor, superuser
):
    await visitor.sign_in(EDITOR)
    chosen = visitor.page.locator(".scopes > summary")
    await expect(chosen).to_have_text("Everything")
    await superuser.execute(LONG_AGO)
    await visitor.page.reload()
    await expect(chosen).to_have_text("Read and write")

    await visitor.page.get_by_role("banner").locator(".scopes > summary").click()
    await visitor.page.get_by_role("button", name="Everything", exact=True).click()
    await visitor.page.get_by_role("button", name="Use these scopes").click()
    await visitor.page.get_by_label("Password", exact=True).fill(visitor.gateway.passwords[EDITOR])
    await visitor.page.get_by_role("button", name="Continue").click()
    await expect(chosen).to_have_text("Everything")
    assert visitor.page.url == f"{visitor.gateway.url}/explorer"


async def test_signing_out_ends_the_tokens_and_the_session(visitor: Visitor, superuser, start):
    await visitor.sign_in(EDITOR)
    banner = visitor.page.get_by_role("banner")
    await expect(banner).to_contain_text(EDITOR)
    await visitor.page.get_by_role("button", name="Sign out").click()
    await expect(banner).to_contain_text("Not signed in")
    (token, *_) = tokens_of(visitor)
    assert await ask(visitor, token) == 401
    assert await superuser.fetchval(LIVING, start) == 0
    await visitor.page.reload()
    await expect(banner).to_contain_text("Not signed in")


async def test_signing_out_in_another_tab_is_noticed(visitor: Visitor, superuser, start):
    await visitor.sign_in(EDITOR)
    banner = visitor.page.get_by_role("banner")
    await expect(banner).to_contain_text(EDITOR)
    await visitor.page.context.clear_cookies()
    await visitor.page.evaluate("window.dispatchEvent(new Event('focus'))")
    await expect(banner).to_contain_text("Not signed in")
    await visitor.type_operation(WHO)
    assert (await visitor.execute())["data"] == {"viewer": None}
    assert await superuser.fetchval(LIVING, start) == 0


async def test_an_answer_that_this_tab_has_not_asked_for_is_not_redeemed(visitor: Visitor):
    url = f"{visitor.gateway.url}/explorer/callback?code=rqc_x&state=y&iss={visitor.gateway.url}"
    await visitor.page.goto(url)
    await visitor.ready()
    await expect(visitor.page.get_by_role("banner")).to_contain_text("Not signed in")
    assert visitor.page.url == f"{visitor.gateway.url}/explorer"
    assert not any(request.url.endswith("/oauth/token") for request in visitor.sent)


async def test_at_another_name_of_the_gateway_the_way_leads_to_its_own(visitor: Visitor):
    await visitor.page.goto(visitor.gateway.url.replace("127.0.0.1", "localhost") + "/explorer")
    await visitor.ready()
    await visitor.page.get_by_role("banner").get_by_role("button", name="Sign in").click()
    await visitor.page.wait_for_url(f"{visitor.gateway.url}/explorer")
    visitor.foreign.clear()  # of the other name
    await visitor.sign_in(EDITOR)
    await expect(visitor.page.get_by_role("banner")).to_contain_text(EDITOR)
