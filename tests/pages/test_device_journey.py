"""A device gets its tokens from somebody with a phone, without script, in light and dark."""

from uuid import uuid4

import httpx
import pytest
from playwright.async_api import expect

from auth.credentials.people import create_person
from auth.oauth.clients import DEVICE_CODE
from auth.oauth.registry import register
from tests.pages.conftest import Visitor

pytestmark = pytest.mark.processes

PASSWORD = "correct horse battery"
WHO = {"query": "{ viewer { profile { email } } }"}


async def test_somebody_connects_a_device_and_denies_another(visitor: Visitor, database):
    page, email = visitor.page, f"someone+{uuid4().hex[:8]}@demo.example"
    await create_person(database, email, "Ada Example", PASSWORD)
    made = await register(database, "Screen", grant_types=(DEVICE_CODE,), public=True)
    named, title = {"client_id": made.client_id}, page.get_by_role("heading", level=1)
    async with httpx.AsyncClient(base_url=visitor.address) as device:
        asked = named | {"scope": "organizations:read"}
        shown = (await device.post("/oauth/device", data=asked)).json()
        poll = named | {"grant_type": DEVICE_CODE, "device_code": shown["device_code"]}
        waits = await device.post("/oauth/token", data=poll)
        assert waits.json()["error"] == "authorization_pending"

        await page.goto(shown["verification_uri"])
        await visitor.fill(**{"E-mail_address": email, "Password": PASSWORD})
        await visitor.press("Sign in")
        await expect(title).to_have_text("Connect a device")
        await visitor.fill(Code_on_the_device="bcdf ghjk")
        await visitor.press("Continue")
        await expect(page.get_by_role("alert")).to_contain_text("There is no device with this code")
        await visitor.show("device-refused")
        typed = shown["user_code"].lower().replace("-", " ")
        await visitor.fill(Code_on_the_device=typed)
        await visitor.press("Continue")
        await expect(title).to_have_text("Allow Screen?")
        await expect(page.get_by_text(shown["user_code"], exact=True)).to_be_visible()
        await expect(page.get_by_text("127.0.0.1", exact=True)).to_be_visible()
        await visitor.show("device-consent")
        await visitor.press("Allow")
        await expect(title).to_have_text("The device is connected")
        await visitor.show("device-done")

        tokens = (await device.post("/oauth/token", data=poll)).json()
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        answer = (await device.post("/graphql", json=WHO, headers=bearer)).json()
        assert answer["data"]["viewer"]["profile"]["email"] == email
        await visitor.follow("Applications that act for you")
        await expect(page.get_by_text("Screen", exact=True)).to_be_visible()

        other = (await device.post("/oauth/device", data=asked)).json()
        await page.goto(other["verification_uri_complete"])
        await visitor.press("Continue")
        await visitor.press("Deny")
        await expect(title).to_have_text("The device is not connected")
        poll["device_code"] = other["device_code"]
        denied = await device.post("/oauth/token", data=poll)
        assert denied.json()["error"] == "access_denied"
