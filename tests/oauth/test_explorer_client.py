"""The built-in application of the explorer: registered by a migration, at home at each gateway."""

import httpx
import pytest

from auth.oauth.clients import EXPLORER
from auth.policy.scope_names import SCIM, SCOPES, WORKERS
from graph.app import create_app
from tests.oauth.conftest import ISSUER, Application, told
from tests.oauth.test_authorize import refused

CALLBACK = f"{ISSUER}/explorer/callback"


@pytest.fixture
def explorer(http) -> Application:
    return Application(http, EXPLORER, None, CALLBACK)


async def test_people_are_not_asked_and_no_page_is_shown(explorer, person):
    answer = await explorer.open(person.browser, prompt="none")
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=rqc_")
    tokens = (await explorer.redeem(told(answer)["code"])).json()
    assert tokens["access_token"].startswith("rqt_")


async def test_whoever_is_not_signed_in_does_that_first(explorer, http):
    answer = await explorer.open(http)
    assert answer.headers["location"].startswith("/sign-in?next=")
    said = told(await explorer.open(http, prompt="none"))
    assert said["error"] == "login_required"


@pytest.mark.parametrize(
    "uri",
    [
        "/explorer/callback",
        "https://other.example/explorer/callback",
        "https://gateway.example.evil.example/explorer/callback",
        f"{ISSUER}/explorer",
        f"{CALLBACK}?more=1",
        "http://127.0.0.1:8000/explorer/callback",
    ],
)
async def test_answers_go_to_the_explorer_of_this_gateway_alone(explorer, person, uri):
    assert refused(await explorer.open(person.browser, redirect_uri=uri))


async def test_each_gateway_on_a_database_has_its_explorer_at_its_own_address(settings, person):
    other = "https://second.example"
    app = create_app(settings.model_copy(update={"public_url": other}))
    session = {"__Host-gateway": person.browser.cookies["__Host-gateway"]}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url=other, cookies=session
        ) as browser:
            here = Application(browser, EXPLORER, None, f"{other}/explorer/callback")
            answer = await here.open(browser, scope="requirements:read")
            assert answer.headers["location"].startswith(f"{here.callback}?code=")
            assert refused(await here.open(browser, redirect_uri=CALLBACK))


async def test_it_may_ask_for_every_scope_of_people(explorer, person):
    scopes = [scope for scope in SCOPES if scope not in {*WORKERS, SCIM}]  # of programs
    answer = await explorer.open(person.browser, scope=" ".join(scopes))
    assert "code" in told(answer)


async def test_an_operator_turns_it_off_like_any_other(explorer, person, superuser):
    change = "UPDATE oauth_clients SET disabled_at = {} WHERE client_id = 'gateway-explorer'"
    await superuser.execute(change.format("now()"))
    try:
        assert refused(await explorer.open(person.browser))
    finally:
        await superuser.execute(change.format("NULL"))
