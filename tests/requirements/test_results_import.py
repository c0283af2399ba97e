"""Test results in JUnit XML: found by identifier, recorded for requirements, or reported."""

from pathlib import Path

import pytest

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from db.problem import Problem
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.junit.recording import (
    ResultOptions,
    UnknownTests,
    import_results,
)
from tests.core.keys import make_key
from tests.loop import BUSY, watched
from tests.requirements.verifying import SHOW, case, outcome, record, requirement
from tests.world import Refused

IMPORT = """mutation ($input: TestResultsImportInput!, $dryRun: Boolean! = false) {
    testResultsImport(input: $input, dryRun: $dryRun) {
        suites cases passed failed errors skipped recorded created unknown unassigned
        missingRequirements dryRun } }"""
NOTES = """mutation ($input: TestResultsImportInput!) {
    testResultsImport(input: $input) { notes } }"""
ODD = f"""<testsuite timestamp="yesterday">
  <properties><property name="build" value="7"/></properties>
  <system-out/><testcase name="{"n" * 501}"><system-out/><rerunFailure/><properties>
    <property name="owner" value="a"/><property name="id" value="{"i" * 501}"/></properties>
    <failure>{"f" * 10_001}</failure></testcase>
  <testcase name="b"><properties><property name="owner" value="b"/></properties></testcase>
</testsuite>"""
RUNS = """query ($id: UUID!) { testCase(id: $id) { executions { nodes { executionStatus
    resultNotes executedAt executionEnvironment executionVersion externalTestId externalReqId
    requirement { id } executedBy { id } } } } }"""
REPORT = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- a build -->
<testsuites>
  <testsuite name="outer" timestamp="2026-02-03T04:05:06">
    <properties><property name="build" value="7"/></properties>
    <testcase classname="suite.Stop" name="by property">
      <properties>
        <property name="test-id" value="TC-1"/>
        <property name="Requirement" value="SYS-1, SYS-9"/>
      </properties>
      <failure message="40 m expected" type="AssertionError">Took 41 m § too long.</failure>
      <system-out>noise</system-out>
    </testcase>
    <testsuite name="inner">
      <testcase classname="suite" name="[TC-2] docks"/>
      <testcase classname="suite.Named" name="exactly"/>
      <testcase classname="suite" name="again @TC-4"><skipped/></testcase>
      <testcase classname="suite" name="once more @TC-4"><error message="No boat"/></testcase>
      <testcase classname="suite" name="tagged">
        <properties><property name="tags" value="slow TC-5"/></properties>
      </testcase>
      <testcase classname="suite.New" name="unknown"/>
    </testsuite>
  </testsuite>
</testsuites>"""


async def load(world, by="editor", *, dry_run=False, **input):
    given = {"projectId": world.project, "content": REPORT} | input
    return await world.ask(by, IMPORT, input=given, dryRun=dry_run)


async def runs(world, made):
    found = await world.ask("viewer", RUNS, id=made["id"])
    return found["executions"]["nodes"]


@pytest.fixture
async def cases(world):
    """Return test cases by identifier: all but TC-5 have an execution for the requirement."""
    await world.superuser.execute(
        "UPDATE requirements SET external_id = 'SYS-0' WHERE id = $1", world.requirement
    )
    names = ("TC-1", "TC-2", "suite.Named.exactly", "TC-4", "TC-5")
    made = {name: await case(world, title=name, testId=name) for name in names}
    for name in names[1:-1]:
        await record(world, made[name], "NOT_RUN")
    return made


async def test_results_are_recorded_for_the_requirements_that_a_case_verifies(world, cases):
    await make_key(world, "requirements:write", person="server")
    other = await requirement(world)
    await world.superuser.execute(
        "UPDATE requirements SET external_id = 'SYS-1' WHERE id = $1", other
    )
    of = {"executionVersion": "2.1", "executionEnvironment": "CI"}
    expected = {
        "suites": 2,
        "cases": 7,
        "passed": 4,
        "failed": 1,
        "errors": 1,
        "skipped": 1,
        "recorded": 4,
        "created": 0,
        "unknown": ["suite.New.unknown"],
        "unassigned": ["suite.tagged"],
        "missingRequirements": ["SYS-9"],
    }
    tried = await load(world, "server", dry_run=True, **of)
    assert tried == expected | {"dryRun": True}
    assert await runs(world, cases["TC-1"]) == []
    assert await load(world, "server", **of) == expected | {"dryRun": False}
    (run,) = await runs(world, cases["TC-1"])
    assert run == {
        "executionStatus": "FAIL",
        "resultNotes": "40 m expected\nTook 41 m § too long.",
        "executedAt": "2026-02-03T04:05:06+00:00",
        "executionEnvironment": "CI",
        "executionVersion": "2.1",
        "externalTestId": "suite.Stop.by property",
        "externalReqId": "SYS-1",
        "requirement": {"id": str(other)},
        "executedBy": {"id": str(world.people["server"])},
    }
    assert await outcome(world, cases["TC-1"]) == ("FAILED", "FAIL: 40 m expected")
    assert await outcome(world, cases["TC-2"]) == ("PASSED", "PASS")
    assert await outcome(world, cases["suite.Named.exactly"]) == ("PASSED", "PASS")
    assert await outcome(world, cases["TC-4"]) == ("FAILED", "ERROR: No boat")
    assert await outcome(world, cases["TC-5"]) == ("PLANNED", None)


async def test_unknown_tests_are_created_once_as_asked(world, cases):
    of = {"unknownTests": "CREATE", "requirementId": world.requirement}
    first = await load(world, **of)
    assert (first["created"], first["unknown"], first["unassigned"]) == (1, [], [])
    assert first["recorded"] == 6
    again = await load(world, **of)
    assert (again["created"], again["recorded"]) == (0, 6)
    id = await world.superuser.fetchval(
        "SELECT id FROM test_req WHERE project_id = $1 AND test_id = 'suite.New.unknown'",
        world.project,
    )
    made = await world.ask("viewer", SHOW, id=id)
    assert (made["title"], made["method"], made["status"]) == ("unknown", "AUTOMATED", "PASSED")


BILLION = """<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]>
<testsuites><testsuite name="&c;"/></testsuites>"""
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><testsuite name="&b;"/>'
NESTED = "<testsuite>" * 25 + "</testsuite>" * 25


MANY_NAMES = f"""<testsuite><testcase name="a"><properties>
    <property name="verifies" value="{"R " * 501}"/></properties></testcase></testsuite>"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not XML"),
        ("passed", "not XML"),
        ("<testsuites>", "not XML"),
        ("<html/>", "root element is <html>"),
        (BILLION, "declares a document type"),
        (OUTSIDE, "declares a document type"),
        ("<!DOCTYPE testsuite><testsuite/>", "declares a document type"),
        (NESTED, "nested more than 20 levels"),
        ("<testsuite>" + "<testcase/>" * 1_001 + "</testsuite>", "more than 1,000"),
        (MANY_NAMES, "names more than 500 requirements"),
    ],
)
async def test_a_file_that_is_hostile_or_broken_is_refused(world, content, said):
    with pytest.raises(Refused) as refused:
        await load(world, content=content)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "content"])
    assert said in refused.value.errors[0]["message"]


async def test_who_may_not_write_imports_nothing(world, other_world, cases):
    assert await world.code("outsider", IMPORT, input=given(world)) == "NOT_FOUND"
    assert await world.code("viewer", IMPORT, input=given(world)) == "FORBIDDEN"
    hidden = given(world, requirementId=other_world.requirement)
    assert await world.code("editor", IMPORT, input=hidden) == "NOT_FOUND"
    assert await outcome(world, cases["TC-2"]) == ("PLANNED", None)


def given(world, **more):
    return {"projectId": world.project, "content": REPORT, "unknownTests": "CREATE", **more}


@pytest.mark.slow
async def test_a_file_of_more_cases_than_a_bulk_mutation_takes_is_read_whole(world):
    lines = (f'<testcase classname="s" name="t{n}"/>' for n in range(510))
    content = f"<testsuite>{''.join(lines)}</testsuite>"
    viewer = await act_for(world.email("editor"), world.database)
    session = ViewerSession(world.database, viewer)
    options = ResultOptions(unknown=UnknownTests.CREATE, requirement_id=world.requirement)
    async with watched() as loop:
        result = await import_results(
            session, world.project, Source("r", content.encode()), options
        )
    assert loop.longest < BUSY
    assert (result.created, result.recorded) == (510, 510)
    with pytest.raises(Problem) as refused:
        await import_results(session, world.project, Source("r", b"<a/>"), options)
    assert refused.value.code == "INVALID"


async def test_what_is_not_imported_is_told(world, cases, monkeypatch):
    notes = (await world.ask("editor", NOTES, input={"projectId": world.project, "content": ODD}))[
        "notes"
    ]
    assert notes == [
        "Not imported are the elements system-out (2), rerunFailure (1).",
        "Not imported are the properties owner (2), build (1).",
        "The timestamp of a suite is no time in ISO 8601 (places: 1).",
        "A name is cut off after 500 characters (places: 1).",
        "An identifier has more than 500 characters (places: 1).",
        "The text of a failure is cut off after 10,000 characters (places: 1).",
    ]
    monkeypatch.setattr("graph.requirements.exchange.formats.junit.recording.MAX_NAMES", 1)
    told = await world.ask("editor", NOTES, input={"projectId": world.project, "content": REPORT})
    assert "Not imported are the elements system-out (1)." in told["notes"]
    unknown = REPORT.replace("suite.Stop", "x").replace("TC-", "X-")
    told = await world.ask("editor", NOTES, input={"projectId": world.project, "content": unknown})
    assert any(note.endswith("names 1 are shown.") for note in told["notes"])


def test_the_results_of_a_file_are_told_from_requirements_by_its_first_element(tmp_path: Path):
    from graph.commands.test_results import ends_in_junit  # noqa: PLC0415 (which loads the server)

    file = tmp_path / "results.xml"
    for content, expected in ((REPORT, True), ("<REQ-IF/>", False), ("<a:testsuite/>", True)):
        file.write_text(content)
        assert ends_in_junit(file) is expected
    assert not ends_in_junit(tmp_path / "results.csv")
