"""Signing out at the request of an application, which must not be a way to sign anybody out."""

import pytest

from tests.oauth.conftest import CALLBACK, ISSUER, hidden
from tests.oauth.openid.conftest import claimed, forged, read, unsigned

LOGOUT = "/oauth/logout"
AFTER = "https://app.example/bye"
ENDED = "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NOT NULL"


@pytest.fixture
async def leaving(applications):
    return await applications(post_logout_redirect_uris=(AFTER,), name="Leaving")


@pytest.fixture
def ended(superuser):
    """Return a function that tells whether the person's session has ended."""

    async def ended(person):
        return await superuser.fetchval(ENDED, person.id) == 1

    return ended


async def hint_of(application, person):
    return (await application.connect(person, scope="openid"))["id_token"]


async def test_an_id_token_of_the_person_signs_them_out_and_leads_back(leaving, person, ended):
    asked = {
        "id_token_hint": await hint_of(leaving, person),
        "post_logout_redirect_uri": AFTER,
        "state": "a&b",
    }
    answer = await person.browser.get(LOGOUT, params=asked)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{AFTER}?state=a%26b"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert await ended(person)
    again = await person.browser.get(LOGOUT, params=asked)
    assert again.headers["location"] == f"{AFTER}?state=a%26b"


async def test_a_form_of_the_application_does_the_same(leaving, person, ended):
    asked = {"id_token_hint": await hint_of(leaving, person)}
    sent = await person.browser.post(LOGOUT, data=asked)
    answer = await person.browser.get(sent.headers["location"])
    assert "You are signed out" in answer.text
    assert await ended(person)


async def test_an_expired_one_is_a_hint_as_well(leaving, person, superuser, ended, monkeypatch):
    hint = await hint_of(leaving, person)
    monkeypatch.setattr("time.time", lambda: read(hint)[1]["exp"] + 1.0)
    answer = await person.browser.get(LOGOUT, params={"id_token_hint": hint})
    assert "You are signed out" in answer.text
    assert await ended(person)


@pytest.mark.parametrize("decision", ["sign_out", "cancel"])
async def test_without_one_the_person_is_asked(leaving, person, ended, decision):
    asked = {"client_id": leaving.client_id, "post_logout_redirect_uri": AFTER}
    page = await person.browser.get(LOGOUT, params=asked)
    assert "Leaving" in page.text
    assert not await ended(person)
    answer = await person.browser.post(LOGOUT, data=hidden(page.text) | {"decision": decision})
    assert answer.headers["location"] == (AFTER if decision == "sign_out" else "/")
    assert await ended(person) is (decision == "sign_out")


async def test_the_id_token_of_somebody_else_is_asked_about(leaving, person, people, ended):
    other = await people()
    asked = {"id_token_hint": await hint_of(leaving, other)}
    assert "Sign out?" in (await person.browser.get(LOGOUT, params=asked)).text
    assert not await ended(person)


async def test_a_form_from_elsewhere_signs_nobody_out(leaving, person, people, ended):
    page = await person.browser.get(LOGOUT)
    form = hidden(page.text) | {"decision": "sign_out"}
    foreign = {"origin": "https://evil.example"}
    assert (await person.browser.post(LOGOUT, data=form, headers=foreign)).status_code == 403
    other = await people()
    assert (await other.browser.post(LOGOUT, data=form)).status_code == 403
    changed = form | {"request": f"client_id={leaving.client_id}"}
    assert (await person.browser.post(LOGOUT, data=changed)).status_code == 403
    assert not await ended(person)


@pytest.mark.parametrize(
    "target", [CALLBACK, f"{AFTER}/more", f"{AFTER}?x=1", "https://evil.example/", "//evil.example"]
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(leaving, person, ended, target):
    hint = await hint_of(leaving, person)
    for asked in ({"id_token_hint": hint}, {"client_id": leaving.client_id}, {}):
        answer = await person.browser.get(
            LOGOUT, params={**asked, "post_logout_redirect_uri": target}
        )
        assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert not await ended(person)


async def test_signed_out_people_are_not_redirected_for_just_anybody(leaving, dial):
    asked = {"client_id": leaving.client_id, "post_logout_redirect_uri": AFTER}
    answer = await dial().get(LOGOUT, params=asked)
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert f'href="{AFTER}"' in answer.text


async def test_forged_tokens_sign_nobody_out(leaving, planner, person, ended):
    genuine = await hint_of(leaving, person)
    kid = read(genuine)[0]["kid"]
    claims = claimed(person, leaving)
    for hint in (
        unsigned(claims, kid=kid),
        forged(claims, kid=kid),
        forged(claims),
        genuine[:-4] + "AAAA",
        "nonsense",
        "a.b.c",
        "\u2603",
    ):
        answer = await person.browser.get(LOGOUT, params={"id_token_hint": hint})
        assert answer.status_code == 400, hint
    others = {"id_token_hint": genuine, "client_id": planner.client_id}
    assert (await person.browser.get(LOGOUT, params=others)).status_code == 400
    assert not await ended(person)


async def test_registered_applications_say_where_people_return(announce):
    made = (await announce(post_logout_redirect_uris=[AFTER])).json()
    assert made["post_logout_redirect_uris"] == [AFTER]
    assert (await announce(post_logout_redirect_uris=["javascript:alert(1)"])).status_code == 400
    assert (await announce(post_logout_redirect_uris=AFTER)).status_code == 400
    assert ISSUER not in made["post_logout_redirect_uris"]
