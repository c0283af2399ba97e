"""Silent requests (`prompt=none`) tell an application nothing that it did not know."""

import pytest

from tests.oauth.conftest import told
from tests.oauth.openid.conftest import claimed, forged, read, unsigned

SILENT = {"prompt": "none", "scope": "openid email"}


async def silent(application, browser, **asked):
    """Return the answer to a silent request, which never is a page."""
    answer = await application.open(browser, **SILENT, **asked)
    assert (answer.status_code, answer.content) == (303, b"")
    assert answer.headers["location"].startswith(f"{application.callback}?")
    return told(answer)


@pytest.fixture
async def hint(planner, person):
    """Return an ID token of the person for the application."""
    return (await planner.connect(person, scope="openid email"))["id_token"]


async def test_the_same_person_gets_a_code(planner, person, hint):
    said = await silent(planner, person.browser, id_token_hint=hint, nonce="silently")
    token = (await planner.redeem(said["code"])).json()["id_token"]
    claims = read(token)[1]
    assert (claims["sub"], claims["nonce"]) == (str(person.id), "silently")


async def test_signed_out_and_signed_in_as_another_are_told_alike(planner, people, hint, dial):
    other = await people()
    await planner.connect(other, scope="openid email")
    for browser in (dial(), other.browser):
        said = await silent(planner, browser, id_token_hint=hint)
        assert said.keys() == {"error", "state", "iss"}
        assert said["error"] == "login_required"
        assert other.email not in str(said)
        assert str(other.id) not in str(said)


async def test_who_has_not_agreed_is_not_told(planner, people):
    stranger = await people()
    said = await silent(planner, stranger.browser)
    assert said["error"] == "consent_required"
    assert stranger.email not in str(said)


async def test_the_page_for_another_account_names_none(planner, people, hint):
    other = await people()
    await planner.connect(other, scope="openid email")
    page = await planner.open(other.browser, scope="openid email", id_token_hint=hint)
    assert page.status_code == 200
    assert "It has asked for another account." in page.text


async def test_an_id_token_of_others_is_no_hint(planner, spa, person, hint):
    kid = read(hint)[0]["kid"]
    claims = claimed(person, planner)
    for wrong in (
        unsigned(claims, kid=kid),
        forged(claims, kid=kid),
        forged(claims),
        hint[:-3] + "AAA",
        "nonsense",
    ):
        said = await silent(planner, person.browser, id_token_hint=wrong)
        assert (said["error"], "code" in said) == ("invalid_request", False), wrong
    said = await silent(spa, person.browser, id_token_hint=hint)
    assert said["error"] == "invalid_request"
