"""A walk through the whole schema shows each person the rows they may read, and no others."""

from uuid import uuid4

import pytest
from graphql import get_named_type

from tests.isolation.questions import ROOT, TYPES, leaves, questions
from tests.isolation.walk import Seen, walk
from tests.isolation.world import FOR_ADMINISTRATORS, NARROWED, OF_EVERYBODY, SHARES

pytestmark = pytest.mark.exhaustive

NOT_OF_MEMBERS = FOR_ADMINISTRATORS | {"notifications"}
"""The tables of which a plain member reads no row."""
WALKERS = ("owner", "member", "guest", "billing", "contractor", "outsider")


@pytest.mark.parametrize("person", [*WALKERS, *SHARES, *NARROWED])
async def test_a_walk_shows_all_that_is_the_viewers_and_nothing_else(canaries, person):
    seen = await walk(canaries, person)
    assert {str(row): place for row, place in seen.leaks.items()} == {}
    for table, type_name in {**TYPES, "profiles.preferences": "Profile"}.items():
        readable = {r for r in canaries.rows(table=table) if canaries.may_read(person, r)}
        assert {row for row in seen.rows if row.table == table} == readable
        if person in ("owner", "member"):  # for others some field may be rightly empty
            assert readable or (person == "member" and table in NOT_OF_MEMBERS)
            empty = [name for name in leaves(type_name) if (type_name, name) not in seen.fields]
            assert empty == [] or not readable


@pytest.mark.parametrize("person", [*WALKERS, "admin", "viewer", "their owner", "former"])
async def test_the_trash_shows_all_that_is_the_viewers_to_restore(canaries, person):
    found = await canaries.ask(person, "{ trash(first: 100) { totalCount nodes { id } } }")
    restorable = {
        str(r.id) for r in canaries.rows() if r.table and may_restore(canaries, person, r)
    }
    assert {node["id"] for node in found["nodes"]} == restorable
    assert found["totalCount"] == len(restorable)
    assert restorable or person not in ("owner", "admin", "their owner")


def may_restore(canaries, person, row):
    return row.table != "profiles" and canaries.may_restore(person, row)


async def test_whoever_is_not_signed_in_sees_nothing(canaries):
    for query, variables in questions(canaries):
        answer = await canaries.answer(None, query, **variables)
        assert not any((answer.get("data") or {}).values())
        codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
        known = query.startswith(("{ viewer", "{ shared"))  # null, as nobody is
        assert codes == (set() if known else {"UNAUTHENTICATED"})


@pytest.mark.parametrize("person", ["contractor", "guest"])
async def test_the_long_way_down_and_up_again_stays_within_what_is_the_viewers(canaries, person):
    query = """{ organizations(first: 2) { nodes { projects(first: 6) { nodes {
        documents(first: 3) { nodes { blocks(first: 3) { nodes {
        children(first: 2) { nodes { name } } requirements(first: 3) { nodes { __typename id name
        document { project { organization { members(first: 9) { nodes { user { email } } } } } } } }
        } } } } } } } } }"""
    seen = Seen(canaries, person)
    seen.look(await canaries.answer(person, query))
    assert {str(row): place for row, place in seen.leaks.items()} == {}
    assert ("Requirement", "name") in seen.fields


BY_ID = [name for name, field in ROOT.fields.items() if {"id", "slug"} & field.args.keys()]


@pytest.mark.parametrize("name", BY_ID)
async def test_a_hidden_row_is_answered_like_one_that_is_not_there(canaries, name):
    target = get_named_type(ROOT.fields[name].type).name
    hidden = [
        row
        for table, type_name in TYPES.items()
        if target in ("Node", type_name)
        for row in canaries.rows(table=table)
        if not canaries.may_read("member", row)
    ]
    assert bool(hidden) == (target not in {TYPES[table] for table in OF_EVERYBODY})
    kind = get_named_type(ROOT.fields[name].args["id"].type)
    query = f"query ($id: {kind}!) {{ {name}(id: $id) {{ __typename viewerCan {{ update }} }} }}"
    answers = set()
    for id in [*{(row.table, row.zone, row.tenant): row.id for row in hidden}.values(), uuid4()]:
        response = await canaries.post("member", query, id=id)
        assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        answers.add(response.content)
    assert len(answers) == 1
