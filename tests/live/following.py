"""A document that is followed over the wire, and a requirement in it that is renamed."""

FOLLOW = """
subscription Follow($id: UUID!, $after: String) {
  documentChanged(id: $id, after: $after) {
    cursor kind version entity { ... on Requirement { name } }
  }
}
"""
RENAME = """
mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: { name: $name }) { merged }
}
"""


def renaming(world, name, version):
    """The variables that rename the world's requirement, which has this version."""
    return {"id": str(world.requirement), "version": version, "name": name}


async def rename(world, name, version):
    """Rename it, as its owner."""
    await world.ask("owner", RENAME, **renaming(world, name, version))
