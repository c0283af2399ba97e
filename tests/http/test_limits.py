"""Documents that are too large, too deep or too repetitive are refused before they cost much."""

import pytest
from graphql import build_schema, get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.http.operation.documents import Documents
from graph.http.operation.limits import Limits, Measure, Wrappers
from tests.http.conftest import SIGNED_IN
from tests.http.toy import schema

CORE = schema._schema


def refusal(query: str, **limits: int) -> dict[str, object]:
    """Return the limit that the document exceeds, the value measured and the largest accepted."""
    (error,) = Documents(CORE, Limits(**limits), 0).get(query).errors
    extensions = error["extensions"]
    assert extensions["code"] == "QUERY_TOO_COMPLEX", error
    assert str(extensions["maximum"]) in error["message"]
    return {name: extensions[name] for name in ("limit", "measured", "maximum")}


def errors(query: str, **limits: int) -> tuple[dict[str, object], ...]:
    return Documents(CORE, Limits(**limits), 0).get(query).errors


def nested(levels: int, field: str = "self", inner: str = "id") -> str:
    """Return a query of this many levels, with the root field and the innermost one among them."""
    return "{ item { " + f"{field} {{ " * (levels - 2) + inner + " }" * (levels - 1) + " }"


def spreading(levels: int, times: int = 2) -> str:
    """Return fragments that each spread the next one several times: times ** levels fields."""
    spreads = " ".join("... on Item { ...F%d }" for _ in range(times))
    fragments = " ".join(
        f"fragment F{level} on Item {{ {spreads % ((level + 1,) * times)} }}"
        for level in range(levels)
    )
    return f"{{ item {{ ...F0 }} }} {fragments} fragment F{levels} on Item {{ id name }}"


@pytest.mark.parametrize("levels", [20, 60])
def test_a_fragment_bomb_is_refused(levels):
    assert refusal(spreading(levels))["limit"] == "fields"


def test_a_fragment_bomb_of_many_levels_is_refused():
    assert refusal(spreading(300), tokens=10_000)["limit"] == "nesting"


@pytest.mark.parametrize("levels", [5, 50, 90])
def test_a_bomb_is_measured_in_one_pass(levels):
    """Each selection is looked at once, however often its fragment is spread."""
    document = parse(spreading(levels))
    measure = Measure(CORE, Wrappers(CORE), document)
    measure.check(Limits(fields=10**10, depth=10**3))
    assert measure.visited == 4 * levels + 4


def test_a_hundred_and_one_aliases_are_refused():
    aliases = " ".join(f"a{number}: id" for number in range(101))
    found = refusal(f"{{ item {{ {aliases} }} }}")
    assert found == {"limit": "aliases", "measured": 101, "maximum": 30}


def test_a_field_repeated_counts_as_an_alias():
    assert refusal("{ item { " + "id " * 500 + "} }")["limit"] == "aliases"
    assert refusal("{ " + "__typename " * 500 + "}")["limit"] in ("aliases", "root fields")


def test_fragments_may_repeat_a_field():
    """A front end gathers the fragments of its components; most of them ask for the id."""
    fragments = " ".join(f"fragment F{i} on Item {{ id name }}" for i in range(40))
    spreads = " ".join(f"...F{i}" for i in range(40))
    assert errors(f"{{ item {{ {spreads} }} }} {fragments}") == ()


def test_too_many_root_fields_are_refused():
    query = "{ " + " ".join(f"a{number}: hello" for number in range(21)) + " }"
    assert refusal(query) == {"limit": "root fields", "measured": 21, "maximum": 20}
    spread = "{ ...A ... { ...A } } fragment A on Query { hello item { id } }"
    assert refusal(spread, root_fields=3)["measured"] == 4


def test_a_mutation_has_fewer_root_fields():
    query = "mutation { " + " ".join(f"a{number}: wait" for number in range(6)) + " }"
    assert refusal(query) == {"limit": "root fields", "measured": 6, "maximum": 5}


def test_a_subscription_has_one_root_field():
    found = refusal("subscription { a: ticks b: ticks }")
    assert found == {"limit": "root fields", "measured": 2, "maximum": 1}


def test_directives_are_counted():
    field = "hello " + "@include(if: true) " * 51
    assert refusal(f"{{ {field} }}") == {"limit": "directives", "measured": 51, "maximum": 50}
    fragment = "{ item { ...F ...F } } fragment F on Item { id @skip(if: false) }"
    assert refusal(fragment, directives=1)["measured"] == 2
    assert refusal("query @a @b { hello }", directives=1)["measured"] == 2


def test_depth_is_counted():
    assert errors(nested(12)) == ()
    assert refusal(nested(13)) == {"limit": "depth", "measured": 13, "maximum": 12}
    fragment = "{ item { self { ...F } } } fragment F on Item { self { ... { id } } }"
    assert refusal(fragment, depth=3)["measured"] == 4


def test_what_a_connection_wraps_around_its_rows_is_no_level():
    levels = 3
    pages = (
        "items { edges { cursor node { " * levels
        + "id"
        + " } } pageInfo { hasNextPage } }" * levels
    )
    assert errors(f"{{ {pages} }}", depth=levels + 1) == ()
    pages = "items { nodes { " * levels + "id" + " } }" * levels
    assert errors(f"{{ {pages} }}", depth=levels + 1) == ()


def test_a_field_that_is_only_called_like_a_wrapper_is_a_level():
    assert refusal(nested(13, field="node"))["limit"] == "depth"
    other = build_schema("type Query { edges: Query nodes: Query node: Query a: Int }")
    query = "{ edges { nodes { node { edges { a } } } } }"
    (error,) = Documents(other, Limits(depth=4), 0).get(query).errors
    assert error["extensions"]["measured"] == 5


def test_a_relay_front_end_of_four_nested_pages_passes():
    query = """
      query Page($first: Int = 10, $after: String) {
        item { id ...Level1 }
      }
      fragment Level1 on Item { items(first: $first) { ...Page1 pageInfo { ...Info } } }
      fragment Page1 on ItemConnection { edges { cursor node { id name __typename ...Level2 } } }
      fragment Level2 on Item { items(first: 10) { edges { node { ...Level3 } } totalCount } }
      fragment Level3 on Item { items(first: 5) { edges { node { ...Level4 } } } }
      fragment Level4 on Item { id name items(first: 5) { edges { node { ...Leaf } } } }
      fragment Leaf on Item { id name properties self { name self { name } } }
      fragment Info on PageInfo { hasNextPage }
    """.replace(", $after: String", "")
    document = Documents(CORE, Limits(), 0).get(query)
    assert document.errors == ()
    assert document.operation(None).cost.of({}) < Limits().cost


async def test_the_introspection_of_tools_passes(signed_in):
    query = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    answer = (await signed_in.post("/graphql", json={"query": query})).json()
    assert "errors" not in answer
    assert {type_["name"] for type_ in answer["data"]["__schema"]["types"]} >= {"Query", "Item"}


def test_introspection_in_circles_is_refused():
    circle = "fields { type { " * 4 + "name" + " } }" * 4
    messages = [error["message"] for error in errors(f"{{ __schema {{ types {{ {circle} }} }} }}")]
    assert messages == ["Maximum introspection depth exceeded"]
    of_type = "ofType { " * 25 + "name" + " }" * 25
    assert refusal(f'{{ __type(name: "Item") {{ {of_type} }} }}')["limit"] == "introspection depth"


def test_fragments_in_circles_are_refused():
    found = errors("{ item { ...A } } fragment A on Item { ...B } fragment B on Item { ...A }")
    assert [error["extensions"]["code"] for error in found] == ["GRAPHQL_VALIDATION_FAILED"]


def test_tokens_are_counted_while_parsing():
    found = refusal("{ " + "hello " * 3000 + "}")
    assert found == {"limit": "tokens", "measured": 2001, "maximum": 2000}
    assert refusal("#\n" * 3000 + "{ hello }")["limit"] == "comments"
    assert refusal("{ hello }" + " " * 100_000)["limit"] == "length"
    text = '{ echo(text: "contains more than 7 tokens" "") }'
    assert errors(text)[0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


@pytest.mark.parametrize("opening", ["[", "{a:", "{ item ", "{ ... "])
def test_deep_nesting_is_an_error_and_no_crash(opening):
    query = "{ echo(json: " + opening * 5000
    assert errors(query, tokens=10**6)[0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    inline = "{ " + "... { " * 250 + "hello" + " }" * 251
    assert errors(inline, tokens=10**6)


async def test_long_lists_are_refused(signed_in):
    def body(query: str, **variables: object) -> dict[str, object]:
        return {"query": query, "variables": variables}

    many = [str(number) for number in range(501)]
    filters = [{"name": "a"}, {"either": [{"ids": many}]}]
    new = "mutation ($input: NewItem!) { create(input: $input) { id } }"
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = "query ($either: [Filter!]) { found(filter: {either: $either}) { id } }"
    for request in (
        body(nodes, ids=many),
        body(found, either=filters),
        body(new, input={"name": "a", "tags": many}),
        body("{ nodes(ids: [" + "1 " * 501 + "]) { id } }"),
    ):
        error = (await signed_in.post("/graphql", json=request)).json()["errors"][0]
        told = error["extensions"]
        assert (told["limit"], told["measured"], told["maximum"]) == ("list items", 501, 500)
    free = "query ($json: JSON) { echo(json: $json) }"
    for request in (body(nodes, ids=many[:500]), body(free, json=many), body(nodes, ids="1")):
        assert "errors" not in (await signed_in.post("/graphql", json=request)).json()


def test_a_fragment_that_nothing_spreads_is_measured_all_the_same():
    query = "{ hello } fragment F on Item { " + "id " * 100 + "}"
    assert refusal(query)["limit"] == "aliases"


def test_limits_are_checked_before_names_are():
    assert refusal("{ nothing " + "{ x " * 12 + "y" + " }" * 13)["limit"] == "depth"


async def test_the_operator_sets_the_limits(client_with):
    client = client_with(max_depth=2, max_cost=5, max_tokens=20, body_limit=1000)
    deep = (await client.post("/graphql", json={"query": nested(3)})).json()["errors"][0]
    assert deep["extensions"]["maximum"] == 2
    costly = {"query": "{ items(first: 6) { nodes { id } } }"}
    error = (await client.post("/graphql", json=costly, headers=SIGNED_IN)).json()["errors"][0]
    assert error["extensions"] == {
        "code": "QUERY_TOO_COMPLEX",
        "retryable": False,
        "limit": "cost",
        "measured": 7,
        "maximum": 5,
    }


selections = st.recursive(
    st.sampled_from(["id", "name", "a: id", "__typename"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: "self { " + " ".join(parts) + " }"
    ),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(selections, min_size=1, max_size=4), st.integers(1, 4))
def test_fields_grow_with_what_is_selected(parts, times):
    """More of the same measures more, and the work to measure it grows no faster."""
    once = Measure(CORE, Wrappers(CORE), parse("{ item { " + " ".join(parts) + " } }"))
    more = Measure(CORE, Wrappers(CORE), parse("{ item { " + " ".join(parts * times) + " } }"))
    for measure in (once, more):
        measure.check(Limits(fields=10**6, aliases=10**6, depth=100))
    assert more.visited - 1 == times * (once.visited - 1)
