"""A client that nobody here wrote: Authlib's own, over httpx."""

import warnings

import httpx
import pytest

from tests.oauth.conftest import API, CALLBACK, ISSUER, SCOPE, press, works

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it announces a successor of httpx
    from authlib.integrations.httpx_client import AsyncOAuth2Client


@pytest.fixture
def client_of(app):
    def client_of(application, **options):
        return AsyncOAuth2Client(
            application.client_id,
            application.secret,
            scope=SCOPE,
            redirect_uri=CALLBACK,
            code_challenge_method="S256",
            transport=httpx.ASGITransport(app, client=("10.7.7.7", 1)),
            **options,
        )

    return client_of


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlibs_client_connects_refreshes_and_revokes(
    client_of, planner, person, http, method
):
    metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    async with client_of(planner, token_endpoint_auth_method=method) as client:
        verifier = "x" * 48
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, resource=API
        )
        answer = await press(person.browser, await person.browser.get(url))
        token = await client.fetch_token(
            metadata["token_endpoint"],
            authorization_response=answer.headers["location"],
            code_verifier=verifier,
        )
        body = {"query": "{ viewer { profile { email } } }"}
        me = (await client.post(f"{ISSUER}/graphql", json=body)).json()
        assert me["data"]["viewer"]["profile"]["email"] == person.email
        fresh = await client.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        assert await works(http, fresh["access_token"])
        await client.revoke_token(metadata["revocation_endpoint"], fresh["refresh_token"])
        assert not await works(http, fresh["access_token"])


async def test_authlibs_client_acts_for_itself(client_of, robot, guard):
    async with client_of(robot) as client:
        token = await client.fetch_token(f"{ISSUER}/oauth/token", grant_type="client_credentials")
    assert (await guard.introspect(token["access_token"]))["client_id"] == robot.client_id
