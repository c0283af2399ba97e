"""Forms that are sent in a session which ends before they are done: their sender signs in again."""

from urllib.parse import quote, unquote

import pytest

from auth.accounts import approval
from tests.auth.conftest import PASSWORD, hidden, send, sign_in

END = "UPDATE sessions SET ended_at = now() WHERE user_id = $1"
KEY = {"name": "Report", "scope:requirements:read": "on", "life": "30", "account": "viewer"}
CLIENT = {"name": "Planner", "scope:requirements:read": "on", "kind": "public"}
CLIENT["redirectUris"] = "https://planner.example/cb"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


def back_to(path):
    return f"/sign-in?next={quote(path, safe='')}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/account/sessions/end", "/account/sessions"),
        ("/account/sessions/end-others", "/account/sessions"),
        ("/account/applications/disconnect", "/account/applications"),
        ("/account/second-factor/off", "/account/second-factor"),
        ("/account/second-factor/codes", "/account/second-factor"),
        ("/account/tokens/revoke", "/account/tokens"),
        ("/account/keys/new", "/account/keys"),
        ("/account/keys/revoke", "/account/keys"),
        ("/account/clients/new", "/account/clients"),
        ("/account/clients/change", "/account/clients"),
        ("/account/clients/rotate", "/account/clients"),
        ("/account/clients/revoke-former", "/account/clients"),
        ("/account/clients/switch", "/account/clients"),
        ("/account/clients/delete", "/account/clients"),
        ("/account/approvals/approve", "/account/approvals"),
        ("/account/approvals/refuse", "/account/approvals"),
        ("/account/tokens/new", "/account/tokens/new"),
        ("/account/password", "/account/password"),
    ],
)
async def test_whoever_was_signed_out_comes_back_to_the_page_of_the_form(
    owner, person, superuser, path, page, monkeypatch
):
    monkeypatch.setattr(approval, "may_approve", lambda *_: True)
    form = hidden((await owner.get("/account")).text)
    await superuser.execute(END, person.id)
    answer = await owner.post(path, data=form)
    assert answer.headers["location"] == back_to(page)
    again = await sign_in(owner, person.email, next=page)
    assert again.headers["location"] == page
    assert (await owner.get(page)).status_code == 200


async def test_whoever_was_signed_out_does_not_lose_what_a_link_or_a_page_has_told(
    owner, person, superuser
):
    form = hidden((await owner.get("/account")).text)
    await superuser.execute(END, person.id)
    for path, page, fields in (
        ("/account/email/confirm", "/account/email/confirm?token=a%26b", {"token": "a&b"}),
        ("/device", "/device?user_code=BCDF-GHJK", {"user_code": "BCDF-GHJK"}),
        ("/prove", "/account/keys", {"next": "/account/keys"}),
    ):
        answer = await owner.post(path, data=form | fields)
        assert answer.headers["location"] == back_to(page)


async def token(browser, **_):
    return "/account/tokens/new", KEY, "/account/tokens/new"


async def key(browser, organization, **_):
    return f"/account/keys/new?organization={organization}", KEY, "/account/keys"


async def client(browser, organization, **_):
    return f"/account/clients/new?organization={organization}", CLIENT, "/account/clients"


async def address(browser, mailbox, person, **_):
    await send(browser, "/account/email", email=f"new{person.email}")
    link = await mailbox.link(f"new{person.email}")
    return link, {}, link


async def proof(browser, superuser, person, **_):
    stale = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
    await superuser.execute(stale, person.id)
    return "/prove?next=%2Faccount", {"current_password": PASSWORD}, "/account"


KEPT = """
SELECT (SELECT count(*) FROM personal_tokens WHERE user_id = $1 AND revoked_at IS NULL)
    + (SELECT count(*) FROM api_keys WHERE created_by = $1)
    + (SELECT count(*) FROM organization_clients WHERE created_by = $1)
    + (SELECT count(*) FROM profiles WHERE id = $1 AND email <> $2)
    + (SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", [token, key, client, address, proof])
async def test_what_is_sent_while_everything_ends_is_not_done(
    owner, organization, mailbox, person, superuser, overtaken, what
):
    page, fields, back = await what(
        owner, organization=organization, mailbox=mailbox, superuser=superuser, person=person
    )
    form = hidden((await owner.get(page)).text) | fields
    answer = await overtaken(owner.post(page.partition("?")[0], data=form), "sessions")
    assert unquote(answer.headers["location"]) == f"/sign-in?next={back}"
    assert await superuser.fetchval(KEPT, person.id, person.email) == 0
