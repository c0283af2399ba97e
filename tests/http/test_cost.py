"""The cost of an operation is the number of objects that its answer may hold."""

from typing import Any

import pytest
from graphql import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.http.operation.cost import Cost
from graph.http.operation.documents import Documents
from graph.http.operation.limits import MAX_COUNT, Limits, Wrappers
from tests.http.toy import schema

CORE = schema._schema
PAGES = "items(first: %d) { nodes { " * 3 + "id" + " } }" * 3


def cost(query: str, **variables: Any) -> int:
    document = Documents(CORE, Limits(), 0).get(query)
    assert document.errors == ()
    return document.operation(None).cost.of(variables)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ hello }", 0),
        ("{ __typename hello echo }", 0),
        ("{ item { id name } }", 1),
        ("{ item { self { self { id } } } }", 3),
        # A connection: itself, and its rows. The notation makes no difference.
        ("{ items(first: 10) { nodes { id } } }", 11),
        ("{ items(first: 10) { edges { cursor node { id } } } }", 11),
        ("{ items(last: 10) { nodes { id } pageInfo { hasNextPage } totalCount } }", 11),
        ("{ items(first: 10) { nodes { id self { name } } } }", 21),
        ("{ items { nodes { id } } }", 21),
        ("{ items(first: null) { nodes { id } } }", 21),
        ("{ items(first: 3, last: 10) { nodes { id } } }", 11),
        ("{ items(first: 0) { nodes { id } } }", 1),
        ("{ items(first: -5) { nodes { id } } }", 1),
        ("{ items(first: 10) { totalCount } }", 1),
        # The page that the field declares as its default, and the most that it declares.
        ("{ item { children { id } } }", 1 + 1 + 10),
        ("{ item { children(first: 3) { id } } }", 1 + 1 + 3),
        ("{ item { few(first: 100000) { nodes { id } } } }", 1 + 1 + 100),
        # A list without pages: as many rows as it is asked for by their ids.
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3),
        ("{ found { id } }", 1 + 20),
        ('{ found(filter: {ids: ["a"]}) { id } }', 1 + 20),
        # A mutation of many answers with as many.
        ("mutation { createMany(input: {items: []}) { items { id } } }", 1 + 1),
        ("{ nodes(ids: []) { id } }", 1),
        (
            'mutation { createMany(input: {items: [{name: "a"}, {name: "b"}]}) { items { id } } }',
            1 + 1 + 2,
        ),
        # Ten pages of ten, of ten.
        ("{ " + PAGES % (10, 10, 10) + " }", 1 + 10 * (1 + 1 + 10 * (1 + 1 + 10))),
        ("{ ...A item { ... on Item { self { id } } } } fragment A on Query { item { id } }", 3),
        ("{ a: item { ...F } b: item { ...F } } fragment F on Item { self { id } }", 4),
    ],
)
def test_the_cost_of(query, expected):
    assert cost(query) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, 8),
        ({"n": 3}, 4),
        ({"n": 100}, 101),
        ({"n": None}, 21),
        ({"n": "100"}, 21),  # refused when it is read as an Int
        ({"n": True}, 21),
        ({"n": 1e5}, 100_001),
        ({"n": 1.5}, 21),
        ({"n": float("inf")}, 21),
        ({"n": 1e300}, MAX_COUNT),
        ({"n": 10**30}, MAX_COUNT),
        ({"other": 5}, 8),
    ],
)
def test_a_variable_sets_the_page(variables, expected):
    query = "query ($n: Int = 7) { items(first: $n) { nodes { id } } }"
    assert cost(query, **variables) == expected


def test_a_variable_in_a_fragment_sets_the_page():
    query = """
      query ($n: Int = 100000) { item { ...F } }
      fragment F on Item { items(first: $n) { nodes { id } } }
    """
    assert cost(query) == 1 + 1 + 100_000
    assert cost(query, n=2) == 1 + 1 + 2


def test_a_variable_names_the_rows():
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert cost(query, ids=["a"] * 300) == 301
    create = "mutation ($input: NewItems!) { createMany(input: $input) { items { id } } }"
    assert cost(create, input={"items": [{"name": "a"}] * 300}) == 302
    inner = "mutation ($items: [NewItem!]!) { createMany(input: {items: $items}) { items { id } } }"
    assert cost(inner, items=[{"name": "a"}] * 300) == 302


def test_costs_are_told_apart_by_the_variables_that_matter():
    query = "query ($n: Int, $text: String) { echo(text: $text) items(first: $n) { nodes { id } } }"
    operation = Documents(CORE, Limits(), 0).get(query).operation(None)
    assert operation.cost.sized_by == ("n",)
    assert [operation.cost.of({"n": n, "text": "x" * n}) for n in (1, 2, 1, 300)] == [2, 3, 2, 301]
    visited = operation.cost.visited
    assert operation.cost.of({"n": 2, "text": "another"}) == 3
    assert operation.cost.visited == visited


@pytest.mark.parametrize(
    "query",
    [
        "{ items(first: 1000000) { nodes { id } } }",
        "{ " + PAGES % (100, 100, 100) + " }",
        "query ($n: Int = 100000) { items(first: $n) { nodes { id } } }",
        "query ($n: Int = 9999) { ...F } fragment F on Query { items(first: $n) { nodes { id } } }",
        "{ " + " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(20)) + " }",
    ],
)
async def test_a_costly_operation_is_refused(client_with, query):
    client = client_with(max_cost=2000)
    headers = {"authorization": "Bearer good"}
    answer = (await client.post("/graphql", json={"query": query}, headers=headers)).json()
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["limit"] == "cost"


async def test_the_cost_is_told_with_the_answer(toy):
    query = "query ($n: Int!) { rows(count: $n) items(first: 5) { nodes { id } } }"
    body = {"query": query, "variables": {"n": 4}}
    answer = (await toy.post("/graphql", json=body)).json()
    assert answer["extensions"]["cost"] == {"requested": 6, "limit": 200_000, "actual": 4}


def test_fragments_are_measured_once():
    levels = 100
    fragments = " ".join(
        f"fragment F{i} on Item {{ a: self {{ ...F{i + 1} }} b: self {{ ...F{i + 1} }} }}"
        for i in range(levels)
    )
    document = parse(f"{{ item {{ ...F0 }} }} {fragments} fragment F{levels} on Item {{ id }}")
    measured = Cost(CORE, Wrappers(CORE), Limits(), document, document.definitions[0])
    assert measured.visited == 2 + 4 * levels + 1
    assert measured.of({}) == MAX_COUNT


few = settings(max_examples=40, deadline=None)
sizes = st.integers(min_value=0, max_value=1000)


@few
@given(sizes, sizes, sizes, st.integers(0, 2))
def test_a_larger_page_never_costs_less(first, second, third, which):
    pages = [first, second, third]
    larger = [size + (place == which) for place, size in enumerate(pages)]
    assert cost("{ " + PAGES % tuple(pages) + " }") <= cost("{ " + PAGES % tuple(larger) + " }")


@few
@given(st.lists(sizes, min_size=1, max_size=10))
def test_the_costs_of_fields_add_up(pages):
    fields = [
        f"a{place}: items(first: {size}) {{ nodes {{ id }} }}" for place, size in enumerate(pages)
    ]
    assert cost("{ " + " ".join(fields) + " }") == sum(1 + size for size in pages)
