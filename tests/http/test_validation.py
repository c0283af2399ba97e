"""One visitor for all rules finds the same errors as each of them in graphql-core."""

import pytest
from graphql import build_schema, parse, validate

from graph.http.operation.validation import RULES, EveryRule

SCHEMA = build_schema(
    """
    directive @once(text: String) on FIELD
    interface Named { name: String, other(first: Int!, at: In): Item }
    type Item implements Named { name: String, number: Int, other(first: Int!, at: In): Item }
    type Person implements Named { name: String, other(first: Int!, at: In): Item }
    union Either = Item | Person
    enum Color { RED, BLUE }
    input In { color: Color, text: String!, within: In }
    input One @oneOf { a: Int, b: String }
    type Query { item(id: ID, color: Color, at: In, one: One): Item, items: [Item!], any: Either,
        named: Named }
    type Mutation { put(at: In!): Item }
    type Subscription { told: Item, said: Item }
    """
)
DOCUMENTS = [
    "{ item { name } }",
    "type Extra { a: Int } { item { name } }",
    "query A { item { name } } query A { items { name } }",
    "{ item { name } } query B { items { name } }",
    "subscription { told { name } said { name } }",
    "subscription { ...F } fragment F on Subscription { told { name } said { name } }",
    "query ($a: Missing) { item(id: $a) { name } }",
    "{ ... on Missing { name } named { ... on Query { item { name } } } }",
    "fragment F on Color { a } { ...F }",
    "query ($a: Item) { item(id: $a) { name } }",
    "{ item items { name { a } } }",
    "{ missing item { nothing more } }",
    "fragment F on Item { name } fragment F on Item { number } { item { ...F } }",
    "{ item { ...None } }",
    "fragment F on Item { name } { item { name } }",
    "{ any { ... on Item { ... on Person { name } } } }",
    "fragment F on Item { other(first: 1) { ...G } } fragment G on Item { ...F } { item { ...F } }",
    "query ($a: ID, $a: ID) { item(id: $a) { name } }",
    "query A { item(id: $b) { ...F } } fragment F on Item { other(first: $c) { name } }",
    "query ($a: ID, $b: ID) { item { name } }",
    "{ item @missing { name @include } }",
    'query @once { item { name @once @once(text: "a") } }',
    "{ item(missing: 1, id: 1, id: 2) { name @once(nothing: 2) } }",
    "{ item(color: GREEN, at: {text: 3, none: 1, within: {}}) { name } }",
    '{ item(at: {text: "a", text: "b"}) { other { name } } }',
    "query ($a: String, $c: Color!) { item(id: $a, color: $c, at: {text: $a}) { name } }",
    "{ item { name: number name } items { ... { name: number } name } }",
    '{ item(one: {a: 1, b: "b"}) { name } }',
    "mutation ($a: In) { put(at: $a) { name } put { name } }",
    "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    "{ " + " ".join(f"a{n}" for n in range(50)) + " }",
    "fragment F on Item { ... on Item { ... on Item { a b } } } { ...F item { ...F @skip } }",
]


def told(rules, document, most):
    found = validate(SCHEMA, document, rules, max_errors=most)
    return [(error.message, error.locations) for error in found]


@pytest.mark.parametrize("most", [2, 5, 100])
@pytest.mark.parametrize("text", DOCUMENTS)
def test_the_same_errors_are_found_in_the_same_order(text, most):
    document = parse(text)
    assert told([EveryRule], document, most) == told(RULES, document, most)


def test_the_documents_break_most_of_the_rules():
    documents = [*map(parse, DOCUMENTS)]
    broken = {rule for rule in RULES if any(told([rule], one, 1) for one in documents)}
    assert len(broken) >= 26
