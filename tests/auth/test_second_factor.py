"""Authenticator apps, recovery codes, and the step that they add to signing in."""

import asyncio
import re
from base64 import b32decode
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from auth.accounts import totp
from auth.accounts.second_factor import RECOVERY_CODES, turn_off_for
from auth.encryption import decrypt, encrypt
from db.problem import Problem
from tests.auth.conftest import PASSWORD, form_of, hidden, send, sign_in
from tests.tenants import organization_of

HERE = "/account/second-factor"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


class Clock:
    """The clock of codes; it stands still by default."""

    def __init__(self):
        self.now = 1_800_000_000

    def time(self):
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(totp, "time", clock)
    return clock


class App:
    """A person's authenticator app, and its secret."""

    def __init__(self, clock, secret, codes):
        self.clock, self.secret, self.codes = clock, secret, codes

    def code(self, steps_later=0):
        self.clock.now += steps_later * totp.PERIOD
        return totp.code_at(self.secret, totp.present_step())


async def set_up(browser, clock) -> App:
    page = await browser.get(HERE)
    letters = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)[1].replace(" ", "")
    secret = b32decode(letters)
    form = {**hidden(page.text), "code": totp.code_at(secret, totp.present_step())}
    answer = await browser.post(HERE, data=form)
    assert answer.status_code == 200
    return App(clock, secret, re.findall(r"<code>([a-z2-7-]+)</code>", answer.text))


@pytest.fixture
async def app(browse, person, clock):
    """Return the app of the person, who needs its codes from now on."""
    browser = browse()
    await sign_in(browser, person.email)
    return await set_up(browser, clock)


async def half(browser, person, next="/"):
    """Return the form for the code, after the password."""
    page = await sign_in(browser, person.email, next=next)
    assert page.status_code == 200
    assert "One more step" in page.text
    return hidden(page.text)


async def finish(browser, form, code):
    return await browser.post("/sign-in/code", data={**form, "code": code})


# RFC 6238, appendix B: time, and the last six of the eight digits.
@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(now, code):
    assert totp.code_at(b"12345678901234567890", now // 30) == code


@pytest.mark.parametrize(
    "text",
    ["", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "0x1234", "\0"],
)
def test_what_is_no_code_is_none(text):
    assert totp.step_of(b"12345678901234567890", text) is None


@pytest.mark.parametrize(("later", "right"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_clocks_may_differ_by_one_step(clock, later, right):
    secret = totp.new_secret()
    code = totp.code_at(secret, (clock.now + later) // 30)
    assert (totp.step_of(secret, f" {code[:3]} {code[3:]} ") is not None) == right


def test_what_is_encrypted_opens_for_its_purpose_owner_and_key_alone(settings):
    sealed = encrypt(settings, "purpose", b"owner", b"text")
    assert b"text" not in sealed
    assert decrypt(settings, "purpose", b"owner", sealed) == b"text"
    assert encrypt(settings, "purpose", b"owner", b"text") != sealed
    other = settings.model_copy(update={"gateway_secret": type(settings.gateway_secret)("x" * 40)})
    assert decrypt(other, "purpose", b"owner", sealed) is None
    assert decrypt(settings, "else", b"owner", sealed) is None
    assert decrypt(settings, "purpose", b"else", sealed) is None
    assert decrypt(settings, "purpose", b"owner", sealed[:-1]) is None
    assert decrypt(settings, "purpose", b"owner", b"") is None


async def test_an_app_is_set_up_by_a_picture_without_script_or_style(browser, person, superuser):
    await sign_in(browser, person.email)
    page = (await browser.get(HERE)).text
    assert "<svg" in page
    assert "style=" not in page
    assert "<script" not in page
    assert "data:" not in page
    address = urlsplit(re.search(r'href="(otpauth://[^"]+)"', page)[1].replace("&amp;", "&"))
    assert unquote(address.path) == f"/Gateway 127.0.0.1:{person.email}"
    assert parse_qs(address.query)["algorithm"] == ["SHA1"]
    kept = "SELECT count(*) FROM second_factors WHERE user_id = $1"
    assert await superuser.fetchval(kept, person.id) == 0


async def test_whoever_has_an_app_signs_in_with_a_code(browse, person, app):
    browser = browse()
    form = await half(browser, person, next="/explorer")
    assert not (await browser.get("/session")).json()["signedIn"]
    answer = await finish(browser, form, app.code(1))
    assert (answer.status_code, answer.headers["location"]) == (303, "/explorer")
    assert (await browser.get("/session")).json()["email"] == person.email


async def test_a_code_is_good_once(browse, person, app):
    code = app.code(1)
    first, second = browse(), browse()
    one, other = await half(first, person), await half(second, person)
    assert (await finish(first, one, code)).status_code == 303
    answer = await finish(second, other, code)
    assert answer.status_code == 400
    assert "each works once" in answer.text
    assert (await finish(second, hidden(answer.text), app.code(1))).status_code == 303


async def test_the_code_that_set_the_app_up_is_used(browse, person, app):
    browser = browse()
    assert (await finish(browser, await half(browser, person), app.code())).status_code == 400


async def test_an_earlier_code_is_not_good_after_a_later_one(browse, person, app):
    earlier = app.code(1)
    browser = browse()
    assert (await finish(browser, await half(browser, person), app.code(1))).status_code == 303
    other = browse()
    assert (await finish(other, await half(other, person), earlier)).status_code == 400


async def test_a_recovery_code_works_once_however_it_is_typed(browse, person, app, mailbox, events):
    code = app.codes[3]
    assert len(set(app.codes)) == RECOVERY_CODES
    for typed, status in ((code.upper().replace("-", " "), 303), (code, 400)):
        browser = browse()
        answer = await finish(browser, await half(browser, person), typed)
        assert answer.status_code == status
    told = [mail.text for mail in await mailbox.of(person.email)]
    assert sum("recovery code was used" in text for text in told) == 1
    used = [event["action"] for event in await events(person.id, "administration")]
    assert used == ["second_factor_on", "recovery_code_use"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["recovery", "app"])
async def test_a_code_used_eight_times_at_once_works_once(browse, person, app, kind, superuser):
    code = app.codes[0] if kind == "recovery" else app.code(1)
    browsers = [browse() for _ in range(8)]
    forms = [await half(browser, person) for browser in browsers]
    answers = await asyncio.gather(
        *(finish(browser, form, code) for browser, form in zip(browsers, forms, strict=True))
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 400, 429}


async def test_only_digests_and_ciphertext_are_kept(superuser, person, app):
    rows = await superuser.fetch("SELECT * FROM recovery_codes WHERE user_id = $1", person.id)
    assert len(rows) == RECOVERY_CODES
    row = await superuser.fetchrow("SELECT * FROM second_factors WHERE user_id = $1", person.id)
    assert app.secret not in row["secret"]
    for code in app.codes:
        assert code not in str(rows)
        assert code.replace("-", "") not in str(rows)


async def test_the_second_step_is_bound_to_its_browser_password_and_time(
    browse, person, app, superuser, monkeypatch
):
    browser, thief = browse(), browse()
    form = await half(browser, person)
    stolen = {**await form_of(thief), "state": form["state"]}
    answer = await finish(thief, stolen, app.code(1))
    assert answer.status_code == 401
    assert "Sign in again" in answer.text
    await superuser.execute(
        "UPDATE profile_credentials SET password_hash = password_hash || ' ' WHERE user_id = $1",
        person.id,
    )
    assert (await finish(browser, form, app.code(1))).status_code == 401


async def test_the_second_step_comes_too_late(browse, person, app, monkeypatch):
    browser = browse()
    form = await half(browser, person)
    past = form["state"].split(".")
    old = ".".join([past[0], "1000000000", past[2]])
    for state in (old, "", "x", "\0", "é", f"{past[0]}.{past[1]}.{'0' * 64}", "x" * 9000):
        assert (await finish(browser, {**form, "state": state}, app.code(1))).status_code == 401
    assert not (await browser.get("/session")).json()["signedIn"]


async def test_whoever_was_suspended_meanwhile_stays_outside(browse, person, app, superuser):
    browser = browse()
    form = await half(browser, person)
    await superuser.execute("UPDATE profiles SET status = 'suspended' WHERE id = $1", person.id)
    assert (await finish(browser, form, app.code(1))).status_code == 403


@pytest.mark.slow
async def test_wrong_codes_wait_and_passwords_do_not_clear_them(browse, person, app, events):
    browser = browse()
    statuses = []
    for _ in range(4):
        answer = await finish(browser, await half(browser, person), "000000")
        statuses.append(answer.status_code)
    assert statuses == [400, 400, 400, 429]
    assert answer.headers["retry-after"] == "1"
    assert "Too many wrong codes" in answer.text
    failed = await events(person.id, "login_failed")
    assert {event["details"] for event in failed} == {'{"reason": "wrong code"}'}


async def test_forms_in_two_tabs_both_sign_in(browse, person, app):
    browser = browse()
    first, second = await half(browser, person), await half(browser, person)
    assert (await finish(browser, first, app.code(1))).status_code == 303
    assert (await finish(browser, second, app.code(1))).status_code == 303


async def test_a_wrong_code_sets_nothing_up_and_the_picture_stays(browser, person, superuser):
    await sign_in(browser, person.email)
    page = await browser.get(HERE)
    answer = await browser.post(HERE, data={**hidden(page.text), "code": "000000"})
    assert answer.status_code == 400
    assert re.findall("<code>.*</code>", answer.text) == re.findall("<code>.*</code>", page.text)
    kept = "SELECT count(*) FROM second_factors WHERE user_id = $1"
    assert await superuser.fetchval(kept, person.id) == 0


async def test_the_offer_to_somebody_else_is_refused(browse, person, database, clock):
    mine, theirs = browse(), browse()
    await sign_in(mine, person.email)
    page = hidden((await mine.get(HERE)).text)
    for offer in ("", "x", "é", "A" * 64, page["offer"][:-4]):
        answer = await mine.post(HERE, data={**page, "offer": offer, "code": "123456"})
        assert answer.status_code == 400
        assert "has expired" in answer.text
    await theirs.aclose()


async def test_setting_up_in_two_tabs_leaves_the_first(browser, person, clock):
    await sign_in(browser, person.email)
    second = await browser.get(HERE)
    app = await set_up(browser, clock)
    letters = re.search(r"<code>([A-Z2-7 ]+)</code>", second.text)[1].replace(" ", "")
    code = totp.code_at(b32decode(letters), totp.present_step())
    answer = await browser.post(HERE, data={**hidden(second.text), "code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    assert "<strong>10</strong> recovery codes" in (await browser.get(HERE)).text
    assert app.codes


async def test_new_codes_replace_the_old_ones(browser, browse, person, clock):
    await sign_in(browser, person.email)
    app = await set_up(browser, clock)
    answer = await browser.post(f"{HERE}/codes", data=hidden((await browser.get(HERE)).text))
    codes = re.findall(r"<code>([a-z2-7-]+)</code>", answer.text)
    assert len(codes) == RECOVERY_CODES
    other = browse()
    assert (await finish(other, await half(other, person), app.codes[0])).status_code == 400
    assert (await finish(other, await half(other, person), codes[0])).status_code == 303


async def test_turned_off_no_code_is_asked_for(browser, browse, person, clock, mailbox, events):
    await sign_in(browser, person.email)
    await set_up(browser, clock)
    answer = await browser.post(f"{HERE}/off", data=hidden((await browser.get(HERE)).text))
    assert "A code is no longer required" in (await browser.get(answer.headers["location"])).text
    assert (await sign_in(browse(), person.email)).status_code == 303
    assert "no longer required" in (await mailbox.of(person.email))[-2].text
    recorded = await events(person.id, "administration")
    assert [event["action"] for event in recorded] == ["second_factor_on", "second_factor_off"]
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    assert {event["severity"] for event in recorded} == {"medium"}


async def test_the_operator_turns_it_off_for_whoever_lost_everything(
    browse, database, person, app, mailbox
):
    await turn_off_for(database, mailbox, person.email)
    assert (await sign_in(browse(), person.email)).status_code == 303
    with pytest.raises(Problem) as refusal:
        await turn_off_for(database, mailbox, person.email)
    assert refusal.value.code == "CONFLICT"


async def test_after_a_change_of_the_gateways_secret_recovery_codes_still_work(
    browse, person, app, settings
):
    browser = browse(gateway_secret=type(settings.gateway_secret)("x" * 40))
    assert (await finish(browser, await half(browser, person), app.code(1))).status_code == 400
    answer = await finish(browser, await half(browser, person), app.codes[0])
    assert answer.status_code == 303


async def test_a_reset_password_does_not_replace_the_code(browse, person, app, mailbox):
    browser = browse()
    await send(browser, "/forgotten-password", email=person.email)
    await send(browser, await mailbox.link(person.email), password="another horse battery")
    page = await sign_in(browser, person.email, "another horse battery")
    assert "One more step" in page.text


async def test_a_code_is_refused_once_another_password_is_chosen(browser, person, app, overtaken):
    form = await half(browser, person)
    answer = await overtaken(finish(browser, form, app.code(1)))
    assert answer.status_code == 401
    assert "Sign in again" in answer.text
    assert not (await browser.get("/session")).json()["signedIn"]


@pytest.mark.slow
@pytest.mark.parametrize("path", [HERE, f"{HERE}/off", f"{HERE}/codes"])
async def test_nothing_of_it_changes_in_a_session_that_has_just_ended(
    browser, person, clock, superuser, overtaken, path
):
    await sign_in(browser, person.email)
    if path != HERE:
        await set_up(browser, clock)
    page = (await browser.get(HERE)).text
    form = hidden(page)
    if path == HERE:
        letters = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
        form["code"] = totp.code_at(b32decode(letters), totp.present_step())
    kept = "SELECT array_agg(code_hash ORDER BY id) FROM recovery_codes WHERE user_id = $1"
    before = await superuser.fetchval(kept, person.id)
    answer = await overtaken(browser.post(path, data=form), "sessions")
    assert answer.headers["location"] == "/sign-in?next=%2Faccount%2Fsecond-factor"
    assert await superuser.fetchval(kept, person.id) == before


async def test_no_code_or_secret_reaches_the_record_or_the_logs(
    browse, person, app, superuser, caplog
):
    caplog.set_level("DEBUG")
    browser = browse()
    await finish(browser, await half(browser, person), app.codes[0])
    record = str(await superuser.fetch("SELECT * FROM audit_logs WHERE user_id = $1", person.id))
    for secret in (app.codes[0], app.codes[0].replace("-", ""), PASSWORD):
        assert secret not in record
        assert secret not in caplog.text


async def test_who_needs_a_second_factor_is_led_to_set_it_up(browse, person, superuser):
    place = await organization_of(superuser, person.id, "Careful")
    await superuser.execute(
        "UPDATE organizations SET second_factor_required = true WHERE id = $1", place
    )
    led = await sign_in(browse(), person.email, next="/account")
    assert led.headers["location"] == "/account/second-factor"
    await superuser.execute(
        "UPDATE organizations SET second_factor_required = false WHERE id = $1", place
    )
    free = await sign_in(browse(), person.email, next="/account")
    assert free.headers["location"] == "/account"
