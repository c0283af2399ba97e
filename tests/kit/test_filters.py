"""Filters: any tree of them finds the rows that Python finds by the same rules."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.rows import ENUMS, EPOCH, PROPERTIES, TAGS, TEXTS, Shelf, Tree
from tests.world import Refused

FOUND = """query ($id: UUID!, $filter: RequirementFilterInput) {
    requirements(first: 100, filter: $filter) { totalCount nodes { id } }
    project(id: $id) { requirements(first: 100, filter: $filter) { totalCount nodes { id } } } }"""

texts = st.sampled_from([*TEXTS, "", "SYS-001", "SYS-010"])
PIECES = ["", "%", "_", "\\", "/", "a_", "0%", "STOP", "//", "\\b", "'", '"', "sys-0", "ÜN"]
pieces = st.sampled_from(PIECES)
numbers = st.sampled_from([-2.5, -1, 0, 0.1, 1, 1e300])
moments = st.sampled_from(
    [
        *("2024-05-01T00:00:00Z", "2024-05-01T02:00:00.000001+02:00", "2024-05-01T00:00:01+00:00"),
        *("2024-04-30T23:00:00-02:00", "1999-12-31T00:00:00Z", "9999-12-31T23:59:59Z"),
    ]
)
VALUES = [1.5, 2, 1, True, False, "1.5", "kg", "", [], ["x"], ["y", "x"], {}, {"c": True}]
PATHS = [[], ["weight"], ["unit"], ["a"], ["a", "b"], ["a", "b", "c"], ["list"]]
IDS = ("id", "documentId", "blockId", "createdById")


def comparisons(operands: st.SearchStrategy[Any], **others: Any) -> st.SearchStrategy[Tree]:
    """Return one or two comparisons with these operands."""
    one = dict.fromkeys(("eq", "ne", "lt", "lte", "gt", "gte"), operands)
    some = dict.fromkeys(("in", "notIn"), st.lists(operands, max_size=3))
    return compared(one | some | {"isNull": st.booleans()} | others)


def compared(operators: dict[str, Any]) -> st.SearchStrategy[Tree]:
    return st.lists(st.sampled_from(list(operators)), min_size=1, max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: operators[name] for name in names})
    )


def leaves(shelf: Shelf) -> st.SearchStrategy[Tree]:
    """Return conditions on one or two fields."""
    text = comparisons(texts, contains=pieces, startsWith=pieces)
    ids = {
        field: comparisons(st.sampled_from(sorted({row[field] for row in shelf.rows} - {None})))
        for field in IDS
    }
    tags = st.lists(st.sampled_from([*TAGS, "none"]), max_size=2)
    fields: dict[str, st.SearchStrategy[Any]] = {
        **ids,
        **dict.fromkeys(("externalId", "name", "description"), text),
        **{field: comparisons(st.sampled_from(labels)) for field, labels in ENUMS.items()},
        "position": comparisons(numbers),
        **dict.fromkeys(("createdAt", "updatedAt"), comparisons(moments)),
        "tags": compared({"hasAny": tags, "hasAll": tags, "isEmpty": st.booleans()}),
        "properties": st.lists(
            st.fixed_dictionaries({"path": st.sampled_from(PATHS), "eq": st.sampled_from(VALUES)}),
            max_size=2,
        ),
    }
    return compared(fields)


def trees(shelf: Shelf) -> st.SearchStrategy[Tree]:
    def combined(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        several = st.lists(inner, max_size=3)
        return compared({"and": several, "or": several, "not": inner}) | st.builds(
            lambda one, other: one | {"not": other}, inner, inner
        )

    return st.recursive(leaves(shelf), combined, max_leaves=5)


async def check_all(shelf: Shelf, trees: Sequence[Tree]) -> None:
    """Check each of these filters, twenty in one request."""
    for start in range(0, len(trees), 20):
        some = trees[start : start + 20]
        declared = ", ".join(f"$f{i}: RequirementFilterInput" for i in range(len(some)))
        lists = " ".join(
            f"a{i}: requirements(first: 100, filter: $f{i}) {{ nodes {{ id }} }}"
            for i in range(len(some))
        )
        variables = {f"f{i}": tree for i, tree in enumerate(some)}
        answer = await shelf.world.answer(
            "editor", f"query ({declared}) {{ {lists} }}", **variables
        )
        assert "errors" not in answer, answer["errors"]
        for i, tree in enumerate(some):
            nodes = answer["data"][f"a{i}"]["nodes"]
            assert {node["id"] for node in nodes} == shelf.found(tree), tree


async def check(shelf: Shelf, tree: Tree) -> None:
    """Check that the filter finds the same rows at the root, by index, and beneath a parent."""
    expected = shelf.found(tree)
    data = await shelf.world.ask("editor", FOUND, id=shelf.world.project, filter=tree)
    for page in (data["requirements"], data["project"]["requirements"]):
        assert {node["id"] for node in page["nodes"]} == expected
        assert page["totalCount"] == len(page["nodes"]) == len(expected)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_a_tree_of_filters_finds_what_python_finds(shelf: Shelf, data: Any):
    await check(shelf, data.draw(trees(shelf)))


def singles(shelf: Shelf, field: str) -> list[Tree]:
    """Return every comparison of this field by itself, with significant operands."""
    known = sorted({row[field] for row in shelf.rows} - {None}, key=str) if field in IDS else []
    operands: dict[str, list[Any]] = {
        "externalId": ["", "SYS-003"],
        "description": ["Stop", "a_b"],
        "priority": ["LOW", "CRITICAL"],
        "position": [0, 0.1],
        "createdAt": ["2024-05-01T02:00:00.000001+02:00"],
    }
    some = operands.get(field, known[:2])
    one = [{op: v} for op in ("eq", "ne", "lt", "lte", "gt", "gte") for v in some]
    several = [{op: v} for op in ("in", "notIn") for v in ([], some[:1], some)]
    texts = field == "description"
    likes = [{op: v} for op in ("contains", "startsWith") for v in PIECES] if texts else []
    nulls = [{"isNull": v} for v in (True, False)]
    return [{field: comparison} for comparison in (*one, *several, *likes, *nulls)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "field",
    ["id", "blockId", "externalId", "description", "priority", "position", "createdAt"],
)
async def test_each_comparison_of_a_field_finds_what_python_finds(shelf: Shelf, field: str):
    await check_all(shelf, singles(shelf, field))


@pytest.mark.slow
async def test_each_comparison_of_tags_finds_what_python_finds(shelf: Shelf):
    lists = [[], ["none"], *([tag] for tag in TAGS), TAGS[:2], TAGS[3:], ["safety", "none"]]
    some = [{op: tags} for op in ("hasAny", "hasAll") for tags in lists]
    both = {"hasAny": ["safety", "brakes"], "hasAll": ["a,b"]}
    empty = [{"isEmpty": value} for value in (True, False)]
    await check_all(shelf, [{"tags": comparison} for comparison in (*some, both, *empty)])


@pytest.mark.slow
async def test_each_value_at_a_path_finds_what_python_finds(shelf: Shelf):
    await check_all(
        shelf,
        [
            {"properties": [{"path": path, "eq": value}]}
            for path in PATHS
            for value in (1.5, True, "1.5", [], ["y", "x"], {"c": True}, PROPERTIES[1])
        ],
    )


async def test_conditions_that_say_nothing_find_everything(shelf: Shelf):
    silent: list[Tree] = [{}, {"name": {}}, {"tags": {}}, {"properties": []}, {"and": []}]
    await check_all(shelf, silent)
    await check_all(shelf, [{"or": []}, {"not": {}}, {"not": {"or": []}}, {"or": [{}]}])
    query = (
        "{ requirements(first: 100, filter: {name: null, and: null, not: null}) { nodes { id } } }"
    )
    assert len((await shelf.world.ask("editor", query))["nodes"]) == len(shelf.rows)


REFUSED: list[tuple[Tree, list[Any]]] = [
    ({"name": {"eq": None}}, ["name", "eq"]),
    ({"externalId": {"in": None}}, ["externalId", "in"]),
    ({"externalId": {"notIn": None}}, ["externalId", "notIn"]),
    ({"createdById": {"isNull": None}}, ["createdById", "isNull"]),
    ({"tags": {"hasAny": None}}, ["tags", "hasAny"]),
    ({"name": {"startsWith": None}}, ["name", "startsWith"]),
    ({"and": [{}, {"position": {"gte": None}}]}, ["and", 1, "position", "gte"]),
    ({"or": [{"not": {"status": {"eq": None}}}]}, ["or", 0, "not", "status", "eq"]),
    ({"name": {"in": ["x"] * 251}}, ["name", "in"]),
    ({"tags": {"hasAll": ["x"] * 251}}, ["tags", "hasAll"]),
    ({"name": {"eq": "a\x00"}}, ["name", "eq"]),
    ({"name": {"in": ["a", "\x00"]}}, ["name", "in"]),
    ({"not": {"tags": {"hasAny": ["\x00"]}}}, ["not", "tags", "hasAny"]),
]


@pytest.mark.parametrize(("tree", "field"), REFUSED, ids=lambda value: str(value)[:40])
async def test_a_comparison_without_meaning_is_refused_by_its_path(
    shelf: Shelf, tree: Tree, field: list[Any]
):
    with pytest.raises(Refused) as refused:
        await shelf.world.ask("editor", FOUND, id=shelf.world.project, filter=tree)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["filter", *field])


@pytest.mark.parametrize(
    "wrong",
    ["yesterday", "", "2024-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 5],
)
async def test_a_moment_that_is_none_is_refused(shelf: Shelf, wrong: Any):
    for tree in ({"createdAt": {"lt": wrong}}, {"not": {"updatedAt": {"in": [wrong]}}}):
        assert await shelf.world.code("editor", FOUND, id=shelf.world.project, filter=tree) == (
            "INVALID"
        )


async def test_json_with_a_nul_is_refused(shelf: Shelf):
    for part in ({"path": ["a\x00"], "eq": 1}, {"path": ["a"], "eq": ["\x00"]}):
        tree = {"properties": [part]}
        assert await shelf.world.code("editor", FOUND, id=shelf.world.project, filter=tree) == (
            "INVALID"
        )


async def test_a_moment_without_an_offset_is_in_utc(shelf: Shelf, monkeypatch: Any):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        naive: Tree = {"createdAt": {"lte": "2024-05-01T00:00:00"}}
        data = await shelf.world.ask("editor", FOUND, id=shelf.world.project, filter=naive)
    finally:
        monkeypatch.undo()
        time.tzset()
    early = {node["id"] for node in data["requirements"]["nodes"]}
    assert early == {row["id"] for row in shelf.rows if row["createdAt"] <= EPOCH}
    assert 0 < len(early) < len(shelf.rows)
