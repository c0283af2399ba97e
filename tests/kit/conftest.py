"""A tenant with many requirements, made once: the tests of this folder that share it only read."""

import asyncpg
import httpx
import pytest

from db.pool import Database
from tests.kit.rows import Shelf, fill
from tests.world import found


@pytest.fixture(scope="package")
async def shelf(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> Shelf:
    return await fill(await found(superuser, database, client))
