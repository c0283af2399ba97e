"""A bulk of any items leaves the same rows and audit log as the single mutations."""

import json
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.requirements.bulk import CREATE, DELETE, UPDATE, change, codes, gone
from tests.world import Refused

CREATE_ONE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
UPDATE_ONE = """mutation (
        $id: UUID!, $expectedVersion: BigInt!, $input: RequirementUpdateInput!, $force: Boolean!) {
    requirementUpdate(
        id: $id, expectedVersion: $expectedVersion, input: $input, force: $force) {
        requirement { id } } }"""
DELETE_ONE = """mutation ($id: UUID!, $expectedVersion: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $expectedVersion) { requirement { id } } }"""
DOCUMENT = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) { document {
    id requirements { nodes { id } } } } }"""

ROWS = 5
TAKEN = "T-1"
FIELDS = {
    "name": st.sampled_from(["Mine", "Yours", " ", "NUL \0"]),
    "externalId": st.sampled_from(["N-1", "N-2", TAKEN]),
    "status": st.sampled_from(["APPROVED", "REJECTED"]),
    "tags": st.sampled_from([["a"], [], [""]]),
    "description": st.sampled_from(["One.\nTwo.\nThree\n", "1.\nTwo.\nThree.\n", None]),
    "properties": st.sampled_from([{}, {"a": [1.5, None]}, []]),
}
OPTIONAL = {name: values for name, values in FIELDS.items() if name != "name"}
inputs = st.fixed_dictionaries({}, optional=FIELDS)
creates = st.fixed_dictionaries(
    {"name": FIELDS["name"]},
    optional={
        **OPTIONAL,
        "position": st.sampled_from([-3.5, 2, 1e300]),
        "blockId": st.just(str(uuid4())),
    },
)
updates = st.builds(
    lambda row, version, force, input: change(row, version, force=force, **input),
    st.integers(0, ROWS - 2),  # the last one keeps its name
    st.sampled_from([1, 1, 2, 0, 9]),
    st.booleans(),
    inputs,
)
deletes = st.builds(gone, st.integers(0, ROWS - 1), st.sampled_from([1, 2, 9]))


def distinct(items):
    return st.lists(items, min_size=1, max_size=ROWS, unique_by=lambda item: item["id"])


anything = st.one_of(
    st.tuples(st.just(CREATE), st.lists(creates, min_size=1, max_size=6)),
    st.tuples(st.just(UPDATE), distinct(updates)),
    st.tuples(st.just(DELETE), distinct(deletes)),
)


@pytest.fixture
def document(world):
    async def document():
        """Create a document with rows of which others have changed some; return their IDs."""
        parts = [{"name": f"R{n}", "description": "One.\nTwo.\nThree.\n"} for n in range(ROWS)]
        parts[-1]["externalId"] = TAKEN
        input = {"projectId": world.project, "name": "D", "slug": f"d-{uuid4()}"}
        made = await world.ask("owner", DOCUMENT, input=input | {"requirements": parts})
        ids = [row["id"] for row in made["document"]["requirements"]["nodes"]]
        theirs = [change(ids[0], name="Theirs"), change(ids[1], status="VERIFIED")]
        await world.ask("owner", UPDATE, items=theirs)
        return made["document"]["id"], ids

    return document


@pytest.fixture
def written(world):
    async def written(document):
        """Return the rows in order, without fields that always differ, each with its events."""
        rows = await world.superuser.fetch(
            "SELECT * FROM requirements WHERE document_id::text = $1 ORDER BY position, id",
            document,
        )
        left = {"id", "document_id", "position", "created_at", "updated_at", "search"}
        found = []
        for row in rows:
            values = {name: value for name, value in row.items() if name not in left}
            values["deleted_at"] = values["deleted_at"] is not None
            found.append((values, [_told(event) for event in await world.records(row["id"])]))
        return found

    return written


def _told(event):
    """Return the values of one event, without those that always differ."""
    left = {"id", "document_id", "position", "deleted_at"}
    values = [json.loads(event[name] or "{}") for name in ("old_data", "new_data")]
    return (
        *(event[name] for name in ("action", "version", "actor_id", "changed_fields", "details")),
        *({name: value for name, value in one.items() if name not in left} for one in values),
    )


async def one_by_one(world, query, items):
    """Send one mutation an item; return the code of each, or None."""
    single = {CREATE: CREATE_ONE, UPDATE: UPDATE_ONE, DELETE: DELETE_ONE}[query]
    found = []
    for item in items:
        try:
            await world.ask("editor", single, **({"input": item} if query == CREATE else item))
            found.append(None)
        except Refused as refused:
            found.append(refused.code)
    return found


@pytest.mark.slow
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=anything)
async def test_a_bulk_is_its_items_one_after_the_other(world, document, written, asked):
    query, items = asked
    (one, ids), (other, others) = await document(), await document()

    def within(document, ids):
        if query == CREATE:
            return [item | {"documentId": document} for item in items]
        return [item | {"id": ids[item["id"]]} for item in items]

    bulk = await world.ask("editor", query, items=within(one, ids), onError="CONTINUE")
    singles = await one_by_one(world, query, within(other, others))
    assert codes(bulk) == singles
    assert await written(one) == await written(other)
