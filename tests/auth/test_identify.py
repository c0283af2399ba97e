"""The statements that identifying a request takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import pytest
from starlette.requests import HTTPConnection

from auth.accounts.sign_in import sign_in
from auth.credentials import grants, tokens
from auth.credentials.identify import act_for, identify
from auth.origin import Origin
from auth.viewer import ANONYMOUS, Viewer
from db.pool import NOBODY, Database
from db.problem import Problem
from tests.auth.conftest import PASSWORD

Ask = Callable[..., tuple[Viewer, list[str]]]


@pytest.fixture
async def asked(database: Database, settings) -> AsyncIterator[Ask]:
    """Yield a function that identifies the sender of headers: the viewer, and the statements.

    Its one connection has prepared the statements before: the first time, asyncpg reads their
    types.
    """
    statements: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        statements.append(record.query)

    async with Database(database.dsn, auth_connections=1) as small:
        async with small.auth.lend(NOBODY) as lent:
            await grants.of_token(lent, "", "")
            await grants.of_session(lent, b"", timedelta(0))
            lent.add_query_logger(note)

        async def asked(**headers: str) -> tuple[Viewer, list[str]]:
            statements.clear()
            raw = [(b"host", b"gateway.example")]
            raw += [(name.encode(), value.encode()) for name, value in headers.items()]
            scope = {"type": "http", "scheme": "https", "path": "/", "headers": raw}
            viewer = await identify(HTTPConnection(scope), small, settings)
            await asyncio.sleep(0)  # asyncpg calls its loggers by the loop
            return viewer, list(statements)

        yield asked


async def test_a_token_takes_one_statement(database, person, asked):
    token = await tokens.issue(database, person.email, timedelta(hours=1))
    for _ in range(3):
        viewer, statements = await asked(authorization=f"Bearer {token}")
        assert viewer.id == person.id
        assert len(statements) == 1


async def test_a_cookie_takes_one_statement(database, settings, person, asked, mailbox):
    started = await sign_in(database, settings, mailbox, person.email, PASSWORD, Origin())
    viewer, statements = await asked(cookie=f"__Host-gateway={started.secret}")
    assert (viewer.id, viewer.session_id) == (person.id, str(started.id))
    assert len(statements) == 1
    assert started.secret not in repr(started)


async def test_without_credentials_nothing_is_asked(asked):
    for headers in ({}, {"cookie": "__Host-gateway=x; gateway=y"}):
        assert await asked(**headers) == (ANONYMOUS, [])


async def test_a_mistyped_token_is_refused_without_a_statement(database, person, asked):
    token = await tokens.issue(database, person.email, timedelta(hours=1))
    wrong = token[:20] + ("x" if token[20] != "x" else "y") + token[21:]
    with pytest.raises(Problem) as refusal:
        await asked(authorization=f"Bearer {wrong}")
    assert refusal.value.code == "UNAUTHENTICATED"
    viewer, statements = await asked(authorization=f"Bearer {token}")
    assert (viewer.id, len(statements)) == (person.id, 1)


async def test_a_websocket_is_identified_by_the_same_headers(database, settings, person, mailbox):
    started = await sign_in(database, settings, mailbox, person.email, PASSWORD, Origin())
    headers = [
        (b"host", b"gateway.example"),
        (b"cookie", f"__Host-gateway={started.secret}".encode()),
    ]
    scope = {"type": "websocket", "scheme": "wss", "path": "/graphql", "headers": headers}
    assert (await identify(HTTPConnection(scope), database, settings)).id == person.id


async def test_commands_act_for_people_in_good_standing_alone(database, superuser, person):
    assert (await act_for(person.email.upper(), database)).email == person.email
    await superuser.execute("UPDATE profiles SET status = 'suspended' WHERE id = $1", person.id)
    for email in (person.email, "unknown@demo.example"):
        with pytest.raises(Problem) as refusal:
            await act_for(email, database)
        assert refusal.value.code == "NOT_FOUND"
