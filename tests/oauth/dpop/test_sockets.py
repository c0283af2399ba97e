"""WebSockets and tokens that are bound to a key: the first message carries the proof."""

import time

import httpx
import pytest

from tests.http.connected import socket
from tests.oauth.dpop.conftest import Holder
from tests.oauth.test_bearer import WHO


async def init(client, **payload):
    await client.send(type="connection_init", payload=payload)


@pytest.mark.slow
async def test_a_bound_token_is_shown_with_a_proof_that_counts_once(gateway, holder, token, person):
    shown = holder.shows(token, url=f"{gateway}/graphql", method="GET")
    async with socket(gateway, token=None) as client:
        await init(client, **shown)
        assert await client.receive() == {"type": "connection_ack"}
        await client.subscribe("1", WHO["query"])
        answer = (await client.receive())["payload"]
        assert answer["data"]["viewer"]["profile"]["email"] == person.email
    async with socket(gateway, token=None) as thief:
        await init(thief, **shown)
        assert (await thief.closed())[0] == 4403


@pytest.mark.slow
async def test_without_a_good_proof_it_opens_nothing(gateway, holder, token):
    here = {"url": f"{gateway}/graphql", "method": "GET"}
    for payload in (
        {"authorization": f"Bearer {token}"},
        {"authorization": f"DPoP {token}"},
        holder.shows(token, **here | {"method": "POST"}),
        holder.shows(token, **here | {"url": f"{gateway}/oauth/token"}),
        Holder().shows(token, **here),
    ):
        async with socket(gateway, token=None) as client:
            await init(client, **payload)
            code, reason = await client.closed()
            assert code == 4403
            assert reason


@pytest.mark.slow
async def test_a_clock_that_is_wrong_is_helped_by_a_nonce_of_any_answer(gateway, holder, token):
    address, late = f"{gateway}/graphql", {"iat": int(time.time()) - 3600}
    async with httpx.AsyncClient() as http:
        headers = holder.shows(token, url=address, **late)
        answer = await http.post(address, json=WHO, headers=headers)
    late["nonce"] = answer.headers["dpop-nonce"]
    async with socket(gateway, token=None) as client:
        await init(client, **holder.shows(token, url=address, method="GET", **late))
        assert await client.receive() == {"type": "connection_ack"}
