"""The page on which a person chooses how they are notified."""

import json

import pytest

from tests.auth.conftest import send, sign_in

HERE = "/account/notifications"
SETTINGS = "SELECT notification_settings FROM profiles WHERE id = $1"
KINDS = ("assignments", "comments", "reviews", "roles", "billing")
FORM = {
    **{f"{kind}_mail": "daily" for kind in KINDS},
    "security_mail": "daily",
    "system_mail": "off",
    "comments_in_app": "on",
}


@pytest.fixture
async def mine(browse, person, superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")
    browser = browse()
    await sign_in(browser, person.email)
    return browser


async def test_preferences_are_saved_and_shown(mine, person, superuser):
    before = (await mine.get(HERE)).text
    assert before.count(" checked") == 7
    answer = await send(mine, HERE, **FORM)
    assert answer.headers["location"] == f"{HERE}?news=saved"
    page = (await mine.get(answer.headers["location"])).text
    assert "Your preferences have been saved." in page
    assert page.count(" checked") == 1
    assert page.count('value="daily" selected') == 6
    stored = json.loads(await superuser.fetchval(SETTINGS, person.id))
    assert stored["system"] == {"in_app": False, "mail": "off"}
    assert stored["comments"] == {"in_app": True, "mail": "daily"}


async def test_other_values_are_refused_and_change_nothing(mine, person, superuser):
    answer = await send(mine, HERE, **FORM | {"roles_mail": "hourly"})
    assert answer.status_code == 400
    assert await superuser.fetchval(SETTINGS, person.id) == "{}"
