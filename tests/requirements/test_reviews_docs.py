"""The examples of docs/reviews.md run as written."""

import re
from pathlib import Path

from tests.requirements.reviewing import browser, current, set_status

DOCUMENT = (Path(__file__).parents[2] / "docs" / "reviews.md").read_text()
WORKFLOW, ASK, DECIDE, WAITING, APPROVED, SIGN = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_work_one_after_the_other(world, settings):
    made = await world.ask("admin", WORKFLOW, project=world.project)
    rows = re.findall(r"\| `(\w+)` \| (.*?) \| EDITOR \| (yes)? ?\|", DOCUMENT)
    told = {
        (source, target, bool(approval))
        for source, targets, approval in rows
        for target in re.findall(r"\w+", targets)
    }
    assert told == {
        (one["source"], one["target"], one["requiresApproval"])
        for one in made["workflow"]["transitions"]
        if one["role"] == "EDITOR"
    }
    await set_status(world, "IN_REVIEW")
    me = world.people["viewer"]
    about = {"project": world.project, "requirement": world.requirement, "reviewer": me}
    review = (await world.ask("editor", ASK, **about))["review"]
    waiting = await world.ask("viewer", WAITING, me=me)
    assert [one["id"] for one in waiting["nodes"]] == [review["id"]]
    item = review["items"]["nodes"][0]["id"]
    given = await world.ask("viewer", DECIDE, review=review["id"], item=item)
    (verdict,) = given["verdicts"]
    assert verdict["item"] == {"outcome": "APPROVED", "isStale": False}
    approval = (await world.ask("viewer", APPROVED, requirement=world.requirement))["approval"]
    assert (approval["isStale"], approval["item"]["review"]) == (False, {"name": "Release 2"})
    await set_status(world, "APPROVED")
    assert (await current(world))["status"] == "APPROVED"
    post = await browser(world, "viewer", settings)
    signed = (await post(SIGN, verdict=verdict["id"]))["signature"]
    assert signed["meaning"] == "APPROVAL"
