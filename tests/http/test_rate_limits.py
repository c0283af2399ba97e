"""The limits of people, credentials, applications, networks and tenants, in several processes."""

import asyncio
import math
import time
from uuid import UUID, uuid4

import pytest

from auth.viewer import Viewer
from db.problem import Problem
from graph.http.operation.rate_limit import BASE
from graph.http.operation.rate_limits import RateLimits
from graph.live import rate_sharing
from graph.live.rate_sharing import RateSharing
from tests.http.keyed import Keyed
from tests.http.test_rate_limit import Clock

ADDRESS = "192.0.2.1"


def viewer(organization: UUID | None = None, **values) -> Viewer:
    organizations = frozenset({organization or uuid4()})
    return Viewer(uuid4(), organizations=organizations, session_id=uuid4().hex, **values)


@pytest.fixture
def limits(settings) -> RateLimits:
    return made(settings)


def made(settings, **factors) -> RateLimits:
    wide = {f"{kind}_cost_factor": 5.0 for kind in ("application", "network", "organization")}
    given = {"cost_per_second": 10, "cost_burst": 1000, **wide, **factors}
    return RateLimits(settings.model_copy(update=given), Clock())


def refused(limits: RateLimits, who: Viewer, address: str = ADDRESS, cost: int = 90) -> str | None:
    try:
        limits.spend(who, address, cost)
    except Problem as problem:
        return f"{problem.extensions['principal']}"
    return None


def test_a_person_has_as_much_with_several_credentials_as_with_one(settings):
    limits, one = made(settings, key_cost_factor=0.5), viewer()
    other = Viewer(one.id, organizations=one.organizations, session_id="another")
    for who in (one, other):
        assert [refused(limits, who) for _ in range(5)] == [None] * 5
    assert refused(limits, one) == "person"
    alone = viewer()
    assert [refused(limits, alone) for _ in range(6)] == [None] * 5 + ["key"]


def test_a_tenant_an_application_and_a_network_leave_room_for_others(limits):
    tenant, address = uuid4(), (f"198.{18 + n // 250}.{n % 250}.1" for n in range(500))
    crowd = [viewer(tenant) for _ in range(6)]
    refusals = [refused(limits, who, next(address)) for who in crowd for _ in range(10)]
    assert refusals == [None] * 50 + ["organization"] * 10
    assert refused(limits, viewer(), next(address)) is None
    users = [viewer(client_id="planner") for _ in range(6)]
    refusals = [refused(limits, who, next(address)) for who in users[:5] for _ in range(9)]
    assert refusals == [None] * 45
    assert [refused(limits, users[5], next(address)) for _ in range(5)] == [None] * 5
    assert refused(limits, users[5], next(address)) == "application"
    strangers = [refused(limits, Viewer(None), "203.0.113.7") for _ in range(51)]
    assert strangers == [None] * 50 + ["network"]
    assert refused(limits, viewer(), "203.0.113.99") == "network"
    assert refused(limits, viewer(), "203.0.114.1") is None


def test_what_is_refused_costs_nobody_anything_and_what_is_unused_is_given_back(limits):
    one = viewer()
    charge = limits.spend(one, ADDRESS, 90)
    assert charge.headers() == {
        "RateLimit": '"person";r=900;t=10',
        "RateLimit-Policy": '"person";q=1000;w=100',
    }
    charge.give_back(80)
    assert charge.headers()["RateLimit"] == '"person";r=980;t=2'
    with pytest.raises(Problem):
        limits.spend(one, ADDRESS, 980)
    assert limits.spend(one, ADDRESS, 970).headers()["RateLimit"] == '"person";r=0;t=100'


class Wire:
    """A bus between the processes of a test."""

    def __init__(self) -> None:
        self.hear = []
        self.carried = asyncio.Event()

    async def run(self, hear, connected) -> None:
        self.hear.append(hear)
        connected()
        await asyncio.Event().wait()

    def publish(self, message: str) -> None:
        for hear in self.hear:
            hear(message)
        self.carried.set()


async def test_processes_share_what_was_spent(settings, monkeypatch):
    monkeypatch.setattr(rate_sharing, "SHARE_INTERVAL", 0.0)
    wire, who, other = Wire(), viewer(), []
    nodes = [made(settings) for _ in range(2)]
    sharing = [RateSharing(wire, node) for node in nodes]
    tasks = [
        asyncio.create_task(work)
        for one in sharing
        for work in (one.run(other.append, lambda: None), one.keep_telling())
    ]
    try:
        assert [refused(nodes[0], who) for _ in range(10)] == [None] * 10
        async with asyncio.timeout(60):
            await wire.carried.wait()
        assert [refused(node, who, cost=0) for node in nodes] == ["person"] * 2
        wire.publish("presence")
        wire.publish('spent:nobody:{"no": "list"}')
        assert other == ["presence", "presence"]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_little_is_not_told_and_nobody_is_named(limits):
    who = viewer()
    limits.spend(who, ADDRESS, 0)  # a hundredth of the person's bucket
    news = limits.news()
    assert news is not None
    assert str(who.id) not in news
    assert who.session_id not in news
    assert limits.news() is None


def test_the_limits_of_an_operation_take_few_microseconds(settings):
    limits, who = RateLimits(settings), viewer(client_id="planner")

    def one() -> None:
        charge = limits.spend(who, ADDRESS, 50)
        charge.give_back(40)
        charge.headers()

    best = math.inf
    for _ in range(5):
        began = time.process_time()
        for _ in range(500):
            one()
        best = min(best, (time.process_time() - began) / 500)
    assert best < 200e-6  # 14 us where this was written; slower machines have ten times as many


@pytest.mark.parametrize("query", ["{ projects(first: 90) { nodes { id } } }", "{ nothing }"])
async def test_answers_tell_what_is_left(keyed: Keyed, query: str):
    answer = await keyed.send(None, query)
    if answer.json().get("data"):
        assert answer.headers["ratelimit"].startswith('"person";r=')
        assert answer.headers["ratelimit-policy"] == '"person";q=500000;w=100'
    else:
        assert "ratelimit" not in answer.headers


async def test_a_refusal_names_the_principal(keyed: Keyed, gateway):
    async with gateway(cost_per_second=1, cost_burst=1000, network_cost_factor=0.1) as client:
        answers = [await keyed.send(None, "{ __typename }", client=client) for _ in range(12)]
    last = answers[-1]
    assert last.status_code == 429
    assert last.json()["errors"][0]["extensions"]["principal"] == "network"
    assert last.headers["ratelimit"] == f'"network";r=0;t={last.headers["retry-after"]}'
    assert BASE == 10
