"""Invalid input from browsers to the pages of applications and devices."""

from urllib.parse import urlencode

import pytest

from tests.oauth.conftest import hidden, press, told
from tests.oauth.test_hostile import FORM, RAW, SPECIAL, VALUES, harmless, raw, spoilt
from tests.oauth.waiting import DEVICE_CODE, allow, device, enter


@pytest.fixture
async def waiting(applications):
    made = await applications(public=True, grant_types=(DEVICE_CODE,), name="Screen")
    return await device(made, scope="requirements:read")


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECIAL)
async def test_a_decision_about_an_application_withstands(planner, person, kind):
    page = await planner.open(person.browser)
    form = hidden(page.text) | {"decision": "allow"}
    for name in form:
        body = spoilt(form, name, kind)
        answer = await person.browser.post("/oauth/authorize", content=body, headers=FORM)
        if name == "decision" and answer.status_code == 303:
            assert told(harmless(answer))["error"] == "access_denied"
        else:
            assert harmless(answer).status_code in (400, 403, 413)
    for name in form:
        twice = form | {name: [form[name]] * 2}
        answer = await person.browser.post("/oauth/authorize", data=twice)
        assert harmless(answer).status_code == 400
    assert "code" in told(await press(person.browser, page))


@pytest.mark.parametrize("kind", SPECIAL)
async def test_the_address_of_a_device_withstands(person, kind):
    for path in ("/device", "/device/done"):
        for name in ("user_code", "decision", "x"):
            value = RAW.get(kind) or urlencode({"": VALUES[kind]})[1:].encode()
            page = harmless(await raw(person, name.encode() + b"=" + value, path))
            assert page.status_code in (200, 400)
            assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("kind", SPECIAL)
async def test_whoever_opens_such_an_address_signed_out_signs_in_first(person, kind):
    person.browser.cookies.clear()
    value = RAW.get(kind) or urlencode({"": VALUES[kind]})[1:].encode()
    answer = harmless(await raw(person, b"user_code=" + value, "/device"))
    assert answer.headers["location"].startswith("/sign-in?next=%2Fdevice%3Fuser_code%3D")
    query = answer.headers["location"].partition("?")[2].encode()
    assert harmless(await raw(person, query, "/sign-in")).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECIAL)
async def test_the_forms_of_a_device_withstand(person, waiting, kind):
    question = await enter(person.browser, waiting.user_code)
    allowed = hidden(question.text) | {"user_code": waiting.user_code, "decision": "allow"}
    entered = {name: allowed[name] for name in ("csrf_token", "user_code")}
    for form in (entered, allowed):
        for name in form.keys() - {"decision"}:
            body = spoilt(form, name, kind)
            page = harmless(await person.browser.post("/device", content=body, headers=FORM))
            assert page.status_code in (400, 403, 413)
            assert page.headers["content-type"].startswith("text/html")
        for name in form:
            page = await person.browser.post("/device", data=form | {name: [form[name]] * 2})
            assert harmless(page).status_code == 400
    assert (await waiting.poll()).json()["error"] == "authorization_pending"
    await allow(person.browser, waiting.user_code)
    assert (await waiting.poll()).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECIAL)
async def test_a_decision_that_is_none_allows_no_device(person, waiting, kind):
    question = await enter(person.browser, waiting.user_code)
    form = hidden(question.text) | {"user_code": waiting.user_code}
    body = spoilt(form, "decision", kind)
    harmless(await person.browser.post("/device", content=body, headers=FORM))
    answer = (await waiting.poll()).json()
    assert answer["error"] in ("authorization_pending", "access_denied")
