"""A document for tests of its order, made by plain SQL; its rows are known by their names."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.requirements.places import place_input
from tests.world import World

MOVES = {
    "blocks": """mutation ($id: UUID!, $version: BigInt!, $to: BlockPlaceInput!) {
        moved: blockMove(id: $id, expectedVersion: $version, placeAt: $to) { merged row: block {
            id version position parentId documentId projectId } } }""",
    "requirements": """mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {
        moved: requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {
            merged row: requirement { id version position blockId documentId projectId } } }""",
}
LISTED = """query ($id: UUID!) { document(id: $id) {
    blocks(first: 100) { nodes { name position version parentId } }
    requirements(first: 500) { nodes {
        id name position version projectId updatedBy { id } block { name } } } } }"""


class Shelf:
    """The document, and the ids of its rows by their names."""

    def __init__(self, world: World, project: UUID, id: UUID) -> None:
        self.world, self.project, self.id = world, project, id
        self.ids: dict[str, UUID] = {}

    async def add(self, table: str, *names: str, inside: str | None = None, **given: Any) -> None:
        """Insert rows in this order, after the existing ones unless `position` is given."""
        column = {"blocks": "parent_id", "requirements": "block_id"}[table]
        for name in names:
            self.ids[name] = uuid7()
            await self.world.superuser.execute(
                f"INSERT INTO {table} (id, organization_id, project_id, document_id, name,"
                f" position, {column}, deleted_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $8 THEN now() END)",
                self.ids[name],
                self.world.organization,
                self.project,
                self.id,
                name,
                given.get("position", len(self.ids)),
                self.ids[inside] if inside else None,
                given.get("deleted", False),
            )

    async def add_blocks(self, *names: str, parent: str | None = None, **given: Any) -> None:
        await self.add("blocks", *names, inside=parent, **given)

    async def add_requirements(self, *names: str, block: str | None = None, **given: Any) -> None:
        await self.add("requirements", *names, inside=block, **given)

    async def move(
        self, table: str, name: str, version: int = 1, person: str = "editor", **to: Any
    ) -> dict[str, Any]:
        """Move a row, with neighbours and blocks by name; return the payload."""
        return await self.move_by_id(table, self.ids[name], version, person, to)

    async def move_by_id(
        self, table: str, id: UUID, version: int, person: str, to: dict[str, Any]
    ) -> dict[str, Any]:
        """Move a row of any document by ID; return the payload."""
        move = {"id": id, "version": version, "to": place_input(to)}
        moved: dict[str, Any] = await self.world.ask(person, MOVES[table], **move)
        return moved

    async def move_block(self, name: str, version: int = 1, **to: Any) -> dict[str, Any]:
        return await self.move("blocks", name, version, **to)

    async def move_requirement(self, name: str, version: int = 1, **to: Any) -> dict[str, Any]:
        return await self.move("requirements", name, version, **to)

    async def listed(self, table: str = "requirements") -> list[dict[str, Any]]:
        """Return the document's rows as a viewer reads them, in their order."""
        nodes: list[dict[str, Any]] = (await self.world.ask("viewer", LISTED, id=self.id))[table][
            "nodes"
        ]
        return nodes

    async def order(self) -> str:
        return "".join(node["name"] for node in await self.listed())

    async def blocks_order(self) -> str:
        return "".join(node["name"] for node in await self.listed("blocks"))
