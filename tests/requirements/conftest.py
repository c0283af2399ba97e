"""Documents for tests of their order."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.requirements.shelf import Shelf
from tests.world import World


@pytest.fixture
def shelf(world: World) -> Callable[..., Awaitable[Shelf]]:
    """Make a new document with these blocks, in this order."""

    async def shelf(blocks: str = "", project: UUID | None = None) -> Shelf:
        shelf = Shelf(world, project or world.project, uuid7())
        await world.superuser.execute(
            "INSERT INTO documents (id, organization_id, project_id, name, slug)"
            " VALUES ($1, $2, $3, 'Shelf', $4)",
            shelf.id,
            world.organization,
            shelf.project,
            f"s-{shelf.id}",
        )
        await shelf.add_blocks(*blocks)
        return shelf

    return shelf


@pytest.fixture
async def other_project(world: World) -> UUID:
    """Another project of the organization."""
    id = uuid7()
    await world.superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Other', $3)",
        id,
        world.organization,
        f"other-{id}",
    )
    return id
