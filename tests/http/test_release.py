"""Objects of a request are freed when it ends, whatever its outcome."""

import gc
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("aiodataloader", "auth", "db", "graph", "graphql", "strawberry")
NESTED = """query ($id: UUID!) { document(id: $id) { requirements(first: 5) { totalCount nodes {
    name block { name } history(first: 2) { nodes {
        actor { fullName } changes { field diff { text } } } } } } } }"""
FORCE = """mutation ($id: UUID!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: 1, input: $input, force: true) { merged } }"""
NEVER = "01989c6e-0000-7000-8000-000000000000"
REQUESTS = {
    "nothing": ("{ __typename }", {}),
    "a nested query": (NESTED, {"id": "document"}),
    "a refused field": ("query ($id: UUID!) { requirement(id: $id) { name } }", {"id": NEVER}),
    "an invalid document": ("{ nope }", {}),
    "a mutation": (FORCE, {"id": "requirement", "input": {"name": "Stops"}}),
    "a refused mutation": (FORCE, {"id": NEVER, "input": {"name": "Stops"}}),
}


def is_of_a_request(found):
    return type(found).__module__.split(".")[0] in OURS or type(found).__name__ in (
        "coroutine",
        "frame",
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", REQUESTS)
async def test_no_request_leaves_anything_to_the_collector(world, name):
    query, variables = REQUESTS[name]
    values = {
        key: getattr(world, value, value) if isinstance(value, str) else value
        for key, value in variables.items()
    }
    for _ in range(2):  # what is kept of the first ones is meant to be
        await world.answer("owner", query, **values)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(3):
            await world.answer("owner", query, **values)
        gc.collect()
        left = Counter(type(found).__qualname__ for found in gc.garbage if is_of_a_request(found))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert {name: count for name, count in left.items() if count >= 3} == {}


IN_FLIGHT = """
import asyncio, gc, weakref
from graph.http.server.gc_tuning import freeze_after_collect

class Request: pass

async def request():
    made = Request()
    made.itself = made
    requests.add(made)
    await asyncio.sleep(0)

async def serve():
    for _ in range(20):
        running = [asyncio.create_task(request()) for _ in range(5)]
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.gather(*running)

requests = weakref.WeakSet()
freeze_after_collect()
frozen = gc.get_freeze_count()
asyncio.run(serve())
gc.collect()
print(frozen > 0, gc.get_freeze_count() <= frozen, len(requests))
"""


@pytest.mark.processes
def test_what_is_in_flight_while_the_collector_looks_is_found_later():
    program = [sys.executable, "-c", IN_FLIGHT]
    told = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "True", "0"]
