"""The examples of docs/copies.md run as written."""

import re
from pathlib import Path

from tests.requirements.linking import elsewhere, requirements

DOCUMENT = (Path(__file__).parents[2] / "docs" / "copies.md").read_text()
COPY, COPY_PROJECT, START, MOVE, TEMPLATES, MAKE_TEMPLATE = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_copy_and_list_templates(world):
    await requirements(world, 2)
    project, _ = await elsewhere(world)
    copied = await world.ask("owner", COPY, document=world.document, project=project)
    assert copied["document"]["projectId"] == str(project)
    assert copied["counts"]["requirements"] == 3
    assert copied["omittedProperties"] == []
    whole = await world.ask("owner", COPY_PROJECT, project=project)
    assert len(whole["project"]["documents"]["nodes"]) == 2
    assert (await world.ask("owner", START, project=project))["jobId"]
    await world.ask("editor", MAKE_TEMPLATE, document=world.document)
    listed = await world.ask("viewer", TEMPLATES, organization=world.organization)
    assert listed["projects"]["nodes"] == []
    assert [node["id"] for node in listed["documents"]["nodes"]] == [str(world.document)]
    moved = await world.ask("owner", MOVE, document=world.document, version=2, project=project)
    assert moved["document"]["projectId"] == str(project)
