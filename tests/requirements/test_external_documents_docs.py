"""The examples of docs/external-documents.md run as written."""

import re
from pathlib import Path

DOCUMENT = (Path(__file__).parents[2] / "docs" / "external-documents.md").read_text()
ADD, CHECK, READ = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


async def test_the_examples_work_one_after_the_other(world):
    added = await world.ask("editor", ADD, organization=world.organization)
    id = added["externalDocument"]["id"]
    assert (await world.ask("editor", CHECK, document=id))["jobId"]
    read = await world.ask("viewer", READ, document=id)
    assert read["name"] == "ISO 12100"
    assert read["lastCheck"] is read["extractedText"] is None
