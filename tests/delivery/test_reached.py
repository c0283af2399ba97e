"""A requirement is traced to its features, tests, results, builds and environments, and back."""

from tests.delivery.objects import build, environment, feature
from tests.delivery.reporting import Reporter, tested_feature
from tests.delivery.test_running import deploy

DELIVERY = """query ($id: UUID!) { requirement(id: $id) {
    delivery { featureCount completedFeatureCount testCount passingTestCount failingTestCount
        isCovered } environments { name } } }"""
TRACE = """query ($id: UUID!) { requirement(id: $id) { features(first: 9) { nodes { externalId
    tests(first: 9) { nodes { externalId defects(first: 2) { nodes { id } }
    results(first: 2) { nodes { status build { buildNumber deployments(first: 9) { nodes {
        status environment { name } } } } } } } } } } } }"""
BACK = """query ($id: UUID!) { defect(id: $id) { test { externalId feature { requirement {
    id environments { name } } } } } }"""
NONE = {
    "delivery": {
        "featureCount": 0,
        "completedFeatureCount": 0,
        "testCount": 0,
        "passingTestCount": 0,
        "failingTestCount": 0,
        "isCovered": False,
    },
    "environments": [],
}


async def counted(world, person="viewer"):
    found = await world.ask(person, DELIVERY, id=world.requirement)
    return list(found["delivery"].values()), [one["name"] for one in found["environments"]]


async def test_a_requirement_is_covered_when_all_of_its_tests_pass(world):
    assert await world.ask("viewer", DELIVERY, id=world.requirement) == NONE
    await tested_feature(world, "stops", "holds")
    await feature(world, name="Without tests")
    await world.superuser.execute(
        "INSERT INTO test_cases (organization_id, project_id, feature_id, name, status)"
        " SELECT organization_id, project_id, feature_id, 'Old', 'disabled' FROM test_cases"
        " WHERE project_id = $1 AND external_id = 'stops'",
        world.project,
    )
    reporter = Reporter(world)
    assert await counted(world) == ([2, 0, 2, 0, 0, False], [])
    await reporter.outcomes(stops="PASSED")
    assert await counted(world) == ([2, 0, 2, 1, 0, False], [])
    await reporter.outcomes(holds="PASSED")
    assert await counted(world) == ([2, 0, 2, 2, 0, True], [])
    await reporter.outcomes(stops="ERROR")
    assert await counted(world) == ([2, 0, 2, 1, 1, False], [])


async def test_a_requirement_has_reached_where_a_build_with_its_feature_was_deployed(world):
    production = await environment(world, "production", position=2)
    staging = await environment(world, "staging", position=1)
    early = await build(world)
    named = await feature(world)
    await deploy(world, early, production, "DEPLOYING", "SUCCESS")
    built = await build(world, featureId=named["id"])
    await deploy(world, built, staging, "DEPLOYING", "FAILED")
    assert (await counted(world))[1] == []
    await deploy(world, built, staging, "DEPLOYING", "SUCCESS")
    assert (await counted(world))[1] == ["staging"]
    await world.superuser.execute(
        "UPDATE features SET implementation_status = 'completed', completed_date = now()"
        " WHERE id = $1",
        named["id"],
    )
    assert (await counted(world))[1] == ["staging"]
    await deploy(world, await build(world), production, "DEPLOYING", "SUCCESS")
    assert (await counted(world))[1] == ["staging", "production"]


async def test_a_trace_leads_from_a_requirement_to_environments_and_back_from_a_defect(world):
    await tested_feature(world, "stops")
    at = await environment(world)
    reporter = Reporter(world)
    await reporter.outcomes(stops="PASSED")
    outcome = await reporter.report(("results", [{"test": "stops", "status": "FAILED"}]))
    await deploy(world, outcome["build"], at, "DEPLOYING", "SUCCESS")
    (found,) = (await world.ask("viewer", TRACE, id=world.requirement))["features"]["nodes"]
    (test,) = found["tests"]["nodes"]
    failed, passed = test["results"]["nodes"]
    assert (failed["status"], passed["status"]) == ("FAILED", "PASSED")
    (deployed,) = failed["build"]["deployments"]["nodes"]
    assert deployed == {"status": "SUCCESS", "environment": {"name": "production"}}
    (defect,) = test["defects"]["nodes"]
    back = await world.ask("viewer", BACK, id=defect["id"])
    requirement = back["test"]["feature"]["requirement"]
    assert requirement == {"id": str(world.requirement), "environments": []}
    assert await world.code("outsider", BACK, id=defect["id"]) == "NOT_FOUND"
