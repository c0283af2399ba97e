"""A tree of rows with dependents of every type, and the rows of it that remain."""

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from db.tables import METADATA
from tests.world import World

HANGING = {
    "projects": "id, organization_id, name, slug: '{projects}', '{o}', 'Other', 'other'",
    "documents": "id, organization_id, project_id, name, slug:"
    " '{documents}', '{o}', '{projects}', 'Other', 'other'",
    "requirements": "id, organization_id, project_id, document_id, name:"
    " '{requirements}', '{o}', '{projects}', '{documents}', 'Elsewhere'",
    "properties": "id, organization_id, project_id, document_id, key, name, property_type:"
    " '{properties}', '{o}', '{p}', '{d}', 'mass', 'Mass', 'number'",
    "blocks": "id, organization_id, project_id, document_id, parent_id, name:"
    " '{blocks}', '{o}', '{p}', '{d}', '{b}', 'Within'",
    "columns": "id, organization_id, project_id, document_id, block_id, property_id:"
    " '{columns}', '{o}', '{p}', '{d}', '{b}', '{properties}'",
    "test_req": "id, organization_id, project_id, title: '{test_req}', '{o}', '{p}', 'Brakes'",
    "requirement_tests": "id, organization_id, project_id, requirement_id, test_id:"
    " '{requirement_tests}', '{o}', '{p}', '{r}', '{test_req}'",
    "assignments": "id, organization_id, project_id, entity_id, entity_type, assignee_id:"
    " '{assignments}', '{o}', '{p}', '{r}', 'requirement', '{editor}'",
    "trace_links": "id, organization_id, project_id, source_id, source_type, target_id,"
    " target_type: '{trace_links}', '{o}', '{projects}', '{requirements}', 'requirement', '{r}',"
    " 'requirement'",
    "excalidraw_diagrams": "id, organization_id, project_id: '{excalidraw_diagrams}', '{o}', '{p}'",
    "diagram_element_links": "id, organization_id, project_id, diagram_id, requirement_id,"
    " element_id: '{diagram_element_links}', '{o}', '{p}', '{excalidraw_diagrams}', '{r}', 'box'",
}
"""A row of each table: columns, then values. The first three are another project, which stays."""

ELSEWHERE = ("projects", "documents", "requirements")

ON = {
    "requirement": ("requirement_tests", "assignments", "trace_links", "diagram_element_links"),
    "block": ("blocks", "columns"),
    "document": ("properties",),
    "project": ("test_req", "excalidraw_diagrams"),
    "organization": ELSEWHERE,
}
"""The dependents of each row of the world, except those of rows beneath it."""


@dataclass
class Tree:
    """The world with further rows; `ids` are theirs, by table."""

    world: World
    ids: dict[str, UUID]

    async def delete(self, kind: str, days: int = 31) -> UUID:
        """Delete the row as its owner would have, this many days ago."""
        id: UUID = getattr(self.world, kind)
        await self.world.superuser.execute(
            f"UPDATE {kind}s SET deleted_at = now() - make_interval(days => $2),"
            " version = version + 1 WHERE id = $1",
            id,
            days,
        )
        return id

    async def rows(self) -> set[UUID]:
        """Return the IDs of all rows, read by the policy that the organization has."""
        found = set()
        for table in METADATA.sorted_tables:
            key = "id" if table.name == "organizations" else "organization_id"
            is_entity = {"id", "version", key} <= set(table.columns.keys())
            if is_entity and table.name != "audit_logs":
                rows = await self.world.superuser.fetch(
                    f"SELECT id FROM {table.name} WHERE {key} = $1", self.world.organization
                )
                found |= {row["id"] for row in rows}
        return found


async def hang(world: World) -> Tree:
    """Add dependents of every type to the world's requirement, block, document and project."""
    tree = Tree(world, {table: uuid7() for table in HANGING})
    names = {
        "o": world.organization,
        "p": world.project,
        "d": world.document,
        "b": world.block,
        "r": world.requirement,
        "editor": world.people["editor"],
        **tree.ids,
    }
    async with world.superuser.transaction():
        for table, said in HANGING.items():
            columns, values = said.format(**names).split(":")
            await world.superuser.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})")
    return tree
