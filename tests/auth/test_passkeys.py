"""Passkeys: registration, sign-in, the second step and fresh proofs."""

import json
from uuid import uuid4

import pytest

from auth.accounts.passkeys.ceremonies import relying_party
from auth.accounts.passkeys.stored import MAX_PASSKEYS
from auth.accounts.second_factor import RECOVERY_CODES, turn_off_for
from auth.credentials.people import create_person
from tests.auth.authenticator import SYNCHRONIZED, Authenticator, options_of
from tests.auth.conftest import PASSWORD, hidden, send, sign_in
from tests.auth.with_passkeys import (
    HERE,
    LONG_AGO,
    NOT_ACCEPTED,
    STORED,
    add,
    answer,
    clean_slate,
    email_of,
    passkey,
    reply,
)
from tests.tenants import organization_of

__all__ = ["clean_slate", "passkey"]


async def test_a_passkey_signs_in_without_address_and_password(
    browse, person, superuser, events, mailbox
):
    browser = browse()
    await sign_in(browser, person.email)
    passkey, page = await add(browser, "My <b>phone</b>")
    assert page.text.count("<li><code>") == RECOVERY_CODES
    assert "My &lt;b&gt;phone&lt;/b&gt;" in (await browser.get(HERE)).text
    visitor = browse()
    signed_in = await answer(visitor, passkey, "/sign-in?next=/account")
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/account")
    assert await email_of(visitor) == person.email
    [row] = await superuser.fetch(STORED, person.id)
    assert (row["sign_count"], row["transports"]) == (1, ["internal"])
    assert row["last_used_at"] is not None
    [methods] = await superuser.fetch(
        "SELECT methods FROM sessions WHERE user_id = $1 AND methods <> '{pwd}'", person.id
    )
    assert methods["methods"] == ["hwk"]
    login = (await events(person.id, "login"))[-1]
    assert login["description"] == "Signed in with a passkey."
    added = [e for e in await events(person.id, "administration") if e["action"] == "passkey_add"]
    assert json.loads(added[0]["details"])["passkey_id"] == str(row["id"])
    subjects = [mail.subject for mail in await mailbox.of(person.email)]
    assert "A passkey has been added" in subjects


async def test_a_second_passkey_brings_no_new_recovery_codes(browse, person, superuser):
    browser = browse()
    await sign_in(browser, person.email)
    await add(browser)
    _, again = await add(browser, "Key", flags=SYNCHRONIZED)
    assert again.headers["location"] == f"{HERE}?news=added"
    rows = await superuser.fetch(STORED, person.id)
    assert [row["is_backed_up"] for row in rows] == [False, True]
    assert "synchronized" in (await browser.get(HERE)).text


async def test_with_a_passkey_the_password_alone_does_not_sign_in(browse, person, passkey):
    visitor = browse()
    step = await sign_in(visitor, person.email)
    assert "One more step" in step.text
    assert await email_of(visitor) is None
    signed_in = await reply(visitor, step.text, passkey, "/sign-in/code")
    assert signed_in.status_code == 303
    assert await email_of(visitor) == person.email


async def test_the_methods_of_both_steps_are_stored(browse, person, passkey, superuser):
    visitor = browse()
    step = await sign_in(visitor, person.email)
    await reply(visitor, step.text, passkey, "/sign-in/code")
    methods = await superuser.fetchval(
        "SELECT methods FROM sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1",
        person.id,
    )
    assert methods == ["pwd", "hwk"]


async def test_a_recovery_code_replaces_a_lost_passkey(browse, person):
    browser = browse()
    await sign_in(browser, person.email)
    _, page = await add(browser)
    code = page.text.split("<li><code>")[1].split("<")[0]
    visitor = browse()
    step = await sign_in(visitor, person.email)
    form = hidden(step.text)
    wrong = await visitor.post("/sign-in/code", data={**form, "code": "123456"})
    assert wrong.status_code == 400
    assert options_of(wrong.text, "get")
    right = await visitor.post("/sign-in/code", data={**form, "code": code})
    assert right.status_code == 303


async def test_a_passkey_confirms_who_it_is(browse, person, passkey, superuser):
    browser = browse()
    await answer(browser, passkey)
    await superuser.execute(LONG_AGO, person.id)
    proof = (await browser.get(HERE)).headers["location"]
    confirmed = await answer(browser, passkey, proof, "/prove")
    assert confirmed.headers["location"] == HERE
    assert (await browser.get(HERE)).status_code == 200


async def test_without_a_fresh_proof_no_passkey_is_added_or_removed(
    browse, person, passkey, superuser
):
    browser = browse()
    await answer(browser, passkey)
    page = (await browser.get(HERE)).text
    await superuser.execute(LONG_AGO, person.id)
    new = Authenticator().create(options_of(page, "create"))
    form = {**hidden(page), "credential": new, "name": "Another"}
    for path in (HERE, f"{HERE}/remove"):
        refused = await browser.post(path, data=form)
        assert refused.headers["location"].startswith("/prove?next=")
    assert len(await superuser.fetch(STORED, person.id)) == 1


async def test_a_removed_passkey_signs_nobody_in(browse, person, passkey, superuser, mailbox):
    browser = browse()
    await answer(browser, passkey)
    removed = await send(browser, HERE, f"{HERE}/remove")
    assert removed.headers["location"] == f"{HERE}?news=removed"
    refused = await answer(browse(), passkey)
    assert (refused.status_code, NOT_ACCEPTED in refused.text) == (401, True)
    assert (await sign_in(browse(), person.email)).status_code == 303
    left = "SELECT count(*) FROM recovery_codes WHERE user_id = $1"
    assert await superuser.fetchval(left, person.id) == 0
    assert "A passkey has been removed" in [m.subject for m in await mailbox.of(person.email)]


async def test_a_passkey_of_somebody_else_is_not_removed(browse, passkey, person, database):
    thief = f"thief+{uuid4().hex}@demo.example"
    await create_person(database, thief, "A Thief", PASSWORD)
    owner, other = browse(), browse()
    await answer(owner, passkey)
    id = (await owner.get(HERE)).text.split('name="id" value="')[1].split('"')[0]
    await sign_in(other, thief)
    for wrong in (id, "x", str(uuid4())):
        page = (await other.get(HERE)).text
        refused = await other.post(f"{HERE}/remove", data={**hidden(page), "id": wrong})
        assert refused.status_code == 404
    assert (await answer(browse(), passkey)).status_code == 303


async def test_the_operator_removes_passkeys_that_were_lost(
    browse, person, passkey, database, mailbox
):
    await turn_off_for(database, mailbox, person.email)
    assert (await answer(browse(), passkey)).status_code == 401
    assert (await sign_in(browse(), person.email)).status_code == 303


async def test_an_account_has_a_limited_number_of_passkeys(browse, person, superuser):
    browser = browse()
    await sign_in(browser, person.email)
    await superuser.execute(
        "INSERT INTO passkeys (user_id, name, credential_id, public_key, sign_count, aaguid,"
        " is_backup_eligible, is_backed_up) SELECT $1, 'Key', sha256(n::text::bytea || $2),"
        " '\\x01', 0, gen_random_uuid(), false, false FROM generate_series(1, $3) AS n",
        person.id,
        person.id.bytes,
        MAX_PASSKEYS,
    )
    _, refused = await add(browser)
    assert (refused.status_code, "at most 20 passkeys" in refused.text) == (409, True)


@pytest.mark.parametrize("name", ["", " \u200b", "x" * 101, "a\0b"])
async def test_a_passkey_needs_a_name(browse, person, superuser, name):
    browser = browse()
    await sign_in(browser, person.email)
    _, refused = await add(browser, name)
    assert refused.status_code == 400
    assert await superuser.fetch(STORED, person.id) == []


async def test_a_passkey_is_the_second_factor_that_an_organization_demands(
    browse, person, superuser
):
    organization = await organization_of(superuser, person.id, "Strict")
    await superuser.execute(
        "UPDATE organizations SET second_factor_required = true WHERE id = $1", organization
    )
    browser = browse()
    demanded = await sign_in(browser, person.email)
    assert demanded.headers["location"] == "/account/second-factor"
    passkey, _ = await add(browser)
    signed_in = await answer(browse(), passkey, "/sign-in?next=/account/organizations")
    assert signed_in.headers["location"] == "/account/organizations"


async def test_an_address_without_a_name_has_no_passkeys(browse, person):
    browser = browse(public_url="https://192.0.2.1")
    assert "passkey" not in (await browser.get("/sign-in")).text


def test_the_domain_can_be_one_above_the_host(settings):
    party = relying_party(
        settings.model_copy(
            update={"public_url": "https://app.example.com", "passkey_domain": "example.com"}
        )
    )
    assert party == ("example.com", "https://app.example.com")
