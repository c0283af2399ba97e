"""Documents made at random are answered by the engine as by graphql-core: data, errors, order."""

import os
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from auth.credentials.identify import act_for
from auth.viewer import Viewer
from graph.schema import schema
from tests.engine.both import Both
from tests.engine.documents import Documents
from tests.world import World, found

EXAMPLES = int(os.environ.get("GATEWAY_DOCUMENTS", "60"))
PEOPLE = ("owner", "editor", "member", "viewer", "billing", "project_viewer", "document_editor")
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
        requirement { id } } }"""
CREATE = """mutation ($document: UUID!) {
    kept: blockCreate(input: {documentId: $document, name: "Kept"}) { block { id } }
    gone: blockCreate(input: {documentId: $document, name: "Gone"}) { block { id version } }
    baselineCreate(input: {documentId: $document, name: "First"}) { baseline { id } } }"""


class Known(NamedTuple):
    """A tenant, who reads, and the ids of rows: all, and by the field that would find them."""

    world: World
    viewers: list[Viewer]
    ids: list[str]
    likely: dict[str, list[str]]


@pytest.fixture(scope="module")
async def ids(superuser: Any, database: Any, client: Any) -> Known:
    """Return a tenant with changed, deleted and hidden rows, and the IDs of rows in any tenant."""
    world = await found(superuser, database, client)
    other = await found(superuser, database, client)
    for version, name in enumerate(("Brake pads", "Brake discs"), 1):
        await world.ask("owner", UPDATE, id=world.requirement, version=version, name=name)
    made = await world.ask("owner", CREATE, document=world.document)
    kept, gone = made["kept"]["block"]["id"], made["gone"]["block"]
    create = """mutation ($input: RequirementCreateInput!) {
        requirementCreate(input: $input) { requirement { id version } } }"""
    create = create.replace("RequirementCreateInput", _input_of("requirementCreate"))
    rows = []
    for block in (kept, gone["id"]):
        values = {"documentId": world.document, "blockId": block, "name": f"In {block}"}
        row = await world.ask("owner", create, input=values)
        rows.append(row["requirement"]["id"])
    await world.ask(
        "owner",
        "mutation ($id: UUID!, $v: BigInt!) {"
        " blockDelete(id: $id, expectedVersion: $v) { block { id } } }",
        id=gone["id"],
        v=gone["version"],
    )
    ours = [world.organization, world.project, world.document, world.block, world.requirement]
    theirs = [other.requirement, other.project, world.people["owner"], world.people["viewer"]]
    baseline = made["baselineCreate"]["baseline"]["id"]
    unknown = "00000000-0000-7000-8000-000000000000"
    likely: dict[str, list[Any]] = {
        "organization": [world.organization],
        "project": [world.project],
        "document": [world.document],
        "block": [world.block, kept, gone["id"]],
        "requirement": [world.requirement, *rows],
        "baseline": [baseline],
        "node": [*ours, *rows],
        "nodes": [*ours, *rows],
    }
    every = [str(id) for id in (*ours, *theirs, *rows, kept, baseline, unknown)]
    return Known(
        world,
        await viewers(world),
        every,
        {key: [*map(str, among)] for key, among in likely.items()},
    )


def _input_of(mutation: str) -> str:
    return str(schema._schema.mutation_type.fields[mutation].args["input"].type).rstrip("!")


async def viewers(world: World) -> list[Viewer]:
    """Return people in several roles, one of them also with a token that is narrowed."""
    found = [await act_for(world.email(person), world.database) for person in PEOPLE]
    return [*found, replace(found[0], scopes=frozenset({"requirements:read"}))]


def told(answered: Any) -> Any:
    """Return the data as text; sort errors by path, for they come as they occur."""
    content = answered.content
    errors = content.get("errors", [])
    errors.sort(key=lambda error: (str(error.get("path")), error["message"]))
    return orjson.dumps(content.get("data")), errors


@bounded(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
async def test_the_engine_answers_any_document_as_graphql_core_does(
    both: Both, ids: Known, seed: int
):
    random = Random(seed)
    text, values = Documents(schema._schema, random, ids.ids, ids.likely).make()
    viewer = random.choice(ids.viewers)
    engine, core = await both.of(ids.world, viewer, text, **values)
    assert told(engine) == told(core), text
