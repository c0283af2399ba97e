"""The examples of docs/diagrams.md run as written."""

import re
from pathlib import Path

from graphql import parse, validate

from graph.schema import schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "diagrams.md").read_text()
DRAW, PATCH, CREATE, PATCH_NODES, FOLLOW, LINK, LINKS = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_work_one_after_the_other(world):
    drawn = (await world.ask("editor", DRAW, project=world.project))["excalidrawDiagram"]
    assert (drawn["version"], drawn["elementCount"]) == (1, 2)
    patched = await world.ask("editor", PATCH, drawing=drawn["id"])
    assert patched == {
        "applied": ["pedal", "label"],
        "newer": [],
        "excalidrawDiagram": {"version": 2},
    }
    made = (await world.ask("editor", CREATE, project=world.project))["reactFlowDiagram"]
    assert (made["nodeCount"], made["edgeCount"]) == (2, 1)
    changed = await world.ask("editor", PATCH_NODES, diagram=made["id"])
    assert [node["id"] for node in changed["reactFlowDiagram"]["nodes"]] == [
        "sensor",
        "controller",
        "valve",
    ]
    assert [edge["id"] for edge in changed["reactFlowDiagram"]["edges"]] == ["command"]
    assert changed["skipped"] == []
    ends = {"diagram": drawn["id"], "requirement": world.requirement}
    linked = await world.ask("editor", LINK, **ends)
    assert linked["diagramElementLink"]["isBroken"] is False
    read = await world.ask("viewer", LINKS, requirement=world.requirement, drawing=drawn["id"])
    (link,) = read["requirement"]["diagramElements"]["nodes"]
    assert link["excalidrawDiagram"] == {"name": "Brake system", "svgUrl": drawn["svgUrl"]}
    (link,) = read["excalidrawDiagram"]["elementLinks"]["nodes"]
    assert (link["elementId"], link["requirementState"]) == ("pedal", "PRESENT")


def test_the_subscription_is_valid():
    assert validate(schema._schema, parse(FOLLOW)) == []
