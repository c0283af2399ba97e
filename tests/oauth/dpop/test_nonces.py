"""The time of a proof: its own clock, or a nonce of the server (RFC 9449, sections 8 and 9)."""

import time

import httpx
import pytest

from graph.app import create_app
from tests.oauth.conftest import ISSUER
from tests.oauth.dpop.conftest import ask, refused
from tests.oauth.test_tokens import error


@pytest.mark.parametrize("seconds", [-3600, -90, 40, 3600])
async def test_a_clock_that_is_wrong_is_helped_by_a_nonce(http, holder, token, seconds):
    iat = int(time.time() + seconds)
    answer = refused(await ask(http, *holder.shows(token, iat=iat).items()), "use_dpop_nonce")
    nonce = answer.headers["dpop-nonce"]
    answer = await ask(http, *holder.shows(token, iat=iat, nonce=nonce).items())
    assert answer.status_code == 200
    assert answer.headers["dpop-nonce"]  # for the next


@pytest.mark.parametrize("iat", [0, 1e300, -1e-300, 10**900, -(10**900)], ids=range(5))
async def test_so_is_one_that_is_out_of_its_mind(http, holder, token, iat):
    answer = refused(await ask(http, *holder.shows(token, iat=iat).items()), "use_dpop_nonce")
    nonce = answer.headers["dpop-nonce"]
    answer = await ask(http, *holder.shows(token, iat=iat, nonce=nonce).items())
    assert answer.status_code == 200


async def test_times_that_are_none_are_refused(http, holder, token):
    for iat in (float("nan"), float("inf"), "1", [1], False):
        answer = await ask(http, *holder.shows(token, iat=iat).items())
        assert answer.status_code == 401


@pytest.mark.parametrize("seconds", [-40, 0, 5])
async def test_a_clock_may_differ_a_little(http, holder, token, seconds):
    shown = holder.shows(token, iat=time.time() + seconds)
    assert (await ask(http, *shown.items())).status_code == 200


async def a_nonce(http, holder, token):
    answer = refused(await ask(http, *holder.shows(token, iat=0).items()), "use_dpop_nonce")
    return answer.headers["dpop-nonce"]


async def test_a_nonce_that_we_did_not_give_out_is_none(http, holder, token):
    made, _, seal = (await a_nonce(http, holder, token)).partition(".")
    later = f"{int(made, 16) + 30:x}.{seal}"
    for wrong in ("x", "", 7, f"{made}.{'A' * 43}", later, f"{made}.{seal}x", f"0{made}.{seal}"):
        answer = await ask(http, *holder.shows(token, nonce=wrong).items())
        assert refused(answer, "use_dpop_nonce").headers["dpop-nonce"]


async def test_a_nonce_ends(http, holder, token, monkeypatch):
    nonce = await a_nonce(http, holder, token)
    ahead = time.time() + 400
    monkeypatch.setattr("auth.credentials.dpop.time.time", lambda: ahead)
    answer = await ask(http, *holder.shows(token, iat=ahead, nonce=nonce).items())
    assert refused(answer, "use_dpop_nonce").headers["dpop-nonce"] != nonce


async def test_an_operator_may_ask_for_nonces_everywhere(settings, robot, holder):
    strict = settings.model_copy(update={"require_dpop_nonce": True})
    app = create_app(strict)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("10.77.1.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
            robot.http, form = http, {"grant_type": "client_credentials"}
            answer = await robot.token(**form, proof=holder.proof())
            assert error(answer) == "use_dpop_nonce"
            nonce = answer.headers["dpop-nonce"]
            answer = await robot.token(**form, proof=holder.proof(nonce=nonce))
            token, nonce = answer.json()["access_token"], answer.headers["dpop-nonce"]
            answer = await ask(http, *holder.shows(token).items())
            refused(answer, "use_dpop_nonce")
            answer = await ask(http, *holder.shows(token, nonce=nonce).items())
            assert answer.status_code == 200
            assert answer.headers["dpop-nonce"]
            plain = (await robot.token(**form)).json()["access_token"]
            answer = await ask(http, ("authorization", f"Bearer {plain}"))
            assert answer.status_code == 200


async def test_pages_of_other_origins_may_prove_and_read_nonces(settings, http):
    spa = "https://spa.example"
    app = create_app(settings.model_copy(update={"cors_origins": (spa,)}))
    async with app.router.lifespan_context(app):
        http._transport.app = app
        asks = {
            "origin": spa,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,dpop",
        }
        preflight = await http.options("/graphql", headers=asks)
        assert preflight.status_code == 200
        assert "DPoP" in preflight.headers["access-control-allow-headers"]
        answer = await ask(http, ("origin", spa), ("authorization", "DPoP x"))
        assert "DPoP-Nonce" in answer.headers["access-control-expose-headers"]
