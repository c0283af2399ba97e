"""Applications that request tokens all at once do not block other requests."""

import asyncio
from collections import Counter

from auth.oauth import bridge
from auth.oauth.limits import Limits

FORM = {"grant_type": "client_credentials"}


async def test_few_requests_for_tokens_are_answered_at_once(robot, monkeypatch):
    now, most, admit = 0, 0, Limits.admit

    async def counted(limits):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await admit(limits)
        await asyncio.sleep(0)
        now -= 1

    monkeypatch.setattr(Limits, "admit", counted)
    answers = await asyncio.gather(*(robot.post("token", FORM) for _ in range(16)))
    assert Counter(answer.status_code for answer in answers) == {200: 16}
    assert most == bridge.MAX_CONCURRENT


async def test_who_waits_for_too_long_is_told_to_come_again(robot, monkeypatch):
    blocked = asyncio.Event()

    async def stuck(limits):
        await blocked.wait()

    monkeypatch.setattr(Limits, "admit", stuck)
    monkeypatch.setattr(bridge, "MAX_WAIT", 0.01)
    held = [asyncio.ensure_future(robot.post("token", FORM)) for _ in range(bridge.MAX_CONCURRENT)]
    await asyncio.sleep(0)
    late = await robot.post("token", FORM)
    assert (late.status_code, late.json()["error"]) == (503, "temporarily_unavailable")
    assert late.headers["retry-after"]
    blocked.set()
    assert {answer.status_code for answer in await asyncio.gather(*held)} == {200}
