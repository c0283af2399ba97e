"""Third-party clients: Authlib's own, asynchronous and synchronous."""

import asyncio
import time

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from authlib.oauth2.rfc6749.errors import MismatchingStateException

from tests.oauth.conftest import SCOPE, VERIFIER, Application, arrive

WHO = {"query": "{ viewer { profile { email } } }"}


def options(gateway: str, application: Application, method: str) -> dict[str, object]:
    """Return the arguments of a client of the gateway on this machine."""
    return {
        "client_id": application.client_id,
        "client_secret": application.secret,
        "token_endpoint_auth_method": method,
        "token_endpoint": f"{gateway}/oauth/token",
        "code_challenge_method": "S256",
        "redirect_uri": application.callback,
        "scope": SCOPE,
        "base_url": gateway,
    }


def email(answer) -> str | None:
    assert answer.status_code == 200, answer.text
    viewer = answer.json()["data"]["viewer"]
    return viewer and viewer["profile"]["email"]


@pytest.fixture(params=["none", "client_secret_basic", "client_secret_post"])
async def client(gateway, spa, planner, request):
    """Yield an asynchronous client, and the responses to its refreshes."""
    application = spa if request.param == "none" else planner
    renewed = []

    async def keep(token, refresh_token=None, access_token=None):
        renewed.append((refresh_token, token["refresh_token"]))

    async with AsyncOAuth2Client(
        **options(gateway, application, request.param), update_token=keep
    ) as client:
        client.renewed = renewed
        yield client


async def connect(client, gateway, visitor) -> dict[str, str]:
    address, _ = client.create_authorization_url(
        f"{gateway}/oauth/authorize", code_verifier=VERIFIER, resource=f"{gateway}/graphql"
    )
    callback = await arrive(visitor.browser, address)
    return await client.fetch_token(authorization_response=callback, code_verifier=VERIFIER)


@pytest.mark.slow
async def test_a_person_is_connected_and_asked_for_no_more_than_was_agreed(
    client, gateway, visitor
):
    token = await connect(client, gateway, visitor)
    assert set(token["scope"].split()) == set(SCOPE.split())
    assert email(await client.post("/graphql", json=WHO)) == visitor.email


@pytest.mark.slow
async def test_a_token_that_is_nearly_over_is_refreshed_on_the_way(client, gateway, visitor):
    first = dict(await connect(client, gateway, visitor))
    client.token = {**first, "expires_at": int(time.time()) + 30}
    answers = await asyncio.gather(*(client.post("/graphql", json=WHO) for _ in range(4)))
    assert {email(answer) for answer in answers} == {visitor.email}
    assert client.renewed == [(first["refresh_token"], client.token["refresh_token"])]
    assert client.token["access_token"] != first["access_token"]


@pytest.mark.slow
async def test_what_is_given_back_is_over(client, gateway, visitor):
    token = dict(await connect(client, gateway, visitor))
    answer = await client.revoke_token(
        f"{gateway}/oauth/revoke",
        token=token["refresh_token"],
        token_type_hint="refresh_token",
    )
    assert answer.status_code == 200
    assert (await client.post("/graphql", json=WHO)).status_code == 401
    client.token = {**token, "expires_at": int(time.time()) - 1}
    with pytest.raises(OAuthError) as refused:
        await client.post("/graphql", json=WHO)
    assert refused.value.error == "invalid_grant"


@pytest.mark.slow
async def test_an_answer_to_another_request_is_noticed(client, gateway, visitor):
    address, _ = client.create_authorization_url(
        f"{gateway}/oauth/authorize", code_verifier=VERIFIER
    )
    callback = await arrive(visitor.browser, address)
    with pytest.raises(MismatchingStateException):
        await client.fetch_token(
            authorization_response=callback, state="another", code_verifier=VERIFIER
        )


@pytest.mark.slow
async def test_an_application_acts_for_itself_and_gets_another_token_in_time(gateway, robot):
    async with AsyncOAuth2Client(**options(gateway, robot, "client_secret_basic")) as client:
        first = dict(await client.fetch_token(grant_type="client_credentials"))
        assert email(await client.post("/graphql", json=WHO)) is None
        client.metadata["grant_type"] = "client_credentials"
        client.token = {**first, "expires_at": int(time.time()) + 30}
        assert email(await client.post("/graphql", json=WHO)) is None
        assert client.token["access_token"] != first["access_token"]
        answer = await client.introspect_token(
            f"{gateway}/oauth/introspect", token=client.token["access_token"]
        )
        assert answer.json()["client_id"] == robot.client_id


@pytest.mark.slow
async def test_the_synchronous_client_does_the_same(gateway, planner, visitor):
    loop = asyncio.get_running_loop()

    def browse(address: str) -> str:
        return asyncio.run_coroutine_threadsafe(arrive(visitor.browser, address), loop).result(30)

    def work() -> tuple[str | None, bool, int]:
        with OAuth2Client(**options(gateway, planner, "client_secret_basic")) as client:
            address, _ = client.create_authorization_url(
                f"{gateway}/oauth/authorize", code_verifier=VERIFIER
            )
            callback = browse(address)
            first = dict(
                client.fetch_token(authorization_response=callback, code_verifier=VERIFIER)
            )
            client.token = {**first, "expires_at": int(time.time()) + 30}
            seen = email(client.post("/graphql", json=WHO))
            renewed = client.token["refresh_token"] != first["refresh_token"]
            client.revoke_token(f"{gateway}/oauth/revoke", token=client.token["refresh_token"])
            return seen, renewed, client.post("/graphql", json=WHO).status_code

    assert await asyncio.to_thread(work) == (visitor.email, True, 401)
