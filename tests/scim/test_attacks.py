"""Tokens that do not fit, organizations of others, and attributes that nobody may set."""

from uuid import UUID

import pytest

from tests.core.keys import make_key, make_token
from tests.scim.conftest import Provider, patch_of, provider_of


async def test_a_token_must_have_the_scope_and_administer_one_organization(idp, other_world):
    world = idp.world
    cases = {
        "no scope": (await make_key(world, "organizations:write", role="ADMIN")).text,
        "no administrator": (await make_key(world, "scim", role="EDITOR")).text,
        "a member's own": (await make_token(world, "editor", "admin")).text,
        "nobody": (await make_token(world, "outsider", "scim")).text,
    }
    for case, token in cases.items():
        other = Provider(world, token, idp.client)
        for method, path in (("GET", "/Users"), ("GET", "/Schemas"), ("DELETE", "/Users/x")):
            assert await other.refused(method, path) == (403, None), case
    for header in (None, "Bearer", "Bearer nonsense", f"Basic {idp.token}", f"Bearer {idp.token}x"):
        headers = {"Authorization": header} if header else {}
        answer = await idp.client.get("/scim/v2/Users", headers=headers)
        assert answer.status_code == 401, header
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/scim+json"
    await world.superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role)"
        " VALUES ($1, $2, 'admin')",
        other_world.organization,
        world.people["admin"],
    )
    both = Provider(world, (await make_token(world, "admin", "scim")).text, idp.client)
    assert await both.refused("GET", "/Users") == (403, None)


async def test_a_token_for_provisioning_opens_nothing_else(idp):
    world = idp.world
    query = "query ($id: UUID!) { organization(id: $id) { name } }"
    assert await world.code("scim", query, id=world.organization) == "FORBIDDEN"


async def test_a_person_provisions_with_a_token_of_theirs(idp):
    theirs = Provider(idp.world, (await make_token(idp.world, "admin", "scim")).text, idp.client)
    user = await theirs.user("ada")
    (event,) = await idp.world.records(user["id"])
    assert event["actor_id"] == idp.world.people["admin"]
    assert "managed_by" in event["new_data"]
    assert "ada" not in event["new_data"]  # personal data stand beside it


async def test_other_tenants_do_not_exist(idp, other_world):
    other = await provider_of(other_world)
    for person in ("owner", "viewer", "outsider"):
        path = f"/Users/{idp.world.people[person]}"
        assert await other.refused("GET", path) == (404, None)
        assert await other.refused("DELETE", path) == (404, None)
        off = patch_of({"op": "replace", "path": "active", "value": False})
        assert await other.refused("PATCH", path, off) == (404, None)
    listed = await other.ok("GET", "/Users?count=200")
    theirs = {str(id) for id in other_world.people.values()}
    assert {one["id"] for one in listed["Resources"]} <= theirs


async def test_an_account_that_exists_joins_and_is_not_changed(idp, other_world):
    person = other_world.people["viewer"]
    sent = idp.user_of("x", userName=other_world.email("viewer"), title="Thief")
    joined = await idp.ok("POST", "/Users", sent)
    assert joined["id"] == str(person)
    assert joined["displayName"] == f"viewer {other_world.name}"
    assert "title" not in joined
    notes = await idp.world.superuser.fetch(
        "SELECT metadata ->> 'event' FROM notifications WHERE user_id = $1", person
    )
    assert [note[0] for note in notes] == ["member_added"]
    assert await idp.refused("POST", "/Users", sent) == (409, "uniqueness")


async def test_attributes_that_nobody_may_set_are_ignored_or_refused(idp):
    user = await idp.user(
        "ada",
        id="01a231a7-75a9-744c-84b1-100d4f520543",
        roles=[{"value": "OWNER"}],
        groups=[{"value": "01a231a7-75a9-744c-84b1-100d4f520543"}],
        password="correct horse battery",
        is_approved=True,
        managed_by=None,
        meta={"version": "1"},
    )
    assert user["id"] != "01a231a7-75a9-744c-84b1-100d4f520543"
    assert (user["roles"], user.get("groups")) == ([{"value": "MEMBER"}], None)
    path = f"/Users/{user['id']}"
    for operation in (
        {"op": "replace", "path": "roles", "value": [{"value": "OWNER"}]},
        {"op": "add", "path": "groups", "value": [{"value": user["id"]}]},
        {"op": "replace", "path": "id", "value": str(idp.world.people["owner"])},
        {"op": "replace", "path": "meta.created", "value": "2020-01-01T00:00:00Z"},
    ):
        assert await idp.refused("PATCH", path, patch_of(operation)) == (400, "mutability")
    after = await idp.patch(path, {"op": "replace", "value": {"title": "x", "service_of": None}})
    assert (after["roles"], after["title"]) == ([{"value": "MEMBER"}], "x")
    hashes = "SELECT count(*) FROM profile_credentials WHERE user_id = $1"
    assert await idp.world.superuser.fetchval(hashes, UUID(user["id"])) == 0


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({"userName": "no address"}, "invalidValue"),
        ({"userName": ""}, "invalidValue"),
        ({"userName": "x" * 300 + "@idp.example"}, "invalidValue"),
        ({"userName": "a@service-accounts.invalid"}, "invalidValue"),
        ({"userName": "a\u0000b@idp.example"}, "invalidValue"),
        ({"externalId": "x" * 300}, "invalidValue"),
        ({"displayName": "a\nb"}, "invalidValue"),
        ({"active": "maybe"}, "invalidValue"),
        ({"schemas": ["urn:nothing"]}, None),
        ({"userName": None}, "invalidValue"),
    ],
)
async def test_bad_values_are_refused_and_change_nothing(idp, body, type):
    status, found = await idp.refused("POST", "/Users", idp.user_of("ada") | body)
    assert status == 400
    assert type is None or found == type
    listed = await idp.ok("GET", '/Users?filter=userName ew "@idp.example"')
    assert listed["totalResults"] == 0


async def test_bodies_and_paths_that_are_none_are_refused(idp):
    user = await idp.user("ada")
    path = f"/Users/{user['id']}"
    headers = {"Authorization": f"Bearer {idp.token}", "Content-Type": "application/scim+json"}
    nested = b'{"a":' * 5000 + b"1" + b"}" * 5000
    for body in (b"", b"{", b"[]", b"null", b"\xff", nested):
        answer = await idp.client.post("/scim/v2/Users", content=body, headers=headers)
        assert answer.status_code == 400, body[:20]
    large = await idp.client.post("/scim/v2/Users", content=b" " * 2_000_000, headers=headers)
    assert large.status_code == 413
    for operation in (
        {"op": "replace", "path": "members[" * 30, "value": 1},
        {"op": "replace", "path": "x" * 5000, "value": 1},
        {"op": "replace", "value": {"(" * 50: 1}},
        {"op": "explode", "path": "title"},
        {"op": "replace", "path": 'emails[type eq "work"', "value": 1},
    ):
        assert (await idp.refused("PATCH", path, patch_of(operation)))[0] == 400
    assert await idp.refused("GET", "/Nothing") == (404, None)
    assert await idp.refused("PUT", "/Users", {}) == (405, None)
    assert (await idp.send("GET", path)).json() == user


async def test_seats_are_respected(idp):
    world = idp.world
    await world.superuser.execute(
        "UPDATE organizations SET max_members = member_count + 1 WHERE id = $1", world.organization
    )
    await idp.user("ada")
    assert await idp.refused("POST", "/Users", idp.user_of("bob")) == (403, None)
    gone = "SELECT count(*) FROM profiles WHERE email = $1"
    assert await world.superuser.fetchval(gone, idp.address("bob")) == 0


async def test_a_bulk_request_does_each_operation_for_itself(idp):
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": idp.user_of("ada")},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": idp.user_of("ada")},
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "g",
                "data": idp.group_of("Pilots", {"id": "bulkId:a"}),
            },
            {"method": "DELETE", "path": f"/Users/{idp.world.people['owner']}"},
        ],
    }
    done = await idp.ok("POST", "/Bulk", body)
    assert [one["status"] for one in done["Operations"]] == ["201", "409", "201", "403"]
    (group,) = (await idp.ok("GET", "/Groups"))["Resources"]
    assert [one["value"] for one in group["members"]] == [
        done["Operations"][0]["location"].rpartition("/")[2]
    ]
    many = body | {"Operations": [body["Operations"][0]] * 1001}
    assert (await idp.refused("POST", "/Bulk", many))[0] == 413
