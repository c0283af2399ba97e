"""Signed-in browsers and connected applications, listed and ended through the API."""

from uuid import uuid4

from tests.core.keys import make_key, make_token
from tests.core.signed_in import browse, code

__all__ = ["browse"]

SESSIONS = "{ viewer { sessions { id ipAddress userAgent isCurrent createdAt lastUsedAt } } }"
END = "mutation ($id: UUID!) { sessionEnd(id: $id) { ended } }"
END_OTHERS = "mutation { sessionsEnd { ended } }"
APPLICATIONS = """{ viewer { connectedApplications {
    clientId name scopes organizations connectedAt lastUsedAt } } }"""
DISCONNECT = "mutation ($id: String!) { applicationDisconnect(clientId: $id) { clientId } }"
CLIENT = """INSERT INTO oauth_clients
(client_id, client_name, redirect_uris, scope, token_endpoint_auth_method, is_public)
VALUES ($1, 'Robot', '["https://app.example/cb"]', 'requirements:read', 'none', true)"""
CONSENT = """INSERT INTO oauth_consents (user_id, client_id, scope)
VALUES ($1, $2, 'requirements:read')"""
STALE = "UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id = $1"


async def test_a_person_sees_their_browsers_and_ends_one(world, browse):
    here, there = await browse("editor", "Here"), await browse("editor", "There")
    found = (await here(SESSIONS))["data"]["viewer"]["sessions"]
    assert {(one["userAgent"], one["isCurrent"]) for one in found} == {
        ("Here", True),
        ("There", False),
    }
    assert {one["ipAddress"] for one in found} == {"192.0.2.7"}
    (other,) = (one["id"] for one in found if not one["isCurrent"])
    assert (await here(END, id=other))["data"] == {"sessionEnd": {"ended": 1}}
    assert (await there(SESSIONS))["data"]["viewer"] is None
    assert (await here(END, id=other))["data"] == {"sessionEnd": {"ended": 0}}
    (event,) = await world.records(other)
    assert (event["action"], event["actor_id"]) == ("session_end", world.people["editor"])


async def test_all_other_browsers_are_signed_out_at_once(browse):
    here = await browse("editor")
    others = [await browse("editor") for _ in range(2)]
    assert (await here(END_OTHERS))["data"] == {"sessionsEnd": {"ended": 2}}
    assert [(await other(SESSIONS))["data"]["viewer"] for other in others] == [None, None]
    assert len((await here(SESSIONS))["data"]["viewer"]["sessions"]) == 1


async def test_the_sessions_of_others_cannot_be_seen_or_ended(world, browse):
    theirs = await browse("viewer")
    (session,) = (await theirs(SESSIONS))["data"]["viewer"]["sessions"]
    mine = await browse("owner")
    for id in (session["id"], str(uuid4())):
        assert (await mine(END, id=id))["data"] == {"sessionEnd": {"ended": 0}}
    assert len((await theirs(SESSIONS))["data"]["viewer"]["sessions"]) == 1


async def test_sessions_need_a_recent_proof_or_a_token_for_everything(world, browse):
    mine = await browse("editor")
    await world.superuser.execute(STALE, world.people["editor"])
    for query, variables in ((SESSIONS, {}), (END, {"id": str(uuid4())}), (END_OTHERS, {})):
        answer = await mine(query, **variables)
        assert (code(answer), answer["errors"][0]["extensions"]["prove"]) == ("FORBIDDEN", "/prove")
    assert (await mine(APPLICATIONS))["data"]["viewer"] == {"connectedApplications": []}
    await make_token(world, "editor", "organizations:write")
    for query in (SESSIONS, APPLICATIONS, END_OTHERS):
        assert await world.code("editor's script", query) == "FORBIDDEN"
    await make_token(world, "editor", "admin")
    assert len((await world.ask("editor's script", SESSIONS))["sessions"]) == 1
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", SESSIONS) == "FORBIDDEN"


async def test_a_person_sees_and_disconnects_an_application(world):
    client, person = f"robot-{uuid4().hex}", world.people["editor"]
    await world.superuser.execute(CLIENT, client)
    await world.superuser.execute(CONSENT, person, client)

    async def connected(person):
        found = (await world.ask(person, APPLICATIONS))["connectedApplications"]
        return [one for one in found if one["clientId"] == client]

    (found,) = await connected("editor")
    assert (
        found.items()
        >= {
            "clientId": client,
            "name": "Robot",
            "scopes": ["requirements:read"],
            "organizations": None,
        }.items()
    )
    assert await connected("viewer") == []
    await world.ask("viewer", DISCONNECT, id=client)  # which has nothing of theirs
    assert len(await connected("editor")) == 1
    assert await world.ask("editor", DISCONNECT, id=client) == {"clientId": client}
    assert await connected("editor") == []
    assert await world.code("editor", DISCONNECT, id="nobody's") == "NOT_FOUND"
