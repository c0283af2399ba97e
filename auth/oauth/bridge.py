"""The bridge from asynchronous code to Authlib's synchronous server.

It runs synchronous code with a session over an asyncpg connection of the role gateway_auth, on the
same thread and in the same loop. Its writes are committed also when it answers with an OAuth error,
for an error may end a family; an exception rolls them back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from auth.accounts.mail import Outbox
from auth.events import INSERT, as_row
from auth.oauth.server import Server
from auth.origin import Origin
from auth.session.write.db_errors import refusal
from auth.settings import AuthSettings
from db.pool import Database
from db.problem import Problem

T = TypeVar("T")

MAX_CONCURRENT = 2
"""Requests of applications that are answered at once in a process.

Each computes for some milliseconds on the loop and asks for connections that identify people: more
at once would be answered no sooner, and everything else in the process would wait for all of them.
"""
MAX_WAIT = 5.0
"""Seconds to wait for a turn, at most."""


class Bridge:
    """Runs synchronous work with a `Server`, in one transaction."""

    def __init__(self, database: Database, settings: AuthSettings, outbox: Outbox) -> None:
        self.database, self.settings, self.outbox = database, settings, outbox
        self._turns = asyncio.Semaphore(MAX_CONCURRENT)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until few other requests of applications are processed.

        Raises BUSY after a while.
        """
        try:
            await asyncio.wait_for(self._turns.acquire(), MAX_WAIT)
        except TimeoutError:
            raise Problem("BUSY", "Too many applications request tokens at once.") from None
        try:
            yield
        finally:
            self._turns.release()

    async def run(self, work: Callable[[Server], T], origin: Origin) -> T:
        """Return the result of the work once it is committed. Raises BUSY and TIMEOUT."""

        def serve(session: Session) -> tuple[T, Server]:
            server = Server(session, self.settings, origin)
            result = work(server)
            session.flush()
            return result, server

        try:
            async with AsyncSession(self.database.auth_orm, expire_on_commit=False) as session:
                result, server = await session.run_sync(serve)
                connection = await session.connection()
                for event in server.events:
                    await connection.exec_driver_sql(INSERT, as_row(event, origin))
                await session.commit()
        except PoolTimeout:
            raise Problem("BUSY", "No connection to the database is available.") from None
        except TimeoutError:  # the driver's, when the server does not even say that it is too slow
            raise Problem("TIMEOUT", "The database took too long.") from None
        except DBAPIError as error:
            raise refusal(error) from error
        for told in server.mails:
            self.outbox.tell(told)
        return result
