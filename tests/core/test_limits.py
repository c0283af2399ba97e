"""Limits of an organization's plan hold to the last one, however many try at once."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import asyncpg
import pytest

from auth.session.write.plan_limits import PLANS
from db.core.organizations import BillingPlan
from db.core.plans import Plan
from tests.contexts import enter, read_key, signed
from tests.kit.asking import run, session_of
from tests.tenants import organization_of
from tests.world import Refused

INVITE = """mutation ($input: OrganizationInviteInput!) { organizationInvite(input: $input) {
    invitation: organizationInvitation { token } } }"""
ACCEPT = """mutation ($token: UUID!) { organizationInvitationAccept(token: $token) {
    member: organizationMember { id } } }"""
MEMBER = """mutation ($id: UUID!, $version: BigInt!, $status: UserStatus!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: {status: $status}) {
        member: organizationMember { id } } }"""
CHANGE = """mutation ($id: UUID!, $version: BigInt!) {{
    {name}(id: $id, expectedVersion: $version) {{ __typename }} }}"""
PROJECT = """mutation ($organization: UUID!, $slug: String!) {
    projectCreate(input: {organizationId: $organization, name: "New", slug: $slug}) {
        project { id } } }"""
RENAME = """mutation ($id: UUID!, $name: String!) { requirementUpdate(
    id: $id, expectedVersion: 1, input: {name: $name}, force: true) { requirement { id } } }"""
CREATE = """mutation ($document: UUID!) { requirementCreate(
    input: {documentId: $document, name: "New"}) { requirement { id } } }"""
BULK = """mutation ($items: [RequirementCreateInput!]!, $onError: OnError! = ABORT,
        $dryRun: Boolean! = false) {
    requirementsCreate(items: $items, onError: $onError, dryRun: $dryRun) { succeeded failed } }"""
USAGE = """query ($id: UUID!) { organization(id: $id) { usage {
    members { current maximum } projects { current maximum }
    monthlyRequests { current maximum } } } }"""
SLOTS = "SELECT * FROM usage_counters WHERE organization_id = $1 ORDER BY month, slot"


async def limit(world, **columns):
    """Set other limits for the organization, as only an operator can."""
    for name, value in columns.items():
        await world.superuser.execute(
            f"UPDATE organizations SET {name} = $2 WHERE id = $1", world.organization, value
        )


async def refused(world, person, query, **variables):
    """Return limit, current and maximum of the refusal."""
    with pytest.raises(Refused) as told:
        await world.ask(person, query, **variables)
    extensions = told.value.errors[0]["extensions"]
    told_by = "PAYMENT_REQUIRED" if extensions["limit"] == "monthlyRequests" else "LIMIT_REACHED"
    assert (extensions["code"], extensions["retryable"]) == (told_by, False)
    return extensions["limit"], extensions["current"], extensions["maximum"]


async def usage(world, person="owner"):
    return (await world.ask(person, USAGE, id=world.organization))["usage"]


async def written(world):
    """Return the numbers of the tenant's events, members, projects, requirements and usage."""
    return await world.superuser.fetchrow(
        "SELECT (SELECT count(*) FROM audit_logs WHERE organization_id = $1),"
        " (SELECT count(*) FROM organization_members WHERE organization_id = $1),"
        " (SELECT count(*) FROM projects WHERE organization_id = $1),"
        " (SELECT count(*) FROM requirements WHERE organization_id = $1),"
        " (SELECT sum(used) FROM usage_counters WHERE organization_id = $1)",
        world.organization,
    )


async def newcomers(world, number):
    """Return people outside of any organization who are invited, and their invitations."""
    invited = {}
    for i in range(number):
        person = f"newcomer{i}"
        await world.superuser.execute(
            "INSERT INTO profiles (email, is_approved) VALUES ($1, true)", world.email(person)
        )
        input = {"organizationId": world.organization, "email": world.email(person)}
        made = await world.ask("admin", INVITE, input=input)
        await world.token(person)
        invited[person] = made["invitation"]["token"]
    return invited


@pytest.mark.slow
async def test_of_many_who_accept_the_last_seat_one_gets_it(world):
    invited = await newcomers(world, 16)
    seats = len(world.members)
    await limit(world, max_members=seats + 1)
    before = await written(world)
    codes = await asyncio.gather(
        *(world.code(person, ACCEPT, token=token) for person, token in invited.items())
    )
    assert Counter(codes) == {None: 1, "LIMIT_REACHED": 15}
    after = await written(world)
    assert tuple(after) == (before[0] + 3, before[1] + 1, *before[2:4], before[4] + 1)
    assert (await usage(world))["members"] == {"current": seats + 1, "maximum": seats + 1}
    late = [p for p, code in zip(invited, codes, strict=True) if code]
    told = await refused(world, late[0], ACCEPT, token=invited[late[0]])
    assert told == ("members", seats + 1, seats + 1)


async def test_memberships_that_come_back_take_a_seat_and_ended_ones_free_it(world):
    seats = len(world.members)
    await limit(world, max_members=seats)
    editor, viewer = world.members["editor"], world.members["viewer"]
    await world.ask("admin", MEMBER, id=editor, version=1, status="SUSPENDED")
    (newcomer,) = (await newcomers(world, 1)).items()
    await world.ask(newcomer[0], ACCEPT, token=newcomer[1])
    full = ("members", seats, seats)
    again = {"id": editor, "version": 2, "status": "ACTIVE"}
    assert await refused(world, "admin", MEMBER, **again) == full
    remove = CHANGE.format(name="organizationMemberRemove")
    await world.ask("admin", remove, id=viewer, version=1)
    await world.ask("admin", MEMBER, **again)
    restore = CHANGE.format(name="organizationMemberRestore")
    assert await refused(world, "admin", restore, id=viewer, version=2) == full
    input = {"organizationId": world.organization, "email": f"late@{world.name}.example"}
    assert await refused(world, "admin", INVITE, input=input) == full
    role = """mutation ($id: UUID!) { organizationMemberUpdate(id: $id, expectedVersion: 3,
        input: {role: MEMBER}) { member: organizationMember { id } } }"""
    await world.ask("admin", role, id=editor)  # whoever is in may be changed


@pytest.fixture
def few_projects(monkeypatch):
    """Set a plan of three projects."""
    plan = PLANS[BillingPlan.FREE]
    monkeypatch.setitem(PLANS, BillingPlan.FREE, Plan(plan.members, 3, plan.monthly_requests))


@pytest.mark.usefixtures("few_projects")
async def test_of_many_who_found_the_last_projects_as_many_succeed(world):
    await world.token("owner")
    before = await written(world)
    new = {"organization": world.organization}
    codes = await asyncio.gather(
        *(world.code("owner", PROJECT, **new, slug=f"p-{i}") for i in range(16))
    )
    assert Counter(codes) == {None: 2, "LIMIT_REACHED": 14}
    after = await written(world)
    assert (after[0], after[2], after[4]) == (before[0] + 2, before[2] + 2, 2)
    assert await refused(world, "owner", PROJECT, **new, slug="late") == ("projects", 3, 3)
    assert (await usage(world))["projects"] == {"current": 3, "maximum": 3}


@pytest.mark.usefixtures("few_projects")
async def test_a_project_that_comes_back_takes_a_place_even_one_that_its_restorer_cannot_see(world):
    new = {"organization": world.organization}
    delete, restore = (CHANGE.format(name=f"project{x}") for x in ("Delete", "Restore"))
    await world.ask("project_admin", delete, id=world.project, version=1)
    for i in range(3):
        await world.ask("owner", PROJECT, **new, slug=f"p-{i}")
    back = {"id": world.project, "version": 2}
    assert await refused(world, "project_admin", restore, **back) == ("projects", 3, 3)
    await limit(world, billing_plan="pro")
    await world.ask("project_admin", restore, **back)


async def test_the_smaller_of_the_plans_limit_and_the_organizations_own_holds(world):
    await limit(world, max_members=10_000, max_monthly_requests=10**9)
    free, pro = PLANS[BillingPlan.FREE], PLANS[BillingPlan.PRO]
    for plan, expected in {"free": free, "pro": pro}.items():
        await limit(world, billing_plan=plan)
        maxima = {name: each["maximum"] for name, each in (await usage(world)).items()}
        assert maxima == {
            "members": expected.members,
            "projects": expected.projects,
            "monthlyRequests": expected.monthly_requests,
        }
    await limit(world, billing_plan="enterprise")
    maxima = {name: each["maximum"] for name, each in (await usage(world)).items()}
    assert maxima == {"members": 10_000, "projects": None, "monthlyRequests": 10**9}


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 20])
async def test_of_the_months_last_requests_exactly_as_many_succeed(world, most):
    await limit(world, max_monthly_requests=most)
    await world.token("editor")
    before = await written(world)
    for _ in range(2):
        await asyncio.gather(
            *(world.answer("editor", CREATE, document=world.document) for _ in range(16))
        )
    told = await refused(world, "editor", CREATE, document=world.document)
    allowed = most + most // 10
    assert told == ("monthlyRequests", allowed, most)
    after = await written(world)
    assert after[3] - before[3] == after[0] - before[0] == after[4] == allowed
    assert (await usage(world))["monthlyRequests"] == {"current": allowed, "maximum": most}
    assert (await world.ask("editor", "{ requirements { totalCount } }"))["totalCount"] == after[3]


async def test_with_the_month_the_count_begins_anew(world):
    await limit(world, max_monthly_requests=1)
    await world.ask("editor", CREATE, document=world.document)
    assert await world.code("editor", CREATE, document=world.document) == "PAYMENT_REQUIRED"
    await world.superuser.execute(
        "UPDATE usage_counters SET month = month - interval '1 month' WHERE organization_id = $1",
        world.organization,
    )
    assert (await usage(world))["monthlyRequests"]["current"] == 0
    await world.ask("editor", CREATE, document=world.document)
    assert await world.code("editor", CREATE, document=world.document) == "PAYMENT_REQUIRED"
    used = Counter[object]()
    for slot in await world.superuser.fetch(SLOTS, world.organization):
        used[slot["month"]] += slot["used"]
    assert list(used.values()) == [1, 1]


@pytest.mark.slow
async def test_a_maximum_that_changes_within_the_month_holds_at_once(world):
    create = {"document": world.document}
    await limit(world, max_monthly_requests=100)
    for _ in range(6):
        await world.ask("editor", CREATE, **create)
    for most, left in ((3, 0), (6, 0), (8, 2), (2, 0), (50, 47)):
        await limit(world, max_monthly_requests=most)
        used = (await usage(world))["monthlyRequests"]["current"]
        for _ in range(min(left, 3)):
            await world.ask("editor", CREATE, **create)
        if left < 3:
            told = await refused(world, "editor", CREATE, **create)
            assert told == ("monthlyRequests", used + left, most)
    assert (await usage(world))["monthlyRequests"] == {"current": 11, "maximum": 50}
    slots = await world.superuser.fetch(SLOTS, world.organization)
    assert sum(slot["share"] for slot in slots) == 55, "a tenth more is allowed"


async def test_what_writes_nothing_costs_nothing(world):
    await world.ask("owner", "{ requirements { totalCount } }")
    assert await world.code("viewer", CREATE, document=world.document) == "FORBIDDEN"
    wrong = {"id": world.requirement, "name": " "}
    assert await world.code("editor", RENAME, **wrong) == "INVALID"
    same = {"id": world.requirement, "name": f"Requirement {world.name}"}
    await world.ask("editor", RENAME, **same)
    profile = """mutation ($id: UUID!) { profileUpdate(id: $id, expectedVersion: 1,
        input: {jobTitle: "Engineer"}) { profile { id } } }"""
    await world.ask("editor", profile, id=world.people["editor"])
    assert (await usage(world))["monthlyRequests"]["current"] == 0
    await world.ask("editor", RENAME, id=world.requirement, name="Renamed")
    assert (await usage(world))["monthlyRequests"]["current"] == 1


async def test_many_rows_of_one_mutation_are_one_request_or_none(world):
    await limit(world, max_monthly_requests=1)
    items = [{"documentId": world.document, "name": f"N{i}"} for i in range(9)]
    dry = await world.ask("editor", BULK, items=items, dryRun=True)
    assert dry["succeeded"] == 9
    assert (await usage(world))["monthlyRequests"]["current"] == 0
    assert (await world.ask("editor", BULK, items=items))["succeeded"] == 9
    assert (await usage(world))["monthlyRequests"]["current"] == 1
    before = await written(world)
    for how in ({}, {"onError": "CONTINUE"}):
        told = await refused(world, "editor", BULK, items=items, **how)
        assert told == ("monthlyRequests", 1, 1)
    assert await written(world) == before


async def test_one_writer_does_not_wait_for_another(world, database_dsn):
    """A transaction that holds a slot does not block the others."""
    await world.ask("editor", CREATE, document=world.document)
    async with world.superuser.transaction():
        await world.superuser.execute(
            "SELECT FROM usage_counters WHERE organization_id = $1 AND slot < 15 FOR UPDATE",
            world.organization,
        )
        async with asyncio.timeout(2):
            await world.ask("editor", CREATE, document=world.document)


async def test_usage_is_shown_to_those_who_see_billing(world, other_world):
    shown = {p for p in world.members if await usage(world, p)}
    assert shown == {"owner", "admin", "billing"}
    assert (await usage(world, "billing"))["members"]["current"] == len(world.members)
    assert await other_world.code("owner", USAGE, id=world.organization) == "NOT_FOUND"


async def test_the_usage_of_many_organizations_is_one_statement(world, superuser):
    for _ in range(3):
        await organization_of(superuser, world.people["owner"])
    session = await session_of(world, "owner")
    query = "{ organizations { nodes { usage { projects { current } } } } }"
    data = await run(session, query)
    found = sorted(n["usage"]["projects"]["current"] for n in data["organizations"]["nodes"])
    assert (found, session.statements) == ([0, 0, 0, 1], 2)


async def test_the_database_counts_for_nobody_in_another_tenant(world, other_world):
    async def count(organization: UUID):
        async with world.superuser.transaction():
            await enter(world.superuser, organizations=[world.organization])
            return await world.superuser.fetch(
                "SELECT * FROM ctx.count_requests($1, '{free}', '{1}')", [organization]
            )

    assert await count(world.organization) == []
    (full,) = await count(world.organization)
    assert tuple(full) == (world.organization, 1, 1)
    for elsewhere in (other_world.organization, uuid4()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await count(elsewhere)


@pytest.mark.exhaustive
async def test_what_is_taken_and_given_back_by_many_adds_up_to_the_maximum(world, database_dsn):
    """More transactions than there are slots, a third of which are rolled back."""
    await limit(world, max_monthly_requests=100)
    counted = Counter[str]()
    key = await read_key(world.superuser)
    context = signed(key, organizations=[world.organization])[1]

    async def writer(number):
        connection = await asyncpg.connect(database_dsn, server_settings={"role": "gateway_app"})
        await connection.execute("SELECT set_config('app.organizations', $1, false)", context)
        for i in range(12):
            transaction = connection.transaction()
            await transaction.start()
            full = await connection.fetch(
                "SELECT * FROM ctx.count_requests($1, '{}', '{}')", [world.organization]
            )
            if (number + i) % 3 == 0:
                await transaction.rollback()
                counted["given back"] += 1
            else:
                await transaction.commit()
                counted["refused" if full else "taken"] += 1
        await connection.close()

    await asyncio.gather(*(writer(number) for number in range(24)))
    assert counted == {"taken": 110, "given back": 96, "refused": 82}
    used = [slot["used"] for slot in await world.superuser.fetch(SLOTS, world.organization)]
    assert (len(used), sum(used)) == (16, 110)
    assert (await usage(world))["monthlyRequests"] == {"current": 110, "maximum": 100}
