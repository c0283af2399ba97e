"""Executions: results of people and build servers, which are superseded and not rewritten."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.core.keys import make_key
from tests.requirements.verifying import (
    CHANGE,
    DISCARD,
    RECORD,
    RECORD_MANY,
    case,
    outcome,
    record,
    requirement,
)
from tests.world import Refused

BENEATH = """query ($id: UUID!, $requirement: UUID!) {
    testCase(id: $id) { executions { totalCount nodes { executionStatus } } }
    requirement(id: $requirement) {
        executions(filter: {executionStatus: {in: [FAIL, ERROR]}}) { nodes { testCase { id } } } }
}"""
DETAILS = {
    "resultNotes": "Took 41 m.",
    "executedAt": "2026-01-02T03:04:05+00:00",
    "executionEnvironment": "Basin 2",
    "executionVersion": "2.1.0",
    "defects": [
        {"key": "BUG-1", "title": "Late", "url": "https://bugs.example/1", "severity": "S1"}
    ],
    "evidenceArtifacts": [
        {"name": "Log", "url": "https://ci.example/1", "type": None, "size": None}
    ],
    "externalTestId": "suite.Stop",
    "externalReqId": "SYS-1",
}


async def test_a_result_is_recorded_with_who_when_and_the_version_of_the_requirement(world):
    made = await case(world)
    await world.superuser.execute(
        "UPDATE requirements SET version = 7 WHERE id = $1", world.requirement
    )
    run = await record(world, made, "FAIL", **DETAILS)
    assert {name: run[name] for name in DETAILS} == DETAILS
    assert (run["requirementVersion"], run["executionStatus"]) == (7, "FAIL")
    assert run["executedBy"] == {"id": str(world.people["editor"])}
    other = world.people["viewer"]
    run = await record(world, made, "PASS", executedById=other)
    assert run["executedBy"] == {"id": str(other)}
    assert run["testCase"] == {"id": made["id"], "status": "PASSED", "result": "PASS"}
    late = datetime.now(UTC) - datetime.fromisoformat(run["executedAt"])
    assert timedelta() <= late < timedelta(minutes=5)
    found = await world.ask("viewer", BENEATH, id=made["id"], requirement=world.requirement)
    statuses = [node["executionStatus"] for node in found["testCase"]["executions"]["nodes"]]
    assert statuses == ["PASS", "FAIL"]
    assert found["requirement"]["executions"]["nodes"] == [{"testCase": {"id": made["id"]}}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"executedAt": "2126-01-01T00:00:00Z"}, "INVALID", ["executedAt"]),
        (
            {"executionStatus": "NOT_RUN", "executedAt": "2026-01-01T00:00:00Z"},
            "INVALID",
            ["executedAt"],
        ),
        ({"defects": [{"key": " "}]}, "INVALID", ["defects", 0, "key"]),
        (
            {"evidenceArtifacts": [{"name": "a", "url": "file:///etc/passwd"}]},
            "INVALID",
            ["evidenceArtifacts", 0, "url"],
        ),
        ({"executedById": "outsider"}, "NOT_FOUND", ["executedById"]),
    ],
)
async def test_what_cannot_be_is_refused_with_its_path(world, input, code, field):
    made = await case(world)
    if "executedById" in input:
        input = {"executedById": world.people["outsider"]}
    with pytest.raises(Refused) as refused:
        await record(world, made, **{"status": "PASS"} | input)
    assert (refused.value.code, refused.value.field) == (code, ["input", *field])
    assert await outcome(world, made) == ("PLANNED", None)


async def test_a_planned_execution_is_started_and_finished_and_then_stays(world):
    made = await case(world)
    run = await record(world, made, "NOT_RUN")
    assert (run["executedAt"], run["executedBy"]) == (None, None)

    async def change(version, by="editor", **input):
        changed = await world.ask(by, CHANGE, id=run["id"], version=version, input=input)
        return changed["testExecution"]

    started = await change(1, executionStatus="IN_PROGRESS")
    assert (started["executedAt"], started["testCase"]["status"]) == (None, "PLANNED")
    await world.superuser.execute(
        "UPDATE requirements SET version = 3 WHERE id = $1", world.requirement
    )
    done = await change(2, executionStatus="BLOCKED", resultNotes="Ice.")
    assert (done["executedAt"] is not None, done["requirementVersion"]) == (True, 3)
    assert done["testCase"] == {"id": made["id"], "status": "BLOCKED", "result": "BLOCKED: Ice."}
    for late in ({"executionStatus": "PASS"}, {"executionVersion": "2.2"}):
        with pytest.raises(Refused) as refused:
            await change(3, **late)
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", *late])
    noted = await change(3, resultNotes="Thick ice.", executionStatus="BLOCKED")
    assert noted["testCase"]["result"] == "BLOCKED: Thick ice."


async def test_the_latest_result_counts_whatever_is_recorded_or_deleted_later(world):
    made = await case(world)
    last = await record(world, made, "FAIL", executedAt="2026-03-01T00:00:00Z")
    await record(world, made, "PASS", executedAt="2026-02-01T00:00:00Z")
    await record(world, made, "SKIP")
    await record(world, made, "NOT_RUN")
    assert await outcome(world, made) == ("FAILED", "FAIL")
    await world.ask("editor", DISCARD, id=last["id"], version=1)
    assert await outcome(world, made) == ("PASSED", "PASS")
    draft = await case(world, status="DRAFT")
    only = await record(world, draft, "ERROR")
    assert await outcome(world, draft) == ("DRAFT", "ERROR")
    await world.ask("editor", DISCARD, id=only["id"], version=1)
    assert await outcome(world, draft) == ("DRAFT", None)
    records = await world.records(made["id"])
    assert [record["action"] for record in records] == ["create", "update", "update"]


@pytest.mark.slow
async def test_a_build_server_records_500_results_and_each_is_judged_by_itself(world):
    await make_key(world, "requirements:write", person="server")
    cases = [await case(world, title=f"T{n}") for n in range(2)]
    other = await requirement(world)
    items = [
        {
            "testCaseId": cases[n % 2]["id"],
            "requirementId": other if n % 3 else world.requirement,
            "executionStatus": "FAIL" if n == 498 else "PASS",
        }
        for n in range(500)
    ]
    items[7] = items[7] | {"requirementId": cases[0]["id"]}
    items[8] = items[8] | {"executedAt": "2126-01-01T00:00:00Z"}
    made = await world.ask("server", RECORD_MANY, items=items, onError="CONTINUE", dryRun=True)
    assert (made["succeeded"], made["failed"]) == (498, 2)
    assert await outcome(world, cases[0]) == ("PLANNED", None)
    assert await world.code("server", RECORD_MANY, items=items) == "NOT_FOUND"
    made = await world.ask("server", RECORD_MANY, items=items, onError="CONTINUE")
    errors = [result["error"] for result in made["results"] if result["error"]]
    assert [(error["code"], error["field"]) for error in errors] == [
        ("NOT_FOUND", ["items", 7, "requirementId"]),
        ("INVALID", ["items", 8, "executedAt"]),
    ]
    assert await outcome(world, cases[0]) == ("FAILED", "FAIL")
    assert await outcome(world, cases[1]) == ("PASSED", "PASS")
    count = "SELECT count(*) FROM requirement_tests WHERE project_id = $1"
    assert await world.superuser.fetchval(count, world.project) == 498


async def test_who_may_not_write_records_nothing(world, other_world):
    made = await case(world)
    input = {
        "testCaseId": made["id"],
        "requirementId": world.requirement,
        "executionStatus": "PASS",
    }
    assert await world.code("viewer", RECORD, input=input) == "FORBIDDEN"
    assert await world.code("outsider", RECORD, input=input) == "NOT_FOUND"
    many = await world.ask("viewer", RECORD_MANY, items=[input], onError="CONTINUE")
    assert many["results"][0]["error"]["code"] == "FORBIDDEN"
    input["requirementId"] = other_world.requirement
    with pytest.raises(Refused) as refused:
        await world.ask("editor", RECORD, input=input)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "requirementId"])
    assert await outcome(world, made) == ("PLANNED", None)


async def test_results_that_are_recorded_at_once_leave_the_latest(world):
    made = await case(world)
    times = [f"2026-01-01T00:00:{second:02}Z" for second in (5, 9, 1, 7)]
    statuses = ("PASS", "FAIL", "PASS", "BLOCKED")
    await asyncio.gather(
        *(
            record(world, made, status, executedAt=time)
            for status, time in zip(statuses, times, strict=True)
        )
    )
    assert await outcome(world, made) == ("FAILED", "FAIL")
