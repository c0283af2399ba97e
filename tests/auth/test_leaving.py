"""The pages on which people leave and delete organizations, download their data, and are erased."""

import json
from uuid import uuid4

import pytest

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, Person, hidden, send, sign_in

HERE, CLOSE = "/account/organizations", "/account/close"
JOIN = "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)"
ENDED = "SELECT deleted_at IS NOT NULL FROM organization_members WHERE user_id = $1"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
async def mine(browse, person):
    browser = browse()
    await sign_in(browser, person.email)
    return browser


@pytest.fixture
async def organization(mine, person, superuser):
    """Return the ID of an organization that the person owns."""
    await send(mine, HERE, name="Harbour")
    return await superuser.fetchval("SELECT id FROM organizations WHERE owner_id = $1", person.id)


@pytest.fixture
async def colleague(database, superuser, organization):
    email = f"colleague+{uuid4().hex}@demo.example"
    colleague = Person(await create_person(database, email, "A Colleague", PASSWORD), email)
    await superuser.execute(JOIN, organization, colleague.id, "member")
    return colleague


async def press(browser, page, path, **fields):
    form = hidden((await browser.get(page)).text)
    return await browser.post(path, data={"csrf_token": form["csrf_token"], **fields})


async def test_a_member_leaves_and_the_only_owner_does_not(
    mine, browse, organization, colleague, superuser
):
    page = f"{HERE}/leave?id={organization}"
    refused = await press(mine, page, f"{HERE}/leave", id=organization)
    assert "must have at least one owner" in refused.text
    theirs = browse()
    await sign_in(theirs, colleague.email)
    assert "Leave Harbour" in (await theirs.get(page)).text
    answer = await press(theirs, page, f"{HERE}/leave", id=organization)
    assert answer.headers["location"] == f"{HERE}?news=left"
    assert await superuser.fetchval(ENDED, colleague.id)
    assert (await theirs.get(page)).status_code == 404


async def test_an_owner_deletes_an_organization_by_its_name(
    mine, browse, organization, colleague, superuser
):
    page, deleted = f"{HERE}/close?id={organization}", "SELECT deleted_at FROM organizations"
    deleted += " WHERE id = $1"
    theirs = browse()
    await sign_in(theirs, colleague.email)
    assert (await theirs.get(page)).status_code == 404
    answer = await press(theirs, HERE, f"{HERE}/close", id=organization, name="Harbour")
    assert answer.status_code in (403, 404)
    answer = await press(mine, page, f"{HERE}/close", id=organization, name="Harbor")
    assert answer.status_code == 400
    assert await superuser.fetchval(deleted, organization) is None
    answer = await press(mine, page, f"{HERE}/close", id=organization, name="Harbour")
    assert answer.headers["location"] == f"{HERE}?news=closed"
    assert await superuser.fetchval(deleted, organization) is not None


@pytest.mark.parametrize("path", [f"{HERE}/leave", f"{HERE}/close"])
async def test_there_is_no_page_of_a_strangers_organization(mine, path):
    for id in (uuid4(), "", "x"):
        assert (await mine.get(f"{path}?id={id}")).status_code == 404
        assert (await press(mine, HERE, path, id=id)).status_code == 404


async def test_a_person_downloads_their_data_and_is_erased(mine, person, superuser):
    answer = await press(mine, CLOSE, "/account/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    (profile,) = (row["row"] for row in rows if row["table"] == "profiles")
    assert profile["email"] == person.email
    answer = await press(mine, CLOSE, CLOSE, erase="yes")
    assert answer.headers["location"] == "/sign-in?news=erased"
    assert "personal data are erased" in (await mine.get("/sign-in?news=erased")).text
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", person.id)
    assert (row["email"], row["full_name"]) == (f"{person.id}@erased.invalid", None)
