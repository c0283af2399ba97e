"""Single sign-on that an organization requires for its domains."""

import pytest

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, hidden, send, sign_in
from tests.identity.signing_on import browse, connect, person_at, provide, provider, second_factor

__all__ = ["browse", "connect", "provide", "provider"]

ACCOUNT = "SELECT id FROM profiles WHERE email = $1 AND deleted_at IS NULL"


@pytest.fixture
async def domain(world, domains):
    return await domains.verified(world, autoJoinRole="EDITOR", verificationRequired=False)


async def test_single_sign_on_is_enforced_with_a_way_back_for_owners(
    world, browse, provider, connect, domain, database, superuser
):
    await connect(world, provider, enforced=True)
    person, owner = person_at(domain)["email"], person_at(domain, "owner")["email"]
    for email in (person, owner):
        await create_person(database, email, "Somebody", PASSWORD)
    owner_id = await superuser.fetchval(ACCOUNT, owner)
    await superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role)"
        " VALUES ($1, $2, 'owner')",
        world.organization,
        owner_id,
    )
    for email in (person, owner):
        browser = await browse()
        shown = await sign_in(browser, email)
        assert "Continue with Directory" in shown.text
        form = hidden((await browser.get("/sign-in?owner=1")).text)
        refused = await browser.post(
            "/sign-in", data={**form, "email": email, "password": PASSWORD}
        )
        assert refused.status_code == 403  # the owner has no second factor
        assert await browser.email() is None
    await second_factor(await browse(owner))
    browser = await browse()
    form = hidden((await browser.get("/sign-in?owner=1")).text)
    shown = await browser.post("/sign-in", data={**form, "email": owner, "password": PASSWORD})
    assert "Enter your code" in shown.text
    wrong = await browser.post(
        "/sign-in", data={**form, "email": person, "password": "not the password"}
    )
    assert wrong.status_code == 401


async def test_nobody_signs_up_with_a_password_where_single_sign_on_is_enforced(
    world, browse, provider, connect, domain, mails, superuser
):
    await connect(world, provider, enforced=True)
    email, browser = person_at(domain)["email"], await browse()
    await send(browser, "/sign-up", email=email)
    link = await mails.link(email)
    answer = await send(browser, link, full_name="N", password=PASSWORD)
    assert answer.status_code == 403
    assert await superuser.fetchval(ACCOUNT, email) is None
