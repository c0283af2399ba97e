"""Bulk requests, in which users that follow one another are created together."""

import pytest

from graph.scim import bulk

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def creation(idp, name, **more):
    user = idp.user_of(name, **more)
    return {"method": "POST", "path": "/Users", "bulkId": f"b-{name}", "data": user}


async def send(idp, *operations, **more):
    """Send a bulk request; return the status of each operation that ran."""
    body = {"schemas": [BULK], "Operations": operations} | more
    done = await idp.ok("POST", "/Bulk", body)
    return [int(one["status"]) for one in done["Operations"]]


async def names(idp):
    """Return the names of the users that the provider has created, without the domain."""
    found = await idp.ok("GET", '/Users?filter=userName ew "@idp.example"&count=200')
    return {one["userName"].partition(".")[0] for one in found.get("Resources", ())}


async def transactions(idp, *operations):
    """Send creations, which succeed; return the number of transactions that created users."""
    statuses = await send(idp, *operations)
    assert statuses == [201] * len(operations)
    made = [one["data"]["userName"] for one in operations]
    count = "SELECT count(DISTINCT created_at) FROM profiles WHERE email = ANY ($1)"
    return await idp.world.superuser.fetchval(count, made)


@pytest.fixture
def three_together(monkeypatch):
    """Have three users in a transaction at most."""
    monkeypatch.setattr(bulk, "TOGETHER", 3)


async def test_users_share_transactions_of_a_bounded_size(idp, three_together):
    some = [creation(idp, f"u{i}") for i in range(7)]
    assert await transactions(idp, *some) == 3
    assert await names(idp) == {f"u{i}" for i in range(7)}


async def test_each_user_of_a_bulk_request_is_recorded_and_notified(idp):
    assert await send(idp, creation(idp, "ada"), creation(idp, "bob")) == [201, 201]
    for name in ("ada", "bob"):
        person = await idp.world.superuser.fetchval(
            "SELECT id FROM profiles WHERE email = $1", idp.address(name)
        )
        (event,) = await idp.world.records(person)
        assert event["actor_id"] == idp.world.people["scim"]
        told = "SELECT count(*) FROM notifications WHERE user_id = $1"
        assert await idp.world.superuser.fetchval(told, person) == 1


async def test_users_that_cannot_be_created_leave_the_others(idp, three_together):
    await idp.user("old")
    back = await idp.user("back")
    await idp.ok("DELETE", f"/Users/{back['id']}")
    statuses = await send(
        idp,
        creation(idp, "ada"),
        creation(idp, "old"),
        creation(idp, "back"),
        creation(idp, "none", userName="no address"),
        creation(idp, "same", externalId="x-ada"),
        creation(idp, "twin"),
        creation(idp, "twins", userName=idp.address("twin").upper()),
        creation(idp, "bob"),
    )
    assert statuses == [201, 409, 201, 400, 409, 201, 409, 201]
    assert await names(idp) == {"ada", "old", "back", "twin", "bob"}
    again = await idp.ok("GET", f"/Users/{back['id']}")
    assert again["active"] is True


async def test_nothing_is_created_after_the_last_error_that_is_accepted(idp):
    some = [creation(idp, name) for name in ("ada", "bob", "cyd", "dan")]
    await idp.user("bob")
    assert await send(idp, *some, failOnErrors=1) == [201, 409]
    assert await names(idp) == {"ada", "bob"}
    assert await send(idp, *some, failOnErrors=2) == [409, 409]
    assert await send(idp, *some, failOnErrors=3) == [409, 409, 201, 201]
    assert await names(idp) == {"ada", "bob", "cyd", "dan"}


async def test_users_of_a_bulk_request_take_the_seats_that_are_left(idp):
    await idp.world.superuser.execute(
        "UPDATE organizations SET max_members = member_count + 2 WHERE id = $1",
        idp.world.organization,
    )
    some = [creation(idp, f"u{i}") for i in range(5)]
    assert await send(idp, *some) == [201, 201, 403, 403, 403]
    assert await names(idp) == {"u0", "u1"}


async def test_operations_keep_their_order_around_users_that_are_created_together(idp):
    gone = await idp.user("gone")
    statuses = await send(
        idp,
        creation(idp, "gone"),
        {"method": "DELETE", "path": f"/Users/{gone['id']}"},
        creation(idp, "back", userName=idp.address("gone")),
        creation(idp, "ada") | {"bulkId": "b-back"},
    )
    assert statuses == [409, 204, 201, 400]
    assert await names(idp) == {"gone"}
