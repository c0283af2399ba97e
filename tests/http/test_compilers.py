"""Compilers of clients take the schema as it is: Relay's, and GraphQL Code Generator of npm."""

import asyncio
import json
import re
from subprocess import PIPE
from typing import Any

import pytest
from graphql import parse, print_ast, separate_operations

from graph.explorer.examples import DIRECTORY
from tests.http.conftest import ROOT
from tests.nodejs import NODE, installed
from tests.world import Refused, World

pytestmark = pytest.mark.processes

SCHEMA = (ROOT / "tests" / "golden" / "schema.graphql").read_text()
GUIDE = (ROOT / "docs" / "schema.md").read_text()
SCALARS = json.loads(re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)[1])
RELAY = (NODE / "relay.graphql").read_text()
EXAMPLES = [path.read_text() for path in sorted(DIRECTORY.glob("*.graphql"))]


async def run(program: str, **told: Any) -> str:
    """Return what a program of tests/node prints."""
    node = await asyncio.to_thread(installed)
    process = await asyncio.create_subprocess_exec(
        node, program, cwd=NODE, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        printed, complaint = await process.communicate(json.dumps(told).encode())
    assert process.returncode == 0, complaint.decode()
    return printed.decode()


async def compiled(schema: str = SCHEMA, scalars: dict[str, str] = SCALARS) -> dict[str, Any]:
    """Return what Relay's compiler makes of the documents, or its errors."""
    return json.loads(await run("relay.mjs", schema=schema, documents=RELAY, scalars=scalars))


async def test_relay_pages_refetches_creates_and_deletes_by_what_its_compiler_makes(world: World):
    made = await compiled()
    assert "errors" not in made
    operations = separate_operations(parse(made["text"]))

    async def ask(operation: str, **variables: Any) -> Any:
        return await world.ask("editor", print_ast(operations[operation]), **variables)

    added = []
    for name in "AB":
        input = {"documentId": world.document, "name": name}
        payload = await ask("RequirementCreateMutation", input=input)
        added.append(payload["requirement"]["id"])

    page = (await ask("DocumentQuery", id=world.document, count=1))["requirements"]
    seen = [edge["node"]["id"] for edge in page["edges"]]
    while page["pageInfo"]["hasNextPage"]:
        after = page["pageInfo"]["endCursor"]
        document = await ask(
            "RequirementsPaginationQuery", id=world.document, count=1, cursor=after
        )
        page = document["requirements"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
    assert seen == [str(world.requirement), *added]

    node = await ask("RequirementRefetchQuery", id=added[0])
    assert (node["__typename"], node["name"]) == ("Requirement", "A")
    deleted = await ask("RequirementDeleteMutation", id=added[0], expectedVersion=node["version"])
    assert deleted["requirement"]["id"] == added[0]
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ask("RequirementRefetchQuery", id=added[0])

    projects = await ask("ProjectsPaginationQuery", count=100)
    names = [edge["node"]["name"] for edge in projects["edges"]]
    assert f"Project {world.name}" in names


@pytest.mark.parametrize(
    ("convention", "other", "complaint"),
    [
        ("id: ID!", "id: UUID!", "Expected field type 'ID', got 'UUID!'"),
        ("edges: [RequirementEdge!]!", "rows: [RequirementEdge!]!", "edges"),
    ],
)
async def test_relays_compiler_complains_where_a_convention_is_not_kept(
    convention, other, complaint
):
    made = await compiled(SCHEMA.replace(convention, other))
    assert complaint in "".join(made["errors"])


async def test_relays_types_know_every_scalar():
    assert _vague((await compiled())["types"]) == []
    assert _vague((await compiled(scalars={}))["types"]) != []


async def test_code_generator_makes_types_of_every_example_of_the_explorer():
    types = await run("codegen.mjs", schema=SCHEMA, documents=EXAMPLES, scalars=SCALARS)
    assert _vague(types) == []
    unknown = set(re.findall(r"(\w+)\??: unknown", types))
    known = {"content", "eq", "properties", "propertiesPatch", "result"}
    known |= {"preferences", "preferencesSchema"}
    assert unknown == known, "those of JSON"


async def test_code_generator_makes_types_that_allow_exactly_one_field_of_a_oneof_input():
    move = (DIRECTORY / "22_requirement_move.graphql").read_text()
    types = await run("codegen.mjs", schema=SCHEMA, documents=[move], scalars=SCALARS)
    placement = re.search(r"type PlacementInput =(.*?)\n\n", types, re.DOTALL)[1]
    fields = re.sub(r"/\*.*?\*/|\s", "", placement, flags=re.DOTALL).rstrip(";").split("|")
    assert fields == [
        "{after:string;before?:never;end?:never;}",
        "{after?:never;before:string;end?:never;}",
        "{after?:never;before?:never;end:OrderEnd;}",
    ]


async def test_code_generator_knows_the_type_of_an_objects_id_without_configuration():
    types = await run("codegen.mjs", schema=SCHEMA, documents=EXAMPLES)
    answers = re.sub(
        r"^export type \w+Variables = .*?;$", "", types, flags=re.DOTALL | re.MULTILINE
    )
    assert set(re.findall(r"\bid: ([^,;} ]+)", answers)) == {"string"}


def _vague(types: str) -> list[str]:
    """Return the lines of TypeScript that have the type `any`, comments left out."""
    code = re.sub(r"/\*.*?\*/", "", types, flags=re.DOTALL)
    return [line for line in code.splitlines() if re.search(r"\bany\b", line)]
