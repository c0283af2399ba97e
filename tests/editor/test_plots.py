"""The plots of a project: SVG that can be read without colours, and a table with its numbers."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from tests.world import Refused

SVG = "{http://www.w3.org/2000/svg}"
HISTORY = """query ($id: UUID!, $last: Int! = 3) { project(id: $id) { testingHistory(last: $last) {
    day requirementCount coveredCount passedCount failedCount otherCount } } }"""


@pytest.fixture
async def tested(world):
    """Execute a test of the requirement two days ago, yesterday and today, and one not yet."""
    place = (world.organization, world.project)
    await world.superuser.execute(
        "UPDATE requirements SET created_at = now() - interval '9 days' WHERE id = $1",
        world.requirement,
    )
    test = await world.superuser.fetchval(
        "INSERT INTO test_req (organization_id, project_id, title) VALUES ($1, $2, 'Brake test')"
        " RETURNING id",
        *place,
    )
    for back, status in ((2, "fail"), (1, "error"), (0, "pass"), (0, "skip"), (None, "not_run")):
        at = None if back is None else datetime.now(UTC) - timedelta(days=back)
        await world.superuser.execute(
            "INSERT INTO requirement_tests (organization_id, project_id, requirement_id, test_id,"
            " execution_status, executed_at, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, coalesce($6, now()))",
            *(*place, world.requirement, test, status, at),
        )


@pytest.fixture
async def get(client, world, settings):
    async def get(person, path):
        async with world.database.auth.lend(NOBODY) as lent:
            session = await start(lent, world.people[person], Origin(None, None, None), settings)
        return await client.get(path, headers={"Cookie": f"gateway={session.secret}"})

    return get


async def test_results_and_coverage_are_counted_by_day(world, tested):
    days = (await world.ask("viewer", HISTORY, id=world.project))["testingHistory"]
    assert [day.pop("day") for day in days] == [
        (datetime.now(UTC).date() - timedelta(days=back)).isoformat() for back in (2, 1, 0)
    ]
    assert [tuple(day.values()) for day in days] == [
        (1, 1, 0, 1, 0),
        (1, 1, 0, 1, 0),
        (1, 1, 1, 0, 1),
    ]
    (before, *_) = (await world.ask("viewer", HISTORY, id=world.project, last=5))["testingHistory"]
    assert (before["requirementCount"], before["coveredCount"]) == (1, 0)
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", HISTORY, id=world.project, last=367)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["last"])


async def test_a_plot_has_a_title_a_description_and_a_table(world, tested, get):
    answer = await get("viewer", f"/plots/{world.project}/results.svg?last=3")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    root = ET.fromstring(answer.text)
    assert root.get("role") == "img"
    labels = {one.get("id"): one.text for one in root if one.tag in (f"{SVG}title", f"{SVG}desc")}
    assert set(root.get("aria-labelledby").split()) == set(labels)
    assert labels["plot-title"].startswith("Test results: ")
    assert "Failed: 1 at first, 0 at last, 1 at most." in labels["plot-description"]
    lines = root.findall(f"{SVG}polyline")
    assert len({line.get("stroke-dasharray") for line in lines}) == len(lines) == 3
    page = (await get("viewer", f"/plots/{world.project}/coverage?last=2")).text
    assert "<svg" in page
    cells = re.findall(r'<tr><th scope="row">[\d-]+</th>((?:<td>\d+</td>)+)', page)
    assert [re.findall(r"\d+", cell) for cell in cells] == [["1", "1"], ["1", "1"]]


async def test_a_plot_is_for_those_who_can_read_the_project(client, world, get):
    path = f"/plots/{world.project}/coverage.svg"
    assert (await client.get(path)).headers["location"].startswith("/sign-in?next=")
    for person, at, status in (
        ("outsider", path, 404),
        ("viewer", f"/plots/{uuid4()}/coverage.svg", 404),
        ("viewer", f"/plots/{world.project}/other.svg", 404),
        ("viewer", f"{path}?last=0", 400),
        ("viewer", f"{path}?last=1e1", 400),
        ("viewer", f"{path}?days=10", 400),
        ("viewer", f"{path}?last=10&last=20", 400),
    ):
        assert (await get(person, at)).status_code == status, at
