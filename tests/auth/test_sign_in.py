"""Signing in and out, as browsers do it."""

import re
from http.cookies import SimpleCookie

import pytest
from argon2 import PasswordHasher

from tests.auth.conftest import LOCAL, PASSWORD, SECURE, form_of, sign_in

WRONG = "not the password"


def cookies_of(answer):
    """Return the cookies that an answer sets, with their attributes."""
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return jar


async def test_whoever_signs_in_is_known_until_they_sign_out(browser, person):
    assert (await browser.get("/session")).json() == {"signedIn": False}
    answer = await sign_in(browser, person.email.upper(), next="/explorer")
    assert (answer.status_code, answer.headers["location"]) == (303, "/explorer")
    session = (await browser.get("/session")).json()
    assert session["signedIn"]
    assert (session["email"], session["fullName"]) == (person.email, "A Member")
    assert (await browser.get("/me")).json()["email"] == person.email
    assert person.email in (await browser.get("/")).text
    form = {"csrf_token": session["csrfToken"], "next": "/explorer"}
    answer = await browser.post("/sign-out", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/explorer")
    assert (await browser.get("/session")).json() == {"signedIn": False}
    assert (await browser.get("/me")).json()["email"] is None


async def test_a_stolen_cookie_dies_with_the_sign_out(browse, person):
    browser, thief = browse(), browse()
    await sign_in(browser, person.email)
    thief.cookies = browser.cookies
    assert (await thief.get("/me")).json()["email"] == person.email
    token = (await browser.get("/session")).json()["csrfToken"]
    await browser.post("/sign-out", data={"csrf_token": token})
    assert (await thief.get("/me")).json()["email"] is None


async def test_the_cookie_is_for_this_host_over_https_and_hidden_from_scripts(browser, person):
    cookie = cookies_of(await sign_in(browser, person.email))["__Host-gateway"]
    assert re.fullmatch(r"[\w-]{43}", cookie.value)
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("lax", "/", "")
    assert cookie["max-age"] == str(14 * 24 * 3600)


@pytest.mark.parametrize("address", [LOCAL, "http://127.0.0.1:8000", "http://[::1]:8000"])
async def test_on_this_machine_the_cookie_needs_no_https(browse, person, address):
    cookie = cookies_of(await sign_in(browse(address), person.email))["gateway"]
    assert not cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"]) == ("lax", "/")


async def test_elsewhere_the_cookie_needs_https(browse, person):
    browser = browse("http://gateway.example")
    page = await browser.get("/sign-in")
    assert cookies_of(page)["__Host-gateway-form"]["secure"]


async def test_signing_in_changes_the_session(browser, superuser, person):
    planted = "x" * 43
    browser.cookies.set("__Host-gateway", planted, domain="gateway.example")
    answer = await sign_in(browser, person.email)
    first = cookies_of(answer)["__Host-gateway"].value
    assert first != planted
    form = {"email": person.email, "password": PASSWORD}
    browser.cookies.delete("__Host-gateway")
    hidden = await form_of(browser)
    browser.cookies.set("__Host-gateway", first, domain="gateway.example")
    answer = await browser.post("/sign-in", data={**hidden, **form})
    assert cookies_of(answer)["__Host-gateway"].value != first
    live = await superuser.fetchval(
        "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL", person.id
    )
    assert live == 1


async def test_only_a_digest_of_the_cookie_is_kept(browser, superuser, person):
    answer = await sign_in(browser, person.email)
    row = await superuser.fetchrow("SELECT * FROM sessions WHERE user_id = $1", person.id)
    assert cookies_of(answer)["__Host-gateway"].value not in str(row)
    assert row["user_agent"] == "a browser"
    assert len(row["token_hash"]) == 32


@pytest.mark.parametrize(
    "change",
    [
        "SET last_used_at = now() - interval '73 hours'",
        "SET created_at = now() - interval '15 days', expires_at = now() - interval '1 second'",
        "SET ended_at = now()",
    ],
)
async def test_a_session_ends_by_itself(browser, superuser, person, change):
    await sign_in(browser, person.email)
    await superuser.execute(f"UPDATE sessions {change} WHERE user_id = $1", person.id)
    answer = await browser.get("/me")
    assert (answer.status_code, answer.json()["email"]) == (200, None)


async def test_use_of_a_session_is_noted_at_most_once_a_minute(browser, superuser, person):
    used = "SELECT last_used_at FROM sessions WHERE user_id = $1"
    await sign_in(browser, person.email)
    first = await superuser.fetchval(used, person.id)
    await browser.get("/me")
    assert await superuser.fetchval(used, person.id) == first
    await superuser.execute(
        "UPDATE sessions SET last_used_at = now() - interval '71 hours' WHERE user_id = $1",
        person.id,
    )
    assert (await browser.get("/me")).json()["email"] == person.email
    assert await superuser.fetchval(used, person.id) > first


@pytest.mark.parametrize("value", ["", "x", "x" * 20_000, "a b", "%00", '"', "x" * 43, "ü"])
async def test_a_cookie_that_is_none_of_ours_is_no_error(browser, value):
    header = f"__Host-gateway={value}; other=1".encode()
    answer = await browser.get("/me", headers={"cookie": header})
    assert (answer.status_code, answer.json()["email"]) == (200, None)


def bare(page):
    """Return a page without the token and the challenge that differ at every call."""
    return re.sub(r'value="[0-9a-f]+\.[0-9a-f]+"|data-options="[^"]+"', "", page)


async def test_known_and_unknown_addresses_get_the_same_answer(browse, person):
    known = await sign_in(browse(), person.email, WRONG)
    unknown = await sign_in(browse(), f"x{person.email}", WRONG)
    assert known.status_code == unknown.status_code == 401
    assert bare(known.text) == bare(unknown.text).replace(f"x{person.email}", person.email)
    assert known.headers.keys() == unknown.headers.keys()
    assert known.headers["content-length"] != "0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("status = 'suspended'", "suspended"),
        ("status = 'inactive'", "not active any more"),
        ("status = 'pending'", "not active yet"),
        ("is_approved = false", "not been approved"),
    ],
)
async def test_only_the_right_password_tells_why_an_account_is_closed(
    browse, superuser, events, person, change, sentence
):
    open_account = await sign_in(browse(), person.email, WRONG)
    await superuser.execute(f"UPDATE profiles SET {change} WHERE id = $1", person.id)
    wrong = await sign_in(browse(), person.email, WRONG)
    assert (wrong.status_code, bare(wrong.text)) == (401, bare(open_account.text))
    right = await sign_in(browse(), person.email)
    assert right.status_code == 403
    assert sentence in right.text
    assert "__Host-gateway" not in cookies_of(right)
    assert len(await events(person.id, "login_failed")) == 3


async def test_a_deleted_person_is_unknown(browse, superuser, person):
    await superuser.execute("UPDATE profiles SET deleted_at = now() WHERE id = $1", person.id)
    assert (await sign_in(browse(), person.email)).status_code == 401


async def test_a_suspended_person_is_signed_out(browser, superuser, person):
    await sign_in(browser, person.email)
    await superuser.execute("UPDATE profiles SET status = 'suspended' WHERE id = $1", person.id)
    assert (await browser.get("/me")).json()["email"] is None


async def test_an_outdated_hash_is_replaced_at_sign_in(browse, superuser, person):
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    change = "UPDATE profile_credentials SET password_hash = $1 WHERE user_id = $2"
    await superuser.execute(change, old, person.id)
    assert (await sign_in(browse(), person.email)).status_code == 303
    kept = "SELECT password_hash FROM profile_credentials WHERE user_id = $1"
    new = await superuser.fetchval(kept, person.id)
    assert new.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await sign_in(browse(), person.email)).status_code == 303
    assert await superuser.fetchval(kept, person.id) == new


@pytest.mark.parametrize("token", [None, "", "x", "ab.cd", "é", "0" * 16 + "." + "0" * 64])
async def test_a_form_without_its_token_is_refused(browser, superuser, person, token):
    form = await form_of(browser)
    form = {**form, "email": person.email, "password": PASSWORD}
    form.pop("csrf_token")
    if token is not None:
        form["csrf_token"] = token
    answer = await browser.post("/sign-in", data=form)
    assert answer.status_code == 403
    assert "__Host-gateway" not in cookies_of(answer)
    count = "SELECT count(*) FROM sessions WHERE user_id = $1"
    assert await superuser.fetchval(count, person.id) == 0


async def test_the_token_of_another_browser_is_refused(browse, person):
    browser, other = browse(), browse()
    form = {**await form_of(other), "email": person.email, "password": PASSWORD}
    await form_of(browser)
    assert (await browser.post("/sign-in", data=form)).status_code == 403
    assert (await browse().post("/sign-in", data=form)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://gateway.example.evil.example"},
        {"origin": "https://gateway.example:444"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_from_another_site_is_refused(browser, person, headers):
    form = {**await form_of(browser), "email": person.email, "password": PASSWORD}
    if "origin" not in headers:
        del browser.headers["origin"]
    assert (await browser.post("/sign-in", data=form, headers=headers)).status_code == 403
    assert (await browser.get("/session")).json() == {"signedIn": False}


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}])
async def test_a_client_that_sends_no_origin_needs_the_token_alone(browser, person, headers):
    del browser.headers["origin"]
    form = {**await form_of(browser), "email": person.email, "password": PASSWORD}
    assert (await browser.post("/sign-in", data=form, headers=headers)).status_code == 303


async def test_nobody_is_signed_out_by_another_site(browser, person):
    await sign_in(browser, person.email)
    token = (await browser.get("/session")).json()["csrfToken"]
    evil = {"origin": "https://evil.example"}
    for data, headers in (({"csrf_token": token}, evil), ({"csrf_token": "x.y"}, {}), ({}, {})):
        answer = await browser.post("/sign-out", data=data, headers=headers)
        assert answer.status_code in (400, 403)
    assert (await browser.get("/session")).json()["signedIn"]
    assert (await browser.get("/sign-out")).status_code == 405


async def test_forms_in_two_tabs_both_work(browser, person):
    first, second = await form_of(browser), await form_of(browser)
    for form in (second, first):
        answer = await browser.post("/sign-in", data={**form, "email": "a", "password": "b"})
        assert answer.status_code == 401


async def test_whoever_is_signed_in_is_sent_on(browser, person):
    await sign_in(browser, person.email)
    answer = await browser.get("/sign-in", params={"next": "/explorer"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/explorer")


async def test_sign_ins_failures_and_sign_outs_are_recorded(browser, superuser, events, person):
    await sign_in(browser, person.email, WRONG)
    await sign_in(browser, person.email)
    token = (await browser.get("/session")).json()["csrfToken"]
    await browser.post("/sign-out", data={"csrf_token": token})
    recorded = await events(person.id, "login", "login_failed", "logout")
    assert [event["event_type"] for event in recorded] == ["login_failed", "login", "logout"]
    failed, login, logout = recorded
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    assert {event["user_agent"] for event in recorded} == {"a browser"}
    assert {str(event["ip_address"]) for event in recorded} != {"None"}
    assert failed["actor_id"] is None
    assert login["actor_id"] == logout["actor_id"] == person.id
    assert login["session_id"] == logout["session_id"] == str(login["entity_id"])


async def test_a_failure_with_an_unknown_address_does_not_record_it(browser, superuser):
    typed = "my secret password@demo.example"
    before = await superuser.fetchval("SELECT count(*) FROM audit_logs WHERE user_id IS NULL")
    await sign_in(browser, typed, WRONG)
    rows = await superuser.fetch(
        "SELECT * FROM audit_logs WHERE user_id IS NULL ORDER BY created_at"
    )
    assert len(rows) == before + 1
    assert "my secret" not in str(rows)


async def test_no_secret_reaches_the_logs_or_the_record(browse, superuser, person, caplog):
    caplog.set_level("DEBUG")
    answer = await sign_in(browse(), person.email)
    await sign_in(browse(), person.email, "a wrong secret phrase")
    session = cookies_of(answer)["__Host-gateway"].value
    record = str(await superuser.fetch("SELECT * FROM audit_logs"))
    for secret in (PASSWORD, "a wrong secret phrase", session):
        assert secret not in record
        assert secret not in caplog.text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/session", "/pages.css", "/palette.css"])
async def test_every_answer_carries_the_headers_that_protect_it(browser, path):
    headers = (await browser.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    for rule in ("default-src 'none'", "style-src 'self'", "form-action 'self'"):
        assert rule in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


async def test_the_form_has_no_inline_script_and_names_its_fields(browser):
    page = (await browser.get("/sign-in")).text
    assert re.findall("<script.*", page) == [
        f'<script src="/{name}.js" defer></script>' for name in ("pages", "passkeys")
    ]
    assert "style=" not in page
    for field in ("email", "password"):
        assert f'<label for="{field}">' in page
    assert 'autocomplete="username webauthn"' in page
    assert 'autocomplete="current-password"' in page


async def test_a_large_header_is_cut_not_fatal(browser, superuser, person):
    browser.headers["user-agent"] = "x" * 20_000
    assert (await sign_in(browser, person.email)).status_code == 303
    row = await superuser.fetchrow("SELECT * FROM sessions WHERE user_id = $1", person.id)
    assert row["user_agent"] == "x" * 500


async def test_odd_bytes_in_a_header_are_replaced(browser, superuser, person):
    browser.headers = {"user-agent": b"a\x00\xff\nb", "origin": SECURE}
    assert (await sign_in(browser, person.email)).status_code == 303
    row = await superuser.fetchrow("SELECT * FROM sessions WHERE user_id = $1", person.id)
    assert row["user_agent"] == "a???b"
