"""The examples of docs/comments.md run as written."""

import re
from pathlib import Path

from tests.requirements.discussing import UPDATE

DOCUMENT = (Path(__file__).parents[2] / "docs" / "comments.md").read_text()
START, REPLY, EDIT, RESOLVE, OPEN, FOLLOW = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


async def test_the_examples_work_one_after_the_other(world):
    text = {"description": "It stops within 40 m."}
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input=text)
    ids = {"requirement": world.requirement, "colleague": world.people["editor"]}
    thread = (await world.ask("viewer", START, **ids))["commentThread"]
    assert thread["anchor"]["state"] == "PRESENT"
    comment = (await world.ask("editor", REPLY, thread=thread["id"]))["comment"]
    edited = (await world.ask("editor", EDIT, comment=comment["id"]))["comment"]
    assert [entry["version"] for entry in edited["history"]["nodes"]] == [2, 1]
    [open_] = (await world.ask("viewer", OPEN, document=world.document))["nodes"]
    assert [row["body"] for row in open_["comments"]["nodes"]][1] == edited["body"]
    resolved = await world.ask("viewer", RESOLVE, thread=thread["id"], version=1)
    assert resolved["commentThread"]["resolvedAt"]
    assert (await world.ask("viewer", OPEN, document=world.document))["nodes"] == []
