"""The pages of personal tokens, and those on which owners manage API keys."""

import re
from html import unescape
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, hidden, send, sign_in
from tests.tenants import join

TOKENS, KEYS = "/account/tokens", "/account/keys"
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
FILLED = {"name": "Report <b>", "scope:requirements:read": "on", "life": "30"}
OWNER_OF = """SELECT user_id FROM organization_members
    WHERE organization_id = $1 AND role = 'owner'"""


@pytest.fixture
async def own(browse, person):
    """Return the browser of a person who has just signed in."""
    browser = browse()
    await sign_in(browser, person.email)
    return browser


async def make_token(browser, **change):
    return await send(browser, f"{TOKENS}/new", **(FILLED | change))


async def make_key(browser, organization, **change):
    path = f"{KEYS}/new?organization={organization}"
    return await send(browser, path, **(FILLED | {"account": "viewer"} | change))


def text_of(page):
    """Return the key on a page."""
    [text] = re.findall(r"<code>(rq[kp]_live_[\w-]+)</code>", page.text)
    return text


async def works(browse, text):
    """Return whether this credential is accepted."""
    answer = await browse().get("/me", headers={"authorization": f"Bearer {text}"})
    return answer.status_code == 200


async def test_a_person_makes_a_token_sees_it_once_and_revokes_it(own, browse, person, mailbox):
    assert f'href="{TOKENS}"' in (await own.get("/account")).text
    made = await make_token(own)
    assert made.headers["cache-control"] == "no-store"
    text = text_of(made)
    assert await works(browse, text)
    [mail] = await mailbox.of(person.email)
    assert mail.subject == "A new personal token"
    assert text[9:52] not in mail.text
    assert TOKENS in mail.text
    listed = await own.get(TOKENS)
    assert "Report &lt;b&gt;" in listed.text
    assert f"ends in <code>{text[-4:]}</code>" in listed.text
    assert "last used" in listed.text
    assert text not in listed.text
    ended = await own.post(f"{TOKENS}/revoke", data=hidden(listed.text))
    assert ended.headers["location"] == f"{TOKENS}?news=revoked"
    assert not await works(browse, text)
    after = await own.get(ended.headers["location"])
    assert "Requests with it are refused" in after.text
    assert 'class="tag">revoked' in after.text
    assert "/revoke" not in after.text


async def test_an_owner_makes_a_key_of_a_new_service_account(
    owner, organization, browse, person, mailbox, superuser
):
    assert f'href="{KEYS}"' in (await owner.get("/account")).text
    text = text_of(await make_key(owner, organization))
    row = await superuser.fetchrow(
        "SELECT k.*, m.role::text AS role FROM api_keys k JOIN organization_members m"
        " ON m.user_id = k.service_account_id WHERE k.organization_id = $1",
        organization,
    )
    assert (row["role"], row["scopes"]) == ("viewer", ["requirements:read"])
    assert await works(browse, text)
    [mail] = await mailbox.of(person.email)
    assert mail.subject == "Harbour <b> has a new API key"
    assert text[9:52] not in mail.text
    again = await make_key(owner, organization, account=str(row["service_account_id"]))
    accounts = "SELECT count(DISTINCT service_account_id) FROM api_keys WHERE organization_id = $1"
    assert await superuser.fetchval(accounts, organization) == 1
    listed = await owner.get(KEYS)
    assert "Harbour &lt;b&gt;, acts as Report &lt;b&gt;" in listed.text
    assert "last used" in listed.text
    form = hidden(listed.text) | {"id": str(row["id"])}
    ended = await owner.post(f"{KEYS}/revoke", data=form)
    assert ended.headers["location"] == f"{KEYS}?news=revoked"
    assert not await works(browse, text)
    assert await works(browse, text_of(again))
    revoked = "SELECT count(*) FROM audit_logs WHERE entity_id = $1 AND soc2_control = 'CC6.3'"
    assert await superuser.fetchval(revoked, row["id"]) == 2


WRONG = [
    ({"name": " "}, "name"),
    ({"name": "x" * 101}, "100"),
    ({"scope:requirements:read": None}, "at least one permission"),
    ({"life": "36500"}, "how long it is valid"),
    ({"life": None}, "how long it is valid"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "sentence"), WRONG)
@pytest.mark.parametrize("kind", ["token", "key"])
async def test_what_is_wrong_is_said_and_the_form_stays(
    owner, organization, superuser, kind, wrong, sentence
):
    path = f"{TOKENS}/new" if kind == "token" else f"{KEYS}/new?organization={organization}"
    form = hidden((await owner.get(path)).text) | FILLED | {"account": "viewer"} | wrong
    form = {name: value for name, value in form.items() if value is not None}
    answer = await owner.post(path.partition("?")[0], data=form)
    assert answer.status_code == 400
    assert sentence in unescape(answer.text)
    assert ("checked" in answer.text) is ("scope:requirements:read" not in wrong)
    for table in ("api_keys", "personal_tokens"):
        column = "organization_id" if table == "api_keys" else "user_id"
        mine = (
            organization
            if table == "api_keys"
            else await superuser.fetchval(OWNER_OF, organization)
        )
        count = f"SELECT count(*) FROM {table} WHERE {column} = $1"
        assert await superuser.fetchval(count, mine) == 0
    accounts = "SELECT count(*) FROM profiles WHERE service_of = $1"
    assert await superuser.fetchval(accounts, organization) == 0


async def test_nobody_else_finds_anything_there(
    owner, organization, browse, database, superuser, person
):
    text = text_of(await make_key(owner, organization))
    mine = text_of(await make_token(owner))
    email = f"other+{uuid4().hex}@demo.example"
    other_id = await create_person(database, email, "Other", PASSWORD)
    await join(superuser, organization, other_id, "admin")
    admin = browse()
    await sign_in(admin, email)
    proof = {"csrf_token": hidden((await admin.get("/account")).text)["csrf_token"]}
    key = await superuser.fetchval(
        "SELECT id FROM api_keys WHERE organization_id = $1", organization
    )
    token = await superuser.fetchval("SELECT id FROM personal_tokens WHERE user_id = $1", person.id)
    for path in (KEYS, f"{KEYS}/new?organization={organization}"):
        assert (await admin.get(path)).status_code == 404
        assert (await browse().get(path)).headers["location"].startswith("/sign-in?")
    form = proof | FILLED | {"organization": str(organization), "account": "viewer"}
    assert (await admin.post(f"{KEYS}/new", data=form)).status_code == 404
    assert (await admin.post(f"{KEYS}/revoke", data=proof | {"id": str(key)})).status_code == 404
    answers = {
        (answer.status_code, answer.text)
        for id in (token, key, uuid4())
        for answer in [await admin.post(f"{TOKENS}/revoke", data=proof | {"id": str(id)})]
    }
    assert [status for status, _ in answers] == [404]
    assert f'href="{KEYS}"' not in (await admin.get("/account")).text
    assert mine[-4:] not in (await admin.get(TOKENS)).text
    assert await works(browse, text)
    assert await works(browse, mine)


async def test_an_owner_of_another_organization_is_told_there_is_none(
    owner, organization, superuser
):
    await make_key(owner, organization)
    stranger, server, person = (
        uuid7(),
        uuid7(),
        await superuser.fetchval(OWNER_OF, organization),
    )
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, 'Other', $2)",
        stranger,
        stranger.hex,
    )
    await superuser.execute(
        "INSERT INTO profiles (id, email, full_name, is_approved, service_of)"
        " VALUES ($1, $2, 'Their server', true, $3)",
        server,
        f"{server}@service-accounts.invalid",
        stranger,
    )
    await join(superuser, stranger, server)
    theirs: UUID = await superuser.fetchval(
        "INSERT INTO api_keys (organization_id, service_account_id, name, key_hash, hint,"
        " scopes, expires_at) VALUES ($1, $2, 'Theirs', sha256($3::text::bytea), 'abcd',"
        " '{admin}', now() + interval '1 day') RETURNING id",
        stranger,
        server,
        server.hex,
    )
    assert (await owner.get(f"{KEYS}/new?organization={stranger}")).status_code == 404
    page = await owner.get(f"{KEYS}/new?organization={organization}")
    assert "Their server" not in page.text
    form = hidden(page.text) | FILLED
    for wrong in (
        {"organization": str(stranger), "account": "viewer"},
        *({"account": str(account)} for account in (server, person, uuid4(), "owner", "")),
    ):
        assert (await owner.post(f"{KEYS}/new", data=form | wrong)).status_code == 404
    answers = {
        (answer.status_code, answer.text)
        for id in (theirs, uuid4())
        for answer in [await owner.post(f"{KEYS}/revoke", data=form | {"id": str(id)})]
    }
    assert [status for status, _ in answers] == [404]
    assert "Theirs" not in (await owner.get(KEYS)).text
    live = "SELECT revoked_at IS NULL FROM api_keys WHERE id = $1"
    assert await superuser.fetchval(live, theirs)


async def test_forms_of_other_sites_and_old_proofs_make_nothing(
    owner, organization, superuser, person
):
    form = hidden((await owner.get(f"{KEYS}/new?organization={organization}")).text) | FILLED
    form |= {"account": "viewer"}
    for path in (f"{TOKENS}/new", f"{TOKENS}/revoke", f"{KEYS}/new", f"{KEYS}/revoke"):
        assert (await owner.post(path, data=form | {"csrf_token": "x"})).status_code == 403
    for id in ("", "x", "\0", "1" * 5000):
        for path in (TOKENS, KEYS):
            assert (await owner.post(f"{path}/revoke", data=form | {"id": id})).status_code == 404
    await superuser.execute(LONG_AGO, person.id)
    for path in (f"{TOKENS}/new", f"{KEYS}/new", f"{KEYS}/revoke"):
        answer = await owner.post(path, data=form | {"id": str(uuid4())})
        assert answer.headers["location"].startswith("/prove?")
    for path in (f"{TOKENS}/new", f"{KEYS}/new", KEYS):
        assert (await owner.get(path)).headers["location"].startswith("/prove?")
    assert (await owner.get(TOKENS)).status_code == 200  # to revoke a lost one takes no password
    made = "SELECT (SELECT count(*) FROM api_keys WHERE organization_id = $1)"
    made += " + (SELECT count(*) FROM personal_tokens WHERE user_id = $2)"
    assert await superuser.fetchval(made, organization, person.id) == 0
