"""A request with a key takes effect once, and each repeat gets the first response."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from auth.credentials import tokens
from auth.secret import digest
from auth.session import ViewerSession
from auth.session.write import idempotency
from db.pool import NOBODY
from tests.http.keyed import (
    BOTH,
    CREATE,
    UPDATE,
    Keyed,
    code_of,
    new_key,
    replayed,
    same,
)

ORGANIZATION = """mutation ($slug: String!) {
  organizationCreate(input: {name: "Rover", slug: $slug}) {
    organization { id name members { nodes { role user { email } } } viewerCan { update } } } }"""
INVITE = """mutation ($organization: UUID!, $email: String!) {
  organizationInvite(input: {organizationId: $organization, email: $email}) {
    invitation: organizationInvitation { id } } }"""
ACCEPT = """mutation ($token: UUID!) { organizationInvitationAccept(token: $token) {
    member: organizationMember { role organization { name projects { totalCount } } } } }"""


async def test_a_repeat_is_given_the_first_answer_byte_for_byte(keyed):
    key = new_key()
    first = await keyed.update(key, "Stops")
    again = [await keyed.update(key, "Stops") for _ in range(3)]
    assert first.json()["data"]["requirementUpdate"]["requirement"]["version"] == 2
    assert not replayed(first)
    assert all(map(replayed, again))
    assert same(first, *again)
    assert await keyed.changes() == 1


@pytest.mark.slow
async def test_an_answer_with_errors_is_an_answer(keyed):
    other = await keyed.another()
    await keyed.update(None, "Halts")
    key, ids = new_key(), {"first": keyed.world.requirement, "second": other}
    answers = [await keyed.send(key, BOTH, **ids, name="Stops") for _ in range(2)]
    assert same(*answers)
    assert code_of(answers[0]) == "CONFLICT"
    data = answers[0].json()["data"]
    assert data["a"] is None
    assert data["b"]["requirement"]["version"] == 2
    assert (await keyed.changes(), await keyed.changes(other)) == (1, 1)


async def test_a_refusal_is_repeated_though_its_reason_has_gone(keyed):
    key, nothing = new_key(), {"document": new_key(), "name": "Stops"}
    answers = [await keyed.send(key, CREATE, **nothing)]
    await keyed.update(None, "Halts")
    answers.append(await keyed.send(key, CREATE, **nothing))
    assert same(*answers)
    assert code_of(answers[0]) == "NOT_FOUND"


async def test_what_a_request_has_written_is_in_its_answer(keyed):
    other = await keyed.another()
    ids = {"first": keyed.world.requirement, "second": other}
    answer = (await keyed.send(new_key(), BOTH, **ids, name="Stops")).json()["data"]
    names = [
        node["name"] for node in answer["b"]["requirement"]["document"]["requirements"]["nodes"]
    ]
    assert names == ["Stops", "Stops"]


async def test_answers_are_the_same_with_and_without_a_key(keyed):
    world = keyed.world
    values = {"tags": ["a"], "properties": {"deep": [1.5, 10**18, 1e30, None, "ü"]}}
    query = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
      requirementUpdate(id: $id, expectedVersion: $version, input: $input) { requirement {
        id name status priority tags properties position createdAt block { id content }
        document { blocks { nodes { id requirements { totalCount nodes { properties } } } } }
      } } }"""
    await world.ask("editor", query, id=world.requirement, version=1, input=values)
    same_id = {"extensions": {"correlationId": str(uuid4())}}
    change = {"id": world.requirement, "input": {"name": "Stops"}, "body": same_id}
    without = await keyed.send(None, query, version=2, **change)
    with_key = await keyed.send(new_key(), query, version=3, **change)
    assert "errors" not in with_key.json()
    assert with_key.json() == without.json()


async def test_the_order_of_members_is_no_difference(keyed):
    key, id = new_key(), str(keyed.world.requirement)
    variables = [{"id": id, "name": "Stops"}, {"name": "Stops", "id": id}]
    answers = [await keyed.send(key, UPDATE, body={"variables": one}) for one in variables]
    assert same(*answers)


@pytest.mark.parametrize("change", ["variables", "text", "operationName"])
async def test_a_key_is_good_for_one_request(keyed, change):
    key = new_key()
    query = UPDATE.replace("mutation", "mutation One") + UPDATE.replace("mutation", "mutation Two")
    variables = {"id": str(keyed.world.requirement), "name": "Stops"}
    body = {"query": query, "operationName": "One", "variables": variables}
    await keyed.send(key, "", body=body)
    changed = {
        "variables": variables | {"name": "Halts"},
        "text": query + " ",
        "operationName": "Two",
    }[change]
    name = "query" if change == "text" else change
    refused = await keyed.send(key, "", body=body | {name: changed})
    assert (refused.status_code, code_of(refused)) == (422, "IDEMPOTENCY_MISMATCH")
    assert refused.json()["errors"][0]["extensions"]["retryable"] is False
    assert await keyed.changes() == 1
    assert replayed(await keyed.send(key, "", body=body))


async def test_keys_of_other_people_and_clients_are_other_keys(keyed, database):
    world, key = keyed.world, new_key()
    assert code_of(await keyed.update(key, "Stops")) is None
    admin = Keyed(world, "admin")
    assert not replayed(await admin.update(key, "Stops"))
    token = await tokens.issue(database, world.email("editor"), timedelta(hours=1))
    await world.superuser.execute(
        "INSERT INTO oauth_clients (client_id, client_name, is_public, token_endpoint_auth_method)"
        " VALUES ('tool', 'Tool', true, 'none') ON CONFLICT DO NOTHING"
    )
    await world.superuser.execute(
        "UPDATE oauth_access_tokens SET client_id = 'tool' WHERE token_hash = $1",
        digest(token).hex(),
    )
    world.tokens["editor"] = token
    assert not replayed(await keyed.update(key, "Stops"))
    assert replayed(await keyed.update(key, "Stops"))


async def test_a_key_is_free_again_after_a_day(keyed):
    world, key = keyed.world, new_key()
    age = "UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE key = $1"
    await keyed.update(key, "Stops")
    await world.superuser.execute(age, key, timedelta(hours=23, minutes=59))
    assert replayed(await keyed.update(key, "Stops"))
    await world.superuser.execute(age, key, timedelta(hours=24))
    fresh = await keyed.update(key, "Halts", version=2)
    assert not replayed(fresh)
    assert same(fresh, await keyed.update(key, "Halts", version=2))
    assert await keyed.changes() == 2


async def test_keys_whose_day_is_over_are_removed_in_batches(keyed, database):
    world = keyed.world
    old = [new_key() for _ in range(3)]
    for key in old:
        await keyed.update(key, "Stops")
    await keyed.update(kept := new_key(), "Stops")
    await world.superuser.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '1 day' WHERE key = ANY ($1)",
        old,
    )
    removed = []
    async with database.app.lend(NOBODY) as connection:
        while not removed or removed[-1]:
            removed.append(await connection.fetchval("SELECT ctx.forget_idempotency_keys(2)"))
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await connection.execute("SELECT ctx.forget_idempotency_keys(0)")
    assert sum(removed) >= 3
    left = await world.superuser.fetch("SELECT key FROM idempotency_keys")
    assert kept in {row["key"] for row in left}
    assert not {row["key"] for row in left} & set(old)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_many_items_are_done_once_with_the_error_of_each(keyed, dry_run):
    query = """mutation ($items: [RequirementCreateInput!]!, $dryRun: Boolean!) {
      requirementsCreate(items: $items, onError: CONTINUE, dryRun: $dryRun) {
        succeeded failed results { index error { code field } requirement { id version } } } }"""
    place = {"documentId": keyed.world.document, "externalId": "R-1"}
    items = [place | {"name": name} for name in ("Stops", "Halts")]
    items += [{"documentId": keyed.world.document, "name": name} for name in ("", "Waits")]
    key = new_key()
    answers = [await keyed.send(key, query, items=items, dryRun=dry_run) for _ in range(3)]
    assert same(*answers)
    assert all(map(replayed, answers[1:]))
    made = answers[0].json()["data"]["requirementsCreate"]
    codes = [result["error"] and result["error"]["code"] for result in made["results"]]
    assert codes == [None, "ALREADY_EXISTS", "INVALID", None]
    stored = await keyed.world.superuser.fetchval(
        "SELECT count(*) FROM requirements WHERE document_id = $1", keyed.world.document
    )
    assert stored == (1 if dry_run else 3)


async def test_an_organization_is_founded_once(keyed):
    key, slug = new_key(), f"o-{new_key()}"
    answers = [await keyed.send(key, ORGANIZATION, slug=slug) for _ in range(2)]
    assert same(*answers)
    made = answers[0].json()["data"]["organizationCreate"]["organization"]
    email = keyed.world.email("editor")
    assert made["members"]["nodes"] == [{"role": "OWNER", "user": {"email": email}}]
    assert made["viewerCan"] == {"update": True}
    taken = await keyed.send(new_key(), ORGANIZATION, slug=slug)
    assert code_of(taken) == "ALREADY_EXISTS"


async def test_an_invitation_is_accepted_once(keyed):
    world = keyed.world
    invite = {"organization": world.organization, "email": world.email("outsider")}
    invited = await Keyed(world, "owner").send(new_key(), INVITE, **invite)
    id = invited.json()["data"]["organizationInvite"]["invitation"]["id"]
    token = await world.superuser.fetchval(
        "SELECT token FROM organization_invitations WHERE id = $1", UUID(id)
    )
    guest, key = Keyed(world, "outsider"), new_key()
    answers = [await guest.send(key, ACCEPT, token=token) for _ in range(2)]
    assert same(*answers)
    member = answers[0].json()["data"]["organizationInvitationAccept"]["member"]
    assert (member["role"], member["organization"]["projects"]) == ("MEMBER", {"totalCount": 0})
    assert code_of(await guest.send(new_key(), ACCEPT, token=token)) == "NOT_FOUND"


async def test_a_field_that_fails_takes_nothing_of_its_neighbours_along(keyed):
    """The one between them fails after it has widened the viewer's grants and written a row."""
    slug = f"o-{new_key()}"
    await keyed.send(None, ORGANIZATION, slug=slug)
    query = """mutation ($id: UUID!, $slug: String!, $document: UUID!) {
      a: requirementUpdate(id: $id, expectedVersion: 1, input: {name: "Stops"}) {
        requirement { version document { name } } }
      b: organizationCreate(input: {name: "Rover", slug: $slug}) { organization { id } }
      c: requirementUpdate(id: $id, expectedVersion: 2, input: {name: "Halts"}) {
        requirement { version document { name } } }
      d: requirementCreate(input: {documentId: $document, name: "New"}) {
        requirement { version document { requirements { totalCount } } } } }"""
    world, key = keyed.world, new_key()
    ids = {"id": world.requirement, "document": world.document, "slug": slug}
    answers = [await keyed.send(key, query, **ids) for _ in range(2)]
    assert same(*answers)
    data = answers[0].json()["data"]
    assert [data[name] is None for name in "abcd"] == [False, True, False, False]
    assert data["c"]["requirement"]["version"] == 3
    assert data["d"]["requirement"]["document"]["requirements"]["totalCount"] == 2
    assert await keyed.changes() == 2


async def test_a_broken_reference_is_the_fault_of_its_own_field(keyed, other_world):
    """Keys between the parts of a document are checked when the transaction ends."""
    world = keyed.world
    query = """mutation ($id: UUID!, $document: UUID!, $block: UUID!) {
      a: requirementCreate(input: {documentId: $document, name: "A", blockId: $block}) {
        requirement { id } }
      b: requirementUpdate(id: $id, expectedVersion: 1, input: {name: "Stops"}) {
        requirement { version } } }"""
    ids = {"id": world.requirement, "document": world.document, "block": other_world.block}
    answer = (await keyed.send(new_key(), query, **ids)).json()
    assert answer["errors"][0]["path"] == ["a"]
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answer["data"]["b"]["requirement"]["version"] == 2


def fail_to_count(monkeypatch, fail):
    """Have every count of rows end so, in a plan and by a resolver."""
    fetch = ViewerSession.fetch

    async def fetch_rows(session, asked, values):
        return await (fail(session) if asked.counted else fetch(session, asked, values))

    monkeypatch.setattr(ViewerSession, "fetch", fetch_rows)
    monkeypatch.setattr(ViewerSession, "count", fail)
    monkeypatch.setattr(ViewerSession, "counts", fail)


async def test_a_read_that_fails_does_not_undo_what_was_written(keyed, monkeypatch):
    async def too_large(session, *_, **__):
        joined, context = session._joined, session.viewer.context
        await joined.fetch(context, "SELECT power(10::float8, 400)", (), asyncpg.Record)

    fail_to_count(monkeypatch, too_large)
    query = """mutation ($id: UUID!) {
      a: requirementUpdate(id: $id, expectedVersion: 1, input: {name: "Stops"}) {
        requirement { version document { requirements { totalCount } name } } }
      b: requirementUpdate(id: $id, expectedVersion: 2, input: {name: "Halts"}) {
        requirement { version document { requirements { totalCount } } } } }"""
    key = new_key()
    first = await keyed.send(key, query, id=keyed.world.requirement)
    assert {error["extensions"]["code"] for error in first.json()["errors"]} == {"INVALID"}
    assert same(first, await keyed.send(key, query, id=keyed.world.requirement))
    assert await keyed.changes() == 2


async def test_an_answer_that_cannot_be_kept_is_refused_before_anything_is_done(keyed, monkeypatch):
    monkeypatch.setattr(idempotency, "MAX_ANSWER_BYTES", 300)
    key = new_key()
    refused = await keyed.update(key, "Stops" * 50)
    extensions = refused.json()["errors"][0]["extensions"]
    assert refused.status_code == 400
    assert (extensions["code"], extensions["limit"]) == ("QUERY_TOO_COMPLEX", "answer")
    assert extensions["measured"] > extensions["maximum"] == 300
    assert await keyed.changes() == 0
    monkeypatch.undo()
    assert not replayed(await keyed.update(key, "Stops" * 50))


async def test_a_defect_undoes_everything_and_is_not_repeated(keyed, monkeypatch):
    async def broken(*_, **__):
        raise ZeroDivisionError

    key, ids = new_key(), {"document": keyed.world.document, "name": "Stops"}
    with monkeypatch.context() as patch:
        fail_to_count(patch, broken)
        failed = (await keyed.send(key, CREATE, **ids)).json()
    assert failed["data"] is None
    assert [error["extensions"]["code"] for error in failed["errors"]] == ["INTERNAL"]
    made = await keyed.send(key, CREATE, **ids)
    assert not replayed(made)
    row = made.json()["data"]["requirementCreate"]["requirement"]
    assert row["document"]["requirements"]["totalCount"] == 2


async def test_two_keys_are_two_requests(keyed):
    first, second = [await keyed.update(new_key(), name) for name in ("Stops", "Halts")]
    assert code_of(first) is None
    assert code_of(second) == "CONFLICT"
    assert await keyed.changes() == 1
