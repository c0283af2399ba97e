"""The pages on which people create organizations, manage their own, and close their account."""

from uuid import uuid4

import pytest

from auth.accounts.organizations import slug_of
from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, Person, hidden, send, sign_in
from tests.tenants import organization_of

HERE, CLOSE = "/account/organizations", "/account/close"
JOIN = "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)"
DELETED = "SELECT deleted_at IS NOT NULL FROM {} WHERE {} = $1"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
async def mine(browse, person):
    browser = browse()
    await sign_in(browser, person.email)
    return browser


@pytest.fixture
async def colleague(database):
    email = f"colleague+{uuid4().hex}@demo.example"
    return Person(await create_person(database, email, "A Colleague", PASSWORD), email)


async def test_somebody_founds_an_organization_and_sees_it_with_its_documents(
    mine, person, superuser
):
    assert "You are not a member of an organization yet" in (await mine.get(HERE)).text
    answer = await send(mine, HERE, name="  Häfen & Söhne ")
    assert answer.headers["location"] == f"{HERE}?news=founded"
    row = await superuser.fetchrow("SELECT * FROM organizations WHERE owner_id = $1", person.id)
    assert row["name"] == "Häfen & Söhne"
    assert row["slug"].startswith("hafen-sohne-")
    project = (
        "INSERT INTO projects (organization_id, name, slug) VALUES ($1, 'P', 'p') RETURNING id"
    )
    document = await superuser.fetchval(
        "INSERT INTO documents (organization_id, project_id, name, slug)"
        " VALUES ($1, $2, 'Ferry <b>', 'd') RETURNING id",
        row["id"],
        await superuser.fetchval(project, row["id"]),
    )
    page = (await mine.get(HERE)).text
    assert "you are owner" in page
    assert f'<a href="/live/{document}">Ferry &lt;b&gt;</a>' in page


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "   ", "x" * 501, "\u3164"])
async def test_an_organization_has_a_name(mine, name):
    answer = await send(mine, HERE, name=name)
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text


def test_an_address_is_made_of_the_name():
    for name, begins in (("Rail 2", "rail-2-"), ("日本", "organization-"), ("x" * 99, "x" * 40)):
        assert slug_of(name).startswith(begins)


async def test_closing_takes_a_fresh_proof(mine, person, superuser):
    long_ago = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
    await superuser.execute(long_ago, person.id)
    answer = await mine.get(CLOSE)
    assert answer.headers["location"] == "/prove?next=%2Faccount%2Fclose"
    assert (await send(mine, "/account/profile", CLOSE)).status_code == 303
    assert not await superuser.fetchval(DELETED.format("profiles", "id"), person.id)


@pytest.mark.slow
async def test_an_account_is_closed_with_what_nobody_else_works_in(
    mine, browse, person, colleague, superuser, database, mailbox, events
):
    alone = await organization_of(superuser, person.id, "Alone")
    shared = await organization_of(superuser, person.id, "Shared")
    await superuser.execute(JOIN, shared, colleague.id, "owner")
    left = await organization_of(superuser, colleague.id, "Left")
    await superuser.execute(JOIN, left, person.id, "admin")
    page = (await mine.get(CLOSE)).text
    assert (
        page.index("You will leave") < page.index("Left") < page.index("Deleted with your account")
    )
    assert page.index("Deleted with your account") < page.index("Alone")
    answer = await mine.post(CLOSE, data=hidden(page))
    assert answer.headers["location"] == "/sign-in?news=closed"
    assert not (await mine.get("/session")).json()["signedIn"]
    assert (await sign_in(browse(), person.email)).status_code == 401
    assert await superuser.fetchval(DELETED.format("organizations", "id"), alone)
    assert not await superuser.fetchval(DELETED.format("organizations", "id"), shared)
    assert await superuser.fetchval(DELETED.format("organization_members", "user_id"), person.id)
    [mail] = [mail for mail in await mailbox.of(person.email) if "closed" in mail.subject]
    assert mail.to == person.email
    [*_, closed] = await events(person.id, "administration")
    assert (closed["action"], closed["actor_id"]) == ("close", person.id)
    await create_person(database, person.email, "Again", PASSWORD)
    again = browse()
    assert (await sign_in(again, person.email)).status_code == 303
    assert "You are not a member of an organization yet" in (await again.get(HERE)).text


async def test_an_organization_of_others_keeps_its_only_owner(mine, person, colleague, superuser):
    shared = await organization_of(superuser, person.id, "Shared")
    await superuser.execute(JOIN, shared, colleague.id, "editor")
    page = (await mine.get(CLOSE)).text
    assert "Appoint another owner first" in page
    assert "Close the account permanently" not in page
    answer = await send(mine, "/account", CLOSE)
    assert answer.status_code == 409
    assert "Shared" in answer.text
    assert not await superuser.fetchval(DELETED.format("profiles", "id"), person.id)


async def test_times_and_chosen_passwords_are_shown_by_a_script_and_work_without(mine, browse):
    sessions = (await mine.get("/account/sessions")).text
    assert '<time datetime="' in sessions
    assert " UTC</time>" in sessions
    page = await mine.get("/account/password")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    script = await browse().get("/pages.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "Show password" in script.text
    assert (
        "script-src"
        not in (await browse().get("/forgotten-password")).headers["content-security-policy"]
    )
