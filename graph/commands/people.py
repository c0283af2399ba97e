"""People and their tokens, from the command line: for the first administrator, and for scripts."""

import asyncio
from datetime import timedelta

from auth.mail import Outbox, mail
from auth.people import address, approve, create_person, set_password
from auth.second_factor import turn_off_for
from auth.tokens import issue
from graph.commands.database import opened, running
from graph.settings import Settings


def create(settings: Settings, email: str, name: str | None, password: str) -> None:
    """Create somebody who may sign in at once. Raises Problem."""

    async def work(dsn: str) -> None:
        async with opened(dsn, settings) as database:
            await create_person(database, email, name, password)

    with running(settings) as dsn:
        asyncio.run(work(dsn))


def change_password(settings: Settings, email: str, password: str) -> None:
    """Give somebody another password and sign them out everywhere. Raises Problem."""

    async def work(dsn: str) -> None:
        async with opened(dsn, settings) as database:
            await set_password(database, email, password)

    with running(settings) as dsn:
        asyncio.run(work(dsn))


def let_in(settings: Settings, email: str) -> None:
    """Approve somebody who has signed up, and tell them by mail. Raises Problem."""

    async def work(dsn: str) -> None:
        outbox = Outbox(settings)
        async with opened(dsn, settings) as database:
            if await approve(database, email):
                outbox.post(mail("approved", address(email), settings))
            await outbox.settle(within=60)

    with running(settings) as dsn:
        asyncio.run(work(dsn))


def turn_second_factor_off(settings: Settings, email: str) -> None:
    """Ask somebody for no codes any more, and tell them by mail. Raises Problem."""

    async def work(dsn: str) -> None:
        outbox = Outbox(settings)
        async with opened(dsn, settings) as database:
            await turn_off_for(database, outbox, email)
            await outbox.settle(within=60)

    with running(settings) as dsn:
        asyncio.run(work(dsn))


def token(settings: Settings, email: str, days: int, scope: str | None) -> str:
    """A new bearer token of somebody. Raises Problem."""

    async def work(dsn: str) -> str:
        async with opened(dsn, settings) as database:
            return await issue(database, email, timedelta(days=days), scope)

    with running(settings) as dsn:
        return asyncio.run(work(dsn))
