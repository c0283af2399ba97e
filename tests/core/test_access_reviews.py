"""Access reviews: who has access, confirmed or revoked by reviewers, with a report that lasts."""

import json
import re
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest

from tests.core.reviewing_access import CANCEL, CLOSE, READ, UPDATE, AccessReviewing
from tests.core.test_roles import GRANT, reads
from tests.world import Refused

DOCUMENT = (Path(__file__).parents[2] / "docs" / "access-reviews.md").read_text()
NOTIFIED = "{ viewer { notifications { nodes { title metadata entity { id } } } } }"


async def told(world, person):
    nodes = (await world.ask(person, NOTIFIED))["notifications"]["nodes"]
    return [one["metadata"]["event"] for one in nodes]


async def granted(world, *, place=None, role="VIEWER", person="member", by="owner", **more):
    input = {
        "userId": world.people[person],
        "objectId": place or world.document,
        "role": role,
        **more,
    }
    return (await world.ask(by, GRANT, input=input))["userRole"]


async def members(world):
    """Return the people who are active members."""
    ids = await world.superuser.fetch(
        "SELECT user_id FROM organization_members WHERE organization_id = $1"
        " AND deleted_at IS NULL",
        world.organization,
    )
    found = {row["user_id"] for row in ids}
    return {name for name, id in world.people.items() if id in found}


async def test_a_review_of_an_organization_lists_every_grant_in_it(world):
    role = await granted(world, reason="Reads the norm.")
    review = await AccessReviewing.begin(world)
    found = (await review.read())["items"]["nodes"]
    kinds = [one["kind"] for one in found]
    assert kinds.count("MEMBERSHIP") == len(world.members)
    assert kinds.count("PROJECT_MEMBERSHIP") == 3
    item = next(one for one in found if one["grantId"] == role["id"])
    assert (item["kind"], item["role"], item["objectType"]) == ("ROLE", "VIEWER", "DOCUMENT")
    assert item["object"] == {"id": str(world.document)}
    assert item["grantedBy"] == {"id": str(world.people["owner"])}
    assert (item["decision"], item["isStale"]) == ("PENDING", False)
    assert item["lastUsedAt"] is None
    assert await told(world, "admin") == ["access_review_asked"]
    for person in ("editor", "viewer", "project_admin"):
        assert await world.code(person, READ, id=review.id) == "NOT_FOUND"


async def test_a_review_of_a_project_lists_the_grants_at_the_project(world):
    role = await granted(world)
    review = await AccessReviewing.begin(
        world, by="project_admin", reviewers=["project_admin", "admin"], objectId=world.project
    )
    found = (await review.read("project_admin"))["items"]["nodes"]
    assert {one["objectType"] for one in found} == {"PROJECT", "DOCUMENT"}
    assert role["id"] in {one["grantId"] for one in found}
    with pytest.raises(Refused) as refused:
        await AccessReviewing.begin(world, by="project_admin", reviewers=["admin"])
    assert refused.value.code == "FORBIDDEN"


async def test_what_a_reviewer_revokes_ends_at_once_and_for_good(world):
    await granted(world)
    review = await AccessReviewing.begin(world)
    item = await review.item("member", "ROLE")
    assert await reads(world)
    (done,) = await review.decide("admin", "REVOKE", item, comment="Left the team.")
    assert (done["decision"], done["comment"]) == ("REVOKED", "Left the team.")
    assert done["decidedBy"] == {"id": str(world.people["admin"])}
    assert not await reads(world)
    assert "role_revoked" in await told(world, "member")
    for verdict in ("CONFIRM", "REVOKE"):
        with pytest.raises(Refused) as refused:
            await review.decide("owner", verdict, item)
        assert (refused.value.code, refused.value.field) == ("INVALID", ["decisions", 0, "itemId"])
    assert not await reads(world)
    (event,) = [e for e in await world.records(item["grantId"]) if e["action"] == "delete"]
    assert (event["event_type"], event["actor_id"]) == (
        "permission_change",
        world.people["admin"],
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.superuser.execute(
            "UPDATE access_review_items SET decision = 'confirmed' WHERE id = $1", item["id"]
        )


async def test_a_membership_and_a_role_in_a_project_are_revoked_as_elsewhere(world):
    review = await AccessReviewing.begin(world)
    items = [await review.item("viewer"), await review.item("project_editor", "PROJECT_MEMBERSHIP")]
    done = await review.decide("admin", "REVOKE", *items)
    assert [one["decision"] for one in done] == ["REVOKED", "REVOKED"]
    assert "viewer" not in await members(world)
    assert await world.code("viewer", READ, id=review.id) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("by", "verdict", "person", "code"),
    [
        ("admin", "CONFIRM", "admin", "FORBIDDEN"),
        ("owner", "CONFIRM", "owner", "FORBIDDEN"),
        ("admin", "CONFIRM", "owner", "FORBIDDEN"),
        ("admin", "REVOKE", "owner", "FORBIDDEN"),
        ("owner", "REVOKE", "owner", "LAST_OWNER"),
        ("editor", "CONFIRM", "viewer", "NOT_FOUND"),
        ("project_admin", "REVOKE", "viewer", "NOT_FOUND"),
    ],
)
async def test_nobody_confirms_themselves_or_decides_above_their_own_role(
    world, by, verdict, person, code
):
    review = await AccessReviewing.begin(world)
    item, before = await review.item(person), await members(world)
    with pytest.raises(Refused) as refused:
        await review.decide(by, verdict, item)
    assert refused.value.code == code
    assert (await review.item(person))["decision"] == "PENDING"
    assert await members(world) == before


async def test_only_reviewers_decide_and_only_the_author_and_owners_change_a_review(world):
    review = await AccessReviewing.begin(world, reviewers=["owner"])
    item = await review.item("viewer")
    with pytest.raises(Refused) as refused:
        await review.decide("admin", "CONFIRM", item)
    assert refused.value.code == "FORBIDDEN"
    people = {"reviewerIds": [world.people["admin"]]}
    with pytest.raises(Refused) as refused:
        await review.write("admin", UPDATE, input=people)
    assert refused.value.code == "FORBIDDEN"
    for mutation in (CLOSE, CANCEL):
        with pytest.raises(Refused) as refused:
            await review.write("admin", mutation)
        assert refused.value.code == "FORBIDDEN"
    await review.write("owner", UPDATE, input=people)
    assert (await review.decide("admin", "CONFIRM", item))[0]["decision"] == "CONFIRMED"


async def test_a_grant_that_has_changed_is_confirmed_only_by_who_has_seen_it(world):
    review = await AccessReviewing.begin(world)
    item = await review.item("viewer")
    change = """mutation ($id: UUID!) { organizationMemberUpdate(id: $id, expectedVersion: 1,
        input: {role: ADMIN}) { organizationMember { id } } }"""
    await world.ask("owner", change, id=item["grantId"])
    assert (await review.item("viewer"))["isStale"]
    with pytest.raises(Refused) as refused:
        await review.decide("admin", "CONFIRM", item)
    assert refused.value.code == "CONFLICT"
    assert refused.value.errors[0]["extensions"]["currentVersion"] == 2
    (done,) = await review.decide("admin", "CONFIRM", item, grantVersion=2)
    assert (done["role"], done["grantVersion"], done["isStale"]) == ("ADMIN", 2, False)


async def test_a_review_cannot_revive_a_grant_that_has_ended(world):
    role = await granted(world)
    review = await AccessReviewing.begin(world)
    item = await review.item("member", "ROLE")
    revoke = """mutation ($id: UUID!) { roleRevoke(id: $id, expectedVersion: 1) {
        userRole { id } } }"""
    await world.ask("owner", revoke, id=role["id"])
    for more in ({}, {"grantVersion": 1}, {"grantVersion": 2}):
        with pytest.raises(Refused) as refused:
            await review.decide("admin", "CONFIRM", item, **more)
        assert refused.value.code == "CONFLICT"
    assert not await reads(world)
    await review.write("owner", CLOSE)
    assert (await review.item("member", "ROLE"))["decision"] == "GONE"
    assert not await reads(world)


async def test_what_nobody_confirmed_ends_on_the_due_date(world):
    await granted(world, person="viewer", role="EDITOR")
    review = await AccessReviewing.begin(world, endsUnconfirmed=True)
    kept = [await review.item(name) for name in ("editor", "viewer")]
    await review.decide("admin", "CONFIRM", *kept)
    await review.decide("owner", "CONFIRM", await review.item("admin"))
    with pytest.raises(Refused) as refused:
        await review.write("owner", CLOSE)
    assert refused.value.code == "INVALID"
    await review.come_due()
    closed = await review.read()
    assert (closed["state"], closed["closedBy"]) == ("CLOSED", None)
    assert await members(world) == {"owner", "admin", "editor", "viewer"}
    assert (await review.item("viewer", "ROLE"))["decision"] == "ENDED"
    assert (await review.item("owner"))["decision"] == "UNCONFIRMED"  # the last owner
    member = await review.item("member")
    assert (member["decision"], member["decidedBy"]) == ("ENDED", None)
    event = (await world.records(member["grantId"]))[-1]
    assert (event["action"], event["source_system"]) == ("delete", "jobs")
    with pytest.raises(Refused) as refused:
        await review.decide("admin", "CONFIRM", member)
    assert refused.value.code == "INVALID"


async def test_what_ends_on_the_due_date_has_the_rank_of_who_asked_for_it(world):
    review = await AccessReviewing.begin(world, by="admin", endsUnconfirmed=True)
    await review.decide("owner", "CONFIRM", await review.item("admin"))
    await world.superuser.execute(
        "UPDATE organization_members SET role = 'owner' WHERE id = $1", world.members["editor"]
    )
    await review.come_due()
    assert await members(world) == {"owner", "admin", "editor"}
    assert (await review.item("editor"))["decision"] == "UNCONFIRMED"


async def test_who_has_lost_the_right_to_end_grants_ends_none(world):
    review = await AccessReviewing.begin(world, by="admin", endsUnconfirmed=True)
    await world.superuser.execute(
        "UPDATE organization_members SET role = 'member' WHERE id = $1", world.members["admin"]
    )
    before = await members(world)
    await review.come_due()
    assert (await review.read())["state"] == "OPEN"
    await review.run_jobs()
    assert (await review.read())["state"] == "CLOSED"
    assert await members(world) == before


async def test_the_one_who_asked_loses_what_nobody_confirmed_of_theirs(world):
    review = await AccessReviewing.begin(world, by="admin", endsUnconfirmed=True)
    await granted(world, person="admin", role="ADMIN", place=world.project)
    await review.come_due()
    closed = await review.read()
    assert closed["state"] == "CLOSED"
    assert "admin" not in await members(world)
    assert json.loads(closed["report"]["content"])["counts"]["ended"] > 1


async def test_the_report_is_bound_to_the_record_and_never_changes(world):
    review = await AccessReviewing.begin(world)
    await review.decide("admin", "CONFIRM", await review.item("viewer"))
    await review.write("owner", CLOSE)
    report = (await review.read())["report"]
    assert report["isIntact"]
    assert sha256(report["content"].encode()).hexdigest() == report["contentHash"]
    content = json.loads(report["content"])
    assert content["counts"] == {"confirmed": 1, "unconfirmed": len(content["items"]) - 1}
    assert content["review"]["closed_by"] == str(world.people["owner"])
    (event,) = [e for e in await world.records(review.id) if e["action"] == "update"]
    assert json.loads(event["new_data"])["report_hash"] == rf"\x{report['contentHash']}"
    assert event["soc2_control"] == "CC6.3"
    for change in ("report = '{}'", "state = 'open'", "due_date = now() + interval '1 day'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.superuser.execute(
                f"UPDATE access_reviews SET {change} WHERE id = $1", review.id
            )
    for mutation, more in ((CLOSE, {}), (CANCEL, {}), (UPDATE, {"input": {"name": "Other"}})):
        with pytest.raises(Refused) as refused:
            await review.write("owner", mutation, **more)
        assert refused.value.code == "INVALID"


async def test_reviewers_with_something_left_to_decide_are_reminded_once(world):
    review = await AccessReviewing.begin(world)
    for _ in range(2):
        await review.run_jobs()
    assert (await told(world, "admin")).count("access_review_due") == 1
    assert (await told(world, "owner")).count("access_review_due") == 1
    assert (await review.read())["state"] == "OPEN"


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"reviewerIds": []}, "INVALID", ["reviewerIds"]),
        ({"dueDate": "2020-01-01T00:00:00Z"}, "INVALID", ["dueDate"]),
        ({"objectId": "00000000-0000-4000-8000-000000000000"}, "NOT_FOUND", ["objectId"]),
        ({"name": " "}, "INVALID", ["name"]),
    ],
)
async def test_a_review_that_cannot_be_made_is_refused_with_its_path(world, input, code, field):
    with pytest.raises(Refused) as refused:
        await AccessReviewing.begin(world, **input)
    assert (refused.value.code, refused.value.field) == (code, ["input", *field])


async def test_a_reviewer_from_outside_is_refused(world):
    with pytest.raises(Refused) as refused:
        await AccessReviewing.begin(world, reviewers=["owner", "outsider"])
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "reviewerIds", 1])


async def test_the_examples_of_the_documentation_run_as_written(world):
    begin, items, decide, report = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)
    people = [world.people[name] for name in ("owner", "admin")]
    made = await world.ask("owner", begin, organization=world.organization, reviewers=people)
    review = made["accessReview"]["id"]
    found = (await world.ask("admin", items, review=review))["items"]["nodes"]
    names = {one["user"]["fullName"]: one["id"] for one in found if one["kind"] == "MEMBERSHIP"}
    needed, unused = (names[f"{person} {world.name}"] for person in ("viewer", "member"))
    done = await world.ask("admin", decide, review=review, needed=needed, unused=unused)
    assert [one["decision"] for one in done["items"]] == ["CONFIRMED", "REVOKED"]
    assert (await world.ask("admin", report, review=review))["report"] is None
