"""After any sequence of writes, each time and each version is read as it was then."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world import World, found

TREE = """query ($id: UUID!, $time: DateTime) { document(id: $id, asOf: $time) {
    id version name tags
    blocks(first: 20) { totalCount nodes { id version name parentId position content
        requirements(first: 20) { totalCount nodes { id version } } } }
    requirements(first: 50) { totalCount nodes { id version externalId name description status
        priority tags properties position blockId documentId updatedBy { id } block { name } }
    } } }"""
ROW = """query ($id: UUID!, $version: BigInt) { requirement(id: $id, atVersion: $version) {
    id version name description status tags properties position blockId documentId } }"""
WRITES = {
    "create": """mutation ($document: UUID!, $block: UUID) { requirementCreate(input: {
        documentId: $document, blockId: $block, name: "New", externalId: null,
        position: 1.5 }) { requirement { id version } } }""",
    "update": """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
        requirementUpdate(id: $id, expectedVersion: $version, input: $input) { __typename } }""",
    "move": """mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {
        requirementMove(id: $id, expectedVersion: $version, placeAt: $to) { __typename } }""",
    "delete": """mutation ($id: UUID!, $version: BigInt!) {
        requirementDelete(id: $id, expectedVersion: $version) { __typename } }""",
    "restore": """mutation ($id: UUID!, $version: BigInt!) {
        requirementRestore(id: $id, expectedVersion: $version) { __typename } }""",
    "revert": """mutation ($id: UUID!, $version: BigInt!) { requirementRevert(
        id: $id, expectedVersion: $version, toVersion: 1) { __typename } }""",
    "block": """mutation ($id: UUID!, $version: BigInt!, $input: BlockUpdateInput!) {
        blockUpdate(id: $id, expectedVersion: $version, input: $input) { __typename } }""",
    "block move": """mutation ($id: UUID!, $version: BigInt!, $to: BlockPlaceInput!) {
        blockMove(id: $id, expectedVersion: $version, placeAt: $to) { __typename } }""",
    "block delete": """mutation ($id: UUID!, $version: BigInt!) {
        blockDelete(id: $id, expectedVersion: $version) { __typename } }""",
    "block restore": """mutation ($id: UUID!, $version: BigInt!) {
        blockRestore(id: $id, expectedVersion: $version) { __typename } }""",
    "document": """mutation ($id: UUID!, $version: BigInt!, $input: DocumentUpdateInput!) {
        documentUpdate(id: $id, expectedVersion: $version, input: $input) { __typename } }""",
}
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["One", "Two", "\u00fc\n\u2028"]),
        "description": st.sampled_from([None, "", "text", 'say "so" \\ {}']),
        "status": st.sampled_from(["DRAFT", "APPROVED"]),
        "tags": st.sampled_from([[], ["a"], ["a,b", '"q"', "NULL"]]),
        "properties": st.sampled_from([{}, {"a": None}, {"a": {"b": [1.5, "x"]}}]),
    },
)
STEP = st.tuples(
    st.sampled_from(sorted(WRITES)), st.integers(0, 9), st.integers(0, 9), VALUES, st.booleans()
)


async def tables(world: World, table: str) -> list[Any]:
    query = f"SELECT id, version, document_id FROM {table} WHERE project_id = $1 ORDER BY id"
    return await world.superuser.fetch(query, world.project)


async def write(world: World, documents: list[UUID], step: Any) -> None:
    """Make one write as a person; a refused one changes nothing."""
    what, one, other, values, flag = step
    requirements, blocks = await tables(world, "requirements"), await tables(world, "blocks")
    row, block = requirements[one % len(requirements)], blocks[other % len(blocks)]
    place = {"id": row["id"], "version": row["version"]}
    of_block = {"id": block["id"], "version": block["version"]}
    match what:
        case "create":
            inside = {"document": block["document_id"], "block": block["id"] if flag else None}
            await world.answer("editor", WRITES[what], **inside)
        case "move":
            to = {"documentId": documents[other % 2], "at": {"end": "START" if flag else "END"}}
            if flag:
                to |= {"documentId": block["document_id"], "blockId": block["id"]}
            await world.answer("admin", WRITES[what], **place, to=to)
        case "block":
            named = {key: values[key] for key in ("name",) if key in values}
            await world.answer("editor", WRITES[what], **of_block, input=named)
        case "block move":
            to = {"documentId": documents[one % 2], "at": {"end": "START" if flag else "END"}}
            if flag:
                parent = blocks[one % len(blocks)]
                to |= {"documentId": parent["document_id"], "parentId": parent["id"]}
            await world.answer("admin", WRITES[what], **of_block, to=to)
        case "document":
            version = "SELECT version FROM documents WHERE id = $1"
            version = await world.superuser.fetchval(version, documents[one % 2])
            input = {key: values[key] for key in ("name", "tags") if key in values}
            sent = {"id": documents[one % 2], "version": version, "input": input}
            await world.answer("admin", WRITES[what], **sent)
        case "update":
            await world.answer("editor", WRITES[what], **place, input=values)
        case _:
            await world.answer("admin", WRITES[what], **(of_block if "block" in what else place))


async def seen(world: World, documents: list[UUID], time: str | None = None) -> list[Any]:
    return [await world.answer("viewer", TREE, id=id, time=time) for id in documents]


def told(answers: list[Any]) -> list[Any]:
    return [(answer["data"], bool(answer.get("errors"))) for answer in answers]


@pytest.mark.exhaustive
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, min_size=4, max_size=14))
async def test_each_moment_and_version_is_read_as_it_was_seen_then(
    superuser, database, client, steps
):
    world = await found(superuser, database, client)
    other = """mutation ($project: UUID!) { documentCreate(input: {
        projectId: $project, name: "Other", slug: "other" }) { document { id } } }"""
    made = await world.ask("admin", other, project=world.project)
    documents = [world.document, UUID(made["document"]["id"])]
    block = """mutation ($id: UUID!) { blockCreate(input: {
        documentId: $id, name: "Other block" }) { block { id } } }"""
    await world.ask("editor", block, id=documents[1])
    clock = "SELECT clock_timestamp()"
    snapshots = []
    rows: dict[tuple[str, int], Any] = {}
    for step in steps:
        await write(world, documents, step)
        time = (await superuser.fetchval(clock)).isoformat()
        snapshots.append((time, told(await seen(world, documents))))
        for row in await tables(world, "requirements"):
            answer = await world.answer("viewer", ROW, id=row["id"])
            if answer["data"]["requirement"]:
                rows[str(row["id"]), row["version"]] = answer["data"]["requirement"]
    for time, snapshot in snapshots:
        assert told(await seen(world, documents, time)) == snapshot
    for (id, version), row in rows.items():
        then = await world.answer("viewer", ROW, id=id, version=version)
        assert then["data"]["requirement"] == row
