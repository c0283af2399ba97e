"""A process that sends webhooks for the storm, with short timeouts and delays."""

import asyncio

from db.pool import Database
from graph.http.operation.operations import Operations
from graph.schema import schema
from graph.settings import Settings
from graph.webhooks import Webhooks, dispatcher_of

DELAYS = (0.5, 2.0, *(5.0,) * 500)
"""Seconds before each further attempt: so many that no message fails for good."""
TIMEOUT = 1.0


def send(dsn: str, secret: str) -> None:
    """Send webhooks until the process is killed."""
    asyncio.run(main(dsn, secret))


async def main(dsn: str, secret: str) -> None:
    settings = Settings(
        database_url=dsn,
        gateway_secret=secret,
        outbound_networks="127.0.0.0/8",
        outbound_http=True,
        webhook_timeout=TIMEOUT,
    )
    async with Database(dsn, app_connections=2, orm_connections=2, auth_connections=4) as database:
        webhooks = Webhooks(database, settings, Operations(schema, settings))
        dispatcher = dispatcher_of(webhooks, database, settings)
        dispatcher._shared.retry_delays = DELAYS
        await dispatcher.run()
