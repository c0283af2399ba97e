"""Running deployments of environments, the changes between two, and the measures of DORA."""

from tests.delivery.objects import build, environment, feature, write

RUNNING = """query ($id: UUID!) { project(id: $id) { environments(orderBy: [{by: NAME}]) { nodes {
    name runningBuild { buildNumber } runningDeployment { status } runningSince } } } }"""
BETWEEN = """query ($from: UUID!, $to: UUID!) { environmentChanges(fromId: $from, toId: $to) {
    fromBuild { buildNumber } toBuild { buildNumber } builds { buildNumber } commits
    features { name } requirements { id } } }"""
PERFORMANCE = """query ($id: UUID!, $last: Int!) { environment(id: $id) { performance(last: $last) {
    deployments deploymentsPerDay leadTimeSeconds changeFailureRate timeToRestoreSeconds } } }"""
NOTHING = {"runningBuild": None, "runningDeployment": None, "runningSince": None}


async def deploy(world, built, at, *statuses):
    """Deploy a build by these statuses."""
    new = {"buildId": built["id"], "environmentId": at}
    row = await write(world, "editor", "deploymentCreate", "deployment", input=new)
    for status in statuses:
        change = {"expectedVersion": row["version"], "input": {"status": status}}
        row = await write(world, "editor", "deploymentUpdate", "deployment", id=row["id"], **change)
    return row


async def running(world, person="viewer"):
    nodes = (await world.ask(person, RUNNING, id=world.project))["environments"]["nodes"]
    return {node.pop("name"): node for node in nodes}


async def test_the_running_build_is_the_last_success_or_the_one_rolled_back_to(world):
    at, other = await environment(world, "production"), await environment(world, "staging")
    builds = [await build(world) for _ in range(3)]
    assert await running(world) == {"production": NOTHING, "staging": NOTHING}
    for one in builds:
        row = await deploy(world, one, at, "DEPLOYING", "SUCCESS")
    await deploy(world, builds[0], at, "DEPLOYING", "FAILED")
    await deploy(world, builds[1], other, "DEPLOYING")
    found = await running(world)
    assert found["production"]["runningBuild"] == {"buildNumber": 3}
    assert found["production"]["runningSince"]
    assert found["staging"] == NOTHING
    back = {"reason": "Errors.", "toBuildId": builds[0]["id"], "expectedVersion": row["version"]}
    await write(world, "editor", "deploymentRollBack", "deployment", id=row["id"], **back)
    found = (await running(world))["production"]
    assert found["runningBuild"] == {"buildNumber": 1}
    assert found["runningDeployment"] == {"status": "ROLLED_BACK"}


async def test_builds_commits_features_and_requirements_are_between_two_environments(world):
    older, newer = await environment(world, "production"), await environment(world, "staging")
    named = await feature(world, name="Brake pads")
    await feature(world, name="Not completed")
    done = await feature(world, name="Brake discs")
    commits = ["aaaaaaa", "bbbbbbb", "bbbbbbb", "ccccccc"]
    builds = [await build(world, gitCommitHash=one) for one in commits]
    await build(world, gitBranch="other")
    last = await build(world, gitCommitHash="ddddddd", featureId=named["id"])
    await world.superuser.execute(
        "UPDATE features SET implementation_status = 'completed',"
        " completed_date = (SELECT created_at FROM builds WHERE id = $2::uuid) WHERE id = $1::uuid",
        *(done["id"], builds[-1]["id"]),
    )
    between = {"from": older, "to": newer}
    empty = await world.ask("viewer", BETWEEN, **between)
    assert empty["builds"] == empty["features"] == []
    await deploy(world, builds[0], older, "DEPLOYING", "SUCCESS")
    await deploy(world, last, newer, "DEPLOYING", "SUCCESS")
    found = await world.ask("viewer", BETWEEN, **between)
    assert found == {
        "fromBuild": {"buildNumber": 1},
        "toBuild": {"buildNumber": 6},
        "builds": [{"buildNumber": number} for number in (2, 3, 4, 6)],
        "commits": ["bbbbbbb", "ccccccc", "ddddddd"],
        "features": [{"name": "Brake pads"}, {"name": "Brake discs"}],
        "requirements": [{"id": str(world.requirement)}],
    }
    back = await world.ask("viewer", BETWEEN, **{"from": newer, "to": older})
    assert back["builds"] == []
    assert await world.code("outsider", BETWEEN, **between) == "NOT_FOUND"


async def test_the_measures_of_dora_are_computed_from_deployments(world):
    at = await environment(world)
    built = await build(world)
    await world.superuser.execute(
        "UPDATE builds SET committed_at = now() - interval '10 days' WHERE id = $1", built["id"]
    )
    days = [("success", 9, None), ("failed", 8, None), ("success", 6, None)]
    days += [("rolled_back", 5, 4), ("success", 100, None), ("deploying", 1, None)]
    await world.superuser.executemany(
        "INSERT INTO deployments (organization_id, project_id, build_id, environment_id, status,"
        " completed_at, rolled_back_at, rollback_reason, rolled_back_to_build_id)"
        " VALUES ($1, $2, $3, $4, $5::text::deployment_status, now() - $6 * interval '1 day',"
        " now() - $7 * interval '1 day', CASE WHEN $7::int IS NOT NULL THEN 'Errors.' END,"
        " CASE WHEN $7::int IS NOT NULL THEN $3::uuid END)",
        [(world.organization, world.project, built["id"], at, *day) for day in days],
    )
    found = (await world.ask("viewer", PERFORMANCE, id=at, last=20))["performance"]
    day = 24 * 3600
    assert round(found.pop("leadTimeSeconds")) == 2.5 * day  # of 1 and 4 days
    assert round(found.pop("timeToRestoreSeconds")) == 1.5 * day  # of 2 days and 1 day
    assert found == {"deployments": 4, "deploymentsPerDay": 0.2, "changeFailureRate": 0.5}
    assert await world.code("viewer", PERFORMANCE, id=at, last=367) == "INVALID"
    idle = await environment(world, "staging")
    found = (await world.ask("viewer", PERFORMANCE, id=idle, last=1))["performance"]
    assert found == {
        "deployments": 0,
        "deploymentsPerDay": 0,
        "leadTimeSeconds": None,
        "changeFailureRate": None,
        "timeToRestoreSeconds": None,
    }
