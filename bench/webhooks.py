"""Webhooks a second through one dispatcher, to endpoints that answer at once.

The dispatcher, the receiver and the sequencer of the feed run in this process beside PostgreSQL.
Events are written by plain SQL, all before the dispatcher starts: thin messages, and messages with
a selection that reads a requirement and its document. Then single edits measure the time from the
commit until the receiver has the message.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from uuid import UUID

from pydantic import SecretStr
from uuid_utils.compat import uuid7

from bench.stand import Stand
from db.feed.sequencing import sequence
from db.pool import NOBODY, Database
from graph.http.operation.operations import Operations
from graph.logs import set_up
from graph.platform.webhooks.signing import new_secret
from graph.schema import schema
from graph.settings import Settings
from graph.webhooks import Webhooks, dispatcher_of

SECRET = "a secret that only the bench uses, long enough"
EVENTS, ENDPOINTS, SINGLE = 5_000, 10, 50
SELECTION = "{ entity { ... on Requirement { externalId name status document { name } } } }"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
WRITE = """
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type,
    resource_type, resource_id, action, version, changed_fields, event_type)
SELECT r.organization_id, r.project_id, r.document_id, r.id, 'Requirement', 'requirement', r.id,
    'update', r.version, '{name}', 'update'
FROM (SELECT * FROM requirements WHERE organization_id = $1 AND deleted_at IS NULL
    ORDER BY id LIMIT 1000) AS r CROSS JOIN generate_series(1, 10) LIMIT $2
"""
ACCOUNT = """
WITH account AS (
    INSERT INTO profiles (id, email, full_name, is_approved, service_of)
    VALUES ($1, $1::uuid || '@service-accounts.invalid', 'Bench', true, $2) RETURNING id
)
INSERT INTO organization_members (organization_id, user_id, role)
SELECT $2, id, 'viewer' FROM account
"""
ENDPOINT = """
INSERT INTO webhook_endpoints (id, organization_id, name, url, service_account_id, secret,
    selection, event_types) VALUES ($1, $2, 'Bench', $3, $4, $5, $6, '{requirement.updated}')
"""


class Receiver:
    """Counts requests, and answers each at once."""

    def __init__(self) -> None:
        self.count = 0
        self.changed: Callable[[], None] = lambda: None

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                await reader.readexactly(length)
                writer.write(ANSWER)
                self.count += 1
                self.changed()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def measure(stand: Stand) -> None:
    """Write, deliver, print."""
    settings = Settings(
        database_url=SecretStr(stand.dsn),
        gateway_secret=SecretStr(SECRET),
        outbound_networks="127.0.0.0/8",
        outbound_http=True,
        log_level="WARNING",
    )
    set_up(settings)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    account = uuid7()
    await stand.superuser.execute(ACCOUNT, account, stand.organization)
    await stand.project(20, 1, 50)
    async with Database(stand.dsn, auth_connections=8) as database:
        webhooks = Webhooks(database, settings, Operations(schema, settings))
        for label, selection, endpoints in (
            ("thin, 1 endpoint", None, 1),
            (f"thin, {ENDPOINTS} endpoints", None, ENDPOINTS),
            ("with a selection, 1 endpoint", SELECTION, 1),
        ):
            for _ in range(endpoints):
                await _endpoint(stand, webhooks, url, account, selection)
            messages = EVENTS // endpoints * endpoints
            seconds = await _deliver(stand, database, webhooks, settings, receiver, endpoints)
            print(f"  {label:<34} {messages / seconds:6.0f} deliveries a second")
            await stand.superuser.execute("UPDATE webhook_endpoints SET status = 'paused'")
        await _endpoint(stand, webhooks, url, account, None)
        times = await _single(stand, database, webhooks, settings, receiver)
        print(f"  one event after another: median {statistics.median(times) * 1000:.0f} ms")
    server.close()


async def _endpoint(
    stand: Stand, webhooks: Webhooks, url: str, account: UUID, selection: str | None
) -> None:
    id = uuid7()
    secret = webhooks.sealed(id, new_secret())
    arguments = (id, stand.organization, url, account, secret, selection)
    await stand.superuser.execute(ENDPOINT, *arguments)


async def _write(stand: Stand, database: Database, events: int) -> None:
    await stand.superuser.execute(WRITE, stand.organization, events)
    async with database.auth.lend(NOBODY) as lent:
        await sequence(lent)


async def _deliver(
    stand: Stand,
    database: Database,
    webhooks: Webhooks,
    settings: Settings,
    receiver: Receiver,
    endpoints: int,
) -> float:
    """Deliver the events to each endpoint; return the seconds."""
    await _write(stand, database, EVENTS // endpoints)
    wanted = receiver.count + EVENTS // endpoints * endpoints
    done = asyncio.Event()
    receiver.changed = lambda: done.set() if receiver.count >= wanted else None
    dispatcher = dispatcher_of(webhooks, database, settings)
    start = time.perf_counter()
    running = asyncio.create_task(dispatcher.run())
    await done.wait()
    seconds = time.perf_counter() - start
    dispatcher.stop()
    await running
    return seconds


async def _single(
    stand: Stand,
    database: Database,
    webhooks: Webhooks,
    settings: Settings,
    receiver: Receiver,
) -> list[float]:
    """Return the seconds from the commit of an event until it is received, for each."""
    dispatcher = dispatcher_of(webhooks, database, settings)
    running = asyncio.create_task(dispatcher.run())
    times = []
    for _ in range(SINGLE):
        arrived = asyncio.Event()
        receiver.changed = arrived.set
        start = time.perf_counter()
        await _write(stand, database, 1)
        await arrived.wait()
        times.append(time.perf_counter() - start)
    dispatcher.stop()
    await running
    return times
