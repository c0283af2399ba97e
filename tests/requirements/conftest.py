"""Documents for tests of their order, and rows that the API cannot write yet."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.requirements.shelf import Shelf
from tests.world import World


@pytest.fixture
def shelf(world: World) -> Callable[..., Awaitable[Shelf]]:
    """Return a function that makes a document with these blocks, in this order."""

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
    """Return another project of the organization."""
    id = uuid7()
    await world.superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Other', $3)",
        id,
        world.organization,
        f"other-{id}",
    )
    return id


@pytest.fixture
async def linked(world):
    """Insert an execution of a test for the requirement, and links from, to and beside it."""
    ids = {name: uuid7() for name in ("test", "run", "unused", "second", "inside", "beside")}
    other_document, stranger = uuid7(), uuid7()
    place = (world.organization, world.project)
    run = world.superuser.execute
    await run(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Other', 'other')",
        other_document,
        *place,
    )
    for id, document in ((ids["second"], world.document), (stranger, other_document)):
        await run(
            "INSERT INTO requirements (id, organization_id, project_id, document_id, name,"
            " position) VALUES ($1, $2, $3, $4, 'Second', 2)",
            id,
            *place,
            document,
        )
    for id in (ids["test"], ids["unused"]):
        await run(
            "INSERT INTO test_req (id, organization_id, project_id, title)"
            " VALUES ($1, $2, $3, 'Brake test')",
            id,
            *place,
        )
    await run(
        "INSERT INTO requirement_tests (id, organization_id, project_id, requirement_id, test_id)"
        " VALUES ($1, $2, $3, $4, $5)",
        ids["run"],
        *place,
        world.requirement,
        ids["test"],
    )
    for id, source in ((ids["inside"], ids["second"]), (ids["beside"], stranger)):
        await run(
            "INSERT INTO trace_links (id, organization_id, project_id, source_id, source_type,"
            " target_id, target_type) VALUES ($1, $2, $3, $4, 'requirement', $5, $6)",
            id,
            *place,
            source,
            world.requirement if id == ids["inside"] else other_document,
            "requirement" if id == ids["inside"] else "document",
        )
    return ids
