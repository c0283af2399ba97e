"""Workers that are killed, and endpoints that flap, hang or fail: no event is lost or overtaken."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.conftest import SECRET
from tests.forked import Forked
from tests.loop import within
from tests.platform.webhooks.endpoints import service_account
from tests.platform.webhooks.receiver import receiving
from tests.platform.webhooks.storm import send

pytestmark = [pytest.mark.storm, pytest.mark.processes]

LIMIT, LIMIT_FULL = 240, 1800
FLAPPING, HANGING, FAILING = range(3)
"""The fault of an endpoint, by the last digit of its number; the others are healthy."""
DOCUMENTS = 10
"""Documents of each endpoint."""
EVENTS = """
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type,
    resource_type, resource_id, action, version, changed_fields, event_type)
SELECT $1, e.project, e.document, e.entity, 'Requirement', 'requirement', e.entity, 'update',
    e.version, '{name}', 'update'
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[])
    AS e (project, document, entity, version)
"""
PROJECTS = """
INSERT INTO projects (id, organization_id, name, slug, visibility)
SELECT p.id, $1, p.id::text, p.id::text, 'private' FROM unnest($2::uuid[]) AS p (id)
"""
ENDPOINTS = """
INSERT INTO webhook_endpoints (organization_id, project_id, id, name, url, service_account_id,
    secret) SELECT $1, e.project, e.id, 'Storm', e.url, $2, e.secret
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::bytea[]) AS e (project, id, url, secret)
"""


SMALL, FULL = (300, 10, 2, 1, 300), (100_000, 50, 3, 50, 200)
"""Events, endpoints, workers, kills, and events a second."""


def is_healthy(number):
    return number % 10 > FAILING


@dataclass
class Storm:
    """Events of `count` projects, each with an endpoint, and what these have received."""

    world: Any
    events: int
    count: int
    rate: int
    chance: random.Random = field(default_factory=lambda: random.Random(20))
    healed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the endpoints are all to answer."""
    committed: dict[str, float] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    """Seconds from the commit of an event until a healthy endpoint has it."""

    def __post_init__(self):
        self.projects = [uuid7() for _ in range(self.count)]
        self.documents = [[uuid7() for _ in range(DOCUMENTS)] for _ in self.projects]
        self.taken = [{} for _ in self.projects]  # by endpoint and ID, in order

    async def create_endpoints(self, url, account, webhooks):
        ids, organization = [uuid7() for _ in self.projects], self.world.organization
        await self.world.superuser.execute(PROJECTS, organization, self.projects)
        urls = [f"{url}/{number}" for number in range(self.count)]
        secrets = [webhooks.sealed(UUID(str(id)), "whsec_c2VjcmV0") for id in ids]
        arguments = (organization, account, self.projects, ids, urls, secrets)
        await self.world.superuser.execute(ENDPOINTS, *arguments)

    async def answer(self, request):
        """Answer as the endpoint does that is asked."""
        number = int(request.path.rpartition("/")[2])
        if number % 10 == FLAPPING and self.chance.random() < 0.5:
            return 500
        if number % 10 == HANGING and not self.healed.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.healed.wait(), 3)
            return 500
        if number % 10 == FAILING and not self.healed.is_set():
            return 500
        data = request.content["data"]
        if request.id not in self.taken[number]:
            self.taken[number][request.id] = (data["documentId"], data["version"])
            if is_healthy(number):
                self.late.append(time.time() - self.committed[data["entityId"]])
        return 204

    async def write(self):
        """Commit the events, so many a second."""
        versions = [[0] * DOCUMENTS for _ in self.projects]
        began, batch = time.time(), max(self.rate // 20, 1)
        for first in range(0, self.events, batch):
            rows = []
            for each in range(first, min(first + batch, self.events)):
                number, place = each % self.count, self.chance.randrange(DOCUMENTS)
                versions[number][place] += 1
                document, version = self.documents[number][place], versions[number][place]
                rows.append((self.projects[number], document, uuid7(), version))
            self.committed.update((str(row[2]), time.time()) for row in rows)
            columns = [list(column) for column in zip(*rows, strict=True)]
            await self.world.superuser.execute(EVENTS, self.world.organization, *columns)
            await asyncio.sleep(max(began + (first + batch) / self.rate - time.time(), 0))

    async def until_there_are(self, workers):
        """Wait until this number of workers has started."""
        find = "SELECT count(*) FROM webhook_workers"
        while True:
            if await self.world.superuser.fetchval(find) >= workers:
                return
            await asyncio.sleep(0.1)

    def received(self, *, healthy=False):
        """Return the number of events that the endpoints have, of all or of the healthy ones."""
        numbers = range(self.count)
        return sum(len(self.taken[n]) for n in numbers if is_healthy(n) or not healthy)

    def check(self):
        """Check that each document's events were taken in order, each once, and none is missing."""
        assert self.received() == self.events
        for taken in self.taken:
            order = defaultdict(list)
            for document, version in taken.values():
                order[document].append(version)
            assert all(found == [*range(1, len(found) + 1)] for found in order.values())


async def test_no_event_is_lost_and_none_overtakes_another(
    world, app, webhooks, database_dsn, full, record_property
):
    events, count, workers, kills, rate = FULL if full else SMALL
    storm, killed = Storm(world, events, count, rate), 0
    account = await service_account(world, "VIEWER")

    def start():
        return Forked(send, database_dsn, SECRET)

    async with receiving() as receiver, within(LIMIT_FULL if full else LIMIT):
        receiver.answer, receiver.is_kept = storm.answer, False
        await storm.create_endpoints(receiver.url, account, webhooks)
        running = [start() for _ in range(workers)]
        await storm.until_there_are(workers)
        writing = asyncio.create_task(storm.write())
        try:
            while storm.received() < events:
                # The kills are spread over the events, whatever the speed of the machine.
                done, share = storm.received(healthy=True), events * 7 // 10
                if killed < kills and done > share * (killed + 1) // (kills + 2):
                    victim = storm.chance.randrange(workers)
                    running[victim].kill()
                    running[victim].wait()
                    running[victim] = start()
                    killed += 1
                if done >= share and killed == kills:
                    storm.healed.set()
                await asyncio.sleep(0.05)
            await writing
        finally:
            writing.cancel()
            for process in running:
                process.kill()
                process.wait()
    await world.superuser.execute(
        "UPDATE webhook_endpoints SET status = 'paused' WHERE organization_id = $1",
        world.organization,
    )
    storm.check()
    assert killed == kills
    if full:  # how fast a small one is depends on when its workers have started
        storm.late.sort()
        p99 = storm.late[len(storm.late) * 99 // 100]
        record_property("p99", p99)
        assert p99 < 2
