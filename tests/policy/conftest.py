"""One tenant for all tests here: each test restores the rows that it changes."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from db.pool import Database
from tests.policy.attempts import statements_of_rest
from tests.policy.house import PEOPLE, House, found_house
from tests.writes import Writes, watched_writes

TIDY = """
CREATE FUNCTION pg_temp.tidy() RETURNS void LANGUAGE plpgsql AS $tidy$
BEGIN
{statements};
END $tidy$
"""


@pytest.fixture(scope="session")
async def house(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> House:
    return await found_house(superuser, database, client)


@pytest.fixture(scope="module")
async def writes(superuser: asyncpg.Connection) -> AsyncIterator[Writes]:
    """Yield the writes during a module."""
    async with watched_writes(superuser) as writes:
        yield writes


@pytest.fixture(scope="session")
async def tidied(house: House) -> House:
    """Return the house with a function that puts every row in its place, planned only once."""
    await house.superuser.execute(TIDY.format(statements=";\n".join(statements_of_rest(house))))
    for person in filter(None, PEOPLE):
        await house.token(person)
    return house


@pytest.fixture
async def tidy(tidied: House) -> House:
    """Return the house with every row in its place, and a token for everybody."""
    await tidied.superuser.execute("SELECT pg_temp.tidy()")
    return tidied
