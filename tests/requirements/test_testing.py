"""Test cases: definitions of tests, whose status and result follow from executions."""

from uuid import UUID

import pytest

from tests.requirements.verifying import CREATE, SHOW, UPDATE, case, outcome, record
from tests.world import Refused

FULL = {
    "testId": "TC-1",
    "title": "Stops in time",
    "description": "The shuttle stops within 40 m.",
    "testType": "ACCEPTANCE",
    "priority": "HIGH",
    "status": "ACTIVE",
    "method": "SEMI_AUTOMATED",
    "expectedResults": "40 m or less.",
    "preconditions": "Calm water.",
    "testSteps": [
        {"action": "Run at 8 knots.\nWait.", "expected": "8 knots are shown."},
        {"action": "Press stop.", "expected": None},
    ],
    "estimatedDuration": "P1DT1H30M",
    "category": ["safety", "speed"],
    "testEnvironment": "Harbour basin",
    "attachments": [
        {
            "name": "Plan",
            "url": "https://files.example/plan.pdf",
            "type": "application/pdf",
            "size": 5_000_000_000,
        }
    ],
    "isActive": True,
}
FIND = """query ($id: UUID!, $filter: TestCaseFilterInput, $search: String) { project(id: $id) {
    testCases(filter: $filter, search: $search, orderBy: [{by: TEST_ID}]) {
    totalCount nodes { testId } } } }"""
BULK = """mutation ($items: [TestCaseCreateInput!]!) { testCasesCreate(items: $items) {
    succeeded results { testCase { id version } } } }"""
BULK_UPDATE = """mutation ($items: [TestCasesUpdateItemInput!]!) {
    testCasesUpdate(items: $items, onError: CONTINUE) {
    succeeded results { error { code field } testCase { priority } } } }"""
BULK_DELETE = """mutation ($items: [DeleteItemInput!]!) {
    testCasesDelete(items: $items) { succeeded } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    testCaseDelete(id: $id, expectedVersion: $version) { testCase { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    testCaseRestore(id: $id, expectedVersion: $version) { testCase { version title } } }"""
REVERT = """mutation ($id: UUID!, $version: BigInt!, $to: BigInt!) {
    testCaseRevert(id: $id, expectedVersion: $version, toVersion: $to) {
    testCase { title estimatedDuration status result } } }"""
TRASH = """query ($id: UUID!) { trash(projectId: $id, types: [TEST_CASE]) {
    nodes { name entityType node { ... on TestCase { testId } } } } }"""
HISTORY = """query ($id: UUID!) { testCase(id: $id) {
    history { nodes { version action changes { field old new } } } } }"""
PAST = """query ($id: UUID!) { testCase(id: $id, atVersion: 1) {
    estimatedDuration testSteps { action } } }"""


async def test_a_case_is_created_changed_and_found(world):
    made = await case(world, **FULL)
    assert {name: made[name] for name in FULL} == FULL
    assert (made["version"], made["result"]) == (1, None)
    changes = {"estimatedDuration": "PT0.5S", "testSteps": [{"action": "Look."}]}
    changed = await world.ask("editor", UPDATE, id=made["id"], version=1, input=changes)
    assert changed["testCase"]["estimatedDuration"] == "PT0.5S"
    assert changed["testCase"]["testSteps"] == [{"action": "Look.", "expected": None}]
    await case(world, testId="TC-2", title="Docks by itself")
    page = await world.ask("viewer", FIND, id=world.project, search="stop time")
    assert page["testCases"] == {"totalCount": 1, "nodes": [{"testId": "TC-1"}]}
    filter = {"category": {"hasAny": ["speed"]}, "testType": {"eq": "ACCEPTANCE"}}
    page = await world.ask("viewer", FIND, id=world.project, filter=filter)
    assert page["testCases"]["nodes"] == [{"testId": "TC-1"}]
    page = await world.ask("viewer", FIND, id=world.project)
    assert page["testCases"]["totalCount"] == 2
    assert await world.ask("viewer", PAST, id=made["id"]) == {
        "estimatedDuration": "P1DT1H30M",
        "testSteps": [{"action": "Run at 8 knots.\nWait."}, {"action": "Press stop."}],
    }


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"testSteps": [{"action": "Go."}, {"action": " \n"}]}, ["testSteps", 1, "action"]),
        ({"testSteps": [{"action": "x" * 10_001}]}, ["testSteps", 0, "action"]),
        ({"testSteps": [{"action": "Go."}] * 201}, ["testSteps"]),
        ({"attachments": [{"name": "a", "url": "javascript:1"}]}, ["attachments", 0, "url"]),
        ({"attachments": [{"name": "a", "url": "https://"}]}, ["attachments", 0, "url"]),
        ({"attachments": [{"name": "", "url": "http://a.example"}]}, ["attachments", 0, "name"]),
        (
            {"attachments": [{"name": "a", "url": "http://a.example", "size": -1}]},
            ["attachments", 0, "size"],
        ),
        ({"status": "PASSED"}, ["status"]),
        ({"title": " "}, ["title"]),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_path(world, input, field):
    with pytest.raises(Refused) as refused:
        await case(world, **input)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", *field])


@pytest.mark.parametrize("duration", ["1:30", "P1Y", "P1M", "PT", "-PT5M", "PT1.5H", "P", 90])
async def test_a_duration_is_in_iso_8601_and_has_a_fixed_length(world, duration):
    input = {"projectId": world.project, "title": "Stops", "estimatedDuration": duration}
    assert await world.code("editor", CREATE, input=input) == "INVALID"


async def test_status_and_result_follow_from_executions_and_a_revert_leaves_them(world):
    made = await case(world, estimatedDuration="PT1H")
    input = {"title": "Stops", "estimatedDuration": None}
    await world.ask("editor", UPDATE, id=made["id"], version=1, input=input)
    await record(world, made, "FAIL", resultNotes="Took 41 m.\nWind.")
    assert await outcome(world, made) == ("FAILED", "FAIL: Took 41 m.")
    for status, code in (("PASSED", "INVALID"), ("FAILED", None), ("ACTIVE", None)):
        sent = {"status": status}
        assert await world.code("editor", UPDATE, id=made["id"], version=3, input=sent) == code
    back = await world.ask("editor", REVERT, id=made["id"], version=4, to=1)
    assert back["testCase"] == {
        "title": "Stops in time",
        "estimatedDuration": "PT1H",
        "status": "ACTIVE",
        "result": "FAIL: Took 41 m.",
    }
    history = (await world.ask("viewer", HISTORY, id=made["id"]))["history"]["nodes"]
    assert [entry["version"] for entry in history] == [5, 4, 3, 2, 1]
    assert {"field": "estimatedDuration", "old": None, "new": "PT1H"} in history[0]["changes"]


async def test_an_edit_is_merged_with_a_result_that_came_meanwhile(world):
    made = await case(world)
    await record(world, made, "PASS")
    input = {"description": "Calm water."}
    changed = await world.ask("editor", UPDATE, id=made["id"], version=1, input=input)
    assert changed["merged"]
    assert changed["testCase"]["status"] == "PASSED"


async def test_two_people_change_different_lines_of_what_is_to_be_done(world):
    texts = {"preconditions": "one\ntwo\nthree", "expectedResults": "four\nfive\nsix"}
    made = await case(world, **texts)
    for line, changed in (("one", "ONE"), ("four", "FOUR"), ("three", "THREE"), ("six", "SIX")):
        input = {k: v.replace(line, changed) for k, v in texts.items() if line in v}
        answer = await world.ask("editor", UPDATE, id=made["id"], version=1, input=input)
    assert answer["merged"]
    row = await world.superuser.fetchrow("SELECT * FROM test_req WHERE id = $1", UUID(made["id"]))
    assert row["preconditions"] == "ONE\ntwo\nTHREE"
    assert row["expected_results"] == "FOUR\nfive\nSIX"


@pytest.mark.slow
async def test_many_are_created_changed_and_deleted_and_one_comes_back(world):
    items = [{"projectId": world.project, "title": f"T{n}", "testId": f"T-{n}"} for n in range(500)]
    made = await world.ask("editor", BULK, items=items)
    assert made["succeeded"] == 500
    ids = [result["testCase"]["id"] for result in made["results"]]
    updates = [
        {"id": id, "expectedVersion": 1, "input": {"priority": "CRITICAL"}} for id in ids[:3]
    ]
    updates[1]["input"] = {"status": "BLOCKED"}
    changed = await world.ask("editor", BULK_UPDATE, items=updates)
    assert [result["testCase"] for result in changed["results"]] == [
        {"priority": "CRITICAL"},
        None,
        {"priority": "CRITICAL"},
    ]
    assert changed["results"][1]["error"] == {
        "code": "INVALID",
        "field": ["items", 1, "input", "status"],
    }
    items = [{"id": id, "expectedVersion": 1} for id in ids[3:]]
    assert (await world.ask("editor", BULK_DELETE, items=items))["succeeded"] == 497
    gone = await world.ask("editor", DELETE, id=ids[0], version=2)
    assert gone["testCase"]["version"] == 3
    assert await world.code("viewer", SHOW, id=ids[0]) == "NOT_FOUND"
    found = (await world.ask("editor", TRASH, id=world.project))["nodes"][0]
    assert found == {"name": "T0", "entityType": "TEST_CASE", "node": {"testId": "T-0"}}
    back = await world.ask("editor", RESTORE, id=ids[0], version=3)
    assert back["testCase"] == {"version": 4, "title": "T0"}
    taken = {"projectId": world.project, "title": "T", "testId": "T-0"}
    assert await world.code("editor", CREATE, input=taken) == "ALREADY_EXISTS"
