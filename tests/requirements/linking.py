"""Trace links as the tests write and read them."""

from typing import Any
from uuid import UUID, uuid4

from tests.world import World

END = "{ state entityType entityId confirmedVersion suspect changes { field old new } node { id } }"
LINK = f"""id version linkType description suspect confirmedAt confirmedBy {{ id }} projectId
  source {END} target {END}"""
CREATE = f"""mutation ($input: TraceLinkCreateInput!) {{
  traceLinkCreate(input: $input) {{ traceLink {{ {LINK} }} }} }}"""
BULK = f"""mutation ($items: [TraceLinkCreateInput!]!, $onError: OnError! = CONTINUE) {{
  traceLinksCreate(items: $items, onError: $onError) {{ succeeded failed
    results {{ index error {{ code field message }} traceLink {{ {LINK} }} }} }} }}"""
OF = f"""query ($id: ID!, $filter: TraceLinkFilterInput) {{ node(id: $id) {{ ... on Linkable {{
  outgoingLinks(filter: $filter) {{ totalCount nodes {{ {LINK} }} }}
  incomingLinks(filter: $filter) {{ totalCount nodes {{ {LINK} }} }} }} }} }}"""
UPDATE_REQUIREMENT = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
    requirement { version } } }"""


async def link(world: World, source: Any, target: Any, by: str = "editor", **input: Any) -> Any:
    """Create a link; return it."""
    given = {"sourceId": source, "targetId": target} | input
    return (await world.ask(by, CREATE, input=given))["traceLink"]


async def links_of(world: World, id: Any, by: str = "viewer", **filter: Any) -> tuple[Any, Any]:
    """Return the links that lead from an object and to it."""
    found = await world.ask(by, OF, id=id, filter=filter or None)
    return found["outgoingLinks"]["nodes"], found["incomingLinks"]["nodes"]


async def edit(world: World, id: Any, version: int = 1, by: str = "editor", **input: Any) -> int:
    """Change a requirement; return its version."""
    changed = await world.ask(by, UPDATE_REQUIREMENT, id=id, version=version, input=input)
    return int(changed["requirement"]["version"])


async def requirements(world: World, count: int, document: UUID | None = None) -> list[str]:
    """Create requirements in a document; return their IDs."""
    found = await world.ask(
        "owner",
        """mutation ($items: [RequirementCreateInput!]!) {
          requirementsCreate(items: $items) { results { requirement { id } } } }""",
        items=[
            {"documentId": document or world.document, "name": f"R{n}", "externalId": f"R-{n}"}
            for n in range(count)
        ],
    )
    return [result["requirement"]["id"] for result in found["results"]]


async def elsewhere(world: World) -> tuple[UUID, UUID]:
    """Insert another project of the organization with a document; return their IDs."""
    project, document = uuid4(), uuid4()
    await world.superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Other', $3)",
        project,
        world.organization,
        f"o-{project}",
    )
    await world.superuser.execute(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Elsewhere', $4)",
        document,
        world.organization,
        project,
        f"e-{document}",
    )
    return project, document
