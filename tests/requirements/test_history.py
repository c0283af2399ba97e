"""The history of rows: changed fields, authors and times, and reverting to a version."""

from datetime import datetime

import pytest

from tests.kit.asking import run, session_of
from tests.world import Refused

HISTORY = """query ($id: ID!, $first: Int, $after: String, $last: Int,
    $direction: OrderDirection) {
    node(id: $id) { history(first: $first, after: $after, last: $last, direction: $direction) {
        totalCount
        nodes { version action at forced revertedTo correlationId actor { id } changedFields
            changes { field old new diff { kind text } } }
        pageInfo { hasNextPage endCursor } } } }"""
CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id version } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!,
    $input: RequirementUpdateInput!, $force: Boolean) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input, force: $force) {
        requirement { version } } }"""
CHANGE = """mutation ($id: UUID!, $version: BigInt!) {
    requirement%s(id: $id, expectedVersion: $version) { requirement { version } } }"""
REVERT = """mutation ($id: UUID!, $version: BigInt!, $to: BigInt!) {
    requirementRevert(id: $id, expectedVersion: $version, toVersion: $to) { merged requirement {
        version name status description tags properties position blockId externalId } } }"""


@pytest.fixture
async def requirement(world):
    """Return a requirement with three versions."""
    input = {
        "documentId": world.document,
        "blockId": world.block,
        "name": "Stops",
        "description": "It stops within 10 m.",
        "tags": ["safety"],
        "properties": {"asil": "B"},
    }
    made = await world.ask("editor", CREATE, input=input)
    id = made["requirement"]["id"]
    changed = {"description": "It stops within 15 m.", "status": "IN_REVIEW", "tags": []}
    await world.ask("admin", UPDATE, id=id, version=1, input=changed)
    await world.ask("owner", UPDATE, id=id, version=2, input={"name": "Halts", "properties": {}})
    return id


async def entries(world, person, id, **arguments):
    answer = await world.ask(person, HISTORY, id=id, **arguments)
    return answer["history"]["nodes"]


async def test_each_change_says_who_what_and_when_newest_first(world, requirement):
    found = await entries(world, "viewer", requirement)
    assert [entry["version"] for entry in found] == [3, 2, 1]
    assert [entry["action"] for entry in found] == ["UPDATE", "UPDATE", "CREATE"]
    people = [str(world.people[person]) for person in ("owner", "admin", "editor")]
    assert [entry["actor"]["id"] for entry in found] == people
    times = [datetime.fromisoformat(entry["at"]) for entry in found]
    assert times == sorted(times, reverse=True)
    assert found[1]["changedFields"] == ["description", "status", "tags"]
    assert found[1]["changes"] == [
        {
            "field": "description",
            "old": "It stops within 10 m.",
            "new": "It stops within 15 m.",
            "diff": [
                {"kind": "EQUAL", "text": "It stops within "},
                {"kind": "DELETED", "text": "10"},
                {"kind": "INSERTED", "text": "15"},
                {"kind": "EQUAL", "text": " m."},
            ],
        },
        {"field": "status", "old": "DRAFT", "new": "IN_REVIEW", "diff": None},
        {"field": "tags", "old": ["safety"], "new": [], "diff": None},
    ]
    created = {change["field"]: change["new"] for change in found[2]["changes"]}
    assert created["documentId"] == str(world.document)
    assert (created["status"], created["name"]) == ("DRAFT", "Stops")


async def test_a_history_has_pages(world, requirement):
    page = (await world.ask("viewer", HISTORY, id=requirement, first=2))["history"]
    assert ([entry["version"] for entry in page["nodes"]], page["totalCount"]) == ([3, 2], 3)
    assert page["pageInfo"]["hasNextPage"]
    after = page["pageInfo"]["endCursor"]
    assert [e["version"] for e in await entries(world, "viewer", requirement, after=after)] == [1]
    last = await entries(world, "viewer", requirement, last=1)
    assert [entry["version"] for entry in last] == [1]
    oldest = await entries(world, "viewer", requirement, first=2, direction="ASC")
    assert [entry["version"] for entry in oldest] == [1, 2]
    for arguments, field in (({"first": 101}, "first"), ({"after": "x"}, "after")):
        with pytest.raises(Refused) as refused:
            await entries(world, "viewer", requirement, **arguments)
        assert (refused.value.code, refused.value.field) == ("INVALID", [field])


async def test_deletion_restoration_and_force_stand_in_the_history(world, requirement):
    await world.ask("editor", CHANGE % "Delete", id=requirement, version=3)
    await world.ask("editor", CHANGE % "Restore", id=requirement, version=4)
    await world.ask("admin", UPDATE, id=requirement, version=1, input={"name": "X"}, force=True)
    found = await entries(world, "viewer", requirement)
    assert [entry["action"] for entry in found[:3]] == ["UPDATE", "RESTORE", "DELETE"]
    assert [entry["forced"] for entry in found[:3]] == [True, False, False]
    assert found[2]["changedFields"] == ["deletedAt"]


async def test_what_is_in_the_trash_has_a_history_for_who_sees_it_there(world, requirement):
    await world.ask("editor", CHANGE % "Delete", id=requirement, version=3)
    trash = """query ($document: UUID!) { trash(documentId: $document) {
        nodes { node { history { nodes { version action } } } } } }"""
    (node,) = (await world.ask("editor", trash, document=world.document))["nodes"]
    assert node["node"]["history"]["nodes"][0] == {"version": 4, "action": "DELETE"}
    assert (await world.ask("viewer", trash, document=world.document))["nodes"] == []
    assert await world.code("viewer", HISTORY, id=requirement) == "NOT_FOUND"


async def test_history_is_for_members_and_nobody_else(world, other_world, requirement):
    assert await other_world.code("owner", HISTORY, id=requirement) == "NOT_FOUND"
    await world.superuser.execute(
        "UPDATE projects SET visibility = 'public' WHERE id = $1", world.project
    )
    found = await other_world.ask("outsider", HISTORY, id=requirement)
    assert (found["history"]["nodes"], found["history"]["totalCount"]) == ([], 0)
    then = "query ($id: UUID!) { requirement(id: $id, atVersion: 1) { name } }"
    assert await other_world.code("outsider", then, id=requirement) == "NOT_FOUND"
    await world.superuser.execute(  # or other tests would meet it at the root
        "UPDATE projects SET visibility = 'private' WHERE id = $1", world.project
    )


async def test_no_secret_stands_in_a_history(world):
    invite = """mutation ($id: UUID!, $email: String!) { organizationInvite(
        input: {organizationId: $id, email: $email, role: EDITOR}) {
            invitation: organizationInvitation { id } } }"""
    made = await world.ask("admin", invite, id=world.organization, email="new@test.example")
    (entry,) = await entries(world, "admin", made["invitation"]["id"])
    assert "email" in entry["changedFields"]
    assert "token" not in entry["changedFields"]
    assert {"field": "role", "old": None, "new": "EDITOR", "diff": None} in entry["changes"]
    assert "token" not in [change["field"] for change in entry["changes"]]


async def test_histories_are_one_statement_however_many_rows(world, requirement):
    query = """query ($id: UUID!, $first: Int!) { document(id: $id) {
        requirements(first: $first) { nodes {
        history(first: 2) { totalCount nodes { version actor { id } changes { diff { text } } } }
        other: history(first: 2) { nodes { version } } } } } }"""
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "New"})
    for first in (1, 2):
        session = await session_of(world, "viewer")
        await run(session, query, id=world.document, first=first)
        assert session.statements == 5


async def test_a_revert_writes_the_content_of_a_version_again(world, requirement):
    move = """mutation ($id: UUID!) { requirementMove(
        id: $id, expectedVersion: 3, placeAt: {at: {end: START}, blockId: null}) { __typename } }"""
    await world.ask("editor", move, id=requirement)
    reverted = await world.ask("editor", REVERT, id=requirement, version=4, to=1)
    row = reverted["requirement"]
    assert (row["version"], row["name"], row["status"]) == (5, "Stops", "DRAFT")
    assert (row["tags"], row["properties"]) == (["safety"], {"asil": "B"})
    assert row["description"] == "It stops within 10 m."
    assert (row["blockId"], row["position"]) == (None, 0)  # its place is no content
    newest, *_ = await entries(world, "viewer", requirement)
    assert (newest["action"], newest["revertedTo"]) == ("UPDATE", 1)
    assert newest["actor"]["id"] == str(world.people["editor"])


async def test_a_revert_is_merged_with_what_others_have_changed(world, requirement):
    await world.ask("admin", UPDATE, id=requirement, version=3, input={"externalId": "SYS-1"})
    reverted = await world.ask("editor", REVERT, id=requirement, version=3, to=2)
    row = reverted["requirement"]
    assert reverted["merged"]
    assert (row["name"], row["externalId"], row["status"]) == ("Stops", "SYS-1", "IN_REVIEW")
    await world.ask("admin", UPDATE, id=requirement, version=5, input={"name": "Brakes"})
    with pytest.raises(Refused) as refused:
        await world.ask("editor", REVERT, id=requirement, version=3, to=1)
    assert refused.value.code == "CONFLICT"
    assert len(await entries(world, "viewer", requirement)) == 6


async def test_a_revert_to_what_never_was_is_refused(world, requirement):
    for to, code in ((0, "INVALID"), (4, "INVALID"), (2**63 - 1, "INVALID")):
        with pytest.raises(Refused) as refused:
            await world.ask("editor", REVERT, id=requirement, version=3, to=to)
        assert (refused.value.code, refused.value.field) == (code, ["toVersion"])
    await world.superuser.execute(
        "UPDATE requirements SET version = 3 WHERE id = $1", world.requirement
    )
    with pytest.raises(Refused) as refused:
        await world.ask("editor", REVERT, id=world.requirement, version=3, to=1)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["toVersion"])


async def test_who_may_not_change_a_row_may_not_revert_it(world, other_world, requirement):
    assert await world.code("viewer", REVERT, id=requirement, version=3, to=1) == "FORBIDDEN"
    code = await other_world.code("owner", REVERT, id=requirement, version=3, to=1)
    assert code == "NOT_FOUND"


async def test_blocks_and_documents_are_reverted_alike(world):
    for type_, revert, id, change in (
        ("block", "blockRevert", world.block, {"name": "Other", "content": {"a": 1}}),
        ("document", "documentRevert", world.document, {"name": "Other", "tags": ["a"]}),
    ):
        name = type_.capitalize()
        update = f"""mutation ($id: UUID!, $input: {name}UpdateInput!) {{
            {type_}Update(id: $id, expectedVersion: 1, input: $input) {{ __typename }} }}"""
        await world.ask("editor", update, id=id, input=change)
        back = f"""mutation ($id: UUID!) {{
            {revert}(id: $id, expectedVersion: 2, toVersion: 1) {{
                {type_} {{ name version }} }} }}"""
        row = (await world.ask("editor", back, id=id))[type_]
        assert row == {"name": f"{name} {world.name}", "version": 3}
