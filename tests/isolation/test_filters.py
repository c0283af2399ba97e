"""Filters, searches, orders and cursors reveal nothing about hidden rows."""

import re
from itertools import product
from typing import Any

import pytest
from graphql import get_named_type

from tests.isolation.questions import ALIASES, ROOT, TYPES, is_connection
from tests.isolation.walk import Seen
from tests.isolation.world import OF_EVERYBODY

pytestmark = pytest.mark.exhaustive

LISTS = {
    name: get_named_type(field.type).name.removesuffix("Connection")
    for name, field in ROOT.fields.items()
    if is_connection(get_named_type(field.type)) and "filter" in field.args
}
"""The type of the rows in each list at the root that can be filtered."""

TABLES = {type_name: table for table, type_name in TYPES.items()}

OPERATORS = {
    "StringFilterInput": ("eq", "in", "contains", "startsWith"),
    "UUIDFilterInput": ("eq", "in"),
    "FloatFilterInput": ("eq", "in", "gte"),
    "IntFilterInput": ("eq", "in"),
    "TagsFilterInput": ("hasAny", "hasAll"),
    "PathFilterInput": ("",),
}
"""The operators that find a row by its own value, of the filters whose values are canaries."""

FOUND_BY_ID = {"assignments", "commentThreads", "deployments", "requirementPlans"}
"""Lists of which no filter compares a text or a number of the rows."""

PLACES = [
    ("ours", "shared"),
    ("ours", "private"),
    ("ours", "deleted"),
    ("ours", "deleted project"),
    ("theirs", "private"),
    ("theirs", "public"),
    ("dissolved", "shared"),
]
"""The places to search for rows, some of them hidden from a member."""


def column(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)


def camel_case(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def ways_to_find(canaries: Any, name: str, row: Any) -> list[dict[str, Any]]:
    """Return the arguments that find this row by each value that is its own, in each way."""
    arguments = ROOT.fields[name].args
    ways: list[dict[str, Any]] = [{"search": row.word}] if "search" in arguments else []
    for field, input_ in arguments["filter"].type.fields.items():
        value = row.values.get(column(field))
        kind = get_named_type(input_.type).name
        if row.code in str(value).replace("-", "") or value == canaries.register.number_of(
            row.code
        ):
            operators = OPERATORS.get(kind, ())
            ways += [{"filter": {field: compared(row, kind, how, value)}} for how in operators]
    return ways


def compared(row: Any, kind: str, operator: str, value: Any) -> Any:
    match kind, operator:
        case "PathFilterInput", _:
            return [{"path": ["canary"], "eq": row.word}]
        case "StringFilterInput", "contains":
            return {operator: row.code.upper()}
        case "StringFilterInput", "startsWith":
            return {operator: value[: value.index(row.code) + len(row.code)]}
        case _, "in":
            return {operator: [value]}
        case "FloatFilterInput", "gte":
            return {"gte": value, "lte": value}
    return {operator: value}


async def ask(canaries: Any, person: str, name: str, asked: list[dict[str, Any]]) -> list[Any]:
    """Return the rows that the list finds with each of these arguments."""
    arguments = ROOT.fields[name].args
    pages = []
    for start in range(0, len(asked), ALIASES):
        some = asked[start : start + ALIASES]
        values = {f"{key}{i}": value for i, ways in enumerate(some) for key, value in ways.items()}
        kinds = {variable: arguments[variable.rstrip("0123456789")].type for variable in values}
        declared = ", ".join(f"${variable}: {kind}" for variable, kind in kinds.items())
        lists = " ".join(
            f"a{i}: {name}({', '.join(f'{key}: ${key}{i}' for key in ways)})"
            " { totalCount nodes { id } edges { cursor } }"
            for i, ways in enumerate(some)
        )
        answer = await canaries.answer(person, f"query ({declared}) {{ {lists} }}", **values)
        assert "errors" not in answer, answer["errors"]
        Seen(canaries, person).look(answer)
        pages += answer["data"].values()
    return pages


def ids(page: Any) -> set[str]:
    return {node["id"] for node in page["nodes"]}


def readable(canaries: Any, person: str, name: str) -> set[str]:
    rows = canaries.rows(table=TABLES[LISTS[name]])
    return {str(row.id) for row in rows if canaries.may_read(person, row)}


def placed(canaries: Any, name: str) -> list[Any]:
    """Return a row of each place, or of each organization where the list has rows there alone.

    A list of rows that are for everybody has them in no place.
    """
    if TABLES[LISTS[name]] in OF_EVERYBODY:
        return canaries.rows(table=TABLES[LISTS[name]])
    found = {}
    for tenant, zone in PLACES:
        rows = canaries.rows(tenant=tenant, table=TABLES[LISTS[name]])
        there = [row for row in rows if row.zone == zone]
        there = there or [row for row in rows if row.zone == "organization"]
        found[there[0].id] = there[0]
    return [*found.values()]


@pytest.mark.parametrize("name", LISTS)
async def test_no_filter_finds_or_counts_what_is_hidden(canaries, name):
    found, hidden = [], []
    fewest = 2 if name in FOUND_BY_ID else 6
    rows = placed(canaries, name)
    person = next(p for p in ("member", "owner") if any(canaries.may_read(p, r) for r in rows))
    for row in rows:
        ways = ways_to_find(canaries, name, row)
        if canaries.may_read(person, row):
            found += [(way, {str(row.id)}) for way in ways]
        else:
            filters = [way["filter"] for way in ways if "filter" in way]
            searches = [way for way in ways if "search" in way]
            assert len(filters) >= fewest
            hidden += [(way, set()) for way in [{"filter": {"or": filters}}, *searches]]
    assert len(found) >= fewest
    assert (len(hidden) >= 2) == (TABLES[LISTS[name]] not in OF_EVERYBODY)
    ways = [way for way, _ in found + hidden]
    pages = await ask(canaries, person, name, ways)
    for (way, expected), page in zip(found + hidden, pages, strict=True):
        assert ids(page) == expected, way
        assert page["totalCount"] == len(expected), way


@pytest.mark.parametrize("name", LISTS)
async def test_no_filter_finds_rows_by_a_hidden_place(canaries, name):
    visible = readable(canaries, "member", name)
    rows = [row for row in canaries.rows(table=TABLES[LISTS[name]]) if str(row.id) in visible]
    fields = ROOT.fields[name].args["filter"].type.fields
    asked = [
        (place, {row.values[place] for row in canaries.rows() if row.values.get(place)})
        for place in ("organization_id", "project_id", "document_id", "block_id")
        if place in map(column, fields)
    ]
    ways = [(place, value) for place, values in asked for value in sorted(values)]
    filters = [{"filter": {camel_case(place): {"eq": value}}} for place, value in ways]
    pages = await ask(canaries, "member", name, filters)
    for (place, value), page in zip(ways, pages, strict=True):
        beneath = {str(row.id) for row in rows if row.values[place] == value}
        assert ids(page) == beneath
        assert page["totalCount"] == len(beneath)


@pytest.mark.parametrize("name", LISTS)
async def test_every_order_has_the_same_rows(canaries, name):
    asked = [{"orderBy": order, "first": 50} for order in orders(name)]
    for page in await ask(canaries, "member", name, asked):
        assert ids(page) == readable(canaries, "member", name)
        assert page["totalCount"] == len(page["nodes"])


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_of_another_tenant_leads_to_ones_own_rows_alone(canaries, name):
    own = readable(canaries, "member", name)
    asked = [{"orderBy": order} for order in orders(name)]
    theirs = await ask(canaries, "their owner", name, asked)
    around = []
    for way, page in zip(asked, theirs, strict=True):
        cursor = page["edges"][0]["cursor"]
        around += [{**way, "after": cursor, "first": 50}, {**way, "before": cursor, "last": 50}]
    pages = await ask(canaries, "member", name, around)
    for after, before in zip(pages[::2], pages[1::2], strict=True):
        assert ids(after) | ids(before) <= own
        assert len(ids(after)) + len(ids(before)) >= len(own) - 1  # it may be the cursor's own row


def orders(name: str) -> list[list[dict[str, str]]]:
    """Return every order of the list, both ways."""
    sort = get_named_type(ROOT.fields[name].args["orderBy"].type).fields["by"].type
    keys = get_named_type(sort).values
    return [[{"by": key, "direction": way}] for key, way in product(keys, ("ASC", "DESC"))]
