"""Whatever several people send at once, from whatever versions: the accepted is stored, whole."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world import Refused

CREATE = """mutation ($input: RequirementCreate!) { requirementCreate(input: $input) {
    requirement { id } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdate!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        merged mergedVersions requirement { version } } }"""
READ = """query ($id: UUID!) { requirement(id: $id) {
    version name status externalId tags description } }"""

BASE = {
    "name": "The ferry stops",
    "status": "DRAFT",
    "externalId": "F-1",
    "tags": [],
    "description": "One.\nTwo.\nThree.\nFour.\nFive.\n",
}
LINES = BASE["description"].splitlines(keepends=True)


@st.composite
def changes(draw):
    """What one person sends: some fields, each with one of a few values, so that people meet."""
    sent = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["The ferry halts", "The ferry waits"]),
                "status": st.sampled_from(["APPROVED", "REJECTED"]),
                "externalId": st.sampled_from(["F-2", "F-3"]),
                "tags": st.sampled_from([["quay"], ["berth"]]),
            },
        )
    )
    if draw(st.booleans()) or not sent:
        line = draw(st.integers(0, len(LINES) - 1))
        text = f"Line {line} by {draw(st.integers(0, 2))}.\n"
        sent["description"] = "".join([*LINES[:line], text, *LINES[line + 1 :]])
    return sent


def lines_changed(sent):
    """The lines that a description changes, and to what."""
    lines = sent.get("description", BASE["description"]).splitlines(keepends=True)
    return {i: line for i, line in enumerate(lines) if line != LINES[i]}


@pytest.fixture
def send(world):
    async def send(person, id, version, input):
        try:
            return await world.ask(person, UPDATE, id=id, version=version, input=input)
        except Refused as refused:
            if refused.code != "CONFLICT":
                raise
            return refused.errors[0]["extensions"]["conflicts"]

    return send


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(everyone=st.lists(changes(), min_size=2, max_size=6))
async def test_writers_at_once_merge_or_conflict_and_nothing_is_lost(world, send, everyone):
    input = BASE | {"documentId": str(world.document), "externalId": f"F-{id(everyone)}"}
    made = await world.ask("editor", CREATE, input=input)
    base = input | {"id": made["requirement"]["id"]}
    unique = {"F-2": f"{base['id']}-2", "F-3": f"{base['id']}-3"}
    for sent in everyone:  # external ids are unique in the document, and the examples share it
        if "externalId" in sent:
            sent["externalId"] = unique[sent["externalId"]]
    people = ("editor", "admin", "owner")
    outcomes = await asyncio.gather(
        *(send(people[i % 3], base["id"], 1, sent) for i, sent in enumerate(everyone))
    )

    accepted = [s for s, o in zip(everyone, outcomes, strict=True) if isinstance(o, dict)]
    refused = [(s, o) for s, o in zip(everyone, outcomes, strict=True) if not isinstance(o, dict)]
    stored = await world.ask("viewer", READ, id=base["id"])
    plain = BASE.keys() - {"description"}
    for field in plain:
        values = [sent[field] for sent in accepted if field in sent]
        assert all(value == values[0] for value in values), "two values were accepted for one field"
        assert stored[field] == (values[0] if values else base[field])
    expected = dict(enumerate(LINES))
    for sent in accepted:
        for line, text in lines_changed(sent).items():
            assert expected[line] in (LINES[line], text), "two texts were accepted for one line"
            expected[line] = text
    assert stored["description"] == "".join(expected.values())
    for sent, conflicts in refused:
        for conflict in conflicts:
            assert conflict["yours"] != conflict["current"]
            assert conflict["field"] in sent
        assert conflicts
    record = await world.records(base["id"])
    assert [event["version"] for event in record] == list(range(1, stored["version"] + 1))
    assert accepted, "the first one never conflicts"
