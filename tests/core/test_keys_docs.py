"""The examples of docs/keys.md run as written, from a service account to a leaked key."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auth.policy.scope_names import SCOPES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
EMPLOY, KEY, TOKEN = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)
(REQUEST,) = re.findall(r"```http\n(.*?)```", DOCUMENT, re.DOTALL)
(CHECK,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
(LEAKED,) = re.findall(r"^    (rq\[kp\].*)$", DOCUMENT, re.MULTILINE)


async def send(client, text):
    """Return the answer to the request in the document, with this key."""
    head, _, body = REQUEST.replace("rqk_live_...", text).partition("\n\n")
    first, *lines = head.splitlines()
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    assert (await client.request(method, path, content=body, headers=headers)).status_code == 200
    return (await client.request(method, path, content=body, headers=headers)).json()["data"]


async def test_the_examples_work_one_after_the_other(world):
    employed = await world.ask("owner", EMPLOY, organization=world.organization)
    account = employed["serviceAccount"]
    assert account["isService"]
    key = await world.ask("owner", KEY, account=account["id"])
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    token = await world.ask("viewer", TOKEN, until=until)
    shown = await send(world.client, key["secret"])
    assert shown["viewer"] == {
        "scopes": ["organizations:read", "requirements:write"],
        "profile": {"id": account["id"], "isService": True},
    }
    shown = await send(world.client, token["secret"])
    assert shown["viewer"]["profile"] == {"id": str(world.people["viewer"]), "isService": False}
    check = {}
    exec(CHECK, check)
    for text in (key["secret"], token["secret"]):
        assert re.fullmatch(LEAKED, text)
        assert check["is_key"](text)
        assert not check["is_key"](text[:-7] + "".join(reversed(text[-7:])))


def test_what_it_names_exists():
    assert set(re.findall(r"`(\w+:(?:read|write))`", DOCUMENT)) <= SCOPES.keys()
    schema = (Path(__file__).parents[1] / "golden" / "schema.graphql").read_text()
    for name in re.findall(r"`((?:apiKey|personalToken|serviceAccount)[A-Z]\w+)`", DOCUMENT):
        assert re.search(rf"^  {name}\(", schema, re.MULTILINE), name
    assert json.loads(REQUEST.partition("\n\n")[2])
