"""Shares: a secret address opens one object, read-only, and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from auth.credentials.identify import identify_again
from auth.credentials.shares import PREFIX, identify
from auth.credentials.tokens import is_token, new_token
from tests.core.keys import make_key
from tests.platform.sharing import (
    BASELINE,
    CREATE,
    DELETE,
    PASSWORD,
    REVOKE,
    UPDATE,
    expire,
    share,
)
from tests.world import Refused

LIST = """query ($id: UUID!) { document(id: $id) { shares { totalCount
    nodes { id name hint hasPassword project { id } } } } }"""
LISTS = """query ($organization: UUID!, $project: UUID!, $share: UUID!) {
    organization(id: $organization) { shares { totalCount nodes { id } } }
    project(id: $project) { shares { totalCount nodes { id } } }
    share(id: $share) { objectId history { nodes { changedFields changes { field new } } } } }"""
SHARED = """{ shared { expiresAt object { __typename id ... on Document { name
    project { id } createdBy { email } assignments { totalCount } baselines { totalCount }
    files { totalCount } shares { totalCount } history { totalCount } feedCursor
    viewerCan { update delete create(type: BLOCK) }
    blocks { nodes { name columns { nodes { property { key name options { choices { id } } } } } } }
    requirements(search: "requirement") { totalCount nodes { name properties aiAnalysis
        quality { score } project { id } history { totalCount }
        incomingLinks { totalCount } executions { totalCount } } } } } } }"""
DOCUMENT = "query ($id: UUID!) { document(id: $id) { id } }"
WRITE = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: { name: "Mine" }) { requirement { id } } }"""
FOUND = """mutation { organizationCreate(input: { name: "Mine", slug: "mine" }) {
    organization { id } } }"""
FOLLOW = "subscription ($id: UUID!) { documentChanged(id: $id) { cursor } }"
FORBID = """mutation ($id: UUID!, $version: BigInt!, $allowed: Boolean!) {
    organizationUpdate(id: $id, expectedVersion: $version, input: { sharingAllowed: $allowed }) {
        organization { version sharingAllowed } } }"""
RESTORE = "mutation ($id: UUID!) { documentRestore(id: $id, expectedVersion: 2) { __typename } }"


async def test_an_address_is_shown_once_and_kept_as_a_digest(world, superuser):
    made = await share(world, password=PASSWORD)
    assert made.address.startswith("http://")
    assert is_token(made.key, PREFIX)
    assert made.row["hint"] == made.key[-4:]
    assert (made.row["objectId"], made.row["objectType"]) == (str(world.document), "DOCUMENT")
    life = datetime.fromisoformat(made.row["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=29) < life <= timedelta(days=30)
    row = await superuser.fetchrow("SELECT * FROM shares WHERE id = $1", made.id)
    assert made.key[4:47] not in str(dict(row))
    assert row["password_hash"].startswith("$argon2id$")
    events = str([dict(event) for event in await world.records(made.id)])
    assert "argon2" not in events
    assert row["key_hash"].hex() not in events
    assert "Supplier" in events
    listed = (await world.ask("owner", LIST, id=world.document))["shares"]["nodes"]
    project = {"id": str(world.project)}
    named = {"id": str(made.id), "name": "Supplier", "hint": made.row["hint"]}
    assert listed == [{**named, "hasPassword": True, "project": project}]
    places = {"organization": world.organization, "project": world.project, "share": made.id}
    lists = await world.ask("owner", LISTS, **places)
    only = {"totalCount": 1, "nodes": [{"id": str(made.id)}]}
    assert lists["organization"]["shares"] == lists["project"]["shares"] == only
    (entry,) = lists["share"]["history"]["nodes"]
    assert {"keyHash", "passwordHash"}.isdisjoint(entry["changedFields"])


async def test_a_share_opens_what_is_written_in_the_document_and_nothing_around_it(
    world, superuser
):
    property = await superuser.fetchval(
        "INSERT INTO properties (organization_id, key, name, property_type)"
        " VALUES ($1, 'mass', 'Mass', 'number') RETURNING id",
        world.organization,
    )
    await superuser.execute(
        "INSERT INTO properties (organization_id, project_id, key, name, property_type)"
        " VALUES ($1, $2, 'cost', 'Cost', 'number')",
        world.organization,
        world.project,
    )
    await superuser.execute(
        "INSERT INTO columns (organization_id, project_id, document_id, block_id, property_id)"
        " VALUES ($1, $2, $3, $4, $5)",
        *(world.organization, world.project, world.document, world.block, property),
    )
    await superuser.execute(
        "UPDATE requirements SET ai_analysis = '{\"score\": 7}' WHERE id = $1", world.requirement
    )
    await share(world)
    opened = (await world.ask("guest", SHARED))["object"]
    (block,) = opened.pop("blocks")["nodes"]
    assert block["columns"]["nodes"][0]["property"]["name"] == "Mass"
    requirements = opened.pop("requirements")
    assert requirements["totalCount"] == 1
    none = {"totalCount": 0}
    assert requirements["nodes"][0] == {
        "name": f"Requirement {world.name}",
        "properties": {},
        "aiAnalysis": {},
        "quality": None,
        "project": None,
        "history": none,
        "incomingLinks": none,
        "executions": none,
    }
    assert opened == {
        "__typename": "Document",
        "id": str(world.document),
        "name": f"Document {world.name}",
        "project": None,
        "createdBy": None,
        "feedCursor": None,
        "viewerCan": {"update": False, "delete": False, "create": False},
        **dict.fromkeys(("assignments", "baselines", "files", "shares", "history"), none),
    }
    cost = "SELECT id FROM properties WHERE project_id = $1 AND key = 'cost'"
    hidden = {
        "project": world.project,
        "organization": world.organization,
        "property": await superuser.fetchval(cost, world.project),
        "node": world.people["owner"],
    }
    for name, id in hidden.items():
        kind = "ID" if name == "node" else "UUID"
        query = f"query ($id: {kind}!) {{ {name}(id: $id) {{ id }} }}"
        assert await world.code("guest", query, id=id) == "NOT_FOUND", name
    assert await world.ask("guest", "{ viewer { profile { id } } }") is None
    assert await world.ask("owner", "{ shared { expiresAt } }") is None


@pytest.mark.parametrize("at", ["asOf", "atVersion"])
async def test_a_share_opens_no_past(world, at):
    await share(world)
    value = f'"{datetime.now(UTC).isoformat()}"' if at == "asOf" else "1"
    query = f"query ($id: UUID!) {{ document(id: $id, {at}: {value}) {{ id }} }}"
    assert await world.code("guest", query, id=world.document) == "NOT_FOUND"


async def test_a_share_of_one_document_opens_no_other(world, other_world, superuser):
    await share(world)
    other = await superuser.fetchval(
        "INSERT INTO documents (organization_id, project_id, name, slug)"
        " VALUES ($1, $2, 'Other', 'other') RETURNING id",
        world.organization,
        world.project,
    )
    for id in (other, other_world.document, uuid4()):
        assert await world.code("guest", DOCUMENT, id=id) == "NOT_FOUND"
    listed = await world.ask("guest", "{ documents { totalCount nodes { id } } }")
    assert listed == {"totalCount": 1, "nodes": [{"id": str(world.document)}]}
    assert await world.ask("guest", "{ projects { totalCount } }") == {"totalCount": 0}


@pytest.mark.parametrize("query", [WRITE, FOUND, "{ __schema { queryType { name } } }"])
async def test_a_share_writes_nothing_and_shows_no_schema(world, query):
    await share(world)
    given = {"id": world.requirement} if "$id" in query else {}
    assert await world.code("guest", query, **given) == "FORBIDDEN"
    assert await world.records(world.requirement) == []


async def test_a_share_follows_nothing(world):
    await share(world)
    headers = {"Authorization": f"Bearer {world.tokens['guest']}", "Accept": "text/event-stream"}
    body = {"query": FOLLOW, "variables": {"id": str(world.document)}}
    async with world.client.stream("POST", "/graphql", json=body, headers=headers) as response:
        assert b"FORBIDDEN" in await response.aread()
    polled = await world.client.get(f"/changes?document={world.document}", headers=headers)
    assert polled.status_code >= 400


async def test_a_share_ends_at_once(world):
    made = await share(world)
    assert (await world.ask("guest", SHARED))["object"]["id"] == str(world.document)
    revoked = await world.ask("owner", REVOKE, id=made.id)
    assert revoked["share"]["revokedAt"]
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"
    again = await world.ask("owner", REVOKE, id=made.id)
    assert again == revoked
    made = await share(world)
    await expire(world, made)
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"


async def test_an_open_connection_ends_with_its_share(world, database, settings):
    """Viewers of connections are identified again, without the key."""
    made = await share(world)
    viewer = await identify(database, settings, made.key)
    assert await identify_again(viewer, database, settings) == viewer
    change = {"id": made.id, "version": 1, "input": {"name": "Other"}}
    await world.ask("owner", UPDATE, **change)
    assert await identify_again(viewer, database, settings) == viewer
    change = {"id": made.id, "version": 2, "input": {"password": PASSWORD}}
    await world.ask("owner", UPDATE, **change)
    assert await identify_again(viewer, database, settings) is None
    for end in (expire, None):
        made = await share(world)
        viewer = await identify(database, settings, made.key)
        assert viewer.expires_at == datetime.fromisoformat(made.row["expiresAt"])
        await (end(world, made) if end else world.ask("owner", REVOKE, id=made.id))
        assert await identify_again(viewer, database, settings) is None


async def test_a_share_ends_with_its_document_and_returns_with_it(world):
    made = await share(world)
    await world.ask("owner", DELETE, id=world.document)
    assert (await world.ask("guest", SHARED))["object"] is None
    assert await world.code("owner", "query ($id: UUID!) { share(id: $id) { id } }", id=made.id)
    await world.ask("owner", RESTORE, id=world.document)
    assert (await world.ask("guest", SHARED))["object"]["id"] == str(world.document)


async def test_a_share_follows_its_document_to_another_project(world):
    made = await share(world)
    other = uuid4()
    await world.superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Other', 'other')",
        other,
        world.organization,
    )
    moved = "UPDATE documents SET project_id = $1 WHERE id = $2"
    await world.superuser.execute(moved, other, world.document)
    opened = (await world.ask("guest", SHARED))["object"]
    assert (opened["id"], opened["requirements"]["totalCount"]) == (str(world.document), 1)
    query = "query ($id: UUID!) { share(id: $id) { id } }"
    assert await world.code("project_admin", query, id=made.id) == "NOT_FOUND"
    assert await world.code("owner", query, id=made.id) is None


async def test_a_server_shares_with_one_scope(world):
    await make_key(world, "organizations:write", role="ADMIN")
    made = await share(world, "robot")
    assert (await world.ask("guest", SHARED))["object"]
    await make_key(world, "requirements:write", role="ADMIN", person="writer")
    input = {"objectId": world.document, "name": "Mine"}
    assert await world.code("writer", CREATE, input=input) == "FORBIDDEN"
    assert await world.code("writer", REVOKE, id=made.id) == "FORBIDDEN"


async def test_an_organization_can_forbid_shares(world):
    await share(world)
    setting = {"id": world.organization, "allowed": False}
    version = await world.superuser.fetchval(
        "SELECT version FROM organizations WHERE id = $1", world.organization
    )
    told = await world.ask("admin", FORBID, **setting, version=version)
    assert told["organization"]["sharingAllowed"] is False
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"
    with pytest.raises(Refused, match="does not allow shares"):
        await share(world)
    setting["allowed"] = True
    await world.ask("admin", FORBID, **setting, version=told["organization"]["version"])
    assert (await world.ask("guest", SHARED))["object"]


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ("project_admin", None),
        ("editor", "FORBIDDEN"),
        ("document_editor", "FORBIDDEN"),
        ("project_viewer", "FORBIDDEN"),
        ("member", "NOT_FOUND"),
        ("outsider", "NOT_FOUND"),
        ("guest", "FORBIDDEN"),
    ],
)
async def test_administrators_share(world, person, code):
    await share(world)
    input = {"objectId": world.document, "name": "Mine"}
    assert await world.code(person, CREATE, input=input) == code


async def test_a_password_is_asked_for_before_the_key_opens_anything(world):
    made = await share(world, password=PASSWORD)
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"
    for end in (".", ".ffffffff.00", f".{int(datetime.now(UTC).timestamp()) + 999:x}." + 64 * "0"):
        world.tokens["guest"] = made.key + end
        assert await world.code("guest", SHARED) == "UNAUTHENTICATED"
    change = {"id": made.id, "version": 1, "input": {"password": None, "name": "Open"}}
    updated = (await world.ask("owner", UPDATE, **change))["share"]
    assert (updated["name"], updated["hasPassword"], updated["version"]) == ("Open", False, 2)
    world.tokens["guest"] = made.key
    assert (await world.ask("guest", SHARED))["object"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "password"),
        ("name", " "),
        ("expiresAt", "2020-01-01T00:00:00+00:00"),
        ("expiresAt", (datetime.now(UTC) + timedelta(days=400)).isoformat()),
    ],
    ids=["a common password", "no name", "the past", "after more than a year"],
)
async def test_bad_input_is_refused_with_its_path(world, field, value):
    with pytest.raises(Refused) as refused:
        await share(world, **{field: value})
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", field])
    made = await share(world)
    with pytest.raises(Refused) as refused:
        await world.ask("owner", UPDATE, id=made.id, version=1, input={field: value})
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", field])


async def test_a_key_that_is_guessed_opens_nothing_and_is_recorded(world):
    for key in (new_token(PREFIX), PREFIX, f"{PREFIX}{'a' * 49}"):
        world.tokens["guest"] = key
        assert await world.code("guest", SHARED) == "UNAUTHENTICATED"


FROZEN = """{ shared { object { __typename id ... on Baseline { name verified
    items { totalCount } history { totalCount } counts { entityType count }
    document { name project { id } history { totalCount } baselines { totalCount }
        blocks { nodes { name columns { totalCount } } } requirements { nodes { name } } }
    documents { nodes { name } } requirements { totalCount nodes { name document { name } } }
    } } } }"""
ADD = """mutation ($id: UUID!) { requirementCreate(input: { documentId: $id, name: "Later" }) {
    requirement { id } } }"""


@pytest.mark.slow
@pytest.mark.parametrize("of", ["document", "project"])
async def test_a_share_of_a_baseline_opens_what_was_there_and_nothing_of_now(world, of):
    place = {f"{of}Id": getattr(world, of)}
    made = await world.ask("owner", BASELINE, input={"name": "Release", **place})
    hidden = await world.ask("owner", BASELINE, input={"name": "Other", **place})
    await share(world, object_id=made["baseline"]["id"])
    await world.ask("owner", ADD, id=world.document)
    await world.superuser.execute(
        "UPDATE requirements SET name = 'Changed' WHERE id = $1", world.requirement
    )
    opened = (await world.ask("guest", FROZEN))["object"]
    assert (opened["__typename"], opened["name"]) == ("Baseline", "Release")
    none, requirement = {"totalCount": 0}, {"name": f"Requirement {world.name}"}
    document = {"name": f"Document {world.name}"}
    inside = {
        **document,
        "project": None,
        "history": none,
        "baselines": {"totalCount": 1},
        "blocks": {"nodes": [{"name": f"Block {world.name}", "columns": none}]},
        "requirements": {"nodes": [requirement]},
    }
    assert opened["document"] == (inside if of == "document" else None)
    assert opened["documents"] == {"nodes": [document]}
    assert opened["requirements"]["nodes"] == [{**requirement, "document": document}]
    assert opened["items"] == opened["history"] == none
    for name, id in (
        ("document", world.document),
        ("requirement", world.requirement),
        ("baseline", hidden["baseline"]["id"]),
        ("project", world.project),
    ):
        query = f"query ($id: UUID!) {{ {name}(id: $id) {{ id }} }}"
        assert await world.code("guest", query, id=id) == "NOT_FOUND", name
    assert await world.ask("guest", "{ requirements { totalCount } }") == none
