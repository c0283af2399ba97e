"""Anchors of threads: they stay on their text, and say when it has changed or is gone."""

import json
import time
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.requirements.discussing import START, anchor, reply, start, write
from tests.world import Refused

TEXT = "The system stops within 40 m.\nThe system warns the driver.\nThe driver can override it."
QUOTE = "within 40 m"


async def anchored(world, text=TEXT, quote=QUOTE, **more):
    """Give the requirement a description, and start a thread about a quote in it."""
    version = await write(world, 1, description=text)
    about = {"field": "description", "quote": quote} | more
    return version, (await start(world, anchor=about))["id"]


async def refused(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value.code, raised.value.field


async def test_a_thread_is_about_a_span_of_a_text(world):
    _, thread = await anchored(world)
    place = TEXT.index(QUOTE)
    assert await anchor(world, thread) == {
        "field": "description",
        "path": [],
        "state": "PRESENT",
        "quote": QUOTE,
        "text": QUOTE,
        "prefix": "The system stops ",
        "suffix": ".\nThe system warns the driver.\nThe"[:32],
        "start": place,
        "end": place + len(QUOTE),
    }


async def test_places_are_in_code_points(world):
    text = "🚂🚋 The train € stops."
    _, thread = await anchored(world, text, "€ stops")
    found = await anchor(world, thread)
    assert (found["start"], found["end"]) == (13, 20)
    assert text[found["start"] : found["end"]] == "€ stops"


@pytest.mark.parametrize(
    ("more", "start_at"),
    [
        ({"start": 30}, 30),
        ({"start": 33}, 30),  # the nearest
        ({"suffix": " warns"}, 30),
        ({"prefix": "\n", "suffix": " warns"}, 30),
        ({"suffix": " stops", "start": 12}, 0),
    ],
)
async def test_of_several_occurrences_the_context_or_the_place_tells_which(world, more, start_at):
    _, thread = await anchored(world, quote="The system", **more)
    assert (await anchor(world, thread))["start"] == start_at


@pytest.mark.parametrize(
    ("about", "code", "field"),
    [
        ({"quote": "The system"}, "INVALID", "quote"),  # which one?
        ({"quote": "not there"}, "CONFLICT", "quote"),
        ({"quote": ""}, "INVALID", "quote"),
        ({"quote": "x" * 5_001}, "INVALID", "quote"),
        ({"field": "status", "quote": "draft"}, "INVALID", "field"),
        ({"field": "properties", "path": ["mass"], "quote": "x"}, "INVALID", "path"),
        ({"path": ["x"] * 11, "quote": "x"}, "INVALID", "path"),
    ],
)
async def test_an_anchor_has_to_fit(world, about, code, field):
    await write(world, 1, description=TEXT)
    input = {
        "entityId": world.requirement,
        "body": "x",
        "anchor": {"field": "description"} | about,
    }
    found = await refused(world.ask("viewer", START, input=input))
    assert (found[0], found[1][:3]) == (code, ["input", "anchor", field])


@pytest.mark.parametrize(
    ("new", "state", "text"),
    [
        ("New.\n" + TEXT, "PRESENT", QUOTE),
        (TEXT + " More.", "PRESENT", QUOTE),
        (TEXT.replace("stops ", "must stop ").replace("driver", "pilot"), "PRESENT", QUOTE),
        (TEXT.replace("system stops", "train halts").replace("m.\n", "m!\n"), "PRESENT", QUOTE),
        (TEXT.replace("40 m", "35 m"), "CHANGED", "within 35 m"),
        (TEXT.replace(" 40 m.", "."), "CHANGED", "within"),
        (TEXT.replace("stops within ", ""), "CHANGED", "40 m"),
        (TEXT.replace(" within 40 m", ""), "GONE", QUOTE),
        ("", "GONE", QUOTE),
        ("Other words.", "GONE", QUOTE),
    ],
)
async def test_an_anchor_follows_its_text(world, new, state, text):
    version, thread = await anchored(world)
    await write(world, version, description=new)
    found = await anchor(world, thread)
    assert (found["state"], found["text"], found["quote"]) == (state, text, QUOTE)
    if state == "GONE":
        assert (found["start"], found["end"]) == (None, None)
    else:
        assert new[found["start"] : found["end"]] == text


async def test_a_text_that_comes_back_has_its_anchor_again(world):
    version, thread = await anchored(world)
    version = await write(world, version, description=None)
    assert (await anchor(world, thread))["state"] == "GONE"
    await write(world, version, description="Before.\n" + TEXT)
    found = await anchor(world, thread)
    assert (found["state"], found["start"]) == ("PRESENT", 8 + TEXT.index(QUOTE))


async def test_the_right_one_of_equal_texts_is_followed(world):
    text = "Open the valve. Wait. Open the valve. Wait. Close the valve."
    version, thread = await anchored(world, text, "Open the valve", start=22)
    version = await write(world, version, description="First: " + text.replace("Close", "Shut"))
    assert (await anchor(world, thread))["start"] == 29
    await write(world, version, description="First: Open the valve. Wait. Wait. Shut the valve.")
    assert (await anchor(world, thread))["state"] == "GONE"


@pytest.mark.parametrize(
    ("create", "type_", "update", "fields"),
    [
        ("block", "Block", {"content": {"text": ["-", "One two"]}}, ("content", ["text", "1"])),
        (
            "requirement",
            "Requirement",
            {"properties": {"mass": "One two"}},
            ("properties", ["mass"]),
        ),
        ("document", "Document", {"description": "One two"}, ("description", [])),
        ("document", "Document", {"name": "One two"}, ("name", [])),
    ],
)
async def test_texts_of_all_kinds_are_followed(world, create, type_, update, fields):
    mutation = f"""mutation ($id: UUID!, $version: BigInt!, $input: {type_}UpdateInput!) {{
        {create}Update(id: $id, expectedVersion: $version, input: $input) {{
            {create} {{ version }} }} }}"""
    id = getattr(world, create)
    await world.ask("editor", mutation, id=id, version=1, input=update)
    about = {"field": fields[0], "path": fields[1], "quote": "two"}
    thread = await start(world, entityId=id, anchor=about)
    assert thread["anchor"]["start"] == 4
    new = json.loads(json.dumps(update).replace("One", "One and"))
    await world.ask("editor", mutation, id=id, version=2, input=new)
    assert (await anchor(world, thread["id"]))["start"] == 8
    assert (await anchor(world, thread["id"]))["path"] == fields[1]


@pytest.mark.slow
async def test_anchors_in_a_long_text_take_a_bounded_time(spans, world):
    """Half a megabyte of one word, changed at both ends, with 500 threads about it."""
    text = "ab " * 170_000
    middle = f"{text[:300_000]}{SPAN}{text[300_000:]}"
    found = await spans(middle, 300_000, f"X{middle}Y")
    assert found["start_at"] == 300_001
    row = await world.superuser.fetchrow("SELECT * FROM comment_threads WHERE quote = $1", SPAN)
    await world.superuser.execute(
        "INSERT INTO comment_threads (organization_id, project_id, document_id, entity_type,"
        " entity_id, field, quote, anchored_text, prefix, suffix, start_at, end_at)"
        " SELECT organization_id, project_id, document_id, entity_type, entity_id, field,"
        " 'ab', 'ab', 'ab ab ', ' ab ab', 3 * i + 1, 3 * i + 3 FROM comment_threads,"
        " generate_series(2, 500) AS i WHERE id = $1",
        row["id"],
    )
    began = time.monotonic()
    write = "UPDATE requirements SET description = $2 WHERE id = $1"
    await world.superuser.execute(write, row["entity_id"], f"Z{middle}Z")
    assert time.monotonic() - began < 5
    after = "SELECT array_agg(start_at ORDER BY start_at) FROM comment_threads WHERE entity_id = $1"
    places = [*range(7, 1502, 3), 300_001]
    assert await world.superuser.fetchval(after, row["entity_id"]) == places


async def test_an_anchor_that_moves_is_no_change_of_its_thread(world):
    version, thread = await anchored(world)
    await reply(world, thread)
    await write(world, version, description="Before.\n" + TEXT)
    assert [row["action"] for row in await world.records(thread)] == ["create"]


SPAN = "[the span]"
"""A text with characters that no other one here has."""
words = st.text("ab \n.x", max_size=12)


@pytest.fixture
async def spans(world):
    """Return a function that writes texts by plain SQL, and gives the anchor in the last one."""
    place = (world.organization, world.project, world.document)
    row, thread = uuid4(), uuid4()
    await world.superuser.execute(
        "INSERT INTO requirements (id, organization_id, project_id, document_id, name)"
        " VALUES ($1, $2, $3, $4, 'R')",
        row,
        *place,
    )

    async def follow(first, start_at, *texts):
        write = "UPDATE requirements SET description = $2 WHERE id = $1"
        await world.superuser.execute("DELETE FROM comment_threads WHERE id = $1", thread)
        await world.superuser.execute(write, row, first)
        await world.superuser.execute(
            "INSERT INTO comment_threads (id, organization_id, project_id, document_id,"
            " entity_type, entity_id, field, quote, anchored_text, prefix, suffix, start_at,"
            " end_at)"
            " VALUES ($1, $2, $3, $4, 'Requirement', $5, 'description', $6, $6, $7, $8, $9, $10)",
            thread,
            *place,
            row,
            SPAN,
            first[max(0, start_at - 32) : start_at],
            first[start_at + len(SPAN) :][:32],
            start_at,
            start_at + len(SPAN),
        )
        for text in texts:
            await world.superuser.execute(write, row, text)
        return await world.superuser.fetchrow(
            "SELECT start_at, end_at, anchored_text FROM comment_threads WHERE id = $1", thread
        )

    return follow


EXAMPLES = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@EXAMPLES
@given(st.lists(st.tuples(words, words), min_size=2, max_size=5))
async def test_edits_outside_the_span_keep_the_anchor_on_the_same_text(spans, around):
    texts = [f"{before}{SPAN}{after}" for before, after in around]
    found = await spans(texts[0], len(around[0][0]), *texts[1:])
    start_at = len(around[-1][0])
    assert tuple(found) == (start_at, start_at + len(SPAN), SPAN)


@EXAMPLES
@given(words, words, words, words, st.integers(0, 6), st.integers(0, 6))
async def test_an_anchor_whose_span_is_deleted_says_that_it_is_gone(
    spans, before, after, new_before, new_after, left, right
):
    new = f"{before[: max(0, len(before) - left)]}{after[right:]}"
    first = f"{before}{SPAN}{after}"
    found = await spans(first, len(before), new, new_before + new + new_after)
    assert (found["start_at"], found["end_at"], found["anchored_text"]) == (None, None, SPAN)
    again = await spans(first, len(before), new, first)
    assert tuple(again) == (len(before), len(before) + len(SPAN), SPAN)


@EXAMPLES
@given(words, words, st.lists(st.text("ab", min_size=0, max_size=20), min_size=1, max_size=4))
async def test_an_anchor_is_always_a_part_of_its_text(spans, before, after, texts):
    found = await spans(f"{before}{SPAN}{after}", len(before), *texts)
    if found["start_at"] is not None:
        assert texts[-1][found["start_at"] : found["end_at"]] == found["anchored_text"]
