"""A walk through the pages of administrators, for the checks of accessibility."""

from uuid import UUID

from asyncpg import Connection

from tests.pages.conftest import PHONE
from tests.pages.looking import Looking
from tests.tenants import join, organization_of

NARROW = {"width": 320, "height": 640}
"""The CSS pixels to which a desktop shrinks at 400 % (WCAG 2.2, 1.4.10)."""


async def walk_administration(
    looking: Looking, superuser: Connection, owner: UUID, email: str, long: str
) -> None:
    """Visit the pages of administrators as an owner, on a screen of 320 pixels.

    `email` is the address of another person, whose name is `long`.
    """
    page, organization = looking.page, await organization_of(superuser, owner, long)
    other = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
    await join(superuser, organization, other)
    await page.set_viewport_size(NARROW)
    await looking.at("/members", "members-organizations")
    await looking.at(f"/members?organization={organization}", "members-none-invited")
    await looking.send("Send the invitation", email="new@partner.example")
    await looking.here("members")
    await page.get_by_role("link", name="Second factors", exact=True).press("Enter")
    await looking.here("members-second-factor")
    await page.get_by_role("button", name="Require a second factor").press("Enter")
    await page.get_by_role("alert").wait_for()
    await looking.here("members-second-factor-refused")
    await page.get_by_role("link", name="Members", exact=True).press("Enter")
    await page.get_by_role("link", name=long.strip(), exact=True).first.click()
    await looking.send("Grant the role", reason=long, expiresAt="2100-01-31")
    for summary in await page.get_by_role("main").locator("summary").all():
        await summary.press("Enter")
    await looking.here("member")
    await looking.at(f"/access-reviews?organization={organization}", "access-reviews-none")
    await page.get_by_role("link", name="Create an access review").press("Enter")
    await looking.here("access-review-new")
    await looking.send("Create the access review", name=long, dueDate="2100-01-31")
    await page.get_by_text("Revoke", exact=True).first.press("Enter")
    await looking.here("access-review")
    await page.get_by_text("Close", exact=True).press("Enter")
    await looking.send("Close the access review")
    await looking.here("access-review-closed")
    await looking.at(f"/access-reviews?organization={organization}", "access-reviews")
    await looking.at(f"/audit?organization={organization}&from=2000", "audit-refused")
    await looking.at(f"/audit?organization={organization}", "audit-filter")
    await page.get_by_text("Changes", exact=True).first.press("Enter")
    await looking.here("audit")
    await superuser.execute(
        "INSERT INTO audit_alerts (organization_id, indicator, level, event_id, event_at, actor_id)"
        " VALUES ($1, 'rights_raised', 'high', $1, now(), $2)",
        organization,
        owner,
    )
    await looking.at(f"/audit/alerts?organization={organization}", "audit-alerts")
    await page.get_by_text("Acknowledge", exact=True).first.press("Enter")
    await page.get_by_label("Note").fill(long)
    await page.get_by_label("Note").press("Enter")
    await page.get_by_role("status").wait_for()
    await looking.here("audit-alerts-acknowledged")
    await page.set_viewport_size(PHONE)
