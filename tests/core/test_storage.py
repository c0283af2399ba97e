"""The bytes of baselines are counted, and limited by the plan, also under concurrent creation."""

import asyncio
from uuid import UUID

import pytest

from auth.session.write.plan_limits import PLANS
from db.core.organizations import BillingPlan
from graph.requirements import baselines
from tests.core.test_limits import refused
from tests.requirements.test_baselines import CREATE, items_of
from tests.world import World

USED = """query ($id: UUID!) { organization(id: $id) { storageUsed
    usage { storage { current maximum } } } }"""


async def used(world: World) -> int:
    organization = await world.ask("owner", USED, id=world.organization)
    current: int = organization["usage"]["storage"]["current"]
    assert organization["storageUsed"] == current
    assert organization["usage"]["storage"]["maximum"] == PLANS[BillingPlan.FREE].storage
    return current


async def frozen(world: World, name: str = "One") -> UUID:
    payload = await world.ask("editor", CREATE, input={"name": name, "documentId": world.document})
    return UUID(payload["baseline"]["id"])


@pytest.mark.slow
async def test_what_a_baseline_holds_is_counted_until_it_is_purged(world: World):
    assert await used(world) == 0
    first = await frozen(world)
    one = await used(world)
    texts = sum(len(item["canonical"]) for item in await items_of(world, first))
    assert texts <= one <= texts + 3 * 300
    second = await frozen(world)
    assert await used(world) == 2 * one
    run = world.superuser.execute
    await run("UPDATE baselines SET deleted_at = now() WHERE id = $1", second)
    assert await used(world) == 2 * one
    await run("DELETE FROM baselines WHERE id = $1", second)
    assert await used(world) == one


@pytest.mark.slow
async def test_a_baseline_that_would_exceed_the_plan_is_refused(world: World, monkeypatch):
    await frozen(world)
    one = await used(world)
    plan = PLANS[BillingPlan.FREE]._replace(storage=3 * one)
    monkeypatch.setitem(PLANS, BillingPlan.FREE, plan)
    codes = await asyncio.gather(
        *(
            world.code("editor", CREATE, input={"name": str(i), "documentId": world.document})
            for i in range(6)
        )
    )
    assert sorted(codes, key=str) == ["LIMIT_REACHED"] * 4 + [None] * 2
    assert await used(world) == 3 * one
    place = {"name": "More", "documentId": world.document}
    assert await refused(world, "editor", CREATE, input=place) == ("storage", 4 * one, 3 * one)


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["document", "project"])
async def test_a_place_has_so_many_baselines(world: World, monkeypatch, whole: bool):
    monkeypatch.setattr(baselines, "MAX_BASELINES", 2)
    place = {"projectId": world.project} if whole else {"documentId": world.document}
    other = {"documentId": world.document} if whole else {"projectId": world.project}
    for _ in range(2):
        await world.ask("editor", CREATE, input={"name": "One"} | place)
    found = await refused(world, "editor", CREATE, input={"name": "One"} | place)
    assert found == ("baselines", 2, 2)
    await world.ask("editor", CREATE, input={"name": "One"} | other)
