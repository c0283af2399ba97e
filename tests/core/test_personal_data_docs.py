"""The examples of docs/personal-data.md run as written."""

import re
from pathlib import Path

from tests.core.keys import make_token

DOCUMENT = (Path(__file__).parents[2] / "docs" / "personal-data.md").read_text()
PROFILE, ORGANIZATIONS, TRANSFER, SESSIONS, ERASE = re.findall(
    r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL
)


async def test_the_examples_work_one_after_the_other(world):
    owner = world.people["owner"]
    changed = await world.ask("owner", PROFILE, me=owner, version=1)
    assert changed["profile"]["preferences"] == {"theme": "dark", "pageSize": 25}
    found = await world.ask("owner", ORGANIZATIONS, organization=world.organization)
    assert found["personalOrganizationCreate"]["organization"]["type"] == "PERSONAL"
    heir = {"version": 1, "member": world.people["editor"]}
    moved = await world.ask("owner", TRANSFER, organization=world.organization, **heir)
    assert moved["organization"] == {"owner": {"id": str(world.people["editor"])}}
    await make_token(world, "owner", "admin")
    found = await world.ask("owner's script", SESSIONS)
    assert found["sessions"] == []
    erased = await world.ask("viewer", ERASE, email=world.email("viewer"))
    assert erased["userId"] == str(world.people["viewer"])
    assert "gateway-cli" in {one["clientId"] for one in found["connectedApplications"]}
