"""The examples of docs/stars.md run as written, one after the other."""

import re
from pathlib import Path

DOCUMENT = (Path(__file__).parents[2] / "docs" / "stars.md").read_text()
STAR, STARRED, VISIT, RECENT = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


async def test_the_examples_work_one_after_the_other(world):
    starred = await world.ask("viewer", STAR, project=world.project)
    assert starred["project"].items() >= {"starCount": 1, "viewerHasStarred": True}.items()
    listed = await world.ask("viewer", STARRED)
    assert [node["id"] for node in listed["starredProjects"]["nodes"]] == [str(world.project)]
    visited = await world.ask("viewer", VISIT, document=world.document)
    recent = await world.ask("viewer", RECENT)
    (node,) = recent["recentDocuments"]["nodes"]
    assert node["document"] == visited["document"]
    assert recent["recentProjects"]["nodes"] == []


def test_what_it_names_exists():
    schema = (Path(__file__).parents[1] / "golden" / "schema.graphql").read_text()
    for name in re.findall(
        r"`((?:project|document|starred|recent|star|viewer|last)[A-Z]\w+)`", DOCUMENT
    ):
        assert re.search(rf"^  {name}\b", schema, re.MULTILINE), name
