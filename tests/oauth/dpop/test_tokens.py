"""Tokens that are bound to a key: their issue, refresh and introspection (RFC 9449)."""

import asyncio

import pytest

from tests.oauth.conftest import (
    CALLBACK,
    ISSUER,
    VERIFIER,
    Application,
    press,
    told,
    works,
)
from tests.oauth.dpop.conftest import KEYS, TOKEN, Holder, bound
from tests.oauth.test_refresh import AGO
from tests.oauth.test_tokens import error

PUSH = f"{ISSUER}/oauth/par"
WHO = {"query": "{ viewer { profile { email } scopes } }"}


async def accepted(http, token, holder):
    answer = await http.post("/graphql", json=WHO, headers=holder.shows(token))
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


@pytest.mark.parametrize("alg", KEYS)
async def test_a_proof_binds_the_token_to_its_key(planner, person, http, alg):
    holder = Holder(KEYS[alg], alg)
    tokens = await bound(planner, person, holder)
    assert tokens["token_type"] == "DPoP"
    answer = await http.post("/graphql", json=WHO, headers=holder.shows(tokens["access_token"]))
    assert answer.json()["data"]["viewer"]["profile"]["email"] == person.email
    assert "dpop-nonce" not in answer.headers
    stranger = Holder(alg=alg, key=type(KEYS[alg]).generate_key())
    assert not await accepted(http, tokens["access_token"], stranger)
    assert not await works(http, tokens["access_token"])


async def test_an_application_for_itself_binds_its_tokens_too(robot, http):
    holder = Holder()
    answer = await robot.token(grant_type="client_credentials", proof=holder.proof())
    assert answer.json()["token_type"] == "DPoP"
    assert await accepted(http, answer.json()["access_token"], holder)


async def test_without_a_proof_tokens_are_for_whoever_bears_them(planner, person, http):
    tokens = await planner.connect(person)
    assert tokens["token_type"] == "Bearer"
    assert not await accepted(http, tokens["access_token"], Holder())
    assert await works(http, tokens["access_token"])


async def test_introspection_shows_the_key(planner, spa, guard, person):
    holder = Holder()
    told = await planner.introspect((await bound(planner, person, holder))["access_token"])
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": holder.thumbprint})
    refresh = (await bound(spa, person, holder))["refresh_token"]
    assert (await guard.introspect(refresh))["cnf"] == {"jkt": holder.thumbprint}
    told = await planner.introspect((await planner.connect(person))["access_token"])
    assert (told["token_type"], "cnf" in told) == ("Bearer", False)


async def test_a_public_application_refreshes_with_the_same_key(spa, person, http):
    holder, thief = Holder(), Holder()
    first = (await bound(spa, person, holder))["refresh_token"]
    assert error(await spa.refresh(first)) == "invalid_dpop_proof"
    assert error(await spa.refresh(first, proof=thief.proof())) == "invalid_grant"
    answer = await spa.refresh(first, proof=holder.proof())
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "DPoP"
    assert await accepted(http, answer.json()["access_token"], holder)
    second = answer.json()["refresh_token"]
    assert error(await spa.refresh(second, proof=thief.proof())) == "invalid_grant"
    assert (await spa.refresh(second, proof=holder.proof())).status_code == 200


async def test_whoever_lacks_the_key_cannot_end_the_family_either(spa, person, http, superuser):
    holder = Holder()
    first = await bound(spa, person, holder)
    answer = await spa.refresh(first["refresh_token"], proof=holder.proof())
    second = answer.json()["access_token"]
    assert await accepted(http, second, holder)
    assert error(await spa.refresh(first["refresh_token"])) == "invalid_dpop_proof"
    assert await accepted(http, second, holder)
    await superuser.execute(AGO, spa.client_id)
    assert error(await spa.refresh(first["refresh_token"])) == "invalid_dpop_proof"
    assert await accepted(http, second, holder)
    answer = await spa.refresh(first["refresh_token"], proof=holder.proof())
    assert error(answer) == "invalid_grant"  # used twice, by its holder
    assert not await accepted(http, second, holder)


async def test_a_thief_without_the_key_does_not_make_a_lost_answer_look_used(spa, person, http):
    holder = Holder()
    first = (await bound(spa, person, holder))["refresh_token"]
    lost = (await spa.refresh(first, proof=holder.proof())).json()["access_token"]
    assert not await works(http, lost)
    assert not await accepted(http, lost, Holder())
    assert (await spa.refresh(first, proof=holder.proof())).status_code == 200


async def test_an_application_with_a_secret_may_change_its_key(planner, person, http):
    old, new = Holder(), Holder()
    refresh = (await bound(planner, person, old))["refresh_token"]
    answer = await planner.refresh(refresh, proof=new.proof())
    assert await accepted(http, answer.json()["access_token"], new)
    assert not await accepted(http, answer.json()["access_token"], old)


async def test_a_code_can_be_bound_to_a_key_from_the_beginning(spa, person, http):
    holder, thief = Holder(), Holder()
    code = await spa.code(person, dpop_jkt=holder.thumbprint)
    assert error(await spa.redeem(code)) == "invalid_dpop_proof"
    assert error(await spa.redeem(code, proof=thief.proof())) == "invalid_grant"
    answer = await spa.redeem(code, proof=holder.proof())
    assert answer.status_code == 200
    assert await accepted(http, answer.json()["access_token"], holder)


@pytest.mark.parametrize(
    "jkt", ["x", "x" * 42, "x" * 44, "x" * 42 + "=", "é" * 43, "x" * 43 + "\n"]
)
async def test_a_code_is_not_bound_to_what_is_no_key(spa, person, jkt):
    answer = await spa.open(person.browser, dpop_jkt=jkt)
    assert told(answer)["error"] == "invalid_request"


async def test_an_application_can_be_registered_for_bound_tokens_alone(
    applications, person, superuser
):
    robot = await applications(
        dpop=True, grant_types=("authorization_code", "refresh_token", "client_credentials")
    )
    code = await robot.code(person)
    assert error(await robot.redeem(code)) == "invalid_dpop_proof"
    assert error(await robot.token(grant_type="client_credentials")) == "invalid_dpop_proof"
    answer = await robot.redeem(code, proof=Holder().proof())
    assert answer.json()["token_type"] == "DPoP"
    refresh = answer.json()["refresh_token"]
    assert error(await robot.refresh(refresh)) == "invalid_dpop_proof"
    assert (await robot.refresh(refresh, proof=Holder().proof())).status_code == 200


async def test_a_proof_is_good_for_one_token_whichever_process_is_asked(robot):
    proof = Holder().proof()
    form = {"grant_type": "client_credentials", "proof": proof}
    answers = await asyncio.gather(*(robot.token(**form) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]
    assert error(await robot.token(**form)) == "invalid_dpop_proof"


async def test_two_keys_may_name_their_proofs_alike(robot):
    for holder in (Holder(), Holder()):
        proof = holder.proof(jti="one")
        answer = await robot.token(grant_type="client_credentials", proof=proof)
        assert answer.status_code == 200


async def test_what_was_refused_has_issued_nothing(robot, superuser):
    proof = Holder().proof(htm="GET")
    assert error(await robot.token(grant_type="client_credentials", proof=proof))
    count = "SELECT count(*) FROM oauth_access_tokens WHERE client_id = $1"
    assert await superuser.fetchval(count, robot.client_id) == 0


async def test_a_proof_does_not_stand_in_for_a_secret(robot, planner, person):
    robot.secret = None
    answer = await robot.token(grant_type="client_credentials", proof=Holder().proof())
    assert error(answer, 401) == "invalid_client"


async def test_the_code_verifier_is_needed_all_the_same(spa, person):
    holder = Holder()
    code = await spa.code(person, dpop_jkt=holder.thumbprint)
    answer = await spa.redeem(code, proof=holder.proof(), code_verifier="w" * len(VERIFIER))
    assert error(answer) == "invalid_grant"


async def test_other_endpoints_look_at_no_proof(planner, person):
    tokens = await bound(planner, person, Holder())
    form = {"token": tokens["access_token"]}
    answer = await planner.post("introspect", form, headers={"dpop": "nonsense"})
    assert answer.json()["active"] is True


async def test_pages_of_other_sites_may_send_proofs_and_read_nonces(planner):
    ask = {"origin": "https://spa.example", "access-control-request-method": "POST"}
    preflight = await planner.http.options(TOKEN, headers=ask)
    assert "DPoP" in preflight.headers["access-control-allow-headers"]
    assert "DPoP-Nonce" in preflight.headers["access-control-expose-headers"]


async def test_applications_find_out_how_to_sign(http):
    for kind in ("oauth-authorization-server", "oauth-protected-resource/graphql"):
        document = (await http.get(f"{ISSUER}/.well-known/{kind}")).json()
        assert document["dpop_signing_alg_values_supported"] == list(KEYS)
    assert document["dpop_bound_access_tokens_required"] is False


async def test_a_pushed_request_binds_its_code_to_the_key_of_its_proof(planner, spa, person):
    for application in (planner, spa):
        holder, thief = Holder(), Holder()

        async def push(proof, application=application, **change):
            asked = application.question(**change)
            return await application.post("par", asked, headers={"dpop": proof})

        for jkt in (None, holder.thumbprint):
            answer = await push(holder.proof(PUSH), dpop_jkt=jkt)
            assert answer.status_code == 201, answer.text
            named = {
                "client_id": application.client_id,
                "request_uri": answer.json()["request_uri"],
            }
            page = await person.browser.get("/oauth/authorize", params=named)
            page = page if page.status_code == 303 else await press(person.browser, page)
            code = told(page)["code"]
            assert error(await application.redeem(code)) == "invalid_dpop_proof"
            answer = await application.redeem(code, proof=thief.proof())
            assert error(answer) == "invalid_grant"
            answer = await application.redeem(code, proof=holder.proof())
            assert answer.json()["token_type"] == "DPoP"
        other = await push(holder.proof(PUSH), dpop_jkt=thief.thumbprint)
        assert error(other) == "invalid_request"
        assert error(await push(holder.proof(TOKEN))) == "invalid_dpop_proof"


async def test_an_application_may_register_itself_for_bound_tokens(dial, http, person):
    members = {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "dpop_bound_access_tokens": True,
    }
    made = (await http.post("/oauth/register", json=members)).json()
    assert made["dpop_bound_access_tokens"] is True
    board = Application(dial(), made["client_id"], None, CALLBACK)
    code = await board.code(person)
    assert error(await board.redeem(code)) == "invalid_dpop_proof"
    assert (await board.redeem(code, proof=Holder().proof())).status_code == 200
