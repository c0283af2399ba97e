"""10,000 users and a group of them, provisioned by SCIM.

One client sends one request after the other, as identity providers do: users by `/Bulk` in requests
of 1,000, and some by single POSTs. Then it lists all users in pages, finds users by filters, adds
all of them to a group in pages of members, and suspends some by `/Bulk`.
"""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bench.stand import Stand

USERS, SINGLE, AT_ONCE, PAGE = 10_000, 200, 1_000, 200
FINDS, SUSPENDED = 50, 200
SEATS = 2 * USERS
SCHEMAS = "urn:ietf:params:scim:schemas:core:2.0"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"


async def measure(stand: Stand) -> None:
    """Provision, and print the figures."""
    await stand.superuser.execute(
        "UPDATE organizations SET max_members = $2 WHERE id = $1", stand.organization, SEATS
    )
    async with _timed(stand, f"{SINGLE} users, one request each", SINGLE):
        for i in range(SINGLE):
            await _send(stand, "POST", "/Users", _user("single", i))
    users = [_user("bulk", i) for i in range(USERS)]
    async with _timed(stand, f"{USERS} users in requests of {AT_ONCE}", USERS):
        for some in _parts(users, AT_ONCE):
            await _bulk(stand, [_creation(user) for user in some])
    await stand.superuser.execute("ANALYZE")
    ids: list[str] = []
    async with _timed(stand, f"all of them read in pages of {PAGE}", USERS + SINGLE):
        while len(ids) < USERS + SINGLE:
            path = f"/Users?startIndex={len(ids) + 1}&count={PAGE}"
            ids += [one["id"] for one in (await _send(stand, "GET", path))["Resources"]]
    for name, attribute in (("user name", "userName"), ("external ID", "externalId")):
        async with _timed(stand, f"{FINDS} users found by {name}", FINDS):
            for one in users[:: USERS // FINDS]:
                path = f'/Users?filter={attribute} eq "{one[attribute]}"'
                assert (await _send(stand, "GET", path))["totalResults"] == 1
    group = {"schemas": [f"{SCHEMAS}:Group"], "displayName": "All"}
    path = f"/Groups/{(await _send(stand, 'POST', '/Groups', group))['id']}"
    async with _timed(stand, f"a group of them by PATCH of {AT_ONCE}", USERS):
        for some in _parts(ids[:USERS], AT_ONCE):
            members = [{"value": id} for id in some]
            await _send(stand, "PATCH", path, _patch("add", "members", members))
    off = _patch("replace", "active", value=False)
    async with _timed(stand, f"{SUSPENDED} users suspended in a request", SUSPENDED):
        people = ids[1 : 1 + SUSPENDED]  # the first is the owner
        await _bulk(
            stand, [{"method": "PATCH", "path": f"/Users/{id}", "data": off} for id in people]
        )


@asynccontextmanager
async def _timed(stand: Stand, name: str, number: int) -> AsyncIterator[None]:
    """Print what the block takes, and the processor time of the gateway for each of `number`."""
    start, used = time.monotonic(), stand.cpu()
    yield
    seconds, cpu = time.monotonic() - start, stand.cpu() - used
    each = f"{seconds / number * 1000:7.2f} ms each ({cpu / number * 1000:.2f} ms of CPU)"
    print(f"  {name:<38}{seconds:7.1f} s {each}", flush=True)


async def _bulk(stand: Stand, operations: Sequence[Any]) -> None:
    body = {"schemas": [f"{MESSAGES}:BulkRequest"], "Operations": operations}
    done = (await _send(stand, "POST", "/Bulk", body))["Operations"]
    refused = [one for one in done if int(one["status"]) >= httpx.codes.BAD_REQUEST]
    assert len(done) == len(operations), len(done)
    assert not refused, refused[0]


async def _send(stand: Stand, method: str, path: str, body: Any = None) -> Any:
    """Return the body of the answer. Raises AssertionError unless the request succeeds."""
    headers = {"Content-Type": "application/scim+json"} if body is not None else {}
    answer = await stand.client.request(method, f"/scim/v2{path}", json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def _creation(user: dict[str, Any]) -> dict[str, Any]:
    return {"method": "POST", "path": "/Users", "bulkId": user["externalId"], "data": user}


def _user(kind: str, number: int) -> dict[str, Any]:
    return {
        "schemas": [f"{SCHEMAS}:User"],
        "userName": f"{kind}{number}@provisioning.example",
        "externalId": f"{kind}-{number}",
        "displayName": f"Person {number}",
        "name": {"givenName": "Person", "familyName": f"Number {number}"},
        "title": "Engineer",
        "emails": [{"value": f"{kind}{number}@provisioning.example", "primary": True}],
        "active": True,
    }


def _patch(op: str, path: str, value: Any) -> dict[str, Any]:
    operation = {"op": op, "path": path, "value": value}
    return {"schemas": [f"{MESSAGES}:PatchOp"], "Operations": [operation]}


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[first : first + size] for first in range(0, len(items), size))
