"""Third-party clients: oauth4webapi and openid-client of npm, in Node.js.

Both check each answer by the standards themselves, and fail where our own tests would not.
"""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.nodejs import journey
from tests.oauth.conftest import SCOPE, Application, Person, arrive
from tests.oauth.waiting import DEVICE_CODE, allow

pytestmark = pytest.mark.processes

FORBIDDEN = """mutation {
    organizationCreate(input: { name: "Harbour", slug: "harbour" }) { __typename } }"""
"""A mutation that needs a scope which was not requested."""


@pytest.fixture
def travel(gateway: str, visitor: Person):
    """Return a function that runs an application's journey, with a person who allows or cancels."""

    async def travel(program: str, name: str, application: Application, **told):
        decision = told.pop("decision", "allow")
        own = {
            "issuer": gateway,
            "api": f"{gateway}/graphql",
            "clientId": application.client_id,
            "secret": application.secret,
            "redirectUri": application.callback,
            "scope": SCOPE,
        }

        async def visit(address: str) -> str:
            asked = urlsplit(address)
            if asked.path != "/device":
                return await arrive(visitor.browser, address, decision)
            (code,) = parse_qs(asked.query)["user_code"]
            await allow(visitor.browser, code, decision)
            return address

        return await journey(program, name, own | told, visit)

    return travel


@pytest.fixture(params=["public", "confidential", "confidential, in the form"])
def application(request, spa, planner) -> tuple[Application, dict[str, str]]:
    """Return an application, and its authentication method."""
    if request.param == "public":
        return spa, {}
    return planner, {"method": "post"} if "form" in request.param else {}


async def test_oauth4webapi_is_led_from_the_api_to_tokens_and_back(travel, application, visitor):
    client, method = application
    seen = await travel("oauth4webapi.mjs", "person", client, forbidden=FORBIDDEN, **method)
    assert seen["email"] == seen["again"] == visitor.email
    assert set(seen["scope"].split()) == set(SCOPE.split())
    assert seen["missing"]["error"] == "insufficient_scope"
    assert seen["missing"]["scope"] == "organizations:write"
    assert seen["over"]["error"] == "invalid_token"
    assert seen["over"]["resource_metadata"].endswith("/oauth-protected-resource/graphql")
    assert seen["late"] == "invalid_grant"


async def test_oauth4webapi_asks_what_its_tokens_are(travel, planner, visitor):
    seen = await travel("oauth4webapi.mjs", "introspection", planner)
    before = seen["before"]
    assert (before["active"], before["sub"]) == (True, str(visitor.id))
    assert before["client_id"] == planner.client_id
    assert before["exp"] - before["iat"] == 3600
    assert seen["after"] == {"active": False}
    assert seen["twice"] == "invalid_grant"


async def test_oauth4webapi_acts_for_itself(travel, robot):
    seen = await travel("oauth4webapi.mjs", "machine", robot)
    assert set(seen["scope"].split()) == set(SCOPE.split())
    assert (seen["email"], seen["refused"]) == (None, "basic")


async def test_oauth4webapi_notices_answers_of_others(travel, spa, visitor):
    seen = await travel("oauth4webapi.mjs", "tampered", spa)
    assert [message.count('"state"') for message in seen["refusals"]] == [1, 1, 0, 0]
    assert [message.count('"iss"') for message in seen["refusals"]] == [0, 0, 1, 1]
    assert seen["stolen"] == "invalid_grant"
    assert seen["impostor"] == "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"
    assert seen["email"] == visitor.email


async def test_oauth4webapi_is_told_that_somebody_said_no(travel, spa):
    seen = await travel("oauth4webapi.mjs", "denied", spa, decision="cancel")
    assert seen == {"error": "access_denied"}


@pytest.mark.parametrize(
    ("alg", "skew"), [("ES256", 0), ("Ed25519", 0), ("PS256", 0), ("ES256", -3600)]
)
async def test_oauth4webapi_binds_its_tokens_to_a_key(travel, spa, visitor, alg, skew):
    seen = await travel("oauth4webapi.mjs", "bound", spa, alg=alg, skew=skew)
    assert seen["type"].lower() == "dpop"
    assert seen["email"] == seen["again"] == visitor.email
    assert seen["attempts"][0] == (2 if skew else 1)  # a nonce helps a clock that is wrong
    assert seen["unbound"] == "invalid_dpop_proof"
    assert seen["stolen"]["scheme"] == "dpop"
    assert seen["stolen"]["parameters"]["error"] == "invalid_token"


@pytest.mark.parametrize("public", [True, False])
async def test_oauth4webapi_pushes_its_request(travel, spa, planner, public, visitor):
    seen = await travel("oauth4webapi.mjs", "pushed", spa if public else planner)
    assert seen["email"] == visitor.email
    assert (seen["refused"], seen["expiresIn"]) == ("unsupported_response_type", 90)
    assert seen.get("wrong") == (None if public else "basic")


@pytest.fixture(params=[True, False], ids=["public", "confidential"])
async def screen(request, applications) -> Application:
    """Return an application on devices."""
    grants = (DEVICE_CODE, "refresh_token")
    return await applications(public=request.param, grant_types=grants, name="Screen")


async def test_oauth4webapi_connects_a_device_and_loses_all_by_a_second_use(
    travel, screen, visitor
):
    seen = await travel("oauth4webapi.mjs", "device", screen)
    assert seen["early"] == ["authorization_pending", "slow_down"]
    assert seen["email"] == seen["again"] == visitor.email
    assert (seen["twice"], seen["over"]) == ("invalid_grant", "invalid_token")


METHODS = ["client_secret_basic", "client_secret_post", "none"]


@pytest.mark.parametrize("method", METHODS)
async def test_oauth4webapi_registers_itself_and_ends_that(travel, spa, visitor, method):
    seen = await travel("oauth4webapi.mjs", "registered", spa, method=method)
    assert seen["refusals"] == ["invalid_redirect_uri", "invalid_client_metadata"]
    assert (seen["method"], seen["secret"]) == (method, method != "none")
    assert seen["email"] == visitor.email
    assert (seen["over"], seen["late"]) == ("invalid_token", 401)


@pytest.mark.parametrize("public", [True, False])
async def test_openid_client_connects_a_person_and_loses_all_by_a_second_use(
    travel, spa, planner, public, visitor
):
    seen = await travel("openid-client.mjs", "person", spa if public else planner)
    assert seen["email"] == seen["again"] == visitor.email
    assert set(seen["scope"].split()) == set(SCOPE.split())
    assert 3500 < seen["expiresIn"] <= 3600
    assert (seen["twice"], seen["gone"]) == ("invalid_grant", "invalid_token")


async def test_openid_client_gives_its_tokens_back(travel, spa):
    seen = await travel("openid-client.mjs", "revocation", spa)
    assert seen == {"gone": "invalid_token", "late": "invalid_grant"}


async def test_openid_client_acts_for_itself(travel, robot):
    seen = await travel("openid-client.mjs", "machine", robot)
    assert seen["email"] is None
    assert (seen["active"]["active"], seen["active"]["sub"]) == (True, robot.client_id)


async def test_openid_client_notices_answers_of_others(travel, spa):
    seen = await travel("openid-client.mjs", "tampered", spa)
    assert seen["state"] == seen["iss"] == "OAUTH_INVALID_RESPONSE"
    assert seen["verifier"] == "invalid_grant"


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("alg", ["ES256", "Ed25519"])
async def test_openid_client_pushes_a_request_that_is_bound_to_a_key(
    travel, spa, planner, public, alg, visitor
):
    seen = await travel("openid-client.mjs", "pushed", spa if public else planner, alg=alg)
    assert seen["carried"] == ["client_id", "request_uri"]
    assert seen["unbound"] == "invalid_dpop_proof"
    assert seen["email"] == seen["again"] == visitor.email
    assert (seen["type"].lower(), seen["stolen"]) == ("dpop", "invalid_token")


async def test_openid_client_connects_a_device(travel, screen, visitor):
    seen = await travel("openid-client.mjs", "device", screen)
    assert seen == {"email": visitor.email}


async def test_openid_client_is_told_that_a_device_was_refused(travel, screen):
    seen = await travel("openid-client.mjs", "device", screen, decision="deny")
    assert seen == {"error": "access_denied"}


@pytest.mark.parametrize("method", ["client_secret_post", "none"])
async def test_openid_client_registers_itself(travel, spa, visitor, method):
    seen = await travel("openid-client.mjs", "registered", spa, method=method)
    assert seen == {"email": visitor.email}
