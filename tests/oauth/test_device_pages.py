"""The pages for approving a device (W01, W03, W08; RFC 8628, sections 3.3 and 5)."""

import asyncio
from html import unescape

import pytest
from uuid_utils.compat import uuid7

from auth.credentials import throttle
from auth.credentials.people import set_password
from tests.mails import captured
from tests.oauth.conftest import ISSUER, PASSWORD, hidden, sign_in
from tests.oauth.test_tokens import error
from tests.oauth.waiting import DEVICE_CODE, OVER, allow, answer, device, enter

AGENT = "Screen/1.0 <b>(Linux)</b>"
UNKNOWN = "There is no device with this code"


@pytest.fixture
async def screen(applications, dial):
    """Return an application on devices, in a network of its own."""
    made = await applications(name="<i>Screen</i>", public=True, grant_types=(DEVICE_CODE,))
    made.http = dial("203.0.113.7", **{"user-agent": AGENT})
    return made


@pytest.fixture
async def waiting(screen):
    return await device(screen, scope="requirements:read")


async def test_w01_no_other_site_frames_or_scripts_the_pages(person, waiting):
    get = person.browser.get
    question = await enter(person.browser, waiting.user_code)
    for shown in (
        await get("/device"),
        await get("/device", params={"user_code": waiting.user_code}),
        await enter(person.browser, "nonsense"),
        question,
        await get("/device/done"),
        await person.browser.post("/device", data={"csrf_token": "x"}),
    ):
        policy = shown.headers["content-security-policy"]
        for rule in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self';"):
            assert rule in policy
        assert "script" not in policy
        assert "<script" not in shown.text
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["referrer-policy"] == "same-origin"
        assert not [name for name in shown.headers if name.startswith("access-control")]


async def test_people_read_who_asks_for_what_and_from_where(person, waiting):
    page = await enter(person.browser, waiting.user_code)
    text = unescape(page.text)
    for part in (waiting.user_code, "203.0.113.7", AGENT, "<i>Screen</i>", person.email, "(UTC)"):
        assert part in text
    assert "See your documents" in text
    assert "only if you have started this yourself" in text
    assert "can use this name" in text
    assert "<i>" not in page.text
    assert "<b>" not in page.text


@pytest.mark.parametrize(
    "write",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: f"  {' '.join(code.lower())}\t",
        lambda code: code.replace("-", "\u2013"),
    ],
)
async def test_a_code_may_be_written_in_any_way(person, waiting, write):
    page = await enter(person.browser, write(waiting.user_code))
    assert waiting.user_code in page.text
    assert page.status_code == 200


@pytest.mark.parametrize(
    "code", ["", "BCDF", "AEIO-UAEI", "BCDF-GHJK", "BCDF-GHJK-L", "x" * 1000, "\0", "é", "'; --"]
)
async def test_an_unknown_code_is_asked_for_again(person, code):
    page = await enter(person.browser, code)
    assert page.status_code == 400
    assert UNKNOWN in page.text


async def test_an_address_with_the_code_still_asks(person, waiting):
    page = await person.browser.get(waiting.told["verification_uri_complete"])
    assert f'value="{waiting.user_code}"' in page.text
    assert "Screen" not in page.text  # nothing is looked for before somebody presses a button
    assert error(await waiting.poll()) == "authorization_pending"
    form = hidden(page.text) | {"user_code": waiting.user_code}
    question = await person.browser.post("/device", data=form)
    assert waiting.user_code in question.text
    assert (await answer(person.browser, question)).status_code == 303
    assert (await waiting.poll()).status_code == 200
    hostile = await person.browser.get("/device", params={"user_code": '"><script>x</script>'})
    assert "script" not in hostile.text


async def test_people_are_asked_each_time_also_by_our_own(applications, person):
    ours = await applications(public=True, first_party=True, grant_types=(DEVICE_CODE,))
    for _ in range(2):
        one = await device(ours)
        await allow(person.browser, one.user_code)
        assert (await one.poll()).status_code == 200


async def test_all_that_somebody_may_do_is_allowed_after_a_fresh_proof(person, screen, superuser):
    long_ago = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
    waiting = await device(screen, scope="admin")
    proof = f"/prove?next=%2Fdevice%3Fuser_code%3D{waiting.user_code}"
    page = await enter(person.browser, waiting.user_code)
    assert page.status_code == 200
    await superuser.execute(long_ago, person.id)
    asked = await enter(person.browser, waiting.user_code)
    assert asked.headers["location"] == proof
    late = await answer(person.browser, page)
    assert late.headers["location"] == proof
    assert error(await waiting.poll()) == "authorization_pending"
    await superuser.execute(long_ago.replace("- interval '1 hour'", ""), person.id)
    assert (await answer(person.browser, page)).status_code == 303
    assert (await waiting.poll()).status_code == 200


async def test_people_are_told_by_mail_of_each_device(person, screen):
    with captured() as mails:
        for _ in range(2):
            await allow(person.browser, (await device(screen)).user_code)
        await allow(person.browser, (await device(screen)).user_code, "deny")
        told = await mails.arrived(person.email, 2)
    assert len(told) == 2
    for subject, text in told:
        assert subject.endswith(" can now act for you")
        assert "/account/applications" in text


async def test_whoever_is_not_signed_in_does_that_first(database, person, waiting, dial):
    await set_password(database, person.email, PASSWORD)
    browser = dial(origin=ISSUER)
    sent = await browser.get(waiting.told["verification_uri_complete"])
    assert sent.headers["location"].startswith("/sign-in?next=")
    form = hidden((await browser.get(sent.headers["location"])).text)
    back = await sign_in(browser, person.email, form["next"])
    page = await browser.get(back.headers["location"])
    assert waiting.user_code in page.text
    await allow(browser, waiting.user_code)
    assert (await waiting.poll()).status_code == 200


async def test_another_account_can_be_used(person, waiting):
    question = await enter(person.browser, waiting.user_code)
    form = hidden(question.text.partition('action="/sign-out"')[2])
    out = await person.browser.post("/sign-out", data=form)
    assert out.headers["location"] == f"/device?user_code={waiting.user_code}"
    again = await person.browser.get(out.headers["location"])
    assert again.headers["location"].startswith("/sign-in?next=%2Fdevice%3F")


async def test_w03_a_decision_is_that_of_the_person_and_of_the_page(people, waiting, screen):
    person, thief = await people(), await people()
    form = hidden((await enter(person.browser, waiting.user_code)).text) | {"decision": "allow"}
    other = await device(screen)
    theirs = hidden((await enter(thief.browser, other.user_code)).text)
    evil = {"origin": "https://evil.example"}
    post = person.browser.post
    for refused in (
        await post("/device", data=form | {"csrf_token": "x"}),
        await post("/device", data=form | {"shown": "x"}),
        await post("/device", data=form | {"shown": form["csrf_token"]}),
        await post("/device", data=form | {"shown": theirs["shown"]}),
        await post("/device", data=form | {"user_code": other.user_code}),
        await post("/device", data={n: v for n, v in form.items() if n != "shown"}),
        await post("/device", data=form, headers=evil),
        await thief.browser.post("/device", data=form),
    ):
        assert refused.status_code == 403
    assert error(await waiting.poll()) == "authorization_pending"
    assert (await post("/device", data=form)).status_code == 303


async def test_a_double_click_is_one_decision_and_no_other_changes_it(people, waiting):
    person, late = await people(), await people()
    page, theirs = [await enter(one.browser, waiting.user_code) for one in (person, late)]
    clicks = await asyncio.gather(*(answer(person.browser, page) for _ in range(3)))
    assert {click.headers["location"] for click in clicks} == {"/device/done?decision=allow"}
    done = await person.browser.get(clicks[0].headers["location"])
    assert "The device is connected" in done.text
    for refused in (
        await answer(person.browser, page, "deny"),
        await answer(late.browser, theirs),
        await answer(late.browser, theirs, "deny"),
    ):
        assert refused.status_code == 409
    assert (await waiting.poll()).status_code == 200
    page = await enter(late.browser, waiting.user_code)
    assert (page.status_code, UNKNOWN in page.text) == (400, True)


async def test_what_is_too_late_is_told(person, waiting, superuser):
    page = await enter(person.browser, waiting.user_code)
    await superuser.execute(OVER, waiting.application.client_id)
    assert (await answer(person.browser, page)).status_code == 409
    assert (await enter(person.browser, waiting.user_code)).status_code == 400


async def test_a_disabled_application_waits_for_nobody(person, waiting, superuser):
    page = await enter(person.browser, waiting.user_code)
    disable = "UPDATE oauth_clients SET disabled_at = now() WHERE client_id = $1"
    await superuser.execute(disable, waiting.application.client_id)
    assert (await answer(person.browser, page)).status_code == 409
    assert (await enter(person.browser, waiting.user_code)).status_code == 400


async def test_tabs_do_not_know_of_each_other(person, screen):
    first, second = [await device(screen) for _ in range(2)]
    pages = [await enter(person.browser, one.user_code) for one in (first, second)]
    await answer(person.browser, pages[1], "deny")
    await answer(person.browser, pages[0])
    assert (await first.poll()).status_code == 200
    assert error(await second.poll()) == "access_denied"


async def test_w08_wrong_codes_slow_down_those_that_follow(
    people, waiting, screen, settings, superuser
):
    person, other = await people(), await people()
    for _ in range(settings.sign_in_attempts - 1):
        assert (await enter(person.browser, "BCDF-GHJK")).status_code == 400
    own = await device(screen)
    assert (await enter(person.browser, own.user_code)).status_code == 200
    assert (await enter(person.browser, "BCDF-GHJK")).status_code == 400
    ip = person.browser._transport.client[0]
    counts = throttle.user_code_counts(settings, str(person.id), ip)
    level = "SELECT max(level) FROM sign_in_attempts WHERE subject = ANY ($1)"
    subjects = [count.subject for count in counts]
    assert await superuser.fetchval(level, subjects) > settings.sign_in_attempts - 2
    more = "UPDATE sign_in_attempts SET level = level + 4, counted_at = now() WHERE subject"
    await superuser.execute(f"{more} = ANY ($1)", subjects)  # a slow test must not wait it out
    page = await enter(person.browser, waiting.user_code)  # also right ones, once it is enough
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) >= 1
    assert "Too many wrong codes" in page.text
    assert (await enter(other.browser, waiting.user_code)).status_code == 200
    failures = await superuser.fetch(
        "SELECT * FROM audit_logs WHERE action = 'user_code' AND user_id = $1", person.id
    )
    assert len(failures) == settings.sign_in_attempts
    assert {failure["severity"] for failure in failures} == {"medium"}
    assert "BCDF" not in str(failures)


@pytest.mark.slow
async def test_w08_so_do_those_of_many_accounts_from_one_network(people, dial, settings):
    network = f"198.18.{uuid7().int % 256}.9"
    seen, few = [], settings.sign_in_attempts - 2  # nobody alone is kept waiting
    while 429 not in seen and len(seen) < 20 * settings.sign_in_attempts:
        person = await people()
        browser = dial(network, origin=ISSUER)
        cookie = person.browser.cookies["__Host-gateway"]
        browser.cookies.set("__Host-gateway", cookie, domain="gateway.example")
        form = hidden((await browser.get("/device")).text) | {"user_code": "BCDF-GHJK"}
        tries = [browser.post("/device", data=form) for _ in range(few)]
        seen += [page.status_code for page in await asyncio.gather(*tries)]
    assert len(seen) > 9 * settings.sign_in_attempts
    assert 429 in seen
