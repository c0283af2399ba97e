"""Accounts are closed, exported and erased, which a search of the whole database proves."""

import asyncio
import base64
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from auth.accounts import erasure, export, suspension
from auth.accounts.mail import Outbox
from auth.credentials import tokens
from auth.credentials.browser_sessions import start
from auth.credentials.people import FROM_HERE
from auth.origin import Origin
from db.audit.sealing import seal_everything
from db.audit.verification import verify
from db.pool import NOBODY
from db.problem import Problem
from tests.core.keys import make_key, make_token
from tests.core.test_membership import INVITE
from tests.core.test_profiles import AVATAR, PERSONAL, PNG, UPDATE
from tests.loop import within
from tests.world import Refused

ERASE = """mutation ($email: String!) {
    accountErase(email: $email) { userId rows { table count } } }"""
CLOSE = "mutation ($email: String!) { accountClose(email: $email) { userId closedAt } }"
TABLES = """
SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p') AND NOT relispartition
"""
OWNERSHIP = "UPDATE organization_members SET role = 'owner' WHERE organization_id = $1"
PROJECT = """mutation ($organization: UUID!, $name: String!) { projectCreate(input: {
    organizationId: $organization, name: $name, slug: "mine" }) { project { id } } }"""


@pytest.fixture
def outbox(settings):
    return Outbox(settings)


async def traces(superuser, text):
    """Return the tables of the database in which this text is found."""
    found = set()
    for (name,) in await superuser.fetch(TABLES):
        where = f"SELECT EXISTS (SELECT FROM {name} AS t WHERE strpos(lower(t::text), $1) > 0)"
        if await superuser.fetchval(where, text.lower()):
            found.add(name)
    return found


@pytest.fixture
async def canary(world, settings):
    """Return the text that is everywhere in what the outsider has told of themselves."""
    canary, person = f"canary{uuid4().hex[:10]}", world.people["outsider"]
    await world.superuser.execute(
        "UPDATE profiles SET email = $1 WHERE id = $2", f"{canary}@test.example", person
    )
    world.email = lambda name, usual=world.email: (
        f"{canary}@test.example" if name == "outsider" else usual(name)
    )
    input = {
        "fullName": f"A {canary}",
        "firstName": canary,
        "lastName": canary,
        "jobTitle": canary,
        "phoneNumber": "+43 1 2345678",
        "preferences": {"mine": canary},
    }
    await world.ask("outsider", UPDATE, id=person, version=1, input=input)
    await world.ask("outsider", AVATAR, content=base64.b64encode(PNG).decode())
    invited = {"organizationId": world.organization, "email": world.email("outsider")}
    await world.ask("admin", INVITE, input=invited | {"role": "EDITOR"})
    await make_token(world, "outsider", "admin")
    async with world.database.auth.lend(NOBODY) as lent:
        await start(lent, person, Origin(user_agent=f"agent of {canary}"), settings)
    return canary


async def test_nothing_of_an_erased_person_is_found_anywhere(world, canary, superuser):
    person = world.people["outsider"]
    before = await traces(superuser, canary)
    assert before >= {"profiles", "audit_personal_data", "organization_invitations", "sessions"}
    assert "audit_logs" not in before
    avatar = await superuser.fetchval("SELECT avatar_id FROM profiles WHERE id = $1", person)
    erased = await world.ask("outsider", ERASE, email=world.email("outsider"))
    assert erased["userId"] == str(person)
    assert {row["table"]: row["count"] for row in erased["rows"]}.items() >= {
        "profiles": 1,
        "organization_invitations": 1,
        "personal_tokens": 1,
    }.items()
    assert await traces(superuser, canary) == set()
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", person)
    assert (row["email"], row["contact"]) == (f"{person}@erased.invalid", None)
    removals = "SELECT count(*) FROM file_removals WHERE file_id = $1"
    assert await superuser.fetchval(removals, avatar) == 1
    assert await world.code("outsider", "{ viewer { scopes } }") == "UNAUTHENTICATED"


async def test_an_erasure_is_recorded_and_leaves_the_chain_whole(world, canary, superuser):
    person = world.people["outsider"]
    await seal_everything(superuser)
    await world.ask("outsider", ERASE, email=world.email("outsider"))
    await seal_everything(superuser)
    faults = [verdict.fault async for verdict in verify(superuser, None, [])]
    assert not [fault for fault in faults if fault and str(person) in fault]
    events = await world.records(person)
    (event,) = [event for event in events if event["action"] == "erase"]
    assert json.loads(event["details"])["rows"]["profiles"] == 1
    assert (event["actor_id"], event["severity"]) == (person, "high")
    assert canary not in str([dict(event) for event in events])


async def test_what_a_person_has_written_for_others_stays_without_a_name(world, canary):
    person, id = world.people["editor"], world.people["editor"]
    await world.ask("editor", UPDATE, id=id, version=1, input={"fullName": "Ada Leaving"})
    project = "mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1, input: {"
    project += ' name: "By Ada" }) { requirement { updatedBy { id } } } }'
    await world.ask("editor", project, id=world.requirement)
    await world.ask("editor", ERASE, email=world.email("editor"))
    read = "query ($id: UUID!) { requirement(id: $id) { name updatedBy { id fullName } } }"
    found = await world.ask("viewer", read, id=world.requirement)
    assert found == {"name": "By Ada", "updatedBy": None}
    by = "SELECT updated_by FROM requirements WHERE id = $1"
    assert await world.superuser.fetchval(by, world.requirement) == person
    assert await traces(world.superuser, "Ada Leaving") == set()


async def test_organizations_of_one_person_are_purged_with_them(world, superuser):
    made = (await world.ask("outsider", PERSONAL))["organization"]
    secret = f"secret{uuid4().hex[:10]}"
    await world.ask("outsider", PROJECT, organization=made["id"], name=secret)
    assert await traces(superuser, secret) >= {"projects"}
    await world.ask("outsider", ERASE, email=world.email("outsider"))
    assert await traces(superuser, secret) == {"audit_logs"}
    count = "SELECT count(*) FROM organizations WHERE id = $1"
    assert await superuser.fetchval(count, UUID(made["id"])) == 0


async def test_the_only_owner_of_others_organization_hands_it_over_first(world, superuser):
    assert await world.code("owner", ERASE, email=world.email("owner")) == "CONFLICT"
    assert await world.code("owner", CLOSE, email=world.email("owner")) == "CONFLICT"
    find = "SELECT deleted_at, erased_at FROM profiles WHERE id = $1"
    assert set(await superuser.fetchrow(find, world.people["owner"])) == {None}


@pytest.mark.parametrize("query", [ERASE, CLOSE])
async def test_nobody_erases_or_closes_the_account_of_somebody_else(world, superuser, query):
    for by, of in (("owner", "viewer"), ("admin", "outsider"), ("viewer", "viewer ")):
        email = world.email(of)
        expected = "INVALID" if by != of.strip() else None
        if expected:
            with pytest.raises(Refused) as refused:
                await world.ask(by, query, email=email)
            assert (refused.value.code, refused.value.field) == ("INVALID", ["email"])
    await make_token(world, "owner", "organizations:write", "requirements:write")
    assert await world.code("owner's script", query, email=world.email("owner")) == "FORBIDDEN"
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", query, email=world.email("owner")) == "FORBIDDEN"
    assert await world.code(None, query, email=world.email("owner")) == "UNAUTHENTICATED"
    count = "SELECT count(*) FROM profiles WHERE id = ANY ($1) AND deleted_at IS NOT NULL"
    assert await superuser.fetchval(count, list(world.people.values())) == 0


async def test_an_operator_erases_once_and_again_without_effect(world, canary, outbox, superuser):
    person = world.people["outsider"]
    answers = await asyncio.gather(
        *(erasure.erase(world.database, outbox, str(person)) for _ in range(3)),
        return_exceptions=True,
    )
    done = [answer for answer in answers if isinstance(answer, erasure.Erased) and answer.counts]
    assert len(done) == 1
    again = await erasure.erase(world.database, outbox, str(person))
    assert again == erasure.Erased(person, {})
    events = [event["action"] for event in await world.records(person)]
    assert events.count("erase") == 1
    assert await traces(superuser, canary) == set()


async def test_an_address_that_somebody_else_has_by_now_is_left_to_them(world, outbox, superuser):
    person, email = world.people["outsider"], f"shared-{uuid4().hex}@test.example"
    await superuser.execute("UPDATE profiles SET email = $1 WHERE id = $2", email, person)
    world.tokens.pop("outsider", None)
    async with world.database.auth.lend(NOBODY) as lent:
        token = await lent.fetchval("SELECT email FROM profiles WHERE id = $1", person)
    assert token == email
    await suspend_and_close(world, outbox, person)
    heir = uuid4()
    await superuser.execute(
        "INSERT INTO profiles (id, email, is_approved) VALUES ($1, $2, true)", heir, email
    )
    invited = {"organizationId": world.organization, "email": email}
    invitation = await world.ask("admin", INVITE, input=invited | {"role": "VIEWER"})
    await erasure.erase(world.database, outbox, str(person))
    kept = "SELECT email FROM organization_invitations WHERE id = $1"
    assert await superuser.fetchval(kept, UUID(invitation["invitation"]["id"])) == email
    assert await superuser.fetchval("SELECT email FROM profiles WHERE id = $1", heir) == email


async def suspend_and_close(world, outbox, person):
    """Close the account as its person would."""
    email = await world.superuser.fetchval("SELECT email FROM profiles WHERE id = $1", person)
    text = await tokens.issue(world.database, email, timedelta(hours=1))
    world.tokens["outsider"] = text
    await world.ask("outsider", CLOSE, email=email)


async def test_a_person_takes_everything_about_them_along(world, canary, settings):
    person = world.people["outsider"]
    found = export.lines(world.database, settings, person, person, FROM_HERE)
    rows = [json.loads(line) async for line in found]
    by_table = {}
    for row in rows:
        by_table.setdefault(row["table"], []).append(row["row"])
    assert by_table["header"] == [{"format": export.FORMAT, "person": str(person)}]
    assert by_table["contact"] == [{"phone_number": "+43 1 2345678"}]
    (profile,) = by_table["profiles"]
    assert (profile["first_name"], profile["preferences"]) == (canary, {"mine": canary})
    assert {"sessions", "personal_tokens", "organization_invitations", "audit_logs"} <= {*by_table}
    text = json.dumps(rows)
    assert "token_hash" not in text
    assert "key_hash" not in text
    (event,) = [e for e in await world.records(person) if e["action"] == "personal_data_export"]
    assert event["event_type"] == "export"


async def test_an_export_is_about_its_person_alone(world, canary, settings):
    person = world.people["viewer"]
    rows = [line async for line in export.lines(world.database, settings, person, None, FROM_HERE)]
    assert canary not in "".join(rows)
    assert world.email("viewer") in "".join(rows)


async def test_an_account_is_suspended_and_reopened(world, outbox):
    assert await world.code("editor", "{ viewer { scopes } }") is None
    assert await suspension.suspend(world.database, outbox, world.email("editor"), "Left a door.")
    assert not await suspension.suspend(world.database, outbox, world.email("editor"), "")
    async with within(5):  # a viewer is kept for half a second
        while await world.code("editor", "{ viewer { scopes } }") != "UNAUTHENTICATED":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    with pytest.raises(Problem) as refused:
        await erasure.erase(world.database, outbox, world.email("editor"))
    assert refused.value.code == "CONFLICT"
    assert await suspension.reopen(world.database, outbox, world.email("editor"))
    assert not await suspension.reopen(world.database, outbox, world.email("editor"))
    del world.tokens["editor"]
    assert await world.code("editor", "{ viewer { scopes } }") is None
    actions = [event["action"] for event in await world.records(world.people["editor"])]
    assert actions == ["suspend", "reopen"]


async def test_an_erased_account_is_not_reopened(world, outbox):
    person = str(world.people["outsider"])
    await erasure.erase(world.database, outbox, person)
    with pytest.raises(Problem) as refused:
        await suspension.reopen(world.database, outbox, person)
    assert refused.value.code == "CONFLICT"
    for unknown in (str(uuid4()), "nobody@test.example"):
        with pytest.raises(Problem) as refused:
            await erasure.erase(world.database, outbox, unknown)
        assert refused.value.code == "NOT_FOUND"
