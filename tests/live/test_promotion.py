"""A replica without the newest commits is promoted: whoever had received them gets RESYNC."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.http.connected import socket
from tests.live.storm import FOLLOW, Cluster, cluster
from tests.live.test_hub import UPDATE

pytestmark = [pytest.mark.processes, pytest.mark.exhaustive]


async def follow(tenant: Cluster, document: UUID, after: str | None, events: int) -> list[Any]:
    """Return the first event, and this many further events."""
    async with socket(tenant.nodes[0].url, await tenant.world.token("viewer")) as client:
        await client.subscribe("1", FOLLOW, id=str(document), after=after)
        answers = [await client.receive() for _ in range(1 + events)]
    return [answer["payload"]["data"]["documentChanged"] for answer in answers]


async def rename(tenant: Cluster, requirement: UUID, version: int) -> None:
    """Rename the requirement once."""
    headers = {"authorization": f"Bearer {await tenant.world.token('editor')}"}
    variables = {"id": str(requirement), "v": version, "name": f"Name {version}"}
    body = {"query": UPDATE, "variables": variables}
    async with httpx.AsyncClient(base_url=tenant.nodes[0].url) as client:
        assert "errors" not in (await client.post("/graphql", json=body, headers=headers)).json()


async def test_a_cursor_of_what_was_lost_is_answered_with_resync(servers, tmp_path: Path):
    primary, replica = servers.primary, servers.replica
    async with cluster(primary, 1, tmp_path) as tenant:
        world = tenant.world
        ids = world.document, world.requirement
        (ready,) = await follow(tenant, ids[0], None, 0)
        await rename(tenant, ids[1], 1)
        _, before = await follow(tenant, ids[0], ready["cursor"], 1)
    servers.copy()
    async with cluster(primary, 1, tmp_path, world) as tenant:
        await rename(tenant, ids[1], 2)
        greeting, lost = await follow(tenant, ids[0], before["cursor"], 1)
        assert (greeting["kind"], lost["version"]) == ("READY", 3)
    primary.stop()
    replica.start()
    await servers.promote()
    async with cluster(replica, 1, tmp_path, world) as tenant:
        (ready,) = await follow(tenant, ids[0], None, 0)
        await rename(tenant, ids[1], 2)
        _, other = await follow(tenant, ids[0], ready["cursor"], 1)
        assert other["version"] == lost["version"]
        for after in (lost["cursor"], before["cursor"]):
            (greeting,) = await follow(tenant, ids[0], after, 0)
            assert greeting["kind"] == "RESYNC"
        await rename(tenant, ids[1], 3)
        ready, event = await follow(tenant, ids[0], greeting["cursor"], 1)
        assert (ready["kind"], event["version"]) == ("READY", 4)
