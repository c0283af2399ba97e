"""Everybody behind a proxy that is not trusted is one network: the log and `doctor` report it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from auth.credentials import identify
from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.commands.doctor import examine

FORWARDED = {"x-forwarded-for": "203.0.113.7"}


@pytest.mark.parametrize(
    ("peer", "headers", "times"),
    [("172.18.0.5", FORWARDED, 1), ("172.18.0.5", {}, 0), ("8.8.8.8", FORWARDED, 0)],
)
async def test_the_log_names_a_proxy_that_is_not_trusted_once(dial, peer, headers, times):
    identify._warn_of_proxy.cache_clear()
    browser = dial(peer, **headers)
    with capture_logs() as logs:
        for _ in range(2):
            await browser.post("/oauth/token", data={"grant_type": "client_credentials"})
            await browser.post("/graphql", json={"query": "{ __typename }"})
    found = [entry["address"] for entry in logs if entry["event"] == "proxy not trusted"]
    assert found == [peer] * times


@pytest.mark.slow
async def test_doctor_sees_that_everybody_comes_from_one_address(
    settings, people, database, superuser
):
    await superuser.execute("UPDATE sessions SET created_at = created_at - interval '8 days'")
    somebody = [await people() for _ in range(3)]
    for n, person in enumerate(somebody):
        async with database.auth.lend(NOBODY) as lent:
            await start(lent, person.id, Origin(ip_address="172.18.0.5"), settings)
        findings = await asyncio.to_thread(examine, settings)
        told = [finding for finding in findings if finding.subject == "Proxy"]
        assert len(told) == (n == 2)
    assert "172.18.0.5" in told[0].state
    assert "TRUSTED_PROXIES" in told[0].advice
    async with database.auth.lend(NOBODY) as lent:
        await start(lent, person.id, Origin(ip_address="203.0.113.7"), settings)
    findings = await asyncio.to_thread(examine, settings)
    assert not [finding for finding in findings if finding.subject == "Proxy"]
