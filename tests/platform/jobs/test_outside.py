"""Workers outside of the gateway: they claim, extend and end jobs through the API."""

import asyncio
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.core.keys import make_key
from tests.platform.jobs.kinds import make_due, row
from tests.world import Refused

CREATE = """mutation ($organization: UUID!, $kind: String!, $payload: JSON, $key: String) {
    jobCreate(input: {organizationId: $organization, kind: $kind, payload: $payload, key: $key}) {
        job { id status kind user { id } } } }"""
CLAIM = """mutation ($kinds: [String!]!, $first: Int! = 10, $seconds: Int! = 60) {
    jobsClaim(input: {kinds: $kinds, first: $first, leaseSeconds: $seconds, worker: "render-1"}) {
        jobs { id kind payload attempt leaseId leaseExpiresAt organizationId } } }"""
EXTEND = """mutation ($id: UUID!, $lease: UUID!, $progress: Float) {
    jobExtend(id: $id, leaseId: $lease, progress: $progress, message: "On the way.") {
        leaseExpiresAt cancelRequested } }"""
COMPLETE = """mutation ($id: UUID!, $lease: UUID!, $result: JSON) {
    jobComplete(id: $id, leaseId: $lease, result: $result) { status } }"""
FAIL = """mutation ($id: UUID!, $lease: UUID!, $final: Boolean! = false) {
    jobFail(id: $id, leaseId: $lease, error: "No paper.", final: $final) { status } }"""
CANCEL = "mutation ($id: UUID!) { jobCancel(id: $id) { job { status } } }"


@pytest.fixture
def kind():
    return f"external.k{uuid7().hex}"


async def create(world, kind, by="admin", **more):
    made = await world.ask(by, CREATE, organization=world.organization, kind=kind, **more)
    return made["job"]


async def claimed(world, kind, by="robot", **more):
    return (await world.ask(by, CLAIM, kinds=[kind], **more))["jobs"]


async def test_a_worker_with_its_own_scope_does_a_job_to_its_end(world, kind):
    await make_key(world, "jobs:work", role="ADMIN")
    made = await create(world, kind, payload={"page": 3})
    assert made["user"] == {"id": str(world.people["admin"])}
    (job,) = await claimed(world, kind)
    assert (job["id"], job["payload"], job["attempt"]) == (made["id"], {"page": 3}, 1)
    assert job["organizationId"] == str(world.organization)
    assert await claimed(world, kind) == [], "it is leased"
    held = {"id": job["id"], "lease": job["leaseId"]}
    extended = await world.ask("robot", EXTEND, **held, progress=0.4)
    assert extended["leaseExpiresAt"] > job["leaseExpiresAt"]
    assert extended["cancelRequested"] is False
    assert await world.ask("robot", COMPLETE, **held, result={"pages": 9}) == {
        "status": "SUCCEEDED"
    }
    stored = await row(world, job["id"])
    assert (stored["worker"], stored["message"]) == ("render-1", "On the way.")
    assert stored["result"] == '{"pages": 9}'
    actors = [event["actor_id"] for event in await world.records(job["id"])]
    assert actors == [world.people["admin"], *[world.people["robot"]] * 3]
    for query in (EXTEND, COMPLETE, FAIL):
        assert await world.code("robot", query, **held) == "NOT_FOUND", "it has ended"


async def test_a_failure_is_tried_again_and_a_lost_lease_ends_nothing(world, kind):
    made = await create(world, kind)
    (job,) = await claimed(world, kind, "owner")
    first = {"id": job["id"], "lease": job["leaseId"]}
    await make_due(world, made["id"])
    (job,) = await claimed(world, kind, "admin")
    assert (job["attempt"], job["leaseId"] == first["lease"]) == (2, False)
    for query in (EXTEND, COMPLETE, FAIL):
        assert await world.code("owner", query, **first) == "NOT_FOUND"
    second = {"id": job["id"], "lease": job["leaseId"]}
    assert await world.ask("admin", FAIL, **second) == {"status": "QUEUED"}
    assert (await row(world, made["id"]))["error"] == "No paper."
    await make_due(world, made["id"])
    (job,) = await claimed(world, kind, "admin")
    await world.ask("owner", CANCEL, id=made["id"])
    third = {"id": job["id"], "lease": job["leaseId"]}
    assert (await world.ask("admin", EXTEND, **third))["cancelRequested"] is True
    assert await world.ask("admin", FAIL, **third) == {"status": "CANCELLED"}


async def test_only_administrators_with_the_scope_work_and_only_in_their_organization(
    world, other_world, kind
):
    made = await create(world, kind)
    await make_key(world, "organizations:write", "requirements:write", role="ADMIN")
    assert await world.code("robot", CLAIM, kinds=[kind]) == "FORBIDDEN", "the scope"
    await make_key(world, "jobs:work", role="EDITOR", person="editor robot")
    for person in ("editor robot", "editor", "viewer", "project_admin", "outsider"):
        assert await world.code(person, CLAIM, kinds=[kind]) == "FORBIDDEN", person
    for person in ("editor", "viewer", "project_admin", "billing"):
        code = await world.code(person, CREATE, organization=world.organization, kind=kind)
        assert code == "FORBIDDEN", person
    assert await claimed(other_world, kind, "owner") == []
    code = await other_world.code("owner", CREATE, organization=world.organization, kind=kind)
    assert code == "NOT_FOUND"
    (job,) = await claimed(world, kind, "owner")
    held = {"id": job["id"], "lease": job["leaseId"]}
    for query in (EXTEND, COMPLETE, FAIL):
        assert await other_world.code("owner", query, **held) == "NOT_FOUND"
        assert await world.code("editor", query, **held) == "NOT_FOUND"
    assert (await row(world, made["id"]))["status"] == "running"
    node = await world.answer("robot", "query ($id: UUID!) { job(id: $id) { id } }", id=job["id"])
    assert node["data"]["job"] == {"id": job["id"]}


async def test_kinds_of_the_gateway_and_bad_input_are_refused(world, kind):
    for bad in ("assignments.remind", "external.", "external.A b", "external." + "a" * 100):
        for query, arguments in (
            (CREATE, {"kind": bad, "organization": world.organization}),
            (CLAIM, {"kinds": [bad]}),
        ):
            assert await world.code("owner", query, **arguments) == "INVALID"
    for payload in ([1], "text", {"a": "x" * 65_000}):
        with pytest.raises(Refused) as refused:
            await create(world, kind, payload=payload)
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "payload"])
    await create(world, kind, key="one")
    with pytest.raises(Refused) as refused:
        await create(world, kind, key="one")
    assert (refused.value.code, refused.value.field) == ("ALREADY_EXISTS", ["input", "key"])
    for more in ({"first": 0}, {"first": 101}, {"seconds": 4}, {"seconds": 4000}):
        assert await world.code("owner", CLAIM, kinds=[kind], **more) == "INVALID"
    some = {"id": uuid4(), "lease": uuid4()}
    for progress in (-0.1, 1.1):
        assert await world.code("owner", EXTEND, **some, progress=progress) == "INVALID"
    assert await world.code("owner", COMPLETE, **some, result=[1]) == "INVALID"
    assert await world.code("owner", COMPLETE, **some) == "NOT_FOUND"


async def test_many_workers_at_once_are_given_each_job_once(world, kind):
    ids = {(await create(world, kind))["id"] for _ in range(20)}
    pages = await asyncio.gather(*(claimed(world, kind, "owner", first=5) for _ in range(8)))
    given = [job["id"] for page in pages for job in page]
    while more := await claimed(world, kind, "owner"):
        given += [job["id"] for job in more]
    assert len(given) == len(ids)
    assert {*given} == ids
    assert all(UUID(id) for id in given)
