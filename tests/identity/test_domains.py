"""Domains of organizations: verified by the DNS, checked again, and moved between tenants."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from auth.text_records import TextRecords
from graph.platform.domains import jobs
from graph.platform.jobs.run import Services
from tests.identity.conftest import CREATE, VERIFY
from tests.platform.jobs.kinds import worker
from tests.world import Refused

READ = """query ($id: UUID!) { organization(id: $id) {
    domains(first: 10) { nodes { id domain verifiedAt recordValue } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationDomainUpdateInput!) {
    organizationDomainUpdate(id: $id, expectedVersion: $version, input: $input) {
        organizationDomain { id version autoJoin autoJoinRole verificationRequired } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationDomainDelete(id: $id, expectedVersion: $version) {
        organizationDomain { id } } }"""
DUE = """UPDATE organization_domains SET checked_at = now() - interval '2 days',
    failing_since = now() - $2::interval WHERE id = $1"""


@pytest.fixture
def recheck(database, names, superuser):
    """Run the recurring job, and the notifications that it enqueues."""

    async def recheck():
        services = Services(text_records=TextRecords([("127.0.0.1", names.port)], seconds=2))
        one = worker(database, *jobs.KINDS, services=services)
        await one.schedule()
        await superuser.execute("UPDATE jobs SET run_at = now() WHERE kind = 'domains.recheck'")
        await one.run_due()

    return recheck


async def test_a_domain_is_verified_by_its_text_record(world, domains):
    added = await domains.add(world)
    assert added["verifiedAt"] is None
    assert added["recordName"] == f"_gateway-challenge.{added['domain']}"
    with pytest.raises(Refused) as refused:
        await domains.verify(world, added)
    assert refused.value.code == "INVALID"
    assert added["recordValue"] in refused.value.errors[0]["message"]
    domains.publish(added, '"v=spf1 -all"')
    assert (await domains.verify(world, added))["verifiedAt"]
    [created, verified] = await world.records(added["id"])
    assert (created["action"], verified["action"]) == ("create", "update")
    assert "verified_at" in verified["changed_fields"]
    assert added["recordValue"].partition("=")[2] not in str(dict(created))


@pytest.mark.parametrize(
    ("domain", "stored"),
    [
        ("Harbour-{}.Example", "harbour-{}.example"),
        ("bücher-{}.example", "xn--bcher-{}-n2a.example"),
        (" a.b.c-{}.example. ", "a.b.c-{}.example"),
    ],
)
async def test_a_domain_is_kept_as_the_dns_has_it(world, domains, domain, stored):
    word = uuid4().hex[:8]
    added = await domains.add(world, domain.format(word))
    if "xn--" in stored:
        assert added["domain"].startswith("xn--bcher-")
    else:
        assert added["domain"] == stored.format(word)


@pytest.mark.parametrize(
    "domain",
    [
        *("", "localhost", "1.2.3.4", "a b.example", "-a.example", "a..example", "*.example.com"),
        *("http://a.example", "a@b.example", "\u2603.example", "x" * 64 + ".example"),
        *("gmail.com", "GMail.com", "outlook.com", "proton.me", "mail.gmail.com", "yahoo.co.uk"),
        ("a." * 127) + "example",
    ],
)
async def test_a_domain_that_no_organization_can_own_is_refused(world, domain):
    input = {"organizationId": world.organization, "domain": domain}
    with pytest.raises(Refused) as refused:
        await world.ask("owner", CREATE, input=input)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "domain"])


@pytest.mark.parametrize("role", ["OWNER", "ADMIN"])
async def test_nobody_joins_as_owner_or_administrator(world, domains, role):
    with pytest.raises(Refused) as refused:
        await domains.add(world, autoJoinRole=role)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "autoJoinRole"])
    added = await domains.add(world)
    given = {"id": added["id"], "version": added["version"], "input": {"autoJoinRole": role}}
    assert await world.code("owner", UPDATE, **given) == "INVALID"


async def test_administrators_read_domains_and_owners_change_them(world, other_world, domains):
    added = await domains.add(world)
    given = {"id": added["id"], "version": added["version"], "input": {"autoJoin": False}}
    assert len((await world.ask("admin", READ, id=world.organization))["domains"]["nodes"]) == 1
    assert (await world.ask("viewer", READ, id=world.organization))["domains"]["nodes"] == []
    for person, code in {
        "admin": "FORBIDDEN",
        "viewer": "NOT_FOUND",
        "outsider": "NOT_FOUND",
    }.items():
        assert await world.code(person, UPDATE, **given) == code
        assert await world.code(person, VERIFY, id=added["id"]) == code
        assert await world.code(person, DELETE, id=added["id"], version=1) == code
    assert await other_world.code("owner", VERIFY, id=added["id"]) == "NOT_FOUND"
    assert not domains.names.texts.get(added["recordName"])
    changed = await world.ask("owner", UPDATE, **given)
    assert changed["organizationDomain"]["autoJoin"] is False


async def test_a_domain_is_verified_for_one_organization_at_a_time(world, other_world, domains):
    mine = await domains.verified(world)
    theirs = await domains.add(other_world, mine["domain"])
    with pytest.raises(Refused) as refused:
        await domains.verify(other_world, theirs)
    assert refused.value.code == "INVALID"  # the record has the token of the first organization
    domains.publish(theirs, f'"{mine["recordValue"]}"')
    assert await other_world.code("owner", VERIFY, id=theirs["id"]) == "ALREADY_EXISTS"
    assert (await domains.row(world, mine))["verified_at"]


async def test_a_domain_moves_to_the_organization_that_proves_it(world, other_world, domains):
    mine = await domains.verified(world)
    theirs = await domains.add(other_world, mine["domain"])
    domains.publish(theirs)
    assert (await domains.verify(other_world, theirs))["verifiedAt"]
    assert (await domains.row(world, mine))["verified_at"] is None
    last = (await world.records(mine["id"]))[-1]
    assert (last["action"], last["organization_id"]) == ("lapse", world.organization)
    assert last["actor_id"] is None  # whose it is now is not told
    assert await world.code("owner", VERIFY, id=mine["id"]) == "INVALID"


async def test_a_domain_does_not_move_while_nothing_is_known_of_it(world, other_world, domains):
    mine = await domains.verified(world)
    theirs = await domains.add(other_world, mine["domain"])
    domains.names.failing.add(mine["recordName"])
    assert await other_world.code("owner", VERIFY, id=theirs["id"]) == "BUSY"
    assert (await domains.row(world, mine))["verified_at"]


async def test_strings_of_one_record_are_one_text(world, domains):
    added = await domains.add(world)
    value = added["recordValue"]
    domains.names.texts[added["recordName"]] = [f'"{value[:9]}" "{value[9:20]}" "{value[20:]}"']
    assert (await domains.verify(world, added))["verifiedAt"]


async def test_strings_of_two_records_are_not(world, domains):
    added = await domains.add(world)
    value = added["recordValue"]
    domains.names.texts[added["recordName"]] = [f'"{value[:9]}"', f'"{value[9:]}"']
    assert await world.code("owner", VERIFY, id=added["id"]) == "INVALID"


async def test_an_alias_is_followed_and_a_loop_of_aliases_is_not_verified(world, domains):
    added, names = await domains.add(world), domains.names
    names.aliases[added["recordName"]] = f"elsewhere.{added['domain']}"
    names.texts[f"elsewhere.{added['domain']}"] = [f'"{added["recordValue"]}"']
    assert (await domains.verify(world, added))["verifiedAt"]
    looping = await domains.add(world)
    names.aliases |= {looping["recordName"]: "a.loop.example", "a.loop.example": "b.loop.example"}
    names.aliases["b.loop.example"] = "a.loop.example"
    assert await world.code("owner", VERIFY, id=looping["id"]) in ("INVALID", "BUSY")
    long = await domains.add(world)
    names.aliases |= {f"{n}.long.example": f"{n + 1}.long.example" for n in range(40)}
    names.aliases[long["recordName"]] = "0.long.example"
    names.texts["40.long.example"] = [f'"{long["recordValue"]}"']
    assert await world.code("owner", VERIFY, id=long["id"]) in ("INVALID", "BUSY")


async def test_a_huge_answer_is_read_within_limits(world, domains):
    added = await domains.add(world)
    noise = [f'"{n:04d}{"x" * 200}"' for n in range(150)]
    domains.publish(added, *noise)  # 30 KB, over TCP
    assert (await domains.verify(world, added))["verifiedAt"]
    flooded = await domains.add(world)
    domains.names.texts[flooded["recordName"]] = [f'"{n:04d}{"x" * 200}"' for n in range(290)]
    assert await world.code("owner", VERIFY, id=flooded["id"]) == "INVALID"


async def test_a_name_server_that_fails_is_no_proof_of_anything(world, domains):
    added = await domains.add(world)
    domains.names.failing.add(added["recordName"])
    assert await world.code("owner", VERIFY, id=added["id"]) == "BUSY"


async def test_a_domain_whose_record_is_gone_lapses_after_a_week(
    world, domains, recheck, superuser
):
    kept, gone = await domains.verified(world), await domains.verified(world)
    domains.names.texts.pop(gone["recordName"])
    for one in (kept, gone):
        await superuser.execute(DUE, UUID(one["id"]), None)
    await recheck()
    row = await domains.row(world, gone)
    assert row["verified_at"]
    assert row["failing_since"]
    assert (await domains.row(world, kept))["failing_since"] is None
    await superuser.execute(DUE, UUID(gone["id"]), timedelta(days=8))
    await superuser.execute(DUE, UUID(kept["id"]), timedelta(days=8))
    await recheck()
    assert (await domains.row(world, gone))["verified_at"] is None
    assert (await domains.row(world, kept))["verified_at"]
    assert (await world.records(gone["id"]))[-1]["action"] == "lapse"
    told = await superuser.fetch(
        "SELECT title FROM notifications WHERE user_id = $1", world.people["owner"]
    )
    assert [row["title"] for row in told] == [
        f"The domain {gone['domain']} is not verified any more."
    ]
    domains.publish(gone)
    assert (await domains.verify(world, gone))["verifiedAt"]


async def test_the_lapse_of_a_domain_is_recorded_with_its_former_value(world, domains, other_world):
    mine = await domains.verified(world)
    theirs = await domains.add(other_world, mine["domain"])
    domains.publish(theirs)
    await domains.verify(other_world, theirs)
    [_, verified, lapsed] = await world.records(mine["id"])
    assert verified["version"] + 1 == lapsed["version"]
    assert "verified_at" in lapsed["old_data"]


async def test_a_removed_domain_can_be_added_again(world, domains):
    added = await domains.verified(world)
    await world.ask("owner", DELETE, id=added["id"], version=added["version"])
    again = await domains.verified(world, added["domain"])
    assert again["id"] != added["id"]
    assert again["recordValue"] != added["recordValue"]


async def test_an_organization_has_a_limited_number_of_domains(world, superuser):
    await superuser.execute(
        "INSERT INTO organization_domains (organization_id, domain, verification_token)"
        " SELECT $1, n || '.many.example', '0' FROM generate_series(1, 50) AS n",
        world.organization,
    )
    input = {"organizationId": world.organization, "domain": "one-more.example"}
    assert await world.code("owner", CREATE, input=input) == "INVALID"
