"""The examples of docs/shares.md run as written, from a share to an organization without any."""

import json
import re
from pathlib import Path

DOCUMENT = (Path(__file__).parents[2] / "docs" / "shares.md").read_text()
SHARE, VIEWS, FORBID = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)
(REQUEST,) = re.findall(r"```http\n(.*?)```", DOCUMENT, re.DOTALL)


async def test_the_examples_work_one_after_the_other(world, app):
    made = await world.ask("project_admin", SHARE, document=world.document)
    assert made["address"].startswith("http")
    assert made["share"]["hasPassword"] is False
    key = made["address"].rpartition("/")[2]
    head, _, body = REQUEST.replace("rqh_...", key).partition("\n\n")
    _, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    answer = await world.client.post("/graphql", content=body, headers=headers)
    opened = answer.json()["data"]["shared"]["object"]
    assert opened["requirements"]["nodes"] == [{"name": f"Requirement {world.name}"}]
    await app.state.views.write()
    seen = await world.ask("project_admin", VIEWS, share=made["share"]["id"])
    assert seen["viewCount"] == len(seen["views"]["nodes"]) == 1
    version = "SELECT version FROM organizations WHERE id = $1"
    told = await world.ask(
        "admin",
        FORBID,
        organization=world.organization,
        version=await world.superuser.fetchval(version, world.organization),
    )
    assert told["organization"]["sharingAllowed"] is False
    answer = await world.client.post("/graphql", content=body, headers=headers)
    assert json.loads(answer.content)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
