"""Filters and orders of any size are counted before they are processed, and large ones refused."""

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import or_, select

from auth.session.row import MAX_COMPILED, STATEMENTS, Statements
from db.requirements.requirements import Requirement
from graph.engine.shapes import Shapes
from graph.http.operation.limits import Limits
from graph.kit.search import MAX_SEARCH_LENGTH, MAX_WORDS
from tests.world import Refused, World

FOUND = """query ($filter: RequirementFilterInput, $orderBy: [RequirementOrderInput!],
    $after: String, $search: String) {
    requirements(first: 1, filter: $filter, orderBy: $orderBy, after: $after, search: $search) {
        pageInfo { endCursor } } }"""
ORDERED = """query ($id: UUID!, $order: [RequirementOrderInput!]) { document(id: $id) {
    requirements(first: 1, orderBy: $order) { nodes { id } } } }"""
MOST = Limits().conditions


def name(text: str) -> dict[str, Any]:
    return {"name": {"eq": text}}


def any_of(filters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"or": filters}


async def refusal(world: World, query: str = FOUND, **variables: Any) -> dict[str, Any]:
    answer = await world.answer("editor", query, **variables)
    (error,) = answer["errors"]
    assert answer.get("data", {}) in ({}, {"requirements": None}), answer
    extensions: dict[str, Any] = error["extensions"]
    return extensions


async def cost(world: World, query: str = FOUND, **variables: Any) -> int:
    answer = await world.answer("editor", query, **variables)
    assert "errors" not in answer, answer
    requested: int = answer["extensions"]["cost"]["requested"]
    return requested


async def test_lists_within_lists_are_counted_as_a_whole(world: World):
    wide = any_of([any_of([name("a")] * 300)] * 15)
    found = await refusal(world, filter=wide)
    assert found["code"] == "QUERY_TOO_COMPLEX"
    assert found["limit"] == "conditions"
    assert found["maximum"] == MOST
    assert found["field"] == ["requirements", "filter"]


async def test_every_alias_has_its_conditions(world: World):
    fields = [f"a{i}: requirements(first: 1, filter: $filter) {{ totalCount }}" for i in range(20)]
    query = f"query ($filter: RequirementFilterInput) {{ {' '.join(fields)} }}"
    one = any_of([name("a")] * 10)
    found = await refusal(world, query, filter=one)
    assert (found["limit"], found["field"]) == ("conditions", ["a12", "filter"])


async def test_conditions_of_the_document_itself_are_counted(world: World):
    many = ", ".join(['{name: {eq: "a"}}'] * (MOST // 2 + 1))
    query = "query ($id: UUID!) { document(id: $id) { ...F } } fragment F on Document {"
    query += f" requirements(filter: {{or: [{many}]}}) {{ totalCount }} }}"
    found = await refusal(world, query, id=world.document)
    assert (found["limit"], found["field"]) == (
        "conditions",
        ["document", "requirements", "filter"],
    )


async def test_conditions_within_the_limit_are_answered_and_cost_one_each(world: World):
    plain = await cost(world)
    most = any_of([name(str(i)) for i in range(MOST // 2)])
    assert await cost(world, filter=most) == plain + MOST
    assert await cost(world, filter={"name": {"eq": "a", "ne": "b"}}) == plain + 2
    assert await cost(world, filter={"not": {"name": {"in": ["a", "b", "c"]}}}) == plain + 1
    assert (
        await cost(world, orderBy=[{"by": "NAME"}, {"by": "POSITION", "direction": "DESC"}])
        == plain + 2
    )
    assert await cost(world, filter=None, orderBy=None) == plain


async def test_a_default_of_a_variable_is_counted(world: World):
    query = FOUND.replace("RequirementFilterInput,", 'RequirementFilterInput = {name: {eq: "a"}},')
    assert await cost(world, query) == await cost(world) + 1
    assert await cost(world, query, filter=None) == await cost(world)


async def test_a_sort_key_is_given_once(world: World):
    with pytest.raises(Refused) as refused:
        await world.ask("editor", FOUND, orderBy=[{"by": "NAME"}] * 2)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["orderBy", 1, "by"])


async def test_there_are_at_most_eight_sort_keys(world: World):
    many = [{"by": "NAME"}] * 9
    with pytest.raises(Refused) as refused:
        await world.ask("editor", FOUND, orderBy=many, after="x")
    assert (refused.value.code, refused.value.field) == ("INVALID", ["orderBy"])


@pytest.mark.parametrize(
    "search", ["word " * 40_000, "a/" * MAX_SEARCH_LENGTH, "-word " * (MAX_WORDS + 1)]
)
async def test_a_search_of_too_many_words_is_refused(world: World, search: str):
    with pytest.raises(Refused) as refused:
        await world.ask("editor", FOUND, search=search)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["search"])


async def test_a_search_of_as_many_words_as_there_may_be_is_answered(world: World):
    await world.ask("editor", FOUND, search="word " * MAX_WORDS)


async def test_a_path_of_too_many_steps_is_refused(world: World):
    wrong = {"properties": [{"path": ["a"] * 500, "eq": 1}]}
    with pytest.raises(Refused) as refused:
        await world.ask("editor", FOUND, filter=wrong)
    assert (refused.value.code, refused.value.field) == (
        "INVALID",
        ["filter", "properties", 0, "path"],
    )


@pytest.mark.slow
async def test_compiled_statements_are_kept_up_to_a_number_of_bytes(world: World, monkeypatch):
    """Each statement of another shape is larger than the last; the oldest make room."""
    kept = Shapes(budget=2_000_000)
    monkeypatch.setattr("graph.engine.pages.SHAPES", kept)
    for number in range(40):
        await world.ask("editor", FOUND, filter=any_of([name("a")] * (number + 80)))
        assert kept.used <= 2_000_000
    assert 0 < len(kept.kept) < 40
    assert kept.used == sum(size for _, size in kept.kept.values())


@pytest.mark.slow
async def test_orders_that_clients_choose_are_kept_up_to_a_number_of_bytes(
    world: World, monkeypatch
):
    kept = Shapes(budget=1_000_000)
    monkeypatch.setattr("graph.engine.pages.SHAPES", kept)
    sorts = ("NAME", "CREATED_AT", "UPDATED_AT", "STATUS", "PRIORITY")
    for keys in permutations(sorts):
        order = [{"by": by} for by in keys]
        await world.ask("editor", ORDERED, id=world.document, order=order)
        assert kept.used <= 1_000_000
    assert 0 < len(kept.kept) < 104


async def test_compiled_reads_of_the_past_are_kept_up_to_a_number_of_bytes():
    kept = Statements(budget=2_000_000)
    for number in range(40):
        where = or_(*[Requirement.name == "a"] * (number + 80))
        kept.ready(select(Requirement.id).where(where), {})
        assert kept.used <= 2_000_000
    assert 0 < len(kept.kept) < 40
    assert kept.used == sum(60 * len(text) for text, _ in kept.kept.values())


async def test_a_statement_that_is_very_long_is_not_kept(world: World, monkeypatch):
    monkeypatch.setattr("auth.session.row.MAX_COMPILED_LENGTH", 5_000)
    before = len(STATEMENTS.kept)
    await world.ask("editor", FOUND, filter=any_of([name("a")] * 119))
    assert len(STATEMENTS.kept) == before <= MAX_COMPILED
