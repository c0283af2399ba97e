"""Users that an identity provider creates, finds, changes and ends."""

from tests.scim.conftest import patch_of


async def test_a_user_is_created_and_is_a_member(idp):
    made = await idp.send("POST", "/Users", idp.user_of("ada", title="Lead"))
    assert made.status_code == 201
    user = made.json()
    assert made.headers["location"] == f"http://localhost/scim/v2/Users/{user['id']}"
    assert made.headers["etag"] == user["meta"]["version"]
    assert made.headers["content-type"] == "application/scim+json"
    assert {k: v for k, v in user.items() if k not in ("id", "meta", "schemas")} == {
        "userName": idp.address("ada"),
        "externalId": "x-ada",
        "displayName": "Ada Ample",
        "name": {"givenName": "Ada", "familyName": "Ample"},
        "title": "Lead",
        "active": True,
        "emails": [{"value": idp.address("ada"), "type": "work", "primary": True}],
        "roles": [{"value": "MEMBER"}],
    }
    assert await idp.ok("GET", f"/Users/{user['id']}") == user
    found = await idp.world.ask(
        "admin",
        """query ($id: UUID!, $user: UUID!) { organization(id: $id) {
            members(filter: { userId: { eq: $user } }) { nodes {
                role status userName externalId user { email fullName } } } } }""",
        id=idp.world.organization,
        user=user["id"],
    )
    assert found["members"]["nodes"] == [
        {
            "role": "MEMBER",
            "status": "ACTIVE",
            "userName": idp.address("ada"),
            "externalId": "x-ada",
            "user": {"email": idp.address("ada"), "fullName": "Ada Ample"},
        }
    ]


async def test_patch_changes_what_it_names(idp):
    user = await idp.user("ada")
    path = f"/Users/{user['id']}"
    changed = await idp.patch(
        path,
        {"op": "replace", "path": "name.familyName", "value": "Lovelace"},
        {"op": "Replace", "value": {"displayName": "Ada Lovelace", "title": "Countess"}},
        {"op": "remove", "path": "externalId"},
    )
    assert changed["name"]["familyName"] == "Lovelace"
    assert (changed["displayName"], changed["title"]) == ("Ada Lovelace", "Countess")
    assert "externalId" not in changed
    stale = await idp.refused(
        "PATCH",
        path,
        patch_of({"op": "remove", "path": "title"}),
        If_Match=user["meta"]["version"],
    )
    assert stale == (412, None)
    assert (
        await idp.send("GET", path, If_None_Match=changed["meta"]["version"])
    ).status_code == 304
