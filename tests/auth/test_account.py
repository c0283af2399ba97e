"""One's own account: proofs, browsers that are signed in, connected applications."""

from datetime import timedelta
from uuid import uuid4

import pytest

from auth.credentials import tokens
from auth.credentials.agents import in_words
from auth.credentials.identify import identify_session
from auth.credentials.people import create_person
from auth.web.site import required_step_up
from tests.auth.conftest import PASSWORD, hidden, send, sign_in

PAGES = ("/account/sessions", "/account/second-factor", "/account/email")
FORMS = ("/account/sessions/end-others", "/account/second-factor/off", "/account/email")


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
async def mine(browse, person):
    """Return the person's browser, signed in."""
    browser = browse()
    await sign_in(browser, person.email)
    return browser


@pytest.fixture
def later(superuser, person):
    """Return a function that lets a quarter of an hour go by since the last authentication."""

    async def later():
        await superuser.execute(
            "UPDATE sessions SET proved_at = now() - interval '15 minutes' WHERE user_id = $1",
            person.id,
        )

    return later


async def post(browser, path, page, **fields):
    """Send a form that stands on this page."""
    form = hidden((await browser.get(page)).text)
    return await browser.post(path, data={"csrf_token": form["csrf_token"], **fields})


async def test_sensitive_pages_ask_again_after_a_quarter_of_an_hour(mine, later):
    for path in PAGES:
        assert (await mine.get(path)).status_code == 200
    await later()
    for path in PAGES:
        answer = await mine.get(path)
        assert answer.headers["location"] == f"/prove?next={path.replace('/', '%2F')}"
    for path in FORMS:
        answer = await post(mine, path, "/account")
        assert answer.headers["location"].startswith("/prove?next=%2Faccount%2F")
    answer = await send(mine, f"/prove?next={PAGES[0]}", next=PAGES[0], current_password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGES[0])
    assert (await mine.get(PAGES[0])).status_code == 200


async def test_a_wrong_password_proves_nothing_and_waits(mine, later, events, person):
    await later()
    statuses = []
    for _ in range(4):
        answer = await send(mine, "/prove", current_password="not the password")
        statuses.append(answer.status_code)
    assert statuses == [400, 400, 400, 429]
    assert (await mine.get(PAGES[0])).status_code == 303
    assert len(await events(person.id, "login_failed")) == 3


async def test_a_proof_is_recorded_and_is_for_its_session_alone(
    browse, mine, later, person, events
):
    other = browse()
    await sign_in(other, person.email)
    await later()
    await send(mine, "/prove", current_password=PASSWORD)
    assert (await mine.get(PAGES[0])).status_code == 200
    assert (await other.get(PAGES[0])).status_code == 303
    proved = (await events(person.id, "login"))[-1]
    assert (proved["action"], proved["soc2_control"]) == ("step_up", "CC6.1")


async def test_other_pages_can_ask_for_a_proof(mine, later, database, settings):
    viewer = await identify_session(mine.cookies["__Host-gateway"], database, settings)
    assert await required_step_up(database, viewer, "/oauth/authorize?a=b") is None
    await later()
    answer = await required_step_up(database, viewer, "/oauth/authorize?a=b&c=d")
    location = answer.headers["location"]
    assert location == "/prove?next=%2Foauth%2Fauthorize%3Fa%3Db%26c%3Dd"
    page = hidden((await mine.get(location)).text)
    assert page["next"].replace("&amp;", "&") == "/oauth/authorize?a=b&c=d"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_a_proof_leads_to_no_other_site(mine, later, target):
    await later()
    answer = await send(mine, "/prove", next=target, current_password=PASSWORD)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "path", ["/account", "/account/profile", "/account/applications", *PAGES, "/prove"]
)
async def test_whoever_is_not_signed_in_does_that_first(browser, path):
    answer = await browser.get(path)
    assert answer.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}"


async def test_browsers_are_listed_and_signed_out_one_by_one(browse, mine, person, events):
    other = browse(ip="203.0.113.7")
    other.headers["user-agent"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
    )
    await sign_in(other, person.email)
    page = (await mine.get("/account/sessions")).text
    assert "Safari on iPhone" in page
    assert "203.0.113.7" in page
    assert page.count("this one") == 1
    [id] = [row["session_id"] for row in await events(person.id, "login")][1:]
    assert f'value="{id}"' in page
    answer = await post(mine, "/account/sessions/end", "/account/sessions", id=id)
    assert "The browser is signed out." in (await mine.get(answer.headers["location"])).text
    assert not (await other.get("/session")).json()["signedIn"]
    assert (await mine.get("/session")).json()["signedIn"]
    ended = (await events(person.id, "logout"))[-1]
    assert (ended["action"], str(ended["entity_id"])) == ("session_end", id)
    assert ended["session_id"] != id


async def test_all_other_browsers_are_signed_out_at_once(browse, mine, person):
    others = [browse() for _ in range(3)]
    for other in others:
        await sign_in(other, person.email)
    answer = await post(mine, "/account/sessions/end-others", "/account/sessions")
    assert answer.headers["location"].endswith("news=others-ended")
    for other in others:
        assert not (await other.get("/session")).json()["signedIn"]
    page = (await mine.get("/account/sessions")).text
    assert "Sign out all others" not in page


async def test_nobody_signs_other_people_out(browse, mine, superuser, database):
    theirs = uuid4()
    email = f"someone+{theirs.hex}@demo.example"
    somebody = await create_person(database, email, None, PASSWORD)
    await superuser.execute(
        "INSERT INTO sessions (id, token_hash, user_id, expires_at)"
        " VALUES ($1, sha256($2::text::bytea), $3, now() + interval '1 day')",
        theirs,
        str(theirs),
        somebody,
    )
    for id in (str(theirs), "x", "\0", "", str(uuid4())):
        answer = await post(mine, "/account/sessions/end", "/account", id=id)
        assert answer.status_code in (303, 404)
    live = "SELECT ended_at IS NULL FROM sessions WHERE id = $1"
    assert await superuser.fetchval(live, theirs)


async def connect(superuser, person, name, scope):
    """Connect an application that acts for the person; return its ID."""
    client = uuid4().hex
    await superuser.execute(
        "INSERT INTO oauth_clients (client_id, client_name, is_public,"
        " token_endpoint_auth_method) VALUES ($1, $2, true, 'none')",
        client,
        name,
    )
    for table, column in (("access", "token_hash"), ("refresh", "token")):
        await superuser.execute(
            f"INSERT INTO oauth_{table}_tokens ({column}, client_id, user_id, scope, expires_at)"
            " VALUES (encode(sha256($1::text::bytea), 'hex'), $1::text, $2, $3,"
            " now() + interval '1 day')",
            client,
            person.id,
            scope,
        )
    await superuser.execute(
        "INSERT INTO oauth_authorization_codes (code, client_id, user_id, redirect_uri,"
        " code_challenge, expires_at) VALUES (encode(sha256($1::text::bytea), 'hex'), $1::text, $2,"
        " 'https://a.example', 'x', now() + interval '1 minute')",
        client,
        person.id,
    )
    await superuser.execute(
        "INSERT INTO oauth_consents (user_id, client_id, scope) VALUES ($1, $2, $3)",
        person.id,
        client,
        scope or "admin",
    )
    return client


async def test_applications_are_listed_with_their_scopes_in_words(mine, person, superuser):
    await connect(superuser, person, "<i>Reader</i>", "requirements:read")
    await connect(superuser, person, "Everything", None)
    page = (await mine.get("/account/applications")).text
    assert "&lt;i&gt;Reader&lt;/i&gt;" in page
    assert "See your documents, requirements, assignments and baselines" in page
    assert "Do everything that you may do, in your name" in page
    assert "not used yet" in page


async def test_a_disconnected_application_holds_nothing(mine, person, superuser, events):
    kept = await connect(superuser, person, "Kept", "requirements:read")
    ended = await connect(superuser, person, "Ended", "requirements:write")
    page = "/account/applications"
    answer = await post(mine, f"{page}/disconnect", page, client_id=ended)
    text = (await mine.get(answer.headers["location"])).text
    assert "The application is disconnected." in text
    assert "Ended" not in text
    assert "Kept" in text
    for table, done in (
        ("access_tokens", "revoked_at"),
        ("refresh_tokens", "revoked_at"),
        ("authorization_codes", "used_at"),
    ):
        live = f"SELECT client_id FROM oauth_{table} WHERE user_id = $1 AND {done} IS NULL"
        assert [row[0] for row in await superuser.fetch(live, person.id)] == [kept]
    consents = "SELECT client_id FROM oauth_consents WHERE user_id = $1"
    assert [row[0] for row in await superuser.fetch(consents, person.id)] == [kept]
    [event] = await events(person.id, "permission_change")
    assert (event["client_id"], event["soc2_control"]) == (ended, "CC6.1")


async def test_a_token_ends_with_its_application_at_once(browse, mine, person, database):
    token = await tokens.issue(database, person.email, timedelta(hours=1))
    bearer = {"authorization": f"Bearer {token}"}
    assert (await browse().get("/me", headers=bearer)).status_code == 200
    page = "/account/applications"
    assert "last used" in (await mine.get(page)).text
    await post(mine, f"{page}/disconnect", page, client_id=tokens.CLIENT)
    assert (await browse().get("/me", headers=bearer)).status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("client", ["", "x", "\0", "é", "x" * 9000, "a\r\nSet-Cookie: b=c"])
async def test_an_unknown_application_is_not_found(mine, client):
    page = "/account/applications"
    answer = await post(mine, f"{page}/disconnect", "/account", client_id=client)
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/account/profile",
        "/account/notifications",
        "/account/email",
        "/account/email/confirm",
        "/account/sessions/end",
        "/account/applications/disconnect",
        *FORMS,
        "/prove",
    ],
)
async def test_forms_from_elsewhere_change_nothing(mine, path):
    form = hidden((await mine.get("/account")).text)
    evil = {"origin": "https://evil.example"}
    assert (await mine.post(path, data=form, headers=evil)).status_code == 403
    assert (await mine.post(path, data={"csrf_token": "x.y"})).status_code == 403
    assert (await mine.get("/session")).json()["signedIn"]


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "An unknown browser"),
    ],
)
def test_a_browser_is_named_in_a_few_words(agent, words):
    assert in_words(agent) == words
