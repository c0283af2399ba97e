"""Pages: every row once, in any order, also when rows change between two pages."""

from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tests.kit.rows import EPOCH, Order, Shelf, fill, insert
from tests.world import Refused, World

SORTS = {
    "POSITION": "position",
    "EXTERNAL_ID": "externalId",
    "NAME": "name",
    "STATUS": "status",
    "PRIORITY": "priority",
    "LEVEL": "level",
    "CREATED_AT": "createdAt",
    "UPDATED_AT": "updatedAt",
}
PAGE = """{ edges { cursor node { id } } nodes { id } pageInfo {
    hasNextPage hasPreviousPage startCursor endCursor } }"""
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy"
DECLARED = """$first: Int, $after: String, $last: Int, $before: String,
    $orderBy: [RequirementOrderInput!]"""
ROOT = f"query ({DECLARED}) {{ requirements({ARGUMENTS}) {PAGE} }}"
BENEATH = f"""query ($id: UUID!, {DECLARED}) {{
    project(id: $id) {{ requirements({ARGUMENTS}) {PAGE} }} }}"""
DOCUMENT = BENEATH.replace("project(", "document(")

orders = st.lists(
    st.tuples(st.sampled_from(list(SORTS)), st.sampled_from(["ASC", "DESC"])),
    min_size=1,
    max_size=3,
    unique_by=lambda key: key[0],
)
slow = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def order_by(order: Order) -> list[dict[str, str]]:
    return [{"by": by, "direction": direction} for by, direction in order]


async def page(world: World, *, beneath: bool = False, **arguments: Any) -> dict[str, Any]:
    """Return one page of all requirements, at the root or beneath the project."""
    if not beneath:
        return await world.ask("editor", ROOT, **arguments)
    project = await world.ask("editor", BENEATH, id=world.project, **arguments)
    return project["requirements"]


def ids(page: dict[str, Any]) -> list[str]:
    return [node["id"] for node in page["nodes"]]


@settings(slow, max_examples=15)
@given(
    order=orders,
    size=st.integers(6, 41),
    forwards=st.booleans(),
    beneath=st.booleans(),
)
@example(order=[("EXTERNAL_ID", "ASC")], size=7, forwards=True, beneath=False)
@example(order=[("EXTERNAL_ID", "DESC")], size=7, forwards=False, beneath=True)
@example(
    order=[("CREATED_AT", "DESC"), ("EXTERNAL_ID", "ASC")], size=9, forwards=True, beneath=True
)
@example(order=[("STATUS", "ASC"), ("NAME", "DESC")], size=40, forwards=False, beneath=False)
async def test_paging_visits_every_row_once_in_order(
    shelf: Shelf, order: Order, size: int, forwards: bool, beneath: bool
):
    expected = shelf.ordered([(SORTS[by], direction) for by, direction in order])
    arguments: dict[str, Any] = {"orderBy": order_by(order), "first" if forwards else "last": size}
    visited: list[str] = []
    for _ in range(len(expected)):
        one = await page(shelf.world, beneath=beneath, **arguments)
        info, cursors = one["pageInfo"], [edge["cursor"] for edge in one["edges"]]
        assert [edge["node"] for edge in one["edges"]] == one["nodes"]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        visited = visited + ids(one) if forwards else ids(one) + visited
        at_end = len(visited) == len(expected)
        at_start = len(visited) == len(one["nodes"])
        ahead, behind = ("hasNextPage", "hasPreviousPage")[:: 1 if forwards else -1]
        assert (info[ahead], info[behind]) == (not at_end, not at_start)
        if at_end:
            break
        arguments["after" if forwards else "before"] = cursors[-1 if forwards else 0]
    assert visited == expected


@settings(slow, max_examples=10)
@given(order=orders, bounds=st.tuples(st.integers(0, 39), st.integers(0, 39)), first=st.booleans())
async def test_a_page_between_two_cursors_holds_what_lies_between(
    shelf: Shelf, order: Order, bounds: tuple[int, int], first: bool
):
    asked = {"orderBy": order_by(order)}
    whole = await page(shelf.world, first=40, **asked)
    start, end = bounds
    cursors = {
        "after": whole["edges"][start]["cursor"],
        "before": whole["edges"][end]["cursor"],
    }
    between = ids(whole)[start + 1 : end]
    one = await page(shelf.world, **{"first" if first else "last": 5}, **cursors, **asked)
    assert ids(one) == (between[:5] if first else between[-5:])
    assert one["pageInfo"]["hasNextPage" if first else "hasPreviousPage"] == (len(between) > 5)


changes = st.lists(
    st.tuples(st.sampled_from(["insert", "hide", "remove", "hide here"]), st.integers(0, 11)),
    max_size=4,
)


@settings(slow, max_examples=12)
@given(
    order=orders,
    between=st.lists(changes, min_size=1, max_size=5),
    size=st.integers(2, 5),
    forwards=st.booleans(),
)
async def test_what_stays_is_neither_missed_nor_repeated_while_other_rows_come_and_go(
    shelf: Shelf, order: Order, between: list[Any], size: int, forwards: bool
):
    world = shelf.world
    document = uuid7()
    await world.superuser.execute(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Busy', $4)",
        document,
        world.organization,
        world.project,
        document.hex,
    )

    def row(i: int) -> dict[str, Any]:
        return {
            "id": uuid7(),
            "project_id": world.project,
            "document_id": document,
            "name": f"Name {i % 4}",
            "external_id": uuid7().hex if i % 3 else None,
            "position": float(i % 5),
            "priority": ("LOW", "HIGH")[i % 2],
            "created_at": EPOCH,
        }

    rows = [row(i) for i in range(12)]
    await insert(world, rows)
    staying = {str(row["id"]) for row in rows}
    try:
        asked: dict[str, Any] = {"orderBy": order_by(order), "first" if forwards else "last": size}
        steps, visited, more = iter(between), [], True
        while more:
            answer = await world.ask("editor", DOCUMENT, id=document, **asked)
            one = answer["requirements"]
            visited += ids(one)
            more = one["pageInfo"]["hasNextPage" if forwards else "hasPreviousPage"]
            end = one["edges"][-1 if forwards else 0] if one["edges"] else None
            if end:
                asked["after" if forwards else "before"] = end["cursor"]
            for what, i in next(steps, ()):
                if what == "insert":
                    await insert(world, [row(i)])
                    continue
                gone = end["node"]["id"] if what == "hide here" and end else str(rows[i]["id"])
                staying.discard(gone)
                await world.superuser.execute(
                    "DELETE FROM requirements WHERE id = $1"
                    if what == "remove"
                    else "UPDATE requirements SET deleted_at = now() WHERE id = $1",
                    gone,
                )
        assert len(visited) == len(set(visited))
        assert staying <= set(visited)
    finally:
        await world.superuser.execute("DELETE FROM requirements WHERE document_id = $1", document)


async def test_a_cursor_survives_its_row(world: World):
    shelf = await fill(world)
    order = order_by([("EXTERNAL_ID", "DESC"), ("NAME", "ASC")])
    expected = shelf.ordered([("externalId", "DESC"), ("name", "ASC")])
    one = await page(world, first=10, orderBy=order)
    await world.superuser.execute("DELETE FROM requirements WHERE id = ANY($1)", expected[8:10])
    end = one["pageInfo"]["endCursor"]
    assert ids(await page(world, first=5, after=end, orderBy=order)) == expected[10:15]
    assert ids(await page(world, last=2, before=end, orderBy=order)) == expected[6:8]


def cursor(*parts: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


ID = "01a1f901-5ef0-73a2-bd63-c28add1f8178"


@pytest.mark.parametrize(
    ("by", "wrong"),
    [
        ("NAME", ""),
        ("NAME", "nonsense"),
        ("NAME", "ü"),
        ("NAME", "W10"),  # []
        ("NAME", "e30"),  # {}
        ("NAME", "NQ"),  # 5
        ("NAME", cursor("name,id", "a")),
        ("NAME", cursor("name,id", "a", ID, ID)),
        ("NAME", cursor("position,id", 1, ID)),
        ("NAME", cursor("-name,-id", "a", ID)),
        ("NAME", cursor("name,id", "a", 5)),
        ("NAME", cursor("name,id", "a", None)),
        ("NAME", cursor("name,id", None, ID)),
        ("NAME", cursor("name,id", {}, ID)),
        ("NAME", cursor("name,id", "a\x00", ID)),
        ("POSITION", cursor("position,id", "nan", ID)),
        ("POSITION", cursor("position,id", True, ID)),
        ("POSITION", cursor("position,id", [1], ID)),
        ("STATUS", cursor("status,id", "lost", ID)),
        ("STATUS", cursor("status,id", ["draft"], ID)),
        ("CREATED_AT", cursor("created_at,id", 5, ID)),
        ("CREATED_AT", cursor("created_at,id", "yesterday", ID)),
        ("CREATED_AT", cursor("created_at,id", "0001-01-01T00:00:00+14:00", ID)),
    ],
)
async def test_a_wrong_cursor_is_refused_by_the_name_of_its_argument(
    shelf: Shelf, by: str, wrong: str
):
    for argument, size in (("after", "first"), ("before", "last")):
        with pytest.raises(Refused) as refused:
            await page(shelf.world, **{argument: wrong, size: 5}, orderBy=order_by([(by, "ASC")]))
        assert (refused.value.code, refused.value.field) == ("INVALID", [argument])


async def test_a_cursor_of_another_order_is_refused(shelf: Shelf):
    one = await page(shelf.world, first=3, orderBy=order_by([("NAME", "ASC")]))
    after = one["pageInfo"]["endCursor"]
    for order in ([("NAME", "DESC")], [("NAME", "ASC"), ("LEVEL", "ASC")], [("LEVEL", "ASC")]):
        with pytest.raises(Refused) as refused:
            await page(shelf.world, first=3, after=after, orderBy=order_by(order))
        assert (refused.value.code, refused.value.field) == ("INVALID", ["after"])


@pytest.mark.parametrize("beneath", [False, True])
@pytest.mark.parametrize("argument", ["first", "last"])
async def test_a_page_size_out_of_range_is_refused(shelf: Shelf, argument: str, beneath: bool):
    largest = 1000 if beneath else 100
    for size in (-1, largest + 1):
        with pytest.raises(Refused) as refused:
            await page(shelf.world, beneath=beneath, **{argument: size})
        assert (refused.value.code, refused.value.field) == ("INVALID", [argument])
    assert len(ids(await page(shelf.world, beneath=beneath, **{argument: largest}))) == 40


async def test_first_and_last_together_are_refused(shelf: Shelf):
    with pytest.raises(Refused) as refused:
        await page(shelf.world, first=1, last=1)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["last"])


async def test_a_page_is_twenty_rows_unless_said_otherwise(shelf: Shelf):
    assert len(ids(await page(shelf.world))) == 20


async def test_a_page_of_no_rows_says_whether_there_are_any(shelf: Shelf):
    nothing = {"edges": [], "nodes": []}
    places = {"startCursor": None, "endCursor": None}
    info = {"hasNextPage": True, "hasPreviousPage": False}
    assert await page(shelf.world, first=0) == nothing | {"pageInfo": info | places}
    info = {"hasNextPage": False, "hasPreviousPage": True}
    assert await page(shelf.world, last=0) == nothing | {"pageInfo": info | places}


async def test_the_larger_page_is_for_one_document_project_or_block(shelf: Shelf):
    query = """query ($filter: RequirementFilterInput) {
        requirements(first: 101, filter: $filter) { nodes { id } } }"""
    world = shelf.world
    narrow: list[dict[str, Any]] = [
        {"documentId": {"eq": world.document}},
        {"projectId": {"eq": world.project}, "name": {"ne": "x"}},
        {"blockId": {"eq": world.block}},
    ]
    for filter in narrow:
        assert await world.code("editor", query, filter=filter) is None
    wide = [{}, {"documentId": {"ne": world.document}}, {"or": [narrow[0]]}, {"not": narrow[0]}]
    for filter in wide:
        assert await world.code("editor", query, filter=filter) == "INVALID"
