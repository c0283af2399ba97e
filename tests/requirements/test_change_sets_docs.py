"""The examples of docs/change-sets.md run as written."""

import re
from pathlib import Path

from tests.requirements.proposals import UPDATE

DOCUMENT = (Path(__file__).parents[2] / "docs" / "change-sets.md").read_text()
BEGIN, PROPOSE, REVIEW, PREVIEW, IMPACT, RESOLVE, APPLY, REVERSE = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_work_one_after_the_other(world):
    begun = await world.ask("editor", BEGIN, project=world.project)
    change_set = begun["changeSet"]["id"]
    place = {"requirement": world.requirement, "document": world.document}
    edited = await world.ask("editor", PROPOSE, changeSet=change_set, **place)
    assert [item["action"] for item in edited["items"]] == ["UPDATE", "CREATE"]
    theirs = {"name": "Theirs"}
    await world.ask("admin", UPDATE, id=world.requirement, version=1, input=theirs)
    read = await world.ask("viewer", REVIEW, changeSet=change_set)
    conflicts = [item["conflicts"] for item in read["items"]["nodes"]]
    assert [len(found) for found in conflicts] == [1, 0]
    seen = await world.ask("viewer", PREVIEW, document=world.document, changeSet=change_set)
    assert seen["requirements"]["nodes"] == []  # none is approved
    impact = (await world.ask("viewer", IMPACT, changeSet=change_set))["impact"]
    assert (impact["changedCount"], impact["deletedCount"]) == (1, 0)
    item = edited["items"][0]["id"]
    resolved = await world.ask("editor", RESOLVE, item=item, version=1)
    assert resolved["items"] == [{"version": 2, "conflicts": []}]
    version = (await world.ask("viewer", REVIEW, changeSet=change_set))["version"]
    applied = await world.ask("editor", APPLY, changeSet=change_set, version=version)
    assert applied["changeSet"]["state"] == "APPLIED"
    reversal = await world.ask("editor", REVERSE, changeSet=change_set)
    assert reversal["changeSet"]["reversesId"] == change_set
