"""Texts of the largest size: no operation on them blocks the event loop."""

import pytest

from auth.session.write.merge_parts import merge_lines
from graph.kit.history import REQUEST_STEPS, Diffs
from tests.loop import BUSY, watched
from tests.world import Refused

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        merged requirement { version } } }"""
READ = "query ($id: UUID!) { requirement(id: $id) { description } }"
HISTORY = """query ($id: UUID!) { requirement(id: $id) { history(first: 100) { nodes {
    changes { field diff { kind text } } } } } }"""

LARGE = 330_000
"""The characters of texts of which three make a million."""


@pytest.fixture
def update(world):
    async def update(version, text):
        change = {"id": world.requirement, "version": version, "input": {"description": text}}
        return await world.ask("editor", UPDATE, **change)

    return update


@pytest.mark.slow
async def test_lines_that_repeat_are_merged_while_others_are_served(world, update):
    empty = "\n" * LARGE
    await update(1, empty)
    await update(2, f"first{empty}")
    async with watched() as watch:
        merged = await update(2, f"{empty}last")
    assert merged["merged"]
    read = await world.ask("viewer", READ, id=world.requirement)
    assert read["description"] == f"first{empty}last"
    assert watch.longest < BUSY


@pytest.mark.slow
async def test_texts_that_differ_everywhere_are_a_conflict_while_others_are_served(world, update):
    lines = [f"{i * 7919 % 100_003}\n" for i in range(LARGE // 7)]
    await update(1, "".join(lines))
    await update(2, "".join(lines[::-1]))
    async with watched() as watch:
        with pytest.raises(Refused) as refused:
            await update(2, "".join(lines[1::2] + lines[::2]))
    assert refused.value.code == "CONFLICT"
    assert watch.longest < BUSY


@pytest.mark.slow
async def test_many_diffs_of_one_request_take_a_bounded_time(world, update):
    texts = (" ".join(f"{i * n % 997}" for i in range(2400)) for n in (7919, 104_729, 1299, 15_485))
    for version, text in enumerate([*texts] * 5, start=1):
        await update(version, text)
    async with watched() as watch:
        found = await world.ask("viewer", HISTORY, id=world.requirement)
    diffs = [change["diff"] for entry in found["history"]["nodes"] for change in entry["changes"]]
    assert len([diff for diff in diffs if diff]) >= 19
    assert watch.longest < BUSY


async def test_diffs_are_whole_texts_once_the_steps_of_a_request_are_used_up():
    diffs = Diffs()
    small = ("one two three", "one 2 three")
    assert [part.text for part in await diffs.between(*small)] == ["one ", "two", "2", " three"]
    half = "ab " * (REQUEST_STEPS * 3)
    await diffs.between(half, f"{half}c")
    await diffs.between(half, f"{half}c")
    await diffs.between(half, f"{half}c")
    assert [part.text for part in await diffs.between(*small)] == [*small]
    assert [part.text for part in await diffs.between("same", "same")] == ["same"]


def test_a_merge_without_steps_is_none():
    assert merge_lines("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n") == "A\nb\nc\nD\n"
    shuffled = ["".join(f"{i * n % 9973}\n" for i in range(9973)) for n in (2, 3, 5)]
    assert merge_lines(*shuffled) is None
