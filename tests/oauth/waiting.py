"""A device that shows a code, and the person who enters it, in browsers without script."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.oauth.conftest import Application, hidden

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
EARLIER = "UPDATE oauth_device_codes SET polled_at = polled_at - interval '{} seconds' WHERE "
OVER = (
    "WITH client AS (UPDATE oauth_clients SET updated_at = now() - interval '1 day'"
    " WHERE client_id = $1)"
    " UPDATE oauth_device_codes SET created_at = now() - interval '11 minutes',"
    " expires_at = now() - interval '1 second' WHERE client_id = $1"
)


@dataclass
class Device:
    """A device that has requested its codes."""

    application: Application
    code: str
    user_code: str
    told: dict[str, Any]

    async def poll(self, **form: str) -> httpx.Response:
        asked = {"grant_type": DEVICE_CODE, "device_code": self.code} | form
        return await self.application.token(**asked)


async def ask(application: Application, **form: Any) -> httpx.Response:
    """Return the answer to a device that requests its codes."""
    if application.secret is None:
        form.setdefault("client_id", application.client_id)
    return await application.post("device", form)


async def device(application: Application, **form: Any) -> Device:
    answer = await ask(application, **form)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return Device(application, told["device_code"], told["user_code"], told)


async def enter(browser: httpx.AsyncClient, code: str) -> httpx.Response:
    """Return the page after a person has entered a code."""
    form = hidden((await browser.get("/device")).text)
    return await browser.post("/device", data=form | {"user_code": code})


async def answer(
    browser: httpx.AsyncClient, page: httpx.Response, decision: str = "allow"
) -> httpx.Response:
    assert page.status_code == 200, page.text
    return await browser.post("/device", data=hidden(page.text) | {"decision": decision})


async def allow(browser: httpx.AsyncClient, code: str, decision: str = "allow") -> None:
    """Allow the device: enter the code, read, and press a button."""
    done = await answer(browser, await enter(browser, code), decision)
    assert done.headers["location"] == f"/device/done?decision={decision}", done.text
