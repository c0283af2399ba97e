"""Each wall holds without the other, and the walk fails when neither does."""

import asyncio

import pytest

from tests.isolation.questions import TYPES
from tests.isolation.test_filters import LISTS, TABLES, ask, ways_to_find
from tests.isolation.walk import Seen, walk
from tests.isolation.world import NARROWED, OF_EVERYBODY, PEOPLE, SHARES

pytestmark = pytest.mark.exhaustive

EVERYBODYS = """{ organizations { nodes { name } } projects { nodes { name
    documents { nodes { name } } } } requirements(first: 50) { totalCount nodes { name } } }"""


@pytest.mark.parametrize("person", ["viewer", "outsider", *SHARES, *NARROWED])
async def test_the_policy_alone_shows_what_both_walls_show(unwalled, person):
    seen = await walk(unwalled, person)
    assert {str(row): place for row, place in seen.leaks.items()} == {}


@pytest.mark.usefixtures("without_policy")
@pytest.mark.parametrize("person", ["member", "outsider"])
async def test_row_level_security_alone_keeps_tenants_apart(canaries, person):
    seen = await walk(canaries, person)
    own = set(PEOPLE[person])
    foreign = {str(row): place for row, place in seen.leaks.items() if not own & tenants_of(row)}
    assert foreign == {}
    assert seen.leaks or not own, "the policy is still there"


@pytest.mark.usefixtures("without_policy")
@pytest.mark.parametrize("person", ["member", "outsider"])
async def test_without_either_wall_the_walk_finds_every_row_there_is(unwalled, person):
    seen = await walk(unwalled, person)
    hidden = {
        row
        for table in TYPES
        for row in unwalled.rows(table=table)
        if not unwalled.may_read(person, row) and is_live(row)
    }
    assert {row for row in seen.leaks if row.table in TYPES and is_live(row)} == hidden
    assert len(hidden) > 40


@pytest.mark.usefixtures("without_policy")
@pytest.mark.parametrize("name", LISTS)
async def test_row_level_security_alone_hides_from_filters_and_searches(canaries, name):
    table = TABLES[LISTS[name]]
    everybodys = table in OF_EVERYBODY
    rows = canaries.rows(tenant="" if everybodys else "theirs", table=table)
    row = next((row for row in rows if row.zone == "private"), rows[0])
    ways = ways_to_find(canaries, name, row)
    strangers = 1 if everybodys else 0
    for person, found in {"their owner": 1, "owner": strangers, "outsider": strangers}.items():
        for way, page in zip(ways, await ask(canaries, person, name, ways), strict=True):
            assert page["totalCount"] == len(page["nodes"]) == found, way


@pytest.mark.usefixtures("without_policy")
async def test_row_level_security_alone_keeps_concurrent_tenants_apart(canaries):
    people = ["owner", "their owner", "outsider", "contractor"] * 8
    for person in set(people):
        await canaries.token(person)
    answers = await asyncio.gather(*(canaries.answer(person, EVERYBODYS) for person in people))
    assert len({str(answer["data"]) for answer in answers}) == len(set(people))
    for person, answer in zip(people, answers, strict=True):
        seen = Seen(canaries, person)
        seen.look(answer)
        assert [row for row in seen.leaks if not tenants_of(row) & set(PEOPLE[person])] == []


def tenants_of(row):
    """Return the tenants of a row; a person's profile belongs to all of theirs, left or not."""
    if row.table == "profiles":
        return set(PEOPLE[row.person]) | ({"ours"} if row.person == "former" else set())
    return {row.tenant}


def is_live(row):
    """Return whether the row is not deleted: deletion is no wall."""
    return row.tenant != "dissolved" and not row.zone.startswith("deleted")
