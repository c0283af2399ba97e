"""An organization is handed over to another member, once, by an owner."""

import asyncio
from uuid import uuid4

import pytest

from tests.core.keys import make_key, make_token
from tests.mails import captured
from tests.world import Refused

TRANSFER = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationTransferInput!) {
    organizationTransfer(id: $id, expectedVersion: $version, input: $input) {
        organization { version owner { id } } } }"""
ROLE = "SELECT role::text FROM organization_members WHERE id = $1"
NOTICES = """SELECT metadata ->> 'event' AS event FROM notifications WHERE user_id = $1"""


@pytest.fixture
def mails():
    with captured() as mails:
        yield mails


@pytest.fixture
def transfer(world):
    async def transfer(to, by="owner", version=1, **input):
        user = world.people.get(to, to)
        return await world.ask(
            by, TRANSFER, id=world.organization, version=version, input={"userId": user, **input}
        )

    return transfer


async def role(world, person):
    return await world.superuser.fetchval(ROLE, world.members[person])


async def test_an_owner_hands_the_organization_over_and_stays_or_steps_down(world, transfer, mails):
    answer = await transfer("admin")
    assert answer["organization"]["owner"] == {"id": str(world.people["admin"])}
    assert (await role(world, "admin"), await role(world, "owner")) == ("owner", "owner")
    notices = await world.superuser.fetch(NOTICES, world.people["admin"])
    assert [notice["event"] for notice in notices] == ["organization_transferred"]
    version = answer["organization"]["version"]
    await transfer("editor", by="admin", version=version, ownRole="VIEWER")
    assert (await role(world, "editor"), await role(world, "admin")) == ("owner", "viewer")
    assert (
        await world.code(
            "admin",
            TRANSFER,
            id=world.organization,
            version=3,
            input={"userId": str(world.people["owner"])},
        )
        == "FORBIDDEN"
    )


@pytest.mark.parametrize("person", ["admin", "editor", "member", "billing"])
async def test_only_an_owner_hands_over(world, transfer, person):
    with pytest.raises(Refused) as refused:
        await transfer(person, by=person)
    assert refused.value.code == "FORBIDDEN"
    assert await role(world, person) == person


async def test_it_goes_to_an_active_member_who_is_a_person(world, other_world, transfer):
    await make_key(world, "admin", role="ADMIN")
    for stranger in ("outsider", other_world.people["owner"], uuid4(), "robot"):
        with pytest.raises(Refused) as refused:
            await transfer(stranger)
        assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "userId"])
    with pytest.raises(Refused) as refused:
        await transfer("owner")
    assert refused.value.code == "INVALID"


async def test_a_narrow_token_hands_nothing_over(world, transfer):
    await make_token(world, "owner", "organizations:write")
    with pytest.raises(Refused) as refused:
        await transfer("admin", by="owner's script")
    assert refused.value.code == "FORBIDDEN"


async def test_of_two_transfers_at_once_one_holds(world, transfer):
    heirs = ("admin", "editor", "viewer", "member")
    answers = await asyncio.gather(*map(transfer, heirs), return_exceptions=True)
    done = [heir for heir, answer in zip(heirs, answers, strict=True) if isinstance(answer, dict)]
    assert len(done) == 1
    assert {a.code for a in answers if isinstance(a, Refused)} == {"CONFLICT"}
    owners = [heir for heir in heirs if await role(world, heir) == "owner"]
    assert owners == done
