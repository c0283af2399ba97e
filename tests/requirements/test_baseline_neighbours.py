"""A baseline does not depend on other rows in its tenant, or on their deletion."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.requirements.test_baseline_diff import DIFF
from tests.requirements.test_baselines import frozen, items_of
from tests.world import World

ROWS = """
WITH project AS (
    INSERT INTO projects (id, organization_id, name, slug) VALUES ($2, $1, 'Gone', $3)
), document AS (
    INSERT INTO documents (id, organization_id, project_id, name, slug)
    VALUES ($4, $1, $2, 'Gone', 'gone')
), block AS (
    INSERT INTO blocks (id, organization_id, project_id, document_id, name)
    VALUES ($5, $1, $2, $4, 'Gone')
), requirement AS (
    INSERT INTO requirements (id, organization_id, project_id, document_id, block_id, name)
    VALUES ($6, $1, $2, $4, $5, 'Gone')
), test AS (
    INSERT INTO test_req (id, organization_id, project_id, title) VALUES ($7, $1, $2, 'Gone')
), run AS (
    INSERT INTO requirement_tests (organization_id, project_id, requirement_id, test_id)
    VALUES ($1, $2, $6, $7)
)
INSERT INTO trace_links
    (organization_id, project_id, source_id, source_type, target_id, target_type)
VALUES ($1, $2, $6, 'requirement', $4, 'document')
"""


async def neighbour(world: World) -> dict[str, UUID]:
    """Create another project of the tenant with a row of every type; return their IDs."""
    ids = {table: uuid7() for table in ("projects", "documents", "blocks", "requirements")}
    slug = f"gone-{uuid4()}"
    others = [ids["documents"], ids["blocks"], ids["requirements"], uuid7()]
    await world.superuser.execute(ROWS, world.organization, ids["projects"], slug, *others)
    return ids


async def identities(world: World, baseline: dict[str, Any]) -> set[str]:
    return {item["entityId"] for item in await items_of(world, baseline["id"])}


@pytest.mark.slow
@pytest.mark.parametrize("table", ["projects", "documents", "blocks", "requirements"])
@pytest.mark.parametrize("whole", [True, False], ids=["project", "document"])
async def test_what_is_deleted_elsewhere_is_left_out_of_no_baseline(world, linked, table, whole):
    place = {"documentId": None, "projectId": world.project} if whole else {}
    first = await frozen(world, **place)
    ids = await neighbour(world)
    beside = await frozen(world, **place, name="Beside")
    await world.superuser.execute(
        f"UPDATE {table} SET deleted_at = now() WHERE id = $1", ids[table]
    )
    after = await frozen(world, **place, name="After")
    assert await identities(world, after) == await identities(world, first)
    assert first["contentHash"] == beside["contentHash"] == after["contentHash"]
    told = {"first": 500, "after": None}
    diff = (await world.ask("editor", DIFF, id=first["id"], **told))["diff"]
    assert diff["changes"]["nodes"] == []
