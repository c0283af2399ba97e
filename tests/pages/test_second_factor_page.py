"""The page of an organization's rule for second factors, and the field that it shows."""

import pytest

from tests.pages.forms import Browser

PAGE = "/members/second-factor"
READ = """query ($id: UUID!, $first: Int, $after: String) { organization(id: $id) {
    membersWithoutSecondFactor(first: $first, after: $after) {
        pageInfo { hasNextPage endCursor } nodes { id member { user { email } } } } } }"""
RULE = "SELECT second_factor_required FROM organizations WHERE id = $1"


@pytest.fixture
def browser_of(world, settings):
    """Return a function that signs a person in."""
    return lambda person: Browser.of(world, settings, person)


@pytest.fixture
def factor(world):
    """Return a function that gives a person an authenticator app."""

    async def factor(person):
        await world.superuser.execute(
            "INSERT INTO second_factors (user_id, secret, last_step) VALUES ($1, $2, 0)",
            world.people[person],
            bytes(48),
        )

    return factor


async def missing(world, person="admin", **values):
    found = await world.ask(person, READ, id=world.organization, **values)
    return found["membersWithoutSecondFactor"]


async def test_an_owner_sees_who_lacks_one_and_requires_one(world, browser_of, factor):
    await factor("owner")
    await factor("editor")
    owner = await browser_of("owner")
    text = await owner.open(PAGE)
    assert world.email("viewer") in text
    assert world.email("owner") not in text
    assert f">{world.email('editor')}<" not in text
    assert world.email("outsider") not in text
    assert "Members need a second factor now." in await owner.send(PAGE)
    assert await world.superuser.fetchval(RULE, world.organization) is True
    assert world.email("viewer") in owner.page.text
    admin = await browser_of("admin")
    await admin.open(f"{PAGE}?organization={world.organization}")
    assert admin.page.status_code == 404  # they lack one themselves
    assert "do not need a second factor any more" in await owner.send(PAGE)
    assert await world.superuser.fetchval(RULE, world.organization) is False


async def test_an_owner_without_one_is_refused_with_the_reason(world, browser_of):
    owner = await browser_of("owner")
    await owner.open(PAGE)
    await owner.send(PAGE)
    assert owner.page.status_code == 400
    assert "your own second factor" in owner.refusal
    assert await world.superuser.fetchval(RULE, world.organization) is False


async def test_an_administrator_sees_who_lacks_one_and_sets_no_rule(world, browser_of, factor):
    await factor("admin")
    admin = await browser_of("admin")
    text = await admin.open(PAGE)
    assert world.email("viewer") in text
    assert f'action="{PAGE}"' not in text
    await admin.open("/members")
    token = admin.form("/members/invite")
    form = {**token, "version": "1", "required": "yes"}
    assert (await admin.post(PAGE, form)).status_code == 403
    assert await world.superuser.fetchval(RULE, world.organization) is False


async def test_odd_forms_change_nothing(world, browser_of, factor):
    await factor("owner")
    owner = await browser_of("owner")
    await owner.open(PAGE)
    form = owner.form(PAGE)
    for changed in ({"version": "9" * 30}, {"version": "x"}, {"organization": "x"}):
        assert (await owner.post(PAGE, form | changed)).status_code in (400, 404)
    assert (await owner.post(PAGE, form | {"csrf_token": "x"})).status_code == 403
    await owner.open(f"{PAGE}?after=x")
    assert owner.page.status_code == 400
    await world.superuser.execute(
        "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1",
        world.people["owner"],
    )
    assert (await owner.post(PAGE, form)).headers["location"].startswith("/prove?next=")
    assert await world.superuser.fetchval(RULE, world.organization) is False


async def test_nobody_but_administrators_learns_who_lacks_one(world, other_world, browser_of):
    for person in ("editor", "viewer", "billing"):
        assert (await missing(world, person))["nodes"] == []
        browser = await browser_of(person)
        await browser.open(f"{PAGE}?organization={world.organization}")
        assert browser.page.status_code == 404
    assert await other_world.code("admin", READ, id=world.organization) == "NOT_FOUND"


async def test_the_list_has_pages(world):
    whole = [row["id"] for row in (await missing(world))["nodes"]]
    assert len(whole) > 2
    first = await missing(world, first=2)
    rest = await missing(world, after=first["pageInfo"]["endCursor"])
    assert first["pageInfo"]["hasNextPage"]
    assert [row["id"] for row in first["nodes"] + rest["nodes"]] == whole
