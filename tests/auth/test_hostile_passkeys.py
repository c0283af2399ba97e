"""Passkeys of attackers, of broken devices and of other people, and what else is refused."""

import json
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.accounts.passkeys import ceremonies, challenges
from auth.accounts.passkeys.ceremonies import RefusedError
from auth.accounts.suspension import suspend
from auth.credentials.people import create_person
from tests.auth.authenticator import (
    BACKED_UP,
    PRESENT,
    VERIFIED,
    Authenticator,
    encoded,
    options_of,
)
from tests.auth.conftest import PASSWORD, hidden, send, sign_in
from tests.auth.with_passkeys import (
    HERE,
    NOT_ACCEPTED,
    STORED,
    add,
    answer,
    clean_slate,
    email_of,
    passkey,
    reply,
)

__all__ = ["clean_slate", "passkey"]

HOSTILE_ANSWERS = {
    "another origin": {"origin": "https://evil.example"},
    "another port": {"origin": "http://localhost:8001"},
    "another domain": {"domain": "evil.example"},
    "a user who is not verified": {"flags": PRESENT},
    "nobody present": {"flags": VERIFIED},
    "another key": {"key": Authenticator().key},
    "the wrong ceremony": {"type": "webauthn.create"},
    "no user handle": {"user": b""},
    "the handle of somebody else": {"user": uuid4().bytes},
    "backed up and not eligible": {"flags": PRESENT | VERIFIED | BACKED_UP},
    "a challenge of the client": {"challenge": encoded(bytes(56))},
    "an empty challenge": {"challenge": ""},
}


@pytest.mark.parametrize("changed", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
async def test_hostile_answers_sign_nobody_in(browse, passkey, changed, person, superuser):
    visitor = browse()
    refused = await answer(visitor, passkey, **changed)
    assert refused.status_code == 401
    assert await email_of(visitor) is None
    assert (await superuser.fetch(STORED, person.id))[0]["sign_count"] == 0
    assert (await answer(visitor, passkey)).status_code == 303


HOSTILE_REGISTRATIONS = {
    "another origin": {"origin": "https://evil.example"},
    "another domain": {"domain": "evil.example"},
    "a user who is not verified": {"flags": PRESENT},
    "no algorithm": {"algorithm": 0},
    "a weak algorithm": {"algorithm": -65535},
    "an algorithm of another kind of key": {"algorithm": -257},
    "an attestation that is not known": {"format": "tpm"},
    "an attestation with a forged signature": {
        "format": "packed",
        "statement": {"alg": -7, "sig": bytes(70)},
    },
    "a challenge of the client": {"challenge": encoded(bytes(56))},
}


@pytest.mark.parametrize("changed", HOSTILE_REGISTRATIONS.values(), ids=HOSTILE_REGISTRATIONS)
async def test_hostile_registrations_are_refused(browse, person, superuser, changed):
    browser = browse()
    await sign_in(browser, person.email)
    _, refused = await add(browser, **changed)
    assert refused.status_code == 400
    assert await superuser.fetch(STORED, person.id) == []


@pytest.mark.parametrize("size", [1, 15, 1024, 60_000])
async def test_ids_of_credentials_have_16_to_1023_bytes(browse, person, superuser, size):
    browser = browse()
    await sign_in(browser, person.email)
    _, refused = await add(browser, passkey=Authenticator(id=bytes(size)))
    assert refused.status_code == 400
    assert await superuser.fetch(STORED, person.id) == []


async def test_an_answer_counts_once(browse, passkey):
    first, second = browse(), browse()
    page = (await first.get("/sign-in")).text
    form = {**hidden(page), "credential": passkey.get(options_of(page, "get"))}
    assert (await first.post("/sign-in/passkey", data=form)).status_code == 303
    again = await first.post("/sign-in/passkey", data=form)
    assert (again.status_code, NOT_ACCEPTED in again.text) == (401, True)
    stolen = {**hidden((await second.get("/sign-in")).text), "credential": form["credential"]}
    assert (await second.post("/sign-in/passkey", data=stolen)).status_code == 401


async def test_a_registration_counts_once(browse, person, superuser):
    browser = browse()
    await sign_in(browser, person.email)
    page = (await browser.get(HERE)).text
    options = options_of(page, "create")
    for one in (Authenticator(), Authenticator()):
        form = {**hidden(page), "credential": one.create(options), "name": "A key"}
        await browser.post(HERE, data=form)
    assert len(await superuser.fetch(STORED, person.id)) == 1


async def test_a_challenge_is_for_one_browser_and_one_purpose(browse, passkey, person):
    victim, thief = browse(), browse()
    page = (await victim.get("/sign-in")).text
    stolen = passkey.get(options_of(page, "get"))
    form = {**hidden((await thief.get("/sign-in")).text), "credential": stolen}
    refused = await thief.post("/sign-in/passkey", data=form)
    assert (refused.status_code, "has expired" in refused.text) == (401, True)
    await answer(victim, passkey)
    create = options_of((await victim.get(HERE)).text, "create")["challenge"]
    other = await answer(victim, passkey, "/prove?always=1&next=/", "/prove", challenge=create)
    assert (other.status_code, "has expired" in other.text) == (400, True)


async def test_a_challenge_expires(browse, passkey, monkeypatch):
    browser = browse()
    page = (await browser.get("/sign-in")).text
    real = challenges.time.time
    monkeypatch.setattr(challenges.time, "time", lambda: real() + challenges.LIFETIME + 1)
    refused = await reply(browser, page, passkey, "/sign-in/passkey")
    assert (refused.status_code, "has expired" in refused.text) == (401, True)


async def test_a_counter_that_goes_back_is_refused_and_its_owner_told(
    browse, passkey, person, events, mailbox
):
    await answer(browse(), passkey, count=7)
    refused = await answer(browse(), passkey, count=7)
    assert refused.status_code == 401
    failure = (await events(person.id, "login_failed"))[-1]
    assert (failure["severity"], json.loads(failure["details"])["reason"]) == ("high", "counter")
    assert "A passkey may have been copied" in [m.subject for m in await mailbox.of(person.email)]
    forged = await answer(browse(), passkey, count=1, key=Authenticator().key)
    assert forged.status_code == 401
    assert (await events(person.id, "login_failed"))[-1]["severity"] == "medium"
    assert (await answer(browse(), passkey, count=8)).status_code == 303


async def test_an_authenticator_without_a_counter_signs_in_again_and_again(browse, passkey):
    for _ in range(2):
        assert (await answer(browse(), passkey, count=0)).status_code == 303


async def test_after_a_password_the_passkey_of_somebody_else_is_refused(
    browse, passkey, database, person
):
    thief = f"thief+{uuid4().hex}@demo.example"
    await create_person(database, thief, "A Thief", PASSWORD)
    browser = browse()
    await sign_in(browser, thief)
    theirs, _ = await add(browser)
    visitor = browse()
    step = await sign_in(visitor, person.email)
    refused = await reply(visitor, step.text, theirs, "/sign-in/code")
    assert (refused.status_code, NOT_ACCEPTED in refused.text) == (400, True)
    assert await email_of(visitor) is None


async def test_a_credential_belongs_to_one_account(browse, passkey, database, superuser):
    email = f"other+{uuid4().hex}@demo.example"
    id = await create_person(database, email, "Another", PASSWORD)
    browser = browse()
    await sign_in(browser, email)
    _, refused = await add(browser, passkey=Authenticator(id=passkey.id))
    assert refused.status_code == 409
    assert await superuser.fetch(STORED, id) == []


async def test_a_suspended_account_is_refused_with_the_reason(
    browse, person, passkey, database, mailbox
):
    await suspend(database, mailbox, person.email, "")
    refused = await answer(browse(), passkey)
    assert (refused.status_code, "is suspended" in refused.text) == (403, True)
    unknown = await answer(browse(), Authenticator(user=person.id.bytes))
    assert (unknown.status_code, NOT_ACCEPTED in unknown.text) == (401, True)


async def test_a_closed_account_has_no_passkeys(browse, person, passkey, superuser):
    browser = browse()
    await answer(browser, passkey)
    closed = await send(browser, "/account/close", confirm=person.email, email=person.email)
    assert closed.status_code == 303, closed.text
    assert await superuser.fetch(STORED, person.id) == []
    assert (await answer(browse(), passkey)).status_code == 401


async def test_answers_that_are_not_accepted_are_delayed_for_their_network_alone(browse, passkey):
    for _ in range(40):
        refused = await answer(browse(ip="198.51.100.9"), passkey, origin="https://evil.example")
        if refused.status_code == 429:
            break
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await answer(browse(), passkey)).status_code == 303


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), JSON)
def test_whatever_is_sent_is_refused_and_nothing_fails(data, value):
    party = ceremonies.RelyingParty("localhost", "http://localhost:8000")
    shaped = {
        "id": encoded(data),
        "rawId": encoded(data),
        "type": "public-key",
        "response": {
            "clientDataJSON": encoded(data),
            "attestationObject": encoded(data),
            "authenticatorData": encoded(data),
            "signature": encoded(data),
            "transports": value,
        },
    }
    for text in (json.dumps(value), json.dumps(shaped), data.decode("latin-1"), "[" * 5000):
        for read in (ceremonies.assertion, ceremonies.registration_challenge):
            with pytest.raises(RefusedError):
                read(text)
        with pytest.raises(RefusedError):
            ceremonies.registered(party, b"", text)
