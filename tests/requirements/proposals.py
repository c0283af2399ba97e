"""The operations of change sets, for tests."""

from typing import Any

CREATE = """mutation ($input: ChangeSetCreateInput!) {
    changeSetCreate(input: $input) { changeSet { id version state } } }"""
ITEM = """id version entityType entityId action baseVersion base proposed
    place { containerId insideId afterId beforeId first }
    changes { field old new diff { kind text } }
    conflicts { field path base current proposed }"""
EDIT = f"""mutation ($id: UUID!, $items: [ChangeSetEditInput!]!) {{
    changeSetEdit(id: $id, items: $items) {{ changeSet {{ id version }} items {{ {ITEM} }} }} }}"""
READ = f"""query ($id: UUID!) {{ changeSet(id: $id) {{ id version name state closedAt
    closedBy {{ id }} reversesId items(first: 100) {{ totalCount nodes {{ {ITEM} }} }} }} }}"""
APPLY = """mutation ($id: UUID!, $version: BigInt!) {
    changeSetApply(id: $id, expectedVersion: $version) { changeSet { id version state } } }"""
WITHDRAW = """mutation ($id: UUID!, $version: BigInt!) {
    changeSetWithdraw(id: $id, expectedVersion: $version) { changeSet { id version state } } }"""
REMOVE = """mutation ($id: UUID!, $items: [UUID!]!) {
    changeSetRemove(id: $id, itemIds: $items) { changeSet { id version } } }"""
RESOLVE = f"""mutation ($item: UUID!, $version: BigInt!, $how: [ChangeSetResolutionInput!]!) {{
    changeSetResolve(itemId: $item, expectedVersion: $version, resolutions: $how) {{
        changeSet {{ id version }} items {{ {ITEM} }} }} }}"""
REQUIREMENT = """query ($id: UUID!) { requirement(id: $id) {
    id version name description status tags position properties block { id } document { id } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { id version } } }"""
TREE = """query ($id: UUID!) { document(id: $id) { name
    blocks(first: 100) { nodes { id name parent { name } } }
    requirements(first: 1000) {
        nodes { id name description status position block { name } } } } }"""


class Proposal:
    """One change set of a test's tenant, and what people do with it."""

    def __init__(self, world: Any, id: str) -> None:
        self.world, self.id = world, id

    @classmethod
    async def begin(cls, world: Any, person: str = "editor", **more: Any) -> "Proposal":
        """Create a change set in the project."""
        input = {"projectId": world.project, "name": "Proposal", **more}
        made = await world.ask(person, CREATE, input=input)
        return cls(world, made["changeSet"]["id"])

    async def edit(self, *items: dict[str, Any], person: str = "editor") -> list[Any]:
        """Propose changes, and return the items."""
        edited = await self.world.ask(person, EDIT, id=self.id, items=list(items))
        return edited["items"]

    async def read(self, person: str = "editor") -> Any:
        """Return the change set with its items."""
        return await self.world.ask(person, READ, id=self.id)

    async def item(self) -> Any:
        """Return its only item."""
        (item,) = (await self.read())["items"]["nodes"]
        return item

    async def apply(self, person: str = "editor") -> Any:
        """Apply it as it is now."""
        version = (await self.read())["version"]
        return await self.world.ask(person, APPLY, id=self.id, version=version)

    async def resolve(self, item: Any, field: str, keep: str) -> Any:
        """Resolve the conflict in one field."""
        how = [{"field": field, "keep": keep}]
        variables = {"item": item["id"], "version": item["version"], "how": how}
        return await self.world.ask("editor", RESOLVE, **variables)


def updated(id: Any, version: int, **input: Any) -> dict[str, Any]:
    """Return the edit that proposes to update a requirement."""
    return {"requirementUpdate": {"id": id, "expectedVersion": version, "input": input}}


REVERSE = """mutation ($id: UUID!) {
    changeSetReverse(id: $id) { changeSet { id version state reversesId } } }"""
PROPOSED = TREE.replace("($id: UUID!)", "($id: UUID!, $set: UUID!)").replace(
    "document(id: $id)", "document(id: $id, changeSet: $set)"
)
