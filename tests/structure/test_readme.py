"""The commands in the README run as written."""

import json
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
DOCUMENTS = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
BODY = re.search(r"-d '(\{.*?\})'\n", README, re.DOTALL)


async def test_the_first_query_is_answered(world):
    assert BODY is not None
    query = json.loads(BODY[1])["query"]
    nodes = (await world.ask("owner", query))["nodes"]  # public projects of others among them
    assert nodes
    assert all("documents" in node for node in nodes)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda text: text.split("(")[0])
async def test_a_document_is_answered(world, document):
    variables = {"project": world.project, "id": world.requirement}
    named = {name: id for name, id in variables.items() if f"${name}:" in document}
    assert await world.ask("owner", document, **named)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_a_link_leads_somewhere(link):
    assert (Path(__file__).parents[2] / link).exists()
