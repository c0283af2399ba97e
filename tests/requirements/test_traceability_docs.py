"""The operations in docs/traceability.md run, and its table of content is that of the code."""

import re
from pathlib import Path

import pytest
from graphql import parse, print_ast
from strawberry.utils.str_converters import to_camel_case

from db.requirements.requirements import Requirement
from tests.requirements.linking import edit, requirements

DOCUMENT = (Path(__file__).parents[2] / "docs" / "traceability.md").read_text()
OPERATIONS = {
    parse(text).definitions[0].name.value: print_ast(parse(text))
    for text in re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)
}


@pytest.mark.slow
async def test_the_operations_run_and_answer_with_what_they_are_about(world):
    first, second = await requirements(world, 2)
    made = await world.ask("editor", OPERATIONS["Link"], source=second, target=first)
    back = await world.ask("editor", OPERATIONS["Link"], source=first, target=second)
    await edit(world, first, name="Changed")
    suspects = (await world.ask("viewer", OPERATIONS["Suspects"], project=world.project))[
        "traceLinks"
    ]
    ids = {made["traceLink"]["id"], back["traceLink"]["id"]}
    assert {node["id"] for node in suspects["nodes"]} == ids
    impact = (await world.ask("viewer", OPERATIONS["Impact"], requirement=first))["impact"]
    assert [item["node"]["id"] for item in impact["items"]["nodes"]] == [second]
    cycles = (await world.ask("viewer", OPERATIONS["Cycles"], project=world.project))["traceCycles"]
    assert [cycle["size"] for cycle in cycles["nodes"]] == [2]
    coverage = await world.ask("viewer", OPERATIONS["Coverage"], project=world.project)
    assert (coverage["derived"]["totalCount"], coverage["derived"]["coveredCount"]) == (3, 0)
    assert await world.ask("viewer", OPERATIONS["Uncovered"], project=world.project)
    sides = {"rows": world.document, "columns": world.document}
    matrix = await world.ask("viewer", OPERATIONS["Matrix"], **sides)
    assert (matrix["summary"]["links"], matrix["gaps"]["totalCount"]) == (2, 1)


def test_the_content_of_requirements_is_listed():
    row = next(line for line in DOCUMENT.splitlines() if line.startswith("| Requirement |"))
    assert re.findall(r"`(\w+)`", row) == [to_camel_case(c) for c in Requirement.traits.content]
