"""Deployments to protected environments are approved by others, canaries grow, and roll back."""

import pytest

from tests.delivery.objects import build, environment, write
from tests.world import Refused

ROW = "id version status canaryPercentage approvedBy { id } rolledBackToBuild { id } startedAt"


async def deploy(world, built, at, person="editor", **values):
    new = {"buildId": built["id"], "environmentId": at, **values}
    return await write(world, person, "deploymentCreate", "deployment", ROW, input=new)


async def change(world, row, person="editor", mutation="deploymentUpdate", **arguments):
    at = {"id": row["id"], "expectedVersion": row["version"]}
    return await write(world, person, mutation, "deployment", ROW, **at, **arguments)


async def status(world, row, *statuses):
    for one in statuses:
        row = await change(world, row, input={"status": one})
    return row


async def refusal(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value


async def test_a_protected_environment_needs_the_approval_of_another_administrator(world):
    at = await environment(world, protected=True)
    row = await deploy(world, await build(world), at)
    refused = await refusal(status(world, row, "DEPLOYING"))
    assert (refused.code, refused.field) == ("FORBIDDEN", ["input", "status"])
    assert (await refusal(change(world, row, "editor", "deploymentApprove"))).code == "FORBIDDEN"
    assert (await refusal(change(world, row, "outsider", "deploymentApprove"))).code == "NOT_FOUND"
    row = await change(world, row, "admin", "deploymentApprove", notes="Checked.")
    assert row["approvedBy"] == {"id": str(world.people["admin"])}
    assert (await refusal(change(world, row, "owner", "deploymentApprove"))).code == "INVALID"
    row = await status(world, row, "DEPLOYING", "SUCCESS")
    assert row["startedAt"]
    titles = await world.superuser.fetch(
        "SELECT title FROM notifications WHERE user_id = $1", world.people["editor"]
    )
    assert [title for (title,) in titles] == ["A deployment that you asked for was approved."]


async def test_nobody_approves_an_own_deployment_or_goes_around_the_protection(world):
    at = await environment(world, protected=True)
    row = await deploy(world, await build(world), at, "admin")
    assert (await refusal(change(world, row, "admin", "deploymentApprove"))).code == "FORBIDDEN"
    lift = {"id": at, "expectedVersion": 1, "input": {"protected": False}}
    lifting = write(world, "editor", "environmentUpdate", "environment", "id", **lift)
    refused = await refusal(lifting)
    assert (refused.code, refused.field) == ("FORBIDDEN", ["input", "protected"])
    for unfit in ({"status": "FAILED"}, {"status": "BUILDING"}):
        row = await deploy(world, await build(world, **unfit), at)
        row = await change(world, row, "admin", "deploymentApprove")
        assert (await refusal(status(world, row, "DEPLOYING"))).code == "FORBIDDEN"
    scanned = await build(world)
    await world.superuser.execute(
        "UPDATE builds SET security_scan_status = 'failed' WHERE id = $1", scanned["id"]
    )
    row = await change(world, await deploy(world, scanned, at), "admin", "deploymentApprove")
    assert (await refusal(status(world, row, "DEPLOYING"))).code == "FORBIDDEN"
    open_ = await environment(world, "staging")
    row = await deploy(world, scanned, open_)
    assert (await status(world, row, "DEPLOYING"))["status"] == "DEPLOYING"


async def test_a_canary_grows_and_rolls_back_to_the_build_before_with_a_reason(world):
    at = await environment(world)
    before, new = await build(world), await build(world)
    first = await deploy(world, before, at)
    canary = await deploy(world, new, at, deploymentStrategy="CANARY", canaryPercentage=5)
    early = change(world, canary, mutation="deploymentRollBack", reason="Errors.")
    assert (await refusal(early)).field == ["toBuildId"]
    first = await status(world, first, "DEPLOYING", "SUCCESS")
    pending = change(world, canary, mutation="deploymentRollBack", reason="Errors.")
    assert (await refusal(pending)).code == "INVALID"
    canary = await status(world, canary, "DEPLOYING")
    canary = await change(world, canary, input={"canaryPercentage": 25})
    less = change(world, canary, input={"canaryPercentage": 5})
    assert (await refusal(less)).field == ["input", "canaryPercentage"]
    by_update = change(world, canary, input={"status": "ROLLED_BACK"})
    assert (await refusal(by_update)).code == "INVALID"
    blank = change(world, canary, mutation="deploymentRollBack", reason=" ")
    assert (await refusal(blank)).field == ["reason"]
    stranger = change(
        world, canary, mutation="deploymentRollBack", reason="E.", toBuildId=new["id"]
    )
    assert (await refusal(stranger)).field == ["toBuildId"]
    canary = await change(world, canary, mutation="deploymentRollBack", reason="Too many errors.")
    assert canary["status"] == "ROLLED_BACK"
    assert canary["rolledBackToBuild"] == {"id": before["id"]}
    assert (await refusal(status(world, canary, "DEPLOYING"))).code == "INVALID"


async def test_a_canary_that_succeeds_takes_all_requests(world):
    at, built = await environment(world), await build(world)
    row = await deploy(world, built, at, deploymentStrategy="CANARY", canaryPercentage=5)
    row = await status(world, row, "DEPLOYING", "SUCCESS")
    assert row["canaryPercentage"] == 100
    more = change(world, row, input={"canaryPercentage": 50})
    assert (await refusal(more)).code == "INVALID"
