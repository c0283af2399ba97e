"""Deletion hides all rows beneath, on every path; restoring shows exactly these again."""

from dataclasses import dataclass

import pytest
from uuid_utils.compat import uuid7

TREE = """query ($organization: UUID!, $project: UUID!, $document: UUID!,
        $outer: UUID!, $middle: UUID!, $inner: UUID!, $deep: UUID!, $node: ID!, $ids: [ID!]!) {
    organization(id: $organization) { projects { nodes { id } totalCount } }
    organizations { nodes { id } totalCount }
    project(id: $project) {
        documents { edges { node { id } } totalCount }
        requirements { nodes { id } totalCount } }
    projects(filter: {organizationId: {eq: $organization}}) { nodes { id } totalCount }
    document(id: $document) {
        blocks { nodes { id } totalCount }
        requirements { nodes { id } totalCount } }
    documents(search: "gyroscope") { nodes { id } totalCount }
    outer: block(id: $outer) { ...beneath }
    middle: block(id: $middle) { ...beneath }
    inner: block(id: $inner) { ...beneath }
    requirement(id: $deep) { project { id } document { id } block { id parent { id } } }
    requirements(filter: {projectId: {eq: $project}}) { nodes { id } totalCount }
    search: requirements(search: "gyroscope") { nodes { id } totalCount }
    node(id: $node) { id }
    nodes(ids: $ids) { id }
}
fragment beneath on Block {
    id parent { id } requirements { nodes { id } totalCount }
    children { nodes { id children { nodes { id requirements { nodes { id } totalCount } } } }
        totalCount } }"""
REQUIREMENT = """mutation ($document: UUID!, $block: UUID) { requirementCreate(
    input: {documentId: $document, blockId: $block, name: "Gyroscope"}) { requirement { id } } }"""
CHANGE = """mutation ($id: UUID!, $version: BigInt!) {{
    {name}(id: $id, expectedVersion: $version) {{ __typename }} }}"""
ADD_BLOCK = """INSERT INTO blocks
    (id, organization_id, project_id, document_id, parent_id, name, position)
    VALUES ($1, $2, $3, $4, $5, 'Gyroscope', 2)"""
ADD_REQUIREMENT = """INSERT INTO requirements
    (id, organization_id, project_id, document_id, block_id, name, position)
    VALUES ($1, $2, $3, $4, $5, 'Gyroscope', 2)"""
LEVELS = ("organization", "project", "document", "outer", "middle", "inner", "deep")
BLOCKS = LEVELS[3:6]


@dataclass
class Tree:
    """A tenant's tree with blocks three levels deep; ids by their place in it, widest first."""

    world: object
    ids: dict[str, str]
    versions: dict[str, int]

    async def read(self):
        """Return the rows that the owner finds, by every path."""
        places = {level: self.ids[level] for level in LEVELS}
        answer = await self.world.answer(
            "owner", TREE, **places, node=places["deep"], ids=list(self.ids.values())
        )
        assert {e["extensions"]["code"] for e in answer.get("errors", [])} <= {"NOT_FOUND"}
        return answer["data"]

    async def change(self, action, level):
        """Delete or restore it as the owner; return the code when it is refused."""
        kind = "block" if level in BLOCKS else level
        kind = kind if level in LEVELS[:-1] else "requirement"
        mutation = CHANGE.format(name=kind + action)
        change = {"id": self.ids[level], "version": self.versions[level]}
        code = await self.world.code("owner", mutation, **change)
        self.versions[level] += code is None
        return code


@pytest.fixture
async def tree(world):
    """Return three nested blocks, each with a requirement; `gone` has been deleted already."""
    places = (world.organization, world.project, world.document)
    ids = dict(zip(LEVELS, places, strict=False)) | {block: uuid7() for block in BLOCKS}
    parents = dict(zip(BLOCKS, (None, *BLOCKS), strict=False))
    requirements = {
        "outer_requirement": "outer",
        "middle_requirement": "middle",
        "deep": "inner",
        "gone": "middle",
        "loose": None,
    }
    ids |= {requirement: uuid7() for requirement in requirements}
    for statement, beneath in ((ADD_BLOCK, parents), (ADD_REQUIREMENT, requirements)):
        rows = [(ids[child], *places, ids.get(parent)) for child, parent in beneath.items()]
        await world.superuser.executemany(statement, rows)
    rename = "UPDATE documents SET name = 'Gyroscope' WHERE id = $1"
    await world.superuser.execute(rename, world.document)
    tree = Tree(world, {name: str(id) for name, id in ids.items()}, dict.fromkeys(ids, 1))
    assert await tree.change("Delete", "gone") is None
    return tree


def ids_in(data):
    match data:
        case dict():
            found = {data["id"]} if "id" in data else set()
            return found.union(*map(ids_in, data.values()))
        case list():
            return set().union(*map(ids_in, data))
    return set()


BENEATH = {
    "organization": {"project", "document", "outer", "outer_requirement", "loose"},
    "project": {"document", "outer", "outer_requirement", "loose"},
    "document": {"outer", "outer_requirement", "loose"},
    "outer": {"outer_requirement", "middle"},
    "middle": {"middle_requirement", "inner"},
    "inner": {"deep"},
    "deep": set(),
}


def beneath(level):
    """Return the level itself and everything beneath it."""
    return {level}.union(*(beneath(child) for child in BENEATH.get(level, ())))


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
async def test_what_is_beneath_a_deleted_row_is_hidden_and_comes_back(tree, level):
    before = await tree.read()
    everything = set(tree.ids.values()) - {tree.ids["gone"]}
    assert everything <= ids_in(before)
    assert tree.ids["gone"] not in ids_in(before)
    assert await tree.change("Delete", level) is None
    hidden = {tree.ids[name] for name in beneath(level)}
    assert ids_in(await tree.read()) & set(tree.ids.values()) == everything - hidden
    assert await tree.change("Restore", level) is None
    assert await tree.read() == before


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS[:-1])
async def test_nothing_beneath_a_deleted_row_can_be_written(tree, level):
    await tree.change("Delete", level)
    for child in beneath(level) & set(LEVELS) - {level}:
        assert await tree.change("Delete", child) == "NOT_FOUND"
        assert await tree.change("Restore", child) == "NOT_FOUND"
    places = {"document": tree.ids["document"], "block": tree.ids["inner"]}
    assert await tree.world.code("owner", REQUIREMENT, **places) == "NOT_FOUND"


@pytest.mark.slow
@pytest.mark.parametrize("level", ["project", "middle"])
async def test_what_was_deleted_before_its_parent_is_restored_after_it(tree, level):
    before = await tree.read()
    await tree.change("Delete", "deep")
    without = await tree.read()
    await tree.change("Delete", level)
    assert await tree.change("Restore", "deep") == "NOT_FOUND"
    await tree.change("Restore", level)
    assert await tree.read() == without
    assert await tree.change("Restore", "deep") is None
    assert await tree.read() == before


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS[:2])
async def test_what_is_deleted_is_hidden_from_everybody(tree, level):
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [tree.ids[name] for name in sorted(beneath(level))]
    await tree.change("Delete", level)
    for person in ("owner", "admin", "editor", "viewer", "project_editor", "document_editor"):
        assert await tree.world.ask(person, query, ids=ids) == [None] * len(ids)
    await tree.change("Restore", level)
    found = await tree.world.ask("project_editor", query, ids=ids)
    assert [node and node["id"] for node in found[:-1]] == ids[:-1]
