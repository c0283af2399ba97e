"""An operator changes a plan, and its limits hold from the next request on."""

import asyncio

import pytest
from typer.testing import CliRunner

from db.problem import Problem
from graph.cli import app
from tests.core.test_limits import limit, usage

HISTORY = """query ($id: UUID!) { organization(id: $id) { version history(first: 1) {
    nodes { version changes { field old new } } } } }"""


async def set_plan(database_dsn, organization, plan):
    """Set a plan by the command; return its result."""
    result = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        ["billing", "set", str(organization), plan],
        env={"DATABASE_URL": database_dsn},
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.mark.slow
async def test_an_operator_changes_a_plan(world, database_dsn):
    await limit(world, billing_plan="free", max_members=25, max_monthly_requests=100_000)
    said = await set_plan(database_dsn, world.organization, "pro")
    assert "free before, pro now" in said
    limits = {name: used["maximum"] for name, used in (await usage(world)).items()}
    assert limits == {"members": 100, "projects": 200, "monthlyRequests": 2_000_000}
    data = await world.ask("owner", HISTORY, id=world.organization)
    (newest,) = data["history"]["nodes"]
    assert newest["version"] == data["version"]
    told = {change["field"]: (change["old"], change["new"]) for change in newest["changes"]}
    assert told["billingPlan"] == ("FREE", "PRO")
    slug = await world.superuser.fetchval(
        "SELECT slug FROM organizations WHERE id = $1", world.organization
    )
    records = await world.records(world.organization)
    assert "pro before, pro now" in await set_plan(database_dsn, slug, "pro")
    assert await world.records(world.organization) == records


async def test_no_organization_no_plan(database_dsn):
    with pytest.raises(Problem, match="There is no organization nothing-here"):
        await set_plan(database_dsn, "nothing-here", "pro")
