"""From signing up to ending one's sessions, on a phone, without script, in light and dark."""

import re
from base64 import b32decode
from uuid import uuid4

import pytest
from playwright.async_api import expect
from structlog.testing import capture_logs

from auth.accounts import totp
from auth.credentials.people import create_person
from tests.mails import Mails
from tests.pages.conftest import Visitor

pytestmark = pytest.mark.processes

PASSWORD, ANOTHER = "correct horse battery", "another horse battery"


async def test_somebody_signs_up_and_secures_their_account(visitor: Visitor):  # noqa: PLR0915
    page, email = visitor.page, f"someone+{uuid4().hex[:8]}@demo.example"
    title = page.get_by_role("heading", level=1)
    with capture_logs() as logged:
        await visitor.open("/")
        await visitor.show("home")
        await visitor.follow("Sign up")
        await visitor.show("sign-up")
        await visitor.fill(**{"E-mail_address": email})
        await visitor.press("Send the link")
        await expect(title).to_have_text("Check your mail")
        await visitor.show("mail-sent")

        await page.goto(visitor.address + await Mails(logged).link(email))
        await visitor.fill(Your_name="Ada Example", Password="short")
        await visitor.press("Create the account")
        await expect(page.get_by_role("alert")).to_contain_text("at least 12 characters")
        await visitor.show("confirm-refused")
        await visitor.fill(Password=PASSWORD)
        await visitor.press("Create the account")
        await expect(page.get_by_role("status")).to_contain_text("is ready")
        await visitor.show("sign-in")
        await visitor.fill(**{"E-mail_address": email, "Password": PASSWORD})
        await visitor.press("Sign in")

        await visitor.follow("Your account")
        await visitor.show("account")
        await visitor.follow("Authenticator app")
        await visitor.show("offer")
        letters = await page.locator(".key code").inner_text()
        secret = b32decode(letters.replace(" ", ""))
        step = totp.present_step()
        await visitor.fill(The_code_that_the_app_shows=totp.code_at(secret, step))
        await visitor.press("Turn it on")
        await expect(title).to_have_text("Your recovery codes")
        await visitor.show("recovery-codes")
        codes = await page.locator(".codes code").all_inner_texts()
        await visitor.follow("I have stored them")
        await visitor.press("Sign out")

        await visitor.follow("Sign in")
        await visitor.fill(**{"E-mail_address": email, "Password": PASSWORD})
        await visitor.press("Sign in")
        await visitor.fill(Code="000000")
        await visitor.press("Sign in")
        await expect(page.get_by_role("alert")).to_contain_text("is wrong")
        await visitor.show("second-step-refused")
        step = max(step + 1, totp.present_step())  # a code is taken once
        await visitor.fill(Code=totp.code_at(secret, step))
        await visitor.press("Sign in")
        await visitor.follow("Your account")
        await expect(page.get_by_text("on, 10 recovery codes left")).to_be_visible()
        await visitor.show("account-with-app")
        await visitor.follow("Browsers")
        await expect(page.get_by_text("this one")).to_be_visible()
        await visitor.show("browsers")
        await visitor.follow("Back to your account")
        await visitor.follow("Applications")
        await visitor.show("applications")
        await visitor.follow("Back to your account")
        await visitor.follow("Authenticator app")
        await visitor.show("second-factor")
        await visitor.press("Turn it off")
        await expect(page.get_by_role("status")).to_contain_text("A code is no longer required")
    mails = [line for line in logged if "?token=" in line["event"]]
    assert len(mails) == 1
    others = str([line for line in logged if line not in mails])
    for secret_text in (PASSWORD, letters, letters.replace(" ", ""), *codes, "token="):
        assert secret_text not in others


async def test_somebody_forgets_their_password_in_two_tabs(visitor: Visitor, database):
    page, email = visitor.page, f"someone+{uuid4().hex[:8]}@demo.example"
    await create_person(database, email, "Ada Example", PASSWORD)
    with capture_logs() as logged:
        await visitor.open("/sign-in?next=/account/sessions")
        other = await page.context.new_page()
        await other.goto(f"{visitor.address}/sign-in")
        await other.get_by_role("link", name="Forgotten your password?").click()
        await other.get_by_label("E-mail address").fill(email)
        await other.get_by_role("button", name="Send the link").click()
        await expect(other.get_by_role("heading", level=1)).to_have_text("Check your mail")
        await other.goto(visitor.address + await Mails(logged).link(email))
        await other.get_by_label("New password").fill(ANOTHER)
        await other.get_by_role("button", name="Change the password").click()
        await expect(other.get_by_role("status")).to_contain_text("has been changed")
    # The first tab has been open all the while.
    await visitor.fill(**{"E-mail_address": email, "Password": ANOTHER})
    await visitor.press("Sign in")
    await expect(page).to_have_url(re.compile("/account/sessions$"))
    await other.get_by_label("E-mail address").fill(email)
    await other.get_by_label("Password", exact=True).fill(ANOTHER)
    await other.get_by_role("button", name="Sign in").click()
    await expect(other).to_have_url(f"{visitor.address}/")
    await other.close()


async def test_a_fresh_proof_is_asked_for(visitor: Visitor, database, superuser):
    email = f"someone+{uuid4().hex[:8]}@demo.example"
    id = await create_person(database, email, "Ada Example", PASSWORD)
    await visitor.open("/sign-in?next=/account")
    await visitor.fill(**{"E-mail_address": email, "Password": PASSWORD})
    await visitor.press("Sign in")
    await expect(visitor.page).to_have_url(f"{visitor.address}/account")
    long_ago = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
    await superuser.execute(long_ago, id)
    await visitor.follow("Browsers")
    await visitor.show("prove")
    await visitor.fill(Password=PASSWORD)
    await visitor.press("Continue")
    await expect(visitor.page).to_have_url(f"{visitor.address}/account/sessions")


async def test_without_the_phone_recovery_codes_sign_in_and_prove(
    guest: Visitor, database, superuser
):
    page, email = guest.page, f"someone+{uuid4().hex[:8]}@demo.example"
    id = await create_person(database, email, "Ada Example", PASSWORD)
    await guest.open("/sign-in?next=/account/second-factor")
    await guest.sign_in(email, PASSWORD)
    letters = await page.locator(".key code").inner_text()
    secret = b32decode(letters.replace(" ", ""))
    code = totp.code_at(secret, totp.present_step())
    await guest.fill(The_code_that_the_app_shows=code)
    await guest.press("Turn it on")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    codes = await page.locator(".codes code").all_inner_texts()
    await guest.follow("I have stored them")
    await guest.press("Sign out")

    await guest.open("/sign-in?next=/account")
    await guest.sign_in(email, PASSWORD)
    await guest.fill(Code=codes[0])
    await guest.press("Sign in")
    await expect(page.get_by_text("on, 9 recovery codes left")).to_be_visible()
    long_ago = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
    await superuser.execute(long_ago, id)
    await guest.follow("E-mail address")
    for used, what in ((codes[0], "is wrong"), (codes[1], "")):
        await guest.fill(Password=PASSWORD, Code=used)
        await guest.press("Continue")
        if what:
            await expect(page.get_by_role("alert")).to_contain_text(what)
    await expect(page).to_have_url(f"{guest.address}/account/email")
