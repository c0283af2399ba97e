"""One tenant for all tests here: each test restores the rows that it changes."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from db.pool import Database
from tests.policy.attempts import prepare
from tests.policy.house import ENTITIES, PEOPLE, House, found_house
from tests.writes import Writes, watched_writes


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


@pytest.fixture
async def tidy(house: House) -> House:
    """Return the house with every row in its place, and a token for everybody."""
    for model in ENTITIES:
        await prepare(house, model, "read")
    for person in filter(None, PEOPLE):
        await house.token(person)
    return house
