"""Nobody raises a role beyond what they hold, by any two requests at once, or hides a change."""

import asyncio

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auth.credentials.grants import of_people
from auth.viewer import Role
from db.pool import NOBODY

ACTORS = ("admin", "project_admin", "editor", "member")
"""People below OWNER, who try whatever may raise a role."""
MEMBERSHIPS = """
UPDATE organization_members AS m
SET role = k.role::user_role_type, status = 'active', deleted_at = NULL
FROM unnest($2::uuid[], $3::text[]) AS k (id, role)
WHERE m.organization_id = $1 AND m.id = k.id
"""
PROJECT_MEMBERS = """
DELETE FROM project_members WHERE organization_id = $1 AND user_id = ANY ($2)
"""
PROJECT_ADMIN = """
UPDATE project_members SET role = 'admin', deleted_at = NULL
WHERE organization_id = $1 AND user_id = $2
"""
GRANTED = "DELETE FROM user_roles WHERE organization_id = $1 AND reason = 'tried'"
TRIED = """
INSERT INTO user_roles (organization_id, project_id, user_id, project_role, reason)
VALUES ($1, $2, $3, 'viewer', 'tried') RETURNING id
"""
ROLES = ("OWNER", "ADMIN", "EDITOR", "VIEWER")
MEMBER = """organizationMemberUpdate(id: "{member}", expectedVersion: {version},
    input: {{role: {role}}}) {{ organizationMember {{ id }} }}"""
RESUME = """organizationMemberUpdate(id: "{member}", expectedVersion: {version},
    input: {{role: {role}, status: ACTIVE}}) {{ organizationMember {{ id }} }}"""
GRANT = """roleGrant(input: {{userId: "{user}", objectId: "{place}", role: {role},
    reason: "tried"}}) {{ userRole {{ id }} }}"""
UPDATE = """roleUpdate(id: "{granted}", expectedVersion: 1, input: {{role: {role}}}) {{
    userRole {{ id }} }}"""
ADD = """projectMemberAdd(input: {{projectId: "{project}", userId: "{user}", role: {role}}}) {{
    projectMember {{ id }} }}"""
MUTATIONS = (MEMBER, RESUME, GRANT, UPDATE, ADD)
ATTEMPT = st.tuples(
    st.sampled_from(ACTORS),
    st.sampled_from(MUTATIONS),
    st.sampled_from(ROLES),
    st.sampled_from(ACTORS),
    st.sampled_from(("organization", "project", "document")),
)
LIKELY = st.tuples(
    st.sampled_from(("admin", "project_admin")),
    st.sampled_from(MUTATIONS),
    st.sampled_from(("OWNER", "ADMIN")),
    st.sampled_from(ACTORS),
    st.sampled_from(("organization", "project", "document")),
)
"""Attempts of those who may grant something."""
DEMOTION = st.tuples(
    st.just("owner"),
    st.just(MEMBER),
    st.just("VIEWER"),
    st.sampled_from(("admin", "editor")),
    st.just("organization"),
)


async def ranks(world):
    """Return the role that each person holds at each place, by what is granted there or above."""
    places = (world.organization, world.project, world.document)
    ids = list(world.people.values())
    async with world.database.auth.lend(NOBODY) as lent:
        found = await of_people(lent, ids, world.organization)
    held = {}
    for name, id in world.people.items():
        grants = found[id].grants if id in found else {}
        highest = Role.ANYONE
        for place in places:
            highest = max(highest, grants.get(place, Role.ANYONE))
            held[name, place] = highest
    return held


async def reset(world):
    """Give everybody the role that they are called by, and the member one in the project."""
    names = {"owner", "admin", "editor", "viewer", "billing"}
    labels = [name if name in names else "member" for name in world.members]
    run, here = world.superuser.execute, world.organization
    others = [world.people[name] for name in ("admin", "editor", "member")]
    await run(MEMBERSHIPS, here, list(world.members.values()), labels)
    await run(PROJECT_MEMBERS, here, others)
    await run(PROJECT_ADMIN, here, world.people["project_admin"])
    await run(GRANTED, here)
    id = await world.superuser.fetchval(TRIED, here, world.project, world.people["member"])
    return str(id)


async def prepared(world, granted, actor, mutation, role, person, place):
    member = world.members[person]
    version = await world.superuser.fetchval(
        "SELECT version FROM organization_members WHERE id = $1", member
    )
    text = mutation.format(
        member=member,
        version=version,
        role=role,
        user=world.people[person],
        place=getattr(world, place),
        project=world.project,
        organization=world.organization,
        granted=granted,
    )
    return world.answer(actor, f"mutation {{ {text} }}")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@example(
    first=("project_admin", GRANT, "OWNER", "project_admin", "project"),
    second=("admin", GRANT, "OWNER", "admin", "document"),
)
@example(
    first=("project_admin", ADD, "OWNER", "member", "project"),
    second=("admin", UPDATE, "OWNER", "member", "project"),
)
@example(
    first=("admin", MEMBER, "OWNER", "editor", "organization"),
    second=("owner", MEMBER, "VIEWER", "admin", "organization"),
)
@given(first=LIKELY, second=LIKELY | ATTEMPT | DEMOTION)
async def test_no_two_requests_at_once_raise_a_role_beyond_those_of_who_sends_them(
    world, first, second
):
    granted = await reset(world)
    before = await ranks(world)
    requests = [await prepared(world, granted, *one) for one in (first, second)]
    await asyncio.gather(*requests)
    after = await ranks(world)
    actors = {one[0] for one in (first, second)} - {"owner"}
    for (person, place), rank in after.items():
        ceiling = max(before[actor, place] for actor in actors)
        assert rank <= max(before[person, place], ceiling), (person, first, second)
    for actor in actors:  # nobody but the other one can have raised it
        others = [before[other, world.document] for other in actors - {actor}]
        assert after[actor, world.document] <= max(before[actor, world.document], *others, 0)


async def test_a_role_that_is_raised_and_lowered_in_one_request_is_recorded_twice(world):
    member = world.members["viewer"]
    query = f"""mutation {{
        up: {MEMBER.format(member=member, version=1, role="ADMIN")}
        down: {MEMBER.format(member=member, version=2, role="VIEWER")} }}"""
    await world.ask("admin", query)
    events = [event for event in await world.records(member) if event["action"] == "update"]
    assert [event["actor_id"] for event in events] == [world.people["admin"]] * 2
    assert "rights_raised" in events[0]["threat_indicators"]


async def test_who_has_left_is_still_named_by_the_record_of_what_they_did(world):
    await world.ask("admin", f"mutation {{ {_granting(world)} }}")
    leave = """mutation ($id: UUID!) { organizationMemberRemove(id: $id, expectedVersion: 1) {
        organizationMember { id } } }"""
    await world.ask("admin", leave, id=world.members["admin"])
    read = """query ($id: UUID!, $actor: UUID!) { organization(id: $id) {
        auditLogs(filter: {actorId: {eq: $actor}}) { nodes { eventType entityType } } } }"""
    asked = {"id": world.organization, "actor": world.people["admin"]}
    nodes = (await world.ask("owner", read, **asked))["auditLogs"]["nodes"]
    assert {"eventType": "PERMISSION_CHANGE", "entityType": "UserRole"} in nodes


def _granting(world):
    return GRANT.format(user=world.people["member"], place=world.project, role="EDITOR")
