"""The pages on which owners manage the applications of their organizations."""

import re
from html import unescape
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, hidden, sign_in
from tests.tenants import join

HERE = "/account/clients"
CALLBACK = "https://planner.example/cb"
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"


async def register(browser, organization, **change):
    """Fill in the form for a new application."""
    page = await browser.get(f"{HERE}/new", params={"organization": str(organization)})
    form = {
        **hidden(page.text),
        "name": "Planner",
        "redirectUris": f"{CALLBACK}\r\n\r\n",
        "scope:requirements:read": "on",
        "kind": "confidential",
    } | change
    return await browser.post(f"{HERE}/new", data=form)


async def opened(browser, client_id):
    """Return the page of one application, and the hidden fields of its forms."""
    id = client_id.removeprefix("rqc-")
    page = await browser.get(f"{HERE}/change", params={"id": id})
    return page, hidden(page.text)


def told(html):
    """Return the client_id and secret on a page."""
    return re.findall(r"<code>(rqc-\w+|rqs_[\w-]+)</code>", html)


async def stored(superuser, client_id):
    return await superuser.fetchrow("SELECT * FROM oauth_clients WHERE client_id = $1", client_id)


@pytest.mark.slow
async def test_an_owner_registers_one_and_sees_its_secret_once(owner, organization, superuser):
    account = await owner.get("/account")
    assert f'href="{HERE}"' in account.text
    made = await register(owner, organization)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    client_id, secret = told(made.text)
    row = await stored(superuser, client_id)
    assert row["redirect_uris"] == f'["{CALLBACK}"]'
    assert row["scope"] == "requirements:read"
    listed = (await owner.get(HERE)).text
    assert client_id in listed
    assert "Harbour &lt;b&gt;" in listed
    page, _ = await opened(owner, client_id)
    assert secret not in listed + page.text


@pytest.mark.slow
async def test_one_acts_for_itself_as_a_service_account(owner, organization, superuser):
    made = await register(owner, organization, kind="viewer", redirectUris="")
    client_id, _ = told(made.text)
    row = await stored(superuser, client_id)
    role = await superuser.fetchval(
        "SELECT role FROM organization_members WHERE user_id = $1", row["service_account_id"]
    )
    assert (row["grant_types"], role) == ('["client_credentials"]', "viewer")


async def test_one_that_runs_at_people_has_no_secret(owner, organization):
    made = await register(owner, organization, kind="public")
    assert len(told(made.text)) == 1
    page, _ = await opened(owner, told(made.text)[0])
    assert "a new secret" not in page.text


WRONG = [
    ({"name": ""}, "The name must have 1 to 200 characters."),
    ({"redirectUris": "javascript:alert(1)"}, "is not a valid redirect URI"),
    ({"redirectUris": ""}, "redirect URI"),
    ({"scope:requirements:read": None}, "Choose at least one of"),
    ({"kind": "owner", "redirectUris": ""}, "redirect URI"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "sentence"), WRONG)
async def test_what_is_wrong_is_said_and_the_form_stays(
    owner, organization, superuser, wrong, sentence
):
    change = {name: value for name, value in wrong.items() if value is not None}
    page = await owner.get(f"{HERE}/new", params={"organization": str(organization)})
    form = {
        **hidden(page.text),
        "name": "Planner",
        "redirectUris": CALLBACK,
        "scope:requirements:read": "on",
        "kind": "confidential",
    } | change
    form = {name: value for name, value in form.items() if wrong.get(name, "") is not None}
    answer = await owner.post(f"{HERE}/new", data=form)
    assert answer.status_code == 400
    assert sentence in unescape(answer.text)
    assert not await superuser.fetchval(
        "SELECT count(*) FROM organization_clients WHERE organization_id = $1", organization
    )


async def test_it_is_changed_switched_rotated_and_deleted(owner, organization, superuser):
    client_id, first = told((await register(owner, organization)).text)
    _, form = await opened(owner, client_id)
    change = {"name": "Diary", "redirectUris": CALLBACK, "scope:organizations:read": "on"}
    answer = await owner.post(f"{HERE}/change", data=form | change)
    assert answer.headers["location"] == f"{HERE}?news=changed"
    row = await stored(superuser, client_id)
    assert (row["client_name"], row["scope"]) == ("Diary", "organizations:read")
    stale = await owner.post(f"{HERE}/change", data=form | change | {"name": "Other"})
    assert stale.status_code == 409  # somebody else's change would be lost
    assert "Other" in stale.text

    _, form = await opened(owner, client_id)
    _, second = told((await owner.post(f"{HERE}/rotate", data=form)).text)
    assert second != first
    rotated = await stored(superuser, client_id)
    assert rotated["client_secret"] != row["client_secret"]
    assert rotated["former_secret"] == row["client_secret"]
    page, form = await opened(owner, client_id)
    assert "The previous secret works until" in page.text
    answer = await owner.post(f"{HERE}/revoke-former", data=form)
    assert answer.headers["location"] == f"{HERE}?news=revoked"
    assert (await stored(superuser, client_id))["former_secret"] is None
    page, form = await opened(owner, client_id)
    assert "The previous secret works until" not in page.text
    shown = await owner.post(f"{HERE}/rotate", data=form | {"revokeFormer": "on"})
    assert "The previous secret" not in shown.text
    assert (await stored(superuser, client_id))["former_secret"] is None

    for to in ("disabled", "enabled"):
        _, form = await opened(owner, client_id)
        answer = await owner.post(f"{HERE}/switch", data=form | {"to": to})
        assert answer.headers["location"] == f"{HERE}?news={to}"
        assert bool((await stored(superuser, client_id))["disabled_at"]) is (to == "disabled")

    _, form = await opened(owner, client_id)
    answer = await owner.post(f"{HERE}/delete", data=form)
    assert answer.headers["location"] == f"{HERE}?news=deleted"
    assert (await stored(superuser, client_id))["disabled_at"] is not None
    assert (await opened(owner, client_id))[0].status_code == 404
    assert client_id not in (await owner.get(HERE)).text


PATHS = ("new", "change", "rotate", "revoke-former", "switch", "delete")


async def test_nobody_else_finds_anything_there(owner, organization, browse, database, superuser):
    client_id, _ = told((await register(owner, organization)).text)
    email = f"other+{uuid4().hex}@demo.example"
    other_id = await create_person(database, email, "Other", PASSWORD)
    await join(superuser, organization, other_id, "admin")
    admin = browse()
    await sign_in(admin, email)
    proof = {"csrf_token": hidden((await admin.get("/account")).text)["csrf_token"]}
    about = {"id": client_id.removeprefix("rqc-"), "version": "1", "name": "Evil"}
    for path in (HERE, f"{HERE}/new?organization={organization}", f"{HERE}/change?id={uuid4()}"):
        assert (await admin.get(path)).status_code == 404
    for path in PATHS:
        answer = await admin.post(f"{HERE}/{path}", data=proof | about)
        assert answer.status_code == 404
        assert (await browse().get(f"{HERE}/{path}")).status_code in (303, 405)
    assert (await stored(superuser, client_id))["disabled_at"] is None
    assert f'href="{HERE}"' not in (await admin.get("/account")).text


async def test_an_owner_of_another_organization_is_told_there_is_none(
    owner, organization, browse, database, superuser
):
    stranger = uuid7()
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, 'Other', $2)",
        stranger,
        stranger.hex,
    )
    assert (await register(owner, stranger)).status_code in (403, 404)
    row = uuid7()
    await superuser.execute(
        "INSERT INTO organization_clients (id, organization_id, name, redirect_uris)"
        " VALUES ($1, $2, 'Theirs', '{https://theirs.example/}')",
        row,
        stranger,
    )
    unknown = await owner.get(f"{HERE}/change", params={"id": str(uuid4())})
    theirs = await owner.get(f"{HERE}/change", params={"id": str(row)})
    assert (theirs.status_code, theirs.text) == (404, unknown.text)
    assert "Theirs" not in (await owner.get(HERE)).text
    proof = {"csrf_token": hidden((await owner.get("/account")).text)["csrf_token"]}
    for path in PATHS[1:]:
        form = proof | {"id": str(row), "version": "1", "name": "Evil"}
        assert (await owner.post(f"{HERE}/{path}", data=form)).status_code == 404


async def test_forms_of_other_sites_and_old_proofs_do_nothing(
    owner, organization, superuser, person
):
    client_id, _ = told((await register(owner, organization)).text)
    _, form = await opened(owner, client_id)
    for path in PATHS:
        answer = await owner.post(f"{HERE}/{path}", data=form | {"csrf_token": "x"})
        assert answer.status_code == 403
    for id in ("", "x", "\0", "1" * 5000):
        for path in PATHS[1:]:
            assert (await owner.post(f"{HERE}/{path}", data=form | {"id": id})).status_code == 404
    for version in ("", "x", "9" * 50, "\u00b2"):
        answer = await owner.post(f"{HERE}/delete", data=form | {"version": version})
        assert answer.status_code == 400
    await superuser.execute(LONG_AGO, person.id)
    for path in PATHS:
        answer = await owner.post(f"{HERE}/{path}", data=form)
        assert answer.headers["location"].startswith("/prove?")
    assert (await owner.get(HERE)).headers["location"].startswith("/prove?")
    assert (await stored(superuser, client_id))["disabled_at"] is None


async def test_its_owners_are_told_by_mail(owner, organization, person, mailbox):
    client_id, secret = told((await register(owner, organization)).text)
    [mail] = await mailbox.of(person.email)
    assert mail.subject.endswith("an owner has registered an application")
    assert client_id in mail.text
    for path, change, did in (
        ("change", {"name": "Planner", "scope:organizations:read": "on"}, "changed an application"),
        ("rotate", {}, "a new secret"),
        ("switch", {"to": "disabled"}, None),
        ("switch", {"to": "enabled"}, "enabled"),
    ):
        _, form = await opened(owner, client_id)
        before = len(await mailbox.of(person.email))
        await owner.post(f"{HERE}/{path}", data=form | {"redirectUris": CALLBACK} | change)
        mails = (await mailbox.of(person.email))[before:]
        assert [did in mail.subject for mail in mails] == ([True] if did else [])
        assert secret not in "".join(mail.text for mail in mails)
