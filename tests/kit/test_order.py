"""Text in the order of people, and the same on every server, in lists, filters and pages."""

import pytest

from auth.session.row import STATEMENTS
from tests.kit.asking import run, session_of
from tests.world import World

NAMES = ["9 items", "10 items", "Apfel", "\u00c4pfel", "apple", "\u00fcber", "Zebra", "zoo"]
IDS = [
    "7.3.9",
    "7.3.10",
    "S-002",
    "S-2",
    "s-9",
    "S-10",
    "S-99999999999",
    "\u03a9-1",
    "\u65e5\u672c-2",
]
SORTED = """query ($order: [RequirementOrderInput!], $filter: RequirementFilterInput,
    $after: String) {
    requirements(first: 3, after: $after, orderBy: $order, filter: $filter) {
        nodes { name externalId } pageInfo { endCursor hasNextPage } } }"""
BACKWARDS = """query ($order: [RequirementOrderInput!], $before: String) {
    requirements(last: 3, before: $before, orderBy: $order) {
        nodes { name externalId } pageInfo { startCursor hasPreviousPage } } }"""
FIELDS = {"NAME": "name", "EXTERNAL_ID": "externalId"}


@pytest.fixture
async def sorted_(world: World) -> World:
    """Return a tenant whose requirements have these names, and others these identifiers."""
    db, place = world.superuser, (world.organization, world.project, world.document)
    await db.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    query = """INSERT INTO requirements
        (organization_id, project_id, document_id, name, external_id) VALUES ($1, $2, $3, $4, $5)"""
    await db.executemany(query, [(*place, name, None) for name in reversed(NAMES)])
    await db.executemany(query, [(*place, "zz", id) for id in reversed(IDS)])
    return world


async def walk(world: World, by: str, direction: str) -> list[str]:
    """Return all values, page by page."""
    values, after = [], None
    while True:
        order = [{"by": by, "direction": direction}]
        page = await world.ask("viewer", SORTED, order=order, after=after)
        values += [node[FIELDS[by]] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return values


async def test_names_and_identifiers_stand_as_people_sort_them(sorted_: World):
    names = [*NAMES, *["zz"] * len(IDS)]
    assert await walk(sorted_, "NAME", "ASC") == names
    assert await walk(sorted_, "NAME", "DESC") == names[::-1]
    ids = [*IDS, *[None] * len(NAMES)]
    assert await walk(sorted_, "EXTERNAL_ID", "ASC") == ids
    assert await walk(sorted_, "EXTERNAL_ID", "DESC") == ids[::-1]


async def test_pages_backwards_are_the_same(sorted_: World):
    values, before = [], None
    while True:
        order = [{"by": "NAME"}]
        page = await sorted_.ask("viewer", BACKWARDS, order=order, before=before)
        values = [node["name"] for node in page["nodes"]] + values
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert values == [*NAMES, *["zz"] * len(IDS)]


@pytest.mark.slow
@pytest.mark.parametrize("bound", IDS)
async def test_comparisons_follow_the_order(sorted_: World, bound: str):
    order = [{"by": "EXTERNAL_ID"}]
    place = IDS.index(bound)
    for how, expected in (
        ("lt", IDS[:place]),
        ("lte", IDS[: place + 1]),
        ("gt", IDS[place + 1 :]),
        ("gte", IDS[place:]),
    ):
        filter = {"externalId": {how: bound}}
        page = await sorted_.ask("viewer", SORTED, order=order, filter=filter)
        assert [node["externalId"] for node in page["nodes"]] == expected[:3]


@pytest.mark.parametrize("by", FIELDS)
async def test_an_index_serves_the_order_behind_the_walls(sorted_: World, monkeypatch, by: str):
    sent = []
    ready = STATEMENTS.ready

    def recorded(*asked):
        sent.append(ready(*asked))
        return sent[-1]

    session = await session_of(sorted_, "viewer")
    asked = {"order": [{"by": by}], "filter": {"projectId": {"eq": str(sorted_.project)}}}
    first = await sorted_.ask("viewer", SORTED, **asked)
    monkeypatch.setattr(STATEMENTS, "ready", recorded)
    await run(session, SORTED, **asked, after=first["pageInfo"]["endCursor"])
    sql, arguments = sent[-1]
    async with session.database.app.lend(session.viewer.context) as lent, lent.transaction():
        await lent.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await lent.fetch(f"EXPLAIN {sql}", *arguments))
    _, _, scan = plan.partition(f"ix_requirements_project_id_{by.lower()}_order_id")
    condition = scan.split("Index Cond", 1)[1].splitlines()[0]
    assert by != "NAME" or "name_order >=" in condition  # nulls follow after a page by identifier
