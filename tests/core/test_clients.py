"""Applications of an organization: the rights of their owners, their scopes, and their end."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.world import Refused

FIELDS = """id version name clientId redirectUris scopes isPublic isDisabled secretVersion
    formerSecretExpiresAt
    serviceAccount { id fullName isService }"""
CREATE = f"""mutation ($input: OAuthClientCreateInput!) {{ oauthClientCreate(input: $input) {{
    secret client: oauthClient {{ {FIELDS} }} }} }}"""
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: OAuthClientUpdateInput!) {{
    oauthClientUpdate(id: $id, expectedVersion: $version, input: $input) {{
        merged client: oauthClient {{ {FIELDS} }} }} }}"""
ROTATE = f"""mutation ($id: UUID!, $version: BigInt!, $revokeFormer: Boolean! = false) {{
    oauthClientSecretRotate(id: $id, expectedVersion: $version, revokeFormer: $revokeFormer) {{
        secret client: oauthClient {{ {FIELDS} }} }} }}"""
REVOKE_FORMER = f"""mutation ($id: UUID!) {{
    oauthClientFormerSecretRevoke(id: $id) {{ client: oauthClient {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    oauthClientDelete(id: $id, expectedVersion: $version) { client: oauthClient { id } } }"""
LIST = """query ($id: UUID!) { organization(id: $id) {
    oauthClients(orderBy: [{ by: NAME }]) { totalCount nodes { name clientId } } } }"""
ONE = "query ($id: ID!) { node(id: $id) { ... on OAuthClient { name } } }"
WRITE = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: { name: "By a partner" }) { requirement { updatedBy { id fullName } } } }"""
CALLBACK = "https://partner.example/cb"
SCOPES = ["requirements:write", "organizations:read"]


@pytest.fixture
def register(world):
    """Return a function with which an owner registers an application, by default a machine's."""

    async def register(person="owner", **change):
        input = {
            "organizationId": world.organization,
            "name": "Partner",
            "scopes": SCOPES,
            "serviceAccountRole": "EDITOR",
        } | change
        input = {name: value for name, value in input.items() if value is not None}
        return await world.ask(person, CREATE, input=input)

    return register


async def token_of(world, made, **form):
    """Return the response to a request of the application for a token of its own."""
    pair = f"{made['client']['clientId']}:{made['secret']}".encode()
    return await world.client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"} | form,
        headers={"authorization": f"Basic {base64.b64encode(pair).decode()}"},
    )


async def act(world, made, person="robot"):
    """Request a token of the application, and use it as this person's."""
    answer = await token_of(world, made)
    assert answer.status_code == 200, answer.text
    world.tokens[person] = answer.json()["access_token"]
    account = made["client"]["serviceAccount"]
    world.people[person] = UUID(account["id"]) if account else None


async def test_it_acts_as_a_service_account_of_its_name(world, register):
    made = await register()
    client = made["client"]
    assert made["secret"].startswith("rqs_")
    assert client["clientId"] == f"rqc-{UUID(client['id']).hex}"
    assert client["serviceAccount"]["fullName"] == "Partner"
    assert client["serviceAccount"]["isService"]
    await act(world, made)
    written = await world.ask("robot", WRITE, id=world.requirement)
    by = written["requirement"]["updatedBy"]
    assert by == {"id": client["serviceAccount"]["id"], "fullName": "Partner"}
    event = await world.superuser.fetchrow(
        "SELECT actor_id, client_id FROM audit_logs WHERE entity_id = $1"
        " ORDER BY created_at DESC LIMIT 1",
        world.requirement,
    )
    assert event["client_id"] == client["clientId"]
    assert str(event["actor_id"]) == by["id"]


async def test_its_service_account_says_how_far_it_reaches(world, register):
    made = await register(serviceAccountRole="VIEWER")
    await act(world, made)
    with pytest.raises(Refused, match="FORBIDDEN"):
        await world.ask("robot", WRITE, id=world.requirement)
    narrow = await register(name="Narrow", scopes=["organizations:read"])
    await act(world, narrow)
    with pytest.raises(Refused, match="FORBIDDEN"):
        await world.ask("robot", WRITE, id=world.requirement)


async def test_two_applications_may_act_as_one_service_account(world, register):
    account = (await register())["client"]["serviceAccount"]["id"]
    second = await register(name="Second", serviceAccountRole=None, serviceAccountId=account)
    assert second["client"]["serviceAccount"]["id"] == account
    await act(world, second)
    written = await world.ask("robot", WRITE, id=world.requirement)
    assert written["requirement"]["updatedBy"]["id"] == account


SUSPEND = "UPDATE organization_members SET status = 'suspended' WHERE user_id = $1"
RESUME = "UPDATE organization_members SET status = 'active' WHERE user_id = $1"


async def test_it_stops_with_its_service_account(world, register):
    made = await register()
    await act(world, made)
    account = UUID(made["client"]["serviceAccount"]["id"])
    await world.superuser.execute(SUSPEND, account)
    assert await status(world, "robot") == 401
    answer = await token_of(world, made)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    await world.superuser.execute(RESUME, account)
    assert await status(world, "robot") == 200


async def status(world, person):
    """Return the status of a request with this person's token."""
    return (await world.post(person, "{ viewer { profile { id } } }")).status_code


async def change(world, made, **input):
    client = made["client"]
    return await world.ask("owner", UPDATE, id=client["id"], version=client["version"], input=input)


async def test_disabling_it_stops_its_tokens_at_once(world, register):
    made = await register()
    await act(world, made)
    disabled = await change(world, made, isDisabled=True)
    assert await status(world, "robot") == 401
    assert (await token_of(world, made)).status_code == 401
    enabled = await change(world, disabled, isDisabled=False)
    assert await status(world, "robot") == 200
    client = enabled["client"]
    await world.ask("owner", DELETE, id=client["id"], version=client["version"])
    assert await status(world, "robot") == 401
    assert (await token_of(world, made)).status_code == 401
    assert (await world.ask("owner", LIST, id=world.organization))["oauthClients"]["nodes"] == []


async def test_fewer_scopes_are_at_once_all_that_its_tokens_have(world, register):
    made = await register()
    await act(world, made)
    await change(world, made, scopes=["requirements:read"])
    with pytest.raises(Refused, match="FORBIDDEN"):
        await world.ask("robot", WRITE, id=world.requirement)
    wide = await token_of(world, made, scope="requirements:write")
    assert wide.json()["error"] == "invalid_scope"


async def rotate(world, made, **change):
    client = made["client"]
    about = {"id": client["id"], "version": client["version"]}
    return await world.ask("owner", ROTATE, **about, **change)


async def good(world, *given):
    """Return for each of these secrets whether it gets a token."""
    return [(await token_of(world, one)).status_code == 200 for one in given]


async def test_the_former_secret_is_good_for_a_day_more(world, register):
    made = await register()
    assert made["client"]["formerSecretExpiresAt"] is None
    rotated = await rotate(world, made)
    assert rotated["client"]["secretVersion"] == 2
    until = datetime.fromisoformat(rotated["client"]["formerSecretExpiresAt"])
    left = until - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert await good(world, made, rotated) == [True, True]
    renamed = await change(world, rotated, name="Renamed")  # keeps both
    assert await good(world, made, rotated) == [True, True]
    with pytest.raises(Refused, match="CONFLICT"):
        await rotate(world, made)
    assert await good(world, made, rotated) == [True, True]
    past = "UPDATE oauth_clients SET former_secret_expires_at = now() WHERE id = $1"
    await world.superuser.execute(past, UUID(made["client"]["id"]))
    assert await good(world, made, rotated) == [False, True]
    kept = renamed["client"]["formerSecretExpiresAt"]
    assert datetime.fromisoformat(kept) == until


async def test_two_secrets_at_most_are_good(world, register):
    first = await register()
    second = await rotate(world, first)
    third = await rotate(world, second)
    assert await good(world, first, second, third) == [False, True, True]


async def test_a_rotation_ends_a_secret_in_wrong_hands_at_once(world, register):
    first = await register()
    second = await rotate(world, first)
    third = await rotate(world, second, revokeFormer=True)
    assert third["client"]["formerSecretExpiresAt"] is None
    assert await good(world, first, second, third) == [False, False, True]
    fourth = await rotate(world, third)
    assert await good(world, second, third, fourth) == [False, True, True]


async def test_the_former_secret_is_ended_at_once(world, register):
    first = await register()
    second = await rotate(world, first)
    for person in ("admin", "editor", "outsider"):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await world.ask(person, REVOKE_FORMER, id=first["client"]["id"])
    assert await good(world, first, second) == [True, True]
    for _ in range(2):
        ended = await world.ask("owner", REVOKE_FORMER, id=first["client"]["id"])
        assert ended["client"]["formerSecretExpiresAt"] is None
    assert await good(world, first, second) == [False, True]
    kept = "SELECT former_secret FROM oauth_clients WHERE id = $1"
    assert await world.superuser.fetchval(kept, UUID(first["client"]["id"])) is None


async def test_it_asks_people_with_a_code(world, register):
    made = await register(serviceAccountRole=None, redirectUris=[CALLBACK, CALLBACK])
    assert made["client"]["redirectUris"] == [CALLBACK]
    assert made["client"]["serviceAccount"] is None
    assert (await token_of(world, made)).json()["error"] == "unauthorized_client"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 64).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": made["client"]["clientId"],
        "redirect_uri": CALLBACK,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    page = await world.client.get("/oauth/authorize", params=asked)
    assert page.status_code == 303
    assert page.headers["location"].startswith("/sign-in")
    await change(world, made, redirectUris=["https://partner.example/other"])
    assert (await world.client.get("/oauth/authorize", params=asked)).status_code == 400


async def test_a_public_one_has_no_secret(world, register):
    made = await register(isPublic=True, serviceAccountRole=None, redirectUris=[CALLBACK])
    assert made["secret"] is None
    with pytest.raises(Refused, match="INVALID"):
        await world.ask("owner", ROTATE, id=made["client"]["id"], version=1)
    with pytest.raises(Refused, match="INVALID"):
        await register(isPublic=True)


WRONG = [
    ({"name": " "}, "name"),
    ({"name": "\u202eevil"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"scopes": []}, "scopes"),
    ({"scopes": ["everything"]}, "scopes"),
    ({"redirectUris": ["http://evil.example/"]}, "redirectUris"),
    ({"redirectUris": ["javascript:alert(1)"]}, "redirectUris"),
    ({"serviceAccountRole": "OWNER"}, "role"),
    ({"serviceAccountRole": None}, "redirectUris"),
    ({"serviceAccountId": str(uuid4())}, "serviceAccountRole"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "field"), WRONG)
async def test_what_is_wrong_is_named_and_nothing_is_kept(world, register, wrong, field):
    with pytest.raises(Refused) as refused:
        await register(**wrong)
    assert refused.value.code == "INVALID"
    assert refused.value.field == ["input", field]
    listed = await world.ask("owner", LIST, id=world.organization)
    assert listed["oauthClients"]["totalCount"] == 0


async def test_it_never_acts_as_a_person(world, register):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await register(serviceAccountRole=None, serviceAccountId=str(world.people["editor"]))
    row = uuid4()
    await world.superuser.execute(
        "INSERT INTO organization_clients (id, organization_id, name, service_account_id)"
        " VALUES ($1, $2, 'By hand', $3)",
        row,
        world.organization,
        world.people["editor"],
    )
    with pytest.raises(Refused, match="INVALID"):
        await world.ask("owner", ROTATE, id=str(row), version=1)


@pytest.mark.slow
async def test_owners_alone_see_and_change_them(world, register):
    made = await register()
    id = made["client"]["id"]
    for person in ("admin", "editor", "member", "billing", "outsider"):
        with pytest.raises(Refused, match=r"FORBIDDEN|NOT_FOUND"):
            await register(person)
        with pytest.raises(Refused, match="NOT_FOUND"):
            await world.ask(person, ONE, id=id)
        with pytest.raises(Refused, match="NOT_FOUND"):
            await world.ask(person, ROTATE, id=id, version=1)
    listed = await world.ask("admin", LIST, id=world.organization)
    assert listed["oauthClients"]["nodes"] == []


async def test_a_secret_is_in_one_answer_and_nowhere_else(world, register):
    made = await register()
    rotated = await world.ask("owner", ROTATE, id=made["client"]["id"], version=1)
    for table in ("audit_logs", "oauth_clients", "organization_clients", "idempotency_keys"):
        rows = await world.superuser.fetch(f"SELECT t::text FROM {table} AS t")
        text = "\n".join(row[0] for row in rows)
        for one in (made, rotated):
            assert one["secret"][4:47] not in text
    event = await world.superuser.fetch(
        "SELECT action, soc2_control, changed_fields FROM audit_logs WHERE entity_id = $1"
        " ORDER BY version",
        UUID(made["client"]["id"]),
    )
    assert [row["action"] for row in event] == ["create", "update"]
    assert {row["soc2_control"] for row in event} == {"CC6.3"}
    assert set(event[1]["changed_fields"]) == {"secret_version", "former_secret_expires_at"}


async def test_a_repeat_is_given_the_same_secret_which_nobody_can_read(world, register):
    made = await register()
    headers = {
        "authorization": f"Bearer {await world.token('owner')}",
        "idempotency-key": uuid4().hex,
    }
    asked = {"query": ROTATE, "variables": {"id": made["client"]["id"], "version": 1}}
    first = await world.client.post("/graphql", json=asked, headers=headers)
    again = await world.client.post("/graphql", json=asked, headers=headers)
    assert first.content == again.content
    rotated = first.json()["data"]["oauthClientSecretRotate"]
    assert (await token_of(world, rotated)).status_code == 200
    kept = await world.superuser.fetch("SELECT answer FROM idempotency_keys")
    assert not [row for row in kept if row["answer"] and b"rqs_" in row["answer"]]


PURGE = "mutation ($ids: [UUID!]) { purge(ids: $ids) { purged { entityType count } } }"


async def test_nothing_of_it_works_or_tells_when_its_organization_has_gone(world, register):
    made = await register(redirectUris=[CALLBACK])
    await act(world, made)
    hide = "UPDATE organizations SET deleted_at = now() - $2::interval WHERE id = $1"
    await world.superuser.execute(hide, world.organization, timedelta(days=40))
    assert await status(world, "robot") == 401
    assert (await token_of(world, made)).status_code == 401
    purged = await world.ask("owner", PURGE, ids=[world.organization])
    assert {"entityType": "OAUTH_CLIENT", "count": 1} in purged["purged"]
    row = await world.superuser.fetchrow(
        "SELECT client_name, redirect_uris, disabled_at FROM oauth_clients WHERE client_id = $1",
        made["client"]["clientId"],
    )
    assert (row["client_name"], row["redirect_uris"]) == ("Purged", "[]")
    assert row["disabled_at"] is not None
    assert (await token_of(world, made)).status_code == 401
