"""Concurrent changes from any versions: accepted ones are stored whole."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world import Refused

CREATE = """mutation ($input: RequirementCreateInput!) { requirementCreate(input: $input) {
    requirement { id } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        merged mergedVersions requirement { version } } }"""
READ = """query ($id: UUID!) { requirement(id: $id) {
    version name status externalId tags properties description } }"""

BASE = {
    "name": "The ferry stops",
    "status": "DRAFT",
    "externalId": "F-1",
    "tags": ["ferry"],
    "properties": {"Owner": "A", "Sprint": {"from": 1, "to": 2}},
    "description": "One.\nTwo.\nThree.\nFour.\nFive.\n",
}
LINES = BASE["description"].splitlines(keepends=True)


@st.composite
def changes(draw):
    """Return one person's changes: some fields with one of a few values, so that they collide."""
    sent = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["The ferry halts", "The ferry waits"]),
                "status": st.sampled_from(["APPROVED", "REJECTED"]),
                "externalId": st.sampled_from(["F-2", "F-3"]),
                "tags": st.sampled_from([["ferry", "quay"], ["ferry", "berth"], []]),
                "properties": st.sampled_from(
                    [
                        {"Owner": "B", "Sprint": {"from": 1, "to": 2}},
                        {"Owner": "A", "Sprint": {"from": 1, "to": 3}},
                        {"Owner": "A", "Sprint": {"from": 2, "to": 2}},
                        {"Owner": "A"},
                        {"Owner": "C", "Sprint": {"from": 1, "to": 2}, "Cost": 1},
                    ]
                ),
            },
        )
    )
    if draw(st.booleans()) or not sent:
        line = draw(st.integers(0, len(LINES) - 1))
        text = f"Line {line} by {draw(st.integers(0, 2))}.\n"
        sent["description"] = "".join([*LINES[:line], text, *LINES[line + 1 :]])
    return sent


def leaves(value, path=()):
    """Return the values at each path of nested objects."""
    if not isinstance(value, dict):
        return {path: value}
    return {
        at: leaf for key, inner in value.items() for at, leaf in leaves(inner, (*path, key)).items()
    }


def keys_changed(sent):
    """Return the keys of the properties that a change sets, with the values; None removes one."""
    before, after = leaves(BASE["properties"]), leaves(sent.get("properties", BASE["properties"]))
    paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path: after.get(path) for path in paths}


def lines_changed(sent):
    """Return the lines that a description changes, with the new ones."""
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


@pytest.mark.slow
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
    plain = BASE.keys() - {"description", "tags", "properties"}
    for field in plain:
        values = [sent[field] for sent in accepted if field in sent]
        assert all(value == values[0] for value in values), "two values were accepted for one field"
        assert stored[field] == (values[0] if values else base[field])
    sets = [set(sent["tags"]) for sent in accepted if "tags" in sent]
    assert set(stored["tags"]) == {"ferry"}.intersection(*sets) | set().union(*sets) - {"ferry"}
    assert len(set(stored["tags"])) == len(stored["tags"])
    properties = leaves(BASE["properties"])
    changed = {}
    for sent in accepted:
        for path, value in keys_changed(sent).items():
            assert changed.setdefault(path, value) == value, "two values were accepted for one key"
    expected = {path: value for path, value in (properties | changed).items() if value is not None}
    assert leaves(stored["properties"]) == expected
    expected = dict(enumerate(LINES))
    for sent in accepted:
        for line, text in lines_changed(sent).items():
            assert expected[line] in (LINES[line], text), "two texts were accepted for one line"
            expected[line] = text
    assert stored["description"] == "".join(expected.values())
    for sent, conflicts in refused:
        for conflict in conflicts:
            assert conflict["yours"] != conflict["current"]
            assert conflict["field"] == conflict["path"][0]
            assert conflict["field"] in sent
        assert conflicts
    record = await world.records(base["id"])
    assert [event["version"] for event in record] == list(range(1, stored["version"] + 1))
    assert accepted, "the first one never conflicts"
