"""The test matrix: latest results, gaps and counts, for what the viewer can read and no more."""

import pytest

from tests.kit.asking import run, session_of
from tests.requirements.linking import edit
from tests.requirements.test_matrix_views import view
from tests.requirements.verifying import case, record, requirement
from tests.world import Refused

COUNTS = "requirements verified uncovered notRun failing stale flaky pairs passed"
MATRIX = f"""query ($project: UUID, $view: UUID, $configuration: TestMatrixConfigurationInput,
    $first: Int, $after: String, $cells: Int! = 100, $tests: [UUID!]) {{
  testMatrix(projectId: $project, viewId: $view, configuration: $configuration) {{
    testCaseCount view {{ name }} project {{ id }} configuration {{ groupBy }}
    summary {{ {COUNTS} }} groups {{ value counts {{ {COUNTS} }} }}
    rows(first: $first, after: $after) {{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{
      requirement {{ name }} holes cellCount passed cells(first: $cells, testCaseIds: $tests) {{
        testCase {{ title }} execution {{ executionStatus resultNotes }} status stale flaky }} }}
}} }} }}"""


@pytest.fixture
async def verified(world):
    """Return a project with a requirement for each gap, by name, and the test cases."""
    one, two = await case(world, title="One"), await case(world, title="Two", testType="UNIT")
    unused = await case(world, title="Unused")
    retired = await case(world, title="Retired", status="DEPRECATED")
    names = ("Uncovered", "Planned", "Failing", "Stale", "Flaky", "Retired")
    ids = {
        name: await requirement(world, name, position=float(place))
        for place, name in enumerate(names, start=2)
    }

    async def add(name, test, status, **more):
        return await record(world, test, status, requirementId=ids[name], **more)

    await record(world, one, "FAIL", executedAt="2026-01-01T00:00:00Z")
    await record(world, one, "PASS", resultNotes="Good.")
    await record(world, one, "SKIP")
    await add("Planned", one, "NOT_RUN")
    await add("Failing", one, "PASS")
    await add("Failing", two, "ERROR")
    await add("Stale", one, "PASS")
    for status in ("PASS", "FAIL", "PASS"):
        await add("Flaky", two, status, executionVersion="2.1")
    await add("Retired", retired, "PASS")
    await world.superuser.execute(
        "UPDATE requirements SET version = version + 1, description = 'New' WHERE id = $1",
        ids["Stale"],
    )
    return ids | {"one": one, "two": two, "unused": unused}


async def ask(world, by="viewer", **variables):
    if "view" not in variables:
        variables = {"project": world.project} | variables
    return await world.ask(by, MATRIX, **variables)


@pytest.mark.slow
async def test_each_pair_has_its_latest_result_and_each_row_its_gaps(world, verified):
    matrix = await ask(world)
    rows = {row["requirement"]["name"]: row for row in matrix["rows"]["nodes"]}
    assert {name: row["holes"] for name, row in rows.items()} == {
        f"Requirement {world.name}": [],
        "Uncovered": ["UNCOVERED"],
        "Planned": ["NOT_RUN"],
        "Failing": ["FAILING"],
        "Stale": ["STALE"],
        "Flaky": ["FLAKY"],
        "Retired": ["UNCOVERED"],
    }
    assert rows[f"Requirement {world.name}"]["cells"] == [
        {
            "testCase": {"title": "One"},
            "execution": {"executionStatus": "PASS", "resultNotes": "Good."},
            "status": "PASS",
            "stale": False,
            "flaky": False,
        }
    ]
    cells = [(cell["status"], cell["testCase"]["title"]) for cell in rows["Failing"]["cells"]]
    assert cells == [("PASS", "One"), ("ERROR", "Two")]
    assert (rows["Failing"]["cellCount"], rows["Failing"]["passed"]) == (2, 1)
    assert rows["Flaky"]["cells"][0]["flaky"]
    assert rows["Stale"]["cells"][0]["stale"]
    assert (matrix["testCaseCount"], matrix["rows"]["totalCount"]) == (3, 7)
    assert matrix["summary"] == {
        "requirements": 7,
        "verified": 1,
        "uncovered": 2,
        "notRun": 1,
        "failing": 1,
        "stale": 1,
        "flaky": 1,
        "pairs": 6,
        "passed": 4,
    }


@pytest.mark.slow
async def test_edits_of_what_is_no_content_leave_a_result_as_it_is(world):
    one = await case(world)
    await record(world, one, "FAIL", executionVersion="2.1")
    version = await edit(world, world.requirement, tags=["safety"], status="APPROVED")
    assert (await run_of(world))["stale"] is False
    await record(world, one, "PASS", executionVersion="2.1")
    (row,) = (await ask(world))["rows"]["nodes"]
    assert row["holes"] == ["FLAKY"]
    await edit(world, world.requirement, version, description="Other")
    (row,) = (await ask(world))["rows"]["nodes"]
    assert row["holes"] == ["STALE"]
    assert (await run_of(world))["stale"] is True
    await record(world, one, "PASS", executionVersion="2.1")
    (row,) = (await ask(world))["rows"]["nodes"]
    assert row["holes"] == []
    assert (await run_of(world))["stale"] is False


async def run_of(world):
    """Return the latest execution of the requirement."""
    query = """query ($id: UUID!) { requirement(id: $id) {
        executions(first: 1) { nodes { stale requirementVersion } } } }"""
    return (await world.ask("viewer", query, id=world.requirement))["executions"]["nodes"][0]


@pytest.mark.slow
async def test_it_is_read_in_pages_by_gap_by_group_and_by_test(world, verified):
    names, after = [], None
    while True:
        page = (await ask(world, first=3, after=after))["rows"]
        names += [row["requirement"]["name"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert names[1:] == ["Uncovered", "Planned", "Failing", "Stale", "Flaky", "Retired"]
    holes = {"holes": ["STALE", "FLAKY"], "groupBy": "TEST_TYPE"}
    matrix = await ask(world, configuration=holes, first=1)
    assert matrix["rows"]["totalCount"] == 2
    assert [row["requirement"]["name"] for row in matrix["rows"]["nodes"]] == ["Stale"]
    after = matrix["rows"]["pageInfo"]["endCursor"]
    (last,) = (await ask(world, configuration=holes, first=1, after=after))["rows"]["nodes"]
    assert last["requirement"]["name"] == "Flaky"
    assert matrix["summary"]["requirements"] == 7
    groups = {group["value"]: group["counts"] for group in matrix["groups"]}
    assert {value: (c["requirements"], c["pairs"]) for value, c in groups.items()} == {
        "SYSTEM": (4, 4),
        "UNIT": (2, 2),
    }
    for grouping, expected in (
        ("REQUIREMENT_PRIORITY", {"MEDIUM": 7}),
        ("EXECUTION_STATUS", {"PASS": 4, "ERROR": 1, "NOT_RUN": 1}),
        ("TEST_STATUS", {"PASSED": 5}),
    ):
        found = (await ask(world, configuration={"groupBy": grouping}))["groups"]
        assert {one["value"]: one["counts"]["requirements"] for one in found} == expected
    tests = [verified["two"]["id"]]
    rows = (await ask(world, tests=tests, cells=1))["rows"]["nodes"]
    assert [len(row["cells"]) for row in rows] == [0, 0, 0, 1, 0, 1, 0]
    only = {"testTypes": ["UNIT"], "executionVersions": ["2.1"], "documentIds": [world.document]}
    assert (await ask(world, configuration=only))["summary"]["pairs"] == 1


@pytest.mark.slow
async def test_a_view_and_a_default_view_say_what_is_shown(world, verified):
    configuration = {"holes": ["UNCOVERED"], "groupBy": "REQUIREMENT_STATUS"}
    made = await view(world, name="Holes", configuration=configuration)
    by_view = await ask(world, view=made["id"])
    assert by_view["view"] == {"name": "Holes"}
    assert by_view["project"] == {"id": str(world.project)}
    assert by_view["rows"]["totalCount"] == 2
    assert (await ask(world))["view"] is None
    await view(world, name="Default", configuration=configuration, isDefault=True)
    default = await ask(world, configuration={"holes": []})
    assert default["view"] == {"name": "Default"}
    assert default["configuration"] == {"groupBy": "REQUIREMENT_STATUS"}
    assert default["rows"]["totalCount"] == 7


@pytest.mark.slow
async def test_hidden_rows_are_neither_shown_nor_counted(world, other_world, verified):
    for variables in ({"project": other_world.project}, {}, {"view": other_world.project}):
        with pytest.raises(Refused):
            await world.ask("viewer", MATRIX, **variables)
    assert await world.code("outsider", MATRIX, project=world.project) == "NOT_FOUND"
    assert await world.code(None, MATRIX, project=world.project) == "UNAUTHENTICATED"
    hide = "UPDATE {} SET deleted_at = now() WHERE id = $1"
    await world.superuser.execute(hide.format("test_req"), verified["two"]["id"])
    await world.superuser.execute(hide.format("requirements"), verified["Planned"])
    matrix = await ask(world)
    assert matrix["summary"] | {"verified": None, "passed": None} == {
        "requirements": 6,
        "verified": None,
        "uncovered": 3,
        "notRun": 0,
        "failing": 0,
        "stale": 1,
        "flaky": 0,
        "pairs": 3,
        "passed": None,
    }
    document = "document_editor"
    assert await world.code(document, MATRIX, project=world.project) == "NOT_FOUND"
    await world.superuser.execute(hide.format("documents"), world.document)
    assert (await ask(world))["summary"]["requirements"] == 0


async def test_a_matrix_is_one_statement_a_level(world, verified):
    async def number(first):
        session = await session_of(world, "viewer")
        await run(session, MATRIX, project=world.project, first=first)
        return session.statements

    assert await number(2) == await number(7) <= 12
