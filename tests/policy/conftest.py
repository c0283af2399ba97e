"""One tenant for all that is tried here: what a test changes, it changes back."""

import asyncpg
import httpx
import pytest

from db.pool import Database
from tests.policy.attempts import prepare
from tests.policy.house import ENTITIES, PEOPLE, House, found_house


@pytest.fixture(scope="session")
async def house(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> House:
    return await found_house(superuser, database, client)


@pytest.fixture
async def tidy(house: House) -> House:
    """The house with every row in its place, and a token for everybody."""
    for model in ENTITIES:
        await prepare(house, model, "read")
    for person in filter(None, PEOPLE):
        await house.token(person)
    return house
