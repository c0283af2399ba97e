"""Third-party clients of OpenID Connect: openid-client and oauth4webapi of npm, in Node.js."""

import pytest
from joserfc.jwk import ECKey

from tests.nodejs import journey
from tests.oauth.conftest import arrive

pytestmark = pytest.mark.processes

AFTER = "https://app.example/bye"


@pytest.fixture
def travel(gateway, visitor):
    """Return a function that runs an application's journey, with a person who allows everything."""

    async def travel(name, application, **more):
        own = {
            "issuer": gateway,
            "clientId": application.client_id,
            "secret": application.secret,
            "redirectUri": application.callback,
            "scope": "openid email profile",
            "afterwards": AFTER,
        }
        return await journey(
            "openid.mjs", name, own | more, lambda address: arrive(visitor.browser, address)
        )

    return travel


@pytest.fixture
async def portal(applications):
    return await applications(name="Portal", scope="openid", post_logout_redirect_uris=(AFTER,))


async def test_openid_client_identifies_a_person_and_signs_them_out(travel, portal, visitor):
    seen = await travel("identity", portal)
    id = str(visitor.id)
    assert seen["sub"] == seen["refreshed"] == seen["second"] == id
    assert (seen["info"]["sub"], seen["info"]["email"]) == (id, visitor.email)
    assert seen["info"]["email_verified"] is True
    assert seen["other"] == "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"
    assert seen["left"] == f"{AFTER}?state=left"
    assert seen["refused"] == "login_required"


async def test_openid_client_notices_the_answer_to_another_request(travel, portal, visitor):
    seen = await travel("replayed", portal)
    assert seen["nonce"] == seen["unexpected"] == "OAUTH_JWT_CLAIM_COMPARISON_FAILED"


async def test_oauth4webapi_verifies_every_part_of_the_id_token(travel, portal, visitor):
    seen = await travel("stepwise", portal)
    assert seen["claims"]["sub"] == seen["info"]["sub"] == str(visitor.id)
    assert seen["claims"]["aud"] == portal.client_id


async def test_openid_client_proves_itself_by_its_key(travel, applications, visitor):
    key = ECKey.generate_key("P-256", {"kid": "one"})
    keys = {"jwks": {"keys": [key.as_dict(private=False)]}}
    portal = await applications(name="Portal", keys=keys)
    seen = await travel("keyed", portal, key=key.as_dict(private=True))
    expected = {"sub": str(visitor.id), "active": True, "refused": 401}
    assert seen == expected
