"""People and their tokens, from the command line: for the first administrator, and for scripts."""

import asyncio
from datetime import timedelta

from auth.accounts.admission import admit
from auth.accounts.mail import Outbox, mail
from auth.accounts.second_factor import turn_off_for
from auth.credentials.people import FROM_HERE, address, approve, create_person, set_password
from auth.credentials.tokens import issue
from auth.policy.scope_names import SCOPES
from db.logins import Logins
from db.problem import Problem
from graph.commands.database import opened, running
from graph.settings import Settings


def create(settings: Settings, email: str, name: str | None, password: str) -> None:
    """Create a person who may sign in at once. Raises Problem."""

    async def work(at: Logins) -> None:
        async with opened(at) as database:
            await create_person(database, email, name, password)

    with running(settings) as at:
        asyncio.run(work(at))


def change_password(settings: Settings, email: str, password: str) -> None:
    """Set another password and end all sessions of the person. Raises Problem."""

    async def work(at: Logins) -> None:
        async with opened(at) as database:
            await set_password(database, email, password)

    with running(settings) as at:
        asyncio.run(work(at))


def let_in(settings: Settings, email: str) -> None:
    """Approve a person who has signed up, and notify them by mail. Raises Problem."""

    async def work(at: Logins) -> None:
        outbox = Outbox(settings)
        async with opened(at) as database:
            if person := await approve(database, email):
                await admit(database, person, address(email), FROM_HERE)
                outbox.post(mail("approved", address(email), settings))
            await outbox.settle(within=60)

    with running(settings) as at:
        asyncio.run(work(at))


def turn_second_factor_off(settings: Settings, email: str) -> None:
    """Turn off two-factor authentication of a person, and notify them by mail. Raises Problem."""

    async def work(at: Logins) -> None:
        outbox = Outbox(settings)
        async with opened(at) as database:
            await turn_off_for(database, outbox, email)
            await outbox.settle(within=60)

    with running(settings) as at:
        asyncio.run(work(at))


def token(settings: Settings, email: str, days: int, scope: str | None) -> str:
    """Issue and return a bearer token of a person. Raises Problem, INVALID for unknown scopes."""
    named = None if scope is None else scope.split()
    if named is not None and (not named or not set(named) <= SCOPES.keys()):
        unknown = [name for name in named if name not in SCOPES]
        what = f"There is no scope {unknown[0]!r}" if unknown else "Name a scope"
        raise Problem("INVALID", f"{what}; the scopes are {', '.join(SCOPES)}.")

    async def work(at: Logins) -> str:
        async with opened(at) as database:
            return await issue(
                database, email, timedelta(days=days), " ".join(named) if named else None
            )

    with running(settings) as at:
        return asyncio.run(work(at))
