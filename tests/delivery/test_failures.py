"""A test that fails after it passed opens one defect; flaky tests do not."""

from tests.delivery.objects import write
from tests.delivery.reporting import Reporter, tested_feature

DEFECTS = """query ($id: UUID!) { project(id: $id) { defects(orderBy: [{by: CREATED_AT}]) { nodes {
    id version status title description resolutionProposed assignedTo { id } reportedBy { id }
    feature { externalId } test { externalId } nextStatuses } } } }"""
NONE = {"opened": 0, "updated": 0, "resolutionProposed": 0, "flaky": 0}


async def defects(world):
    return (await world.ask("viewer", DEFECTS, id=world.project))["defects"]["nodes"]


async def told(world, person):
    rows = await world.superuser.fetch(
        "SELECT metadata->>'event' FROM notifications WHERE user_id = $1 ORDER BY created_at, id",
        world.people[person],
    )
    return [event for (event,) in rows]


async def test_a_failure_after_a_pass_opens_one_defect_and_tells_the_developer(world):
    developer = str(world.people["project_editor"])
    await tested_feature(world, "stops", "holds", developerId=developer)
    reporter = Reporter(world)
    assert await reporter.outcomes(stops="PASSED", holds="FAILED") == NONE
    assert await reporter.outcomes(stops="SKIPPED", holds="FAILED") == NONE
    failed = [{"test": "stops", "status": "FAILED", "errorMessage": "It rolls."}]
    outcome = await reporter.report(("results", failed))
    assert outcome["defects"] == NONE | {"opened": 1}
    (row,) = await defects(world)
    assert row["status"] == "ASSIGNED"
    assert row["title"] == "Test fails: Test of stops"
    assert row["description"] == "It rolls."
    assert row["assignedTo"] == {"id": developer}
    assert row["test"] == {"externalId": "stops"}
    assert row["feature"] == {"externalId": "F-1"}
    assert await told(world, "project_editor") == ["defect_opened"]
    assert await reporter.outcomes(stops="ERROR") == NONE | {"updated": 1}
    assert len(await defects(world)) == 1


async def test_a_pass_proposes_to_resolve_the_defect_and_a_failure_reopens_it(world):
    developer = str(world.people["project_editor"])
    await tested_feature(world, "stops", developerId=developer)
    reporter = Reporter(world)
    for outcome in ("PASSED", "FAILED"):
        await reporter.outcomes(stops=outcome)
    assert await reporter.outcomes(stops="PASSED") == NONE | {"resolutionProposed": 1}
    assert await reporter.outcomes(stops="PASSED") == NONE
    (row,) = await defects(world)
    assert row["resolutionProposed"]
    assert "RESOLVED" in row["nextStatuses"]
    resolve = {"expectedVersion": row["version"], "input": {"status": "RESOLVED"}}
    await write(world, "editor", "defectUpdate", "defect", id=row["id"], **resolve)
    assert await reporter.outcomes(stops="FAILED") == NONE | {"updated": 1}
    (row,) = await defects(world)
    assert row["status"] == "ASSIGNED"
    assert not row["resolutionProposed"]
    assert await told(world, "project_editor") == ["defect_opened", "defect_passes", "defect_fails"]


async def test_a_defect_of_a_test_that_is_closed_is_followed_by_another_one(world):
    await tested_feature(world, "stops")
    reporter = Reporter(world)
    for outcome in ("PASSED", "FAILED"):
        await reporter.outcomes(stops=outcome)
    (row,) = await defects(world)
    assert row["status"] == "OPEN", "the feature has no developer"
    close = {"expectedVersion": row["version"], "input": {"status": "WONT_FIX"}}
    await write(world, "editor", "defectUpdate", "defect", id=row["id"], **close)
    assert await reporter.outcomes(stops="FAILED") == NONE, "it has not passed since"
    await reporter.outcomes(stops="PASSED")
    assert (await reporter.outcomes(stops="FAILED"))["opened"] == 1
    assert len(await defects(world)) == 2


async def test_a_test_that_changes_its_outcome_often_is_flaky_and_opens_no_defect(world):
    await tested_feature(world, "stops")
    reporter = Reporter(world)
    both = [{"test": "stops", "status": "FAILED"}, {"test": "stops", "status": "PASSED"}]
    outcome = await reporter.report(("results", both))
    assert outcome["defects"] == NONE | {"flaky": 1}, "it passed when it was repeated"
    await world.superuser.execute(
        "INSERT INTO test_results (organization_id, project_id, test_case_id, feature_id, status,"
        " executed_at) SELECT organization_id, project_id, id, feature_id,"
        " (ARRAY['passed', 'failed'])[1 + n % 2]::feature_test_outcome,"
        " now() + n * interval '1 second' FROM test_cases, generate_series(1, 6) AS n"
        " WHERE project_id = $1",
        world.project,
    )
    assert await reporter.outcomes(stops="FAILED") == NONE | {"flaky": 1}
    assert await defects(world) == []


async def test_a_build_in_which_everything_fails_opens_a_bounded_number_of_defects(world):
    names = [f"t{number}" for number in range(120)]
    await tested_feature(world, *names)
    reporter = Reporter(world)
    await reporter.outcomes(**dict.fromkeys(names, "PASSED"))
    results = [{"test": name, "status": "FAILED"} for name in names]
    outcome = await reporter.report(("results", results))
    assert outcome["defects"]["opened"] == 100
    assert outcome["notes"] == [
        "120 tests failed after they passed. Defects were opened for the first 100."
    ]
