"""Several processes at once: one use of a code, one branch of a family (A17, T05, T21, R04)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from graph.settings import Settings
from tests.forked import serving
from tests.http.test_audits import until_ready
from tests.oauth.conftest import ISSUER, VERIFIER, works
from tests.oauth.test_refresh import AGO
from tests.oauth.waiting import DEVICE_CODE, allow, device

pytestmark = pytest.mark.processes


def started(stack: ExitStack, settings: Settings) -> list[str]:
    """Return the addresses of two server processes on one database, which end with the stack."""
    running = [stack.enter_context(serving(settings, PUBLIC_URL=ISSUER)) for _ in range(2)]
    for process, url in running:
        until_ready(url, process)
    return [url for _, url in running]


@pytest.fixture(scope="module")
async def gateways(settings: Settings) -> AsyncIterator[list[str]]:
    """Yield two server processes, started and ended in a thread.

    The application of this process has connections of its own to look after, which would take a
    loop that stands still for a database that is away.
    """
    with ExitStack() as stack:
        yield await asyncio.to_thread(started, stack, settings)
        await asyncio.to_thread(stack.pop_all().close)


@pytest.fixture
async def eight(gateways):
    """Yield a function that sends the same form eight times at once, to both processes in turn."""
    async with httpx.AsyncClient() as http:

        async def eight(application, **form):
            return await asyncio.gather(
                *(
                    http.post(
                        f"{gateways[n % 2]}/oauth/token", data=form, **application.credentials()
                    )
                    for n in range(8)
                )
            )

        yield eight


async def test_t05_eight_redemptions_of_a_code_give_one_token(planner, person, eight):
    for _ in range(3):
        answers = await eight(
            planner,
            grant_type="authorization_code",
            code=await planner.code(person),
            redirect_uri=planner.callback,
            code_verifier=VERIFIER,
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
        tokens = next(answer.json() for answer in answers if answer.is_success)
        answer = await planner.refresh(tokens["refresh_token"])
        assert answer.json()["error"] == "invalid_grant"  # ended by the second use


async def test_r04_eight_refreshes_at_once_are_good_and_end_together(
    planner, person, http, eight, superuser
):
    for _ in range(3):
        first = await planner.connect(person)
        asked = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        answers = await eight(planner, **asked)
        assert {answer.status_code for answer in answers} == {200}
        given = [answer.json() for answer in answers]
        assert len({tokens["refresh_token"] for tokens in given}) == 8
        assert all([await works(http, tokens["access_token"]) for tokens in given])
        await superuser.execute(AGO, planner.client_id)
        assert {answer.status_code for answer in await eight(planner, **asked)} == {400}
        for tokens in given:
            assert not await works(http, tokens["access_token"])
            assert not (await planner.introspect(tokens["refresh_token"]))["active"]


async def test_t21_eight_polls_of_an_allowed_device_give_one_token(
    applications, person, http, eight, superuser
):
    screen = await applications(grant_types=(DEVICE_CODE, "refresh_token"))
    for _ in range(3):
        waiting = await device(screen, scope="requirements:read")
        await allow(person.browser, waiting.user_code)
        answers = await eight(screen, grant_type=DEVICE_CODE, device_code=waiting.code)
        assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
        errors = {answer.json().get("error") for answer in answers if not answer.is_success}
        assert errors == {"invalid_grant"}
        tokens = next(answer.json() for answer in answers if answer.is_success)
        assert not await works(http, tokens["access_token"])  # ended by the second use
    given = "SELECT count(*) FROM oauth_access_tokens WHERE client_id = $1"
    assert await superuser.fetchval(given, screen.client_id) == 3


async def test_t21_of_eight_early_polls_each_makes_the_device_wait_longer(
    applications, eight, superuser
):
    screen = await applications(grant_types=(DEVICE_CODE,))
    waiting = await device(screen, scope="requirements:read")
    answers = await eight(screen, grant_type=DEVICE_CODE, device_code=waiting.code)
    assert Counter(answer.json()["error"] for answer in answers) == {
        "authorization_pending": 1,
        "slow_down": 7,
    }
    kept = "SELECT poll_interval FROM oauth_device_codes WHERE client_id = $1"
    assert await superuser.fetchval(kept, screen.client_id) == 5 + 7 * 5


PATHS = ("authorize", "token", "revoke", "introspect", "par", "device", "register", "register/x")
WIRE = {
    "a long address": b"GET /oauth/%s?state=" + b"x" * 30_000 + b" HTTP/1.1\r\n",
    "a very long one": b"GET /oauth/%s?state=" + b"x" * 100_000 + b" HTTP/1.1\r\n",
    "an address that is no text": b"GET /oauth/%s?state=\xff\xfe HTTP/1.1\r\n",
    "a nul": b"GET /oauth/%s?state=a\0b HTTP/1.1\r\n",
    "a header that is no text": b"POST /oauth/%s HTTP/1.1\r\nAuthorization: Basic \xff\xfe\r\n",
    "a long header": b"POST /oauth/%s HTTP/1.1\r\nDPoP: " + b"x" * 30_000 + b"\r\n",
    "a broken line": b"POST /oauth/%s HTTP/1.1\r\nAuthorization: Bearer x\r y\r\n",
    "no line": b"POST /oauth/%s HTTP/1.1\r\nAuthorization\r\n",
}


@pytest.mark.parametrize("kind", WIRE)
async def test_a17_nothing_on_the_wire_is_answered_with_a_failure(gateways, kind):
    rest = b"Host: gateway.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    for path in PATHS:
        address = urlsplit(gateways[0])
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(WIRE[kind].replace(b"%s", path.encode()) + rest)
            answer = await reader.read()
            writer.close()
        status = int(answer.split(b" ", 2)[1])
        assert 300 <= status < 500, answer
        assert b"Traceback" not in answer
