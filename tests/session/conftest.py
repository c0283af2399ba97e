"""The entities of the tests of the kernel exist while these run, and no longer."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.session.notebook import Notebook
from tests.session.notes import created, registered
from tests.world import World


@pytest.fixture(scope="package")
async def notes_exist(superuser: asyncpg.Connection) -> AsyncIterator[None]:
    async with created(superuser):
        with registered():
            yield


@pytest.fixture
def notebook(notes_exist: None, world: World) -> Notebook:
    return Notebook(world)
