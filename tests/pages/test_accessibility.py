"""Every page, checked by axe-core (WCAG 2.2, AA), and on a narrow phone."""

from base64 import b32decode
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from asyncpg import Connection

from auth.accounts import mailed_links, totp
from auth.accounts.mailed_links import PATHS
from auth.credentials import tokens
from auth.credentials.browser_sessions import start
from auth.credentials.people import create_person
from auth.oauth.clients import DEVICE_CODE
from auth.oauth.registry import register
from auth.origin import Origin
from auth.web import page as making
from db.core.people import LinkPurpose
from db.pool import NOBODY, Database
from tests.identity.signing_on import provide, provider
from tests.pages.administering import walk_administration
from tests.pages.conftest import APPROVER, PHONE
from tests.pages.importing import walk_imports
from tests.pages.looking import Looking
from tests.pages.sharing import walk_shares
from tests.pages.signing_on import walk_sign_in_elsewhere, walk_single_sign_on
from tests.pages.test_compliance_journey import PAGES as COMPLIANCE
from tests.pages.test_connecting import PASSWORD, address_of, client
from tests.tenants import join, organization_of

pytestmark = pytest.mark.processes
__all__ = ["client", "provide", "provider"]

LONG = "Gesellschaft-für-Anforderungsverwaltung-und-Nachverfolgbarkeit " * 2
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
PARTS = {"layout.html", "fields.html", "administration.html", "compliance_parts.html"}
"""Templates that are not pages."""


@dataclass
class Place:
    """A gateway, and the people whose pages are checked."""

    looking: Looking
    database: Database
    superuser: Connection
    me: UUID
    new: str
    waiting: str

    async def link(self, purpose: LinkPurpose, email: str, **whose: UUID) -> str:
        """Create a link as it is mailed; return its path."""
        async with self.database.auth.lend(NOBODY) as lent:
            gateway = self.looking.address
            address = await mailed_links.create(lent, gateway, purpose, email, **whose)
        assert PATHS[purpose] in address
        return address

    async def invitation(self, email: str) -> UUID:
        """Return an invitation to an organization with a long name."""
        organization, id, inviter = uuid4(), uuid4(), uuid4()
        await self.superuser.execute(
            "INSERT INTO organizations (id, name, slug) VALUES ($1, $2, $3)",
            organization,
            LONG,
            f"o-{organization.hex}",
        )
        await self.superuser.execute(
            "INSERT INTO profiles (id, email, full_name, is_approved) VALUES ($1, $2, $3, true)",
            inviter,
            f"{inviter.hex}@demo.example",
            LONG,
        )
        await self.superuser.execute(
            "INSERT INTO organization_members (organization_id, user_id, role)"
            " VALUES ($1, $2, 'admin')",
            organization,
            inviter,
        )
        await self.superuser.execute(
            "INSERT INTO organization_invitations"
            " (id, organization_id, email, role, token, expires_at, created_by)"
            " VALUES ($1, $2, $3, 'editor', $1, now() + interval '1 day', $4)",
            id,
            organization,
            email,
            inviter,
        )
        return id


@pytest.fixture
async def place(browser, approving, database, superuser):
    """Yield people with long names, one of whom approves others and owns an organization."""
    suffix = uuid4().hex
    await superuser.execute(
        "UPDATE profiles SET email = $1 WHERE email = $2", f"{suffix}@demo.example", APPROVER
    )
    me = await create_person(database, APPROVER, "Ada Example", PASSWORD)
    waiting = f"{suffix[:6]}{'long-name-' * 5}@{'department.' * 6}demo.example"
    await create_person(database, waiting, LONG, PASSWORD, approved=False)
    await superuser.execute(
        "UPDATE profiles SET created_at = '2000-01-01' WHERE email = $1", waiting
    )
    context = await browser.new_context(viewport=PHONE, is_mobile=True)
    looking = Looking(await context.new_page(), approving)
    yield Place(looking, database, superuser, me, f"new+{suffix}@demo.example", waiting)
    await context.close()
    left = "UPDATE organization_members SET deleted_at = now() WHERE user_id = $1"
    await superuser.execute(left, me)


async def test_every_page_can_be_read_and_used_by_everybody(
    place, shown, client, settings, provider
):
    looking = place.looking
    await walk_signed_out(looking, place)
    await looking.at("/sign-in?news=signed-up", "sign-in")
    await looking.show_password()
    await looking.send("Sign in", email=APPROVER, password="wrong")
    await looking.here("sign-in-refused")
    await looking.send("Sign in", email=APPROVER, password=PASSWORD)
    await walk_account(looking, place)
    await walk_shares(looking, place.superuser, LONG)
    await walk_access(looking, place, settings)
    await walk_clients(looking, place)
    await walk_keys(looking)
    await walk_webhooks(looking, place)
    await walk_billing(looking, place)
    await walk_administration(looking, place.superuser, place.me, place.waiting, LONG)
    await walk_imports(looking, place.superuser, place.me, LONG)
    domain = await walk_single_sign_on(looking, place.superuser, place.me, LONG, provider)
    await walk_device(looking, place)
    planner = await client(looking.address, LONG[:90], "requirements:write organizations:read")
    asked, _ = address_of(planner)
    await looking.at(asked, "consent")
    await looking.at("/oauth/authorize?client_id=unknown", "oauth-refusal")
    await looking.at("/oauth/logout", "logout")
    await walk_second_factor(looking, place)
    await looking.page.goto(asked)
    await looking.page.context.clear_cookies()
    await looking.send("Allow")
    await looking.here("oauth-expired")
    await looking.at("/oauth/logout", "logged-out")
    await looking.page.goto(f"{looking.address}/sign-in")
    await looking.send("Sign in", email=APPROVER, password=PASSWORD)
    await looking.here("second-step")
    await looking.send("Sign in", code="000000")
    await looking.here("second-step-refused")
    await walk_sign_in_elsewhere(looking, place.superuser, place.me, domain, provider)
    assert looking.faults == []
    assert set(making._templates.list_templates()) - PARTS - COMPLIANCE - shown == set()


async def walk_signed_out(looking: Looking, place: Place) -> None:
    """Visit the pages for people who are signed out, and those of links in mails."""
    await looking.at("/", "home")
    await looking.at("/nowhere", "missing")
    await looking.at("/sign-up", "sign-up")
    await looking.at("/mail-sent", "mail-sent")
    await looking.at("/sign-up/waiting", "waiting")
    await looking.at(await place.link(LinkPurpose.SIGN_UP, place.new), "confirm")
    await looking.send("Create the account", full_name=LONG, password="short")
    await looking.here("confirm-refused")
    await looking.at(f"/sign-up/confirm?token={'x' * 43}", "no-link")
    await looking.at("/forgotten-password", "forgotten-password")
    reset = await place.link(LinkPurpose.PASSWORD_RESET, APPROVER, user_id=place.me)
    await looking.at(reset, "choose-password")
    await walk_invitations(looking, place)


async def walk_account(looking: Looking, place: Place) -> None:
    """Visit the pages of the profile, and those for answering invitations."""
    await looking.here("home-signed-in")
    await looking.at("/account?news=joined", "account")
    await looking.at("/account/profile", "profile")
    await looking.at("/account/notifications?news=saved", "notifications")
    await looking.at("/account/email", "email")
    await looking.send("Send the link", email="nobody@nowhere")
    await looking.here("email-refused")
    change = await place.link(LinkPurpose.EMAIL_CHANGE, place.waiting, user_id=place.me)
    await looking.at(change, "email-confirm")
    await looking.at("/account/password", "change-password")
    await looking.at("/account/organizations", "organizations-none")
    await looking.send("Create", name=LONG)
    await looking.here("organizations")
    await looking.page.get_by_role("link", name="Leave").first.click()
    await looking.here("organization-leave")
    await looking.at("/account/organizations", "organizations-again")
    await looking.page.get_by_role("link", name="Delete").first.click()
    await looking.here("organization-close")
    await looking.at("/account/close", "close-account")
    left = "UPDATE organization_members SET deleted_at = now() WHERE user_id = $1"
    await place.superuser.execute(left, place.me)
    await walk_invitations(looking, place)


async def walk_invitations(looking: Looking, place: Place) -> None:
    """Visit the page of an invitation, with and without an account."""
    for email in (place.new, APPROVER):
        invited = await place.invitation(email)
        link = await place.link(LinkPurpose.INVITATION, email, invitation_id=invited)
        await looking.at(link, f"invitation-{email.partition('+')[0].partition('@')[0]}")


async def walk_access(looking: Looking, place: Place, settings) -> None:
    """Visit the pages of people who wait for approval, and of an account's connections."""
    await looking.at("/account/approvals", "approvals")
    await tokens.issue(place.database, APPROVER, timedelta(days=1))
    await looking.at("/account/applications", "applications")
    origin = Origin(None, "2001:db8::1234:5678:9abc:def0", "x" * 90)
    async with place.database.auth.lend(NOBODY) as lent:
        await start(lent, place.me, origin, settings)
    await looking.at("/account/sessions", "sessions")
    await looking.at("/account/passkeys", "passkeys-none")
    await looking.at("/account/devices", "devices")


async def walk_clients(looking: Looking, place: Place) -> None:
    """Visit the pages of an owner."""
    await place.superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role)"
        " SELECT organization_id, $1, 'owner' FROM organization_invitations WHERE email = $2"
        " LIMIT 1",
        place.me,
        place.new,
    )
    await looking.at("/account/clients", "clients-none")
    await looking.page.get_by_role("link", name="Register an application for").click()
    await looking.here("client-new")
    await looking.send("Register", name=LONG, redirectUris="http://planner.example/cb")
    await looking.here("client-new-refused")
    await looking.page.get_by_label("See your documents", exact=False).check()
    await looking.send("Register", redirectUris="https://planner.example/cb")
    await looking.here("client-secret")
    await looking.at("/account/clients", "clients")
    await looking.page.get_by_role("link", name=LONG.strip(), exact=True).click()
    await looking.page.get_by_text("Delete", exact=True).click()
    await looking.here("client-change")


async def walk_keys(looking: Looking) -> None:
    """Visit the pages of API keys, and of personal tokens."""
    for path, create, name in (
        ("/account/keys", "Create the key", "api-key"),
        ("/account/tokens", "Create the token", "token"),
    ):
        await looking.at(path, f"{name}s-none")
        await looking.page.get_by_role("link", name="Create", exact=False).click()
        await looking.here(f"{name}-new")
        await looking.send(create, name=LONG[:90])
        await looking.here(f"{name}-new-refused")
        await looking.page.get_by_label("Do everything", exact=False).check()
        await looking.send(create)
        await looking.here(f"{name}-secret")
        await looking.at(path, f"{name}s")
        await looking.page.get_by_text("Revoke", exact=True).click()
        await looking.here(f"{name}s-revoke")


async def walk_webhooks(looking: Looking, place: Place) -> None:
    """Visit the pages of webhooks."""
    await looking.at("/webhooks", "webhooks-none")
    organization = await organization_of(place.superuser, place.me, LONG)
    account, endpoint = uuid4(), uuid4()
    await place.superuser.execute(
        "INSERT INTO profiles (id, email, full_name, is_approved, service_of)"
        " VALUES ($1, $1::uuid || '@service-accounts.invalid', 'Server', true, $2)",
        account,
        organization,
    )
    await join(place.superuser, organization, account)
    await place.superuser.execute(
        "INSERT INTO webhook_endpoints (id, organization_id, name, url, service_account_id, secret)"
        f" VALUES ($1, $2, '{LONG[:90]}', 'https://planner.example/{'x' * 200}', $3, 's')",
        endpoint,
        organization,
        account,
    )
    await place.superuser.execute(
        "INSERT INTO webhook_deliveries (organization_id, endpoint_id, webhook_id, event_type,"
        " order_key, status, attempts, request_headers, request_body, response_status, error)"
        " VALUES ($1, $2, 'msg_1', 'requirement.updated', $2, 'failed', 10,"
        """ '{"webhook-id": "msg_1"}', repeat('x', 2000), 500, 'The endpoint answered 500.')""",
        organization,
        endpoint,
    )
    await looking.at("/webhooks", "webhooks")
    await looking.page.get_by_role("link", name=LONG[:90].strip(), exact=True).click()
    await looking.page.get_by_text("Request and answer", exact=True).click()
    await looking.here("webhook")


async def walk_billing(looking: Looking, place: Place) -> None:
    """Visit the list of organizations, and the page of one with a late payment and invoices."""
    organization = await organization_of(place.superuser, place.me, LONG)
    invoice = (
        '{"id": "in_1", "number": "GW-1", "status": "open", "total": 990, "amount_due": 990,'
        ' "amount_paid": 0, "currency": "usd", "created": 1790000000,'
        ' "url": "https://invoice.stripe.com/i/1", "pdf_url": "https://invoice.stripe.com/i/1/pdf"}'
    )
    await place.superuser.execute(
        "INSERT INTO billing_cache (organization_id, billing_status, period_start, period_end)"
        f""" VALUES ($1, '{{"invoices": {{"in_1": {invoice}}}}}', now(), now() + interval '1 h')""",
        organization,
    )
    await place.superuser.execute(
        "INSERT INTO usage_logs (organization_id, user_id, feature, quantity, unit_type)"
        " VALUES ($1, $2, 'query', 5, 'cost')",
        organization,
        place.me,
    )
    await place.superuser.execute(
        "UPDATE organizations SET payment_required_at = now() + interval '1 day' WHERE id = $1",
        organization,
    )
    await looking.at("/billing", "billing-organizations")
    await looking.at(f"/billing?organization={organization}", "billing")


async def walk_device(looking: Looking, place: Place) -> None:
    """Visit the pages on which a device is connected."""
    made = await register(place.database, LONG[:90], grant_types=(DEVICE_CODE,), public=True)
    async with httpx.AsyncClient(base_url=looking.address) as device:
        answer = await device.post("/oauth/device", data={"client_id": made.client_id})
    await looking.at("/device", "device")
    await looking.send("Continue", user_code="bcdf ghjk")
    await looking.here("device-refused")
    await looking.send("Continue", user_code=answer.json()["user_code"])
    await looking.here("device-consent")
    await looking.send("Deny")
    await looking.here("device-denied")


async def walk_second_factor(looking: Looking, place: Place) -> None:
    """Visit the pages of an authenticator app, and of repeated authentication."""
    await place.superuser.execute(LONG_AGO, place.me)
    await looking.at("/account/second-factor", "prove")
    await looking.send("Continue", current_password=PASSWORD)
    await looking.here("second-factor-offer")
    letters = await looking.page.locator(".key code").inner_text()
    code = totp.code_at(b32decode(letters.replace(" ", "")), totp.present_step())
    await looking.send("Turn it on", code=code)
    await looking.here("recovery-codes")
    await looking.at("/account/second-factor", "second-factor")
    await place.superuser.execute(LONG_AGO, place.me)
    await looking.at("/account/second-factor", "prove-with-code")
