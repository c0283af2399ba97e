"""Baselines of 10,000 requirements: the times to freeze, read, verify and compare them.

The yardstick of reading is the same pages of the live rows, read in turn through the same server;
that of the others is one second.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.stand import Stand

REQUIREMENTS, BLOCKS, PAGE, ROUNDS = 10_000, 100, 1_000, 5
FIELDS = "id externalId name description status priority level position createdAt"
PAGES = f"""requirements(first: {PAGE}, after: $after) {{
  nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}"""
LIVE = f"query ($id: UUID!, $after: String) {{ document(id: $id) {{ {PAGES} }} }}"
FROZEN = f"query ($id: UUID!, $after: String) {{ baseline(id: $id) {{ document {{ {PAGES} }} }} }}"
BLOCKWISE = (
    "{ blocks(first: 100) { nodes { id name requirements(first: 100) { nodes { id name } } } } }"
)
LIVE_TREE = f"query ($id: UUID!) {{ document(id: $id) {BLOCKWISE} }}"
FROZEN_TREE = f"query ($id: UUID!) {{ baseline(id: $id) {{ document {BLOCKWISE} }} }}"
CREATE = """mutation ($id: UUID!) {
  baselineCreate(input: { documentId: $id, name: "B" }) { baseline { id } } }"""
VERIFY = "query ($id: UUID!) { baseline(id: $id) { verified } }"
DIFF = """query ($id: UUID!, $with: UUID) { baseline(id: $id) { diff(with: $with) {
  added removed changed moved changes(first: 100) {
    nodes { kinds name fields { field old new } } } } } }"""


async def measure(stand: Stand) -> None:
    """Fill, freeze, read both sides in turn, verify, compare, print."""
    project = await stand.project(0, 0, 0)
    document = str(await stand.document(project, 0, BLOCKS, REQUIREMENTS // BLOCKS))
    await stand.superuser.execute("ANALYZE")
    baselines: list[str] = []

    async def ask(query: str, **variables: Any) -> Any:
        return (await stand.ask(query, **variables)).json()["data"]

    async def pages(query: str, id: str) -> None:
        after, rows = None, 0
        while rows == 0 or after:
            (place,) = (await ask(query, id=id, after=after)).values()
            found = place.get("document", place)["requirements"]
            rows += len(found["nodes"])
            info = found["pageInfo"]
            after = info["endCursor"] if info["hasNextPage"] else None
        assert rows == REQUIREMENTS

    async def freeze() -> None:
        baselines.append((await ask(CREATE, id=document))["baselineCreate"]["baseline"]["id"])

    await freeze()
    await stand.superuser.execute(
        "UPDATE requirements SET name = name || ' again', version = version + 1"
        " WHERE document_id = $1::text::uuid AND position::int % 500 = 0",
        document,
    )
    await freeze()
    baseline, other = baselines
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "freeze": freeze,
        "read live": lambda: pages(LIVE, document),
        "read baseline": lambda: pages(FROZEN, baseline),
        "tree live": lambda: ask(LIVE_TREE, id=document),
        "tree baseline": lambda: ask(FROZEN_TREE, id=baseline),
        "verify": lambda: ask(VERIFY, id=baseline),
        "diff of two": lambda: ask(DIFF, id=baseline, **{"with": other}),
        "diff until now": lambda: ask(DIFF, id=baseline, **{"with": None}),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            await call()
            taken[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, median in medians.items():
        live = medians.get(name.replace("baseline", "live"), median)
        ratio = f"{median / live:8.2f} x" if name.endswith("baseline") else ""
        print(f"{name:<16}{median * 1000:9.0f} ms{ratio}")
