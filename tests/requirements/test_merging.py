"""Several people change one row: different parts are merged, the rest is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.session.write.merge_parts import merge_lines
from tests.world import Refused

UPDATE = """mutation (
    $id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!, $force: Boolean! = false) {
  requirementUpdate(id: $id, expectedVersion: $version, input: $input, force: $force) {
    merged mergedVersions requirement { version name status description tags } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!, $force: Boolean! = false) {
  requirementDelete(id: $id, expectedVersion: $version, force: $force) {
    requirement { version } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!, $place: RequirementPlaceInput!) {
  requirementMove(id: $id, expectedVersion: $version, placeAt: $place) {
    merged mergedVersions requirement { version } } }"""
READ = "query ($id: UUID!) { requirement(id: $id) { version name status description tags } }"

TEXT = "The ferry shall stop.\nIt shall wait.\nIt shall leave.\n"


@pytest.fixture
def update(world):
    async def update(person, version, force=False, **input):
        change = {"id": world.requirement, "version": version, "input": input}
        return await world.ask(person, UPDATE, **change, force=force)

    return update


async def conflicts(attempt):
    with pytest.raises(Refused) as refused:
        await attempt
    assert refused.value.code == "CONFLICT"
    return refused.value.errors[0]["extensions"]["conflicts"]


async def test_changes_of_different_fields_are_merged(world, update):
    await update("editor", 1, name="Stops")
    await update("admin", 2, tags=["brakes"])
    answer = await update("owner", 1, status="APPROVED")
    assert (answer["merged"], answer["mergedVersions"]) == (True, [2, 3])
    stored = {"version": 4, "name": "Stops", "status": "APPROVED", "tags": ["brakes"]}
    assert answer["requirement"] == stored | {"description": None}


async def test_a_change_of_the_latest_version_is_not_merged(update):
    answer = await update("editor", 1, name="Stops")
    assert (answer["merged"], answer["mergedVersions"]) == (False, [])


async def test_changes_of_one_field_are_a_conflict_that_says_who_and_what(world, update):
    await update("editor", 1, name="Stops", status="APPROVED")
    found = await conflicts(update("owner", 1, name="Halts", tags=["brakes"]))
    assert [{key: one[key] for key in ("field", "base", "current", "yours")} for one in found] == [
        {
            "field": "name",
            "base": f"Requirement {world.name}",
            "current": "Stops",
            "yours": "Halts",
        }
    ]
    assert found[0]["changedBy"] == str(world.people["editor"])
    assert found[0]["changedAt"].startswith("20")
    read = await world.ask("owner", READ, id=world.requirement)
    assert (read["name"], read["tags"], read["version"]) == ("Stops", [], 2)


async def test_the_same_change_made_twice_is_no_conflict(update):
    await update("editor", 1, name="Stops")
    answer = await update("owner", 1, name="Stops")
    assert (answer["requirement"]["version"], answer["merged"]) == (2, True)


async def test_a_field_sent_as_it_was_read_does_not_undo_what_others_did(update):
    await update("editor", 1, description="One.", status="APPROVED")
    await update("editor", 2, status="VERIFIED")
    answer = await update("owner", 2, status="APPROVED", name="Stops")
    assert answer["requirement"]["status"] == "VERIFIED"
    assert answer["requirement"]["name"] == "Stops"


async def test_long_text_is_merged_by_lines(update):
    await update("editor", 1, description=TEXT)
    await update("editor", 2, description=TEXT.replace("stop", "halt"))
    answer = await update("owner", 2, description=TEXT.replace("leave", "depart"))
    merged = TEXT.replace("stop", "halt").replace("leave", "depart")
    assert answer["requirement"]["description"] == merged
    found = await conflicts(update("owner", 2, description=TEXT.replace("stop", "rest")))
    assert [one["field"] for one in found] == ["description"]
    assert found[0]["base"] == TEXT


async def test_administrators_may_force_and_that_is_recorded(world, update):
    await update("editor", 1, name="Stops")
    with pytest.raises(Refused) as refused:
        await update("editor", 1, force=True, name="Halts")
    assert refused.value.code == "FORBIDDEN"
    answer = await update("admin", 1, force=True, name="Halts")
    assert answer["requirement"]["name"] == "Halts"
    first, last = await world.records(world.requirement)
    assert ("forced" in first["details"], "forced" in last["details"]) == (False, True)


async def test_what_others_have_changed_is_not_deleted_unseen(world, update):
    await update("editor", 1, name="Stops", status="APPROVED")
    gone = {"id": world.requirement, "version": 1}
    found = await conflicts(world.ask("owner", DELETE, **gone))
    assert [(one["field"], one["current"]) for one in found] == [
        ("name", "Stops"),
        ("status", "approved"),
    ]
    assert await world.code("owner", DELETE, **gone, force=True) is None


async def test_a_move_is_merged_with_a_change_of_the_text(world, update):
    await update("editor", 1, name="Stops")
    place = {"id": world.requirement, "version": 1, "place": {"blockId": None}}
    moved = await world.ask("owner", MOVE, **place)
    assert (moved["merged"], moved["requirement"]["version"]) == (True, 3)


async def test_nothing_is_merged_beyond_what_is_recorded(world, update):
    await world.superuser.execute(
        "UPDATE requirements SET version = 5 WHERE id = $1", world.requirement
    )
    assert await conflicts(update("editor", 3, name="Stops")) == []


async def test_of_many_writers_everyone_acknowledged_is_stored_and_recorded(world, update):
    changes = [{"name": f"N{n}"} if n % 2 else {"externalId": f"E-{n}"} for n in range(10)]
    attempts = [update("editor", 1, **change) for change in changes]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    answers = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert {refusal.code for refusal in refused} == {"CONFLICT"}
    assert len(answers) + len(refused) == len(attempts)
    assert len(answers) == 2  # the first name and the first id
    read = await world.ask("owner", READ, id=world.requirement)
    assert read["version"] == 3
    assert read["name"] != f"Requirement {world.name}"
    assert [record["version"] for record in await world.records(world.requirement)] == [2, 3]


lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), max_size=6).map("".join)


@given(lines, lines)
def test_merging_with_what_nobody_changed_gives_the_change(base, changed):
    assert merge_lines(base, changed, base) == changed
    assert merge_lines(base, base, changed) == changed
    assert merge_lines(base, changed, changed) == changed


@given(lines, lines, lines)
def test_merging_does_not_depend_on_who_was_first(base, one, other):
    assert merge_lines(base, one, other) == merge_lines(base, other, one)


@pytest.mark.slow
@given(st.lists(st.integers(0, 3), min_size=5, max_size=9), st.data())
def test_changes_of_distant_lines_are_both_kept(numbers, data):
    base = [f"line {i} {n}\n" for i, n in enumerate(numbers)]
    one, other = list(base), list(base)
    first = data.draw(st.integers(0, len(base) - 3))
    last = data.draw(st.integers(first + 2, len(base) - 1))
    one[first], other[last] = "changed by one\n", "changed by the other\n"
    both = [*one[:last], other[last], *one[last + 1 :]]
    assert merge_lines("".join(base), "".join(one), "".join(other)) == "".join(both)
