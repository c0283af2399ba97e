"""The page of billing: what it shows, to whom, and what its forms do."""

import re

import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.editor.billing import money
from tests.core.test_limits import limit
from tests.platform.billing.asking import billing_of
from tests.platform.billing.test_usage import MANY

SCRIPTED = re.compile(r"<script|style=| on\w+=")


@pytest.fixture
async def signed_in(paying, settings):
    """Return a function that returns the header that signs a person in."""

    async def cookie(person):
        async with paying.database.auth.lend(NOBODY) as lent:
            session = await start(lent, paying.people[person], Origin(None, None, None), settings)
        return {"Cookie": f"gateway={session.secret}"}

    return cookie


async def page_of(world, headers, organization=None):
    path = f"/billing?organization={organization or world.organization}"
    return await world.client.get(path, headers=headers)


async def sent(world, headers, action, **fields):
    """Send a form of the page of the world's organization."""
    page = (await page_of(world, headers)).text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"csrf_token": token, "organization": str(world.organization), **fields}
    headers = {**headers, "Origin": "http://localhost"}
    return await world.client.post(f"/billing/{action}", data=data, headers=headers)


async def test_owners_see_plan_usage_and_invoices_without_script(paying, signed_in):
    await paying.superuser.execute(MANY, paying.organization, paying.people["owner"], 100)
    await limit(paying, name="<b>Bold</b> & Sons")
    page = await page_of(paying, await signed_in("owner"))
    assert page.status_code == 200
    for text in ("Free", "Members", "There are no invoices yet", "<svg", "<progress"):
        assert text in page.text
    assert "<b>Bold" not in page.text
    assert not SCRIPTED.search(page.text)
    assert "https://checkout.stripe.com" in page.headers["content-security-policy"]


async def test_the_page_is_for_those_who_see_billing(paying, other_world, signed_in):
    forms = {}
    for person in ("owner", "billing", "admin", "editor", "outsider"):
        page = await page_of(paying, await signed_in(person))
        forms[person] = (page.status_code, page.text.count("<form"))
    assert forms["owner"] == forms["billing"] == (200, 2)
    assert forms["admin"] == (200, 0)
    assert forms["editor"][0] == forms["outsider"][0] == 404
    stranger = await page_of(paying, await signed_in("owner"), other_world.organization)
    unknown = await page_of(paying, await signed_in("owner"), "x")
    assert (stranger.status_code, unknown.status_code) == (404, 404)
    anonymous = await paying.client.get("/billing")
    assert anonymous.headers["location"] == "/sign-in?next=%2Fbilling"


async def test_forms_subscribe_change_and_cancel(paying, account, signed_in):
    owner = await signed_in("owner")
    there = await sent(paying, owner, "checkout", offer="pro monthly")
    assert there.status_code == 303
    assert there.headers["location"].startswith("https://")
    assert (await sent(paying, owner, "portal")).headers["location"].startswith("https://")
    began = await sent(paying, owner, "trial", offer="pro monthly")
    assert began.headers["location"].endswith("news=trial")
    assert (await billing_of(paying))["status"] == "TRIALING"
    page = await sent(paying, owner, "preview", offer="business monthly")
    assert "Due now: <strong>" in page.text
    changed = await sent(paying, owner, "change", offer="business monthly")
    assert changed.headers["location"].endswith("news=changed")
    assert (await billing_of(paying))["plan"] == "BUSINESS"
    await sent(paying, owner, "cancel")
    assert (await billing_of(paying))["cancelAtPeriodEnd"]
    await sent(paying, owner, "resume")
    assert not (await billing_of(paying))["cancelAtPeriodEnd"]
    wrong = await sent(paying, owner, "preview", offer="nothing")
    assert wrong.status_code == 400


async def test_forms_of_others_are_refused(paying, other_world, signed_in):
    admin = await signed_in("admin")
    owner = await signed_in("owner")
    page = (await page_of(paying, owner)).text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"csrf_token": token, "organization": str(paying.organization), "offer": "pro monthly"}
    for headers, fields, status in (
        (admin, data, 403),
        (owner, {**data, "csrf_token": "x"}, 403),
        (owner, {**data, "organization": str(other_world.organization)}, 404),
    ):
        origin = {"Origin": "http://localhost"}
        answer = await paying.client.post(
            "/billing/trial", data=fields, headers={**headers, **origin}
        )
        assert answer.status_code == status
    assert (await billing_of(paying))["status"] is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00 USD"), (5, "0.05 USD"), (-1_234_567, "-12,345.67 USD"), (2**60, None)],
)
def test_an_amount_is_told_exactly(amount, text):
    told = money(amount, "usd")
    assert text is None or told == text
    assert int(re.sub("[^0-9-]", "", told)) == amount
