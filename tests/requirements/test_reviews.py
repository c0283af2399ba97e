"""Reviews: verdicts of people on content, which hold as long as the content is the same."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.problem import Problem
from db.requirements.reviews import Review as ReviewRow
from tests.kit.asking import run, session_of
from tests.requirements.proposals import APPLY, UPDATE, Proposal, updated
from tests.requirements.reviewing import (
    CANCEL,
    CLOSE,
    EDIT,
    READ,
    REVIEW,
    SUBMIT,
    Reviewing,
    current,
    set_status,
    workflow,
)
from tests.world import Refused

LIST = """query ($me: UUID!, $pending: Boolean) { reviews(filter: {state: {eq: OPEN},
    reviewer: [{userId: $me, hasPendingItems: $pending}]}) { nodes { id } } }"""
TOLD = """{ viewer { notifications { nodes { title metadata } } } }"""
BASELINE = """mutation ($id: UUID!) { baselineCreate(input: {documentId: $id, name: "R"}) {
    baseline { id } } }"""
NEW = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""

CHANGE = """mutation ($id: UUID!, $version: BigInt!, $input: ReviewUpdateInput!) {
    reviewUpdate(id: $id, expectedVersion: $version, input: $input) { review { quorum } } }"""


async def refusal(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value


async def outcomes(review):
    return {item["entityId"]: item["outcome"] for item in await review.items()}


async def test_an_item_is_approved_by_the_quorum_and_rejected_by_one(world):
    review = await Reviewing.begin(world, reviewers=["viewer", "admin", "owner"], quorum=2)
    (item,) = await review.items()
    assert (item["outcome"], item["isStale"], item["entityType"]) == (
        "PENDING",
        False,
        "REQUIREMENT",
    )
    assert item["content"]["name"] == f"Requirement {world.name}"
    await review.submit("viewer", "APPROVE")
    await review.submit("admin", "ABSTAIN")
    assert [one["outcome"] for one in await review.items()] == ["PENDING"]
    await review.submit("owner", "APPROVE")
    assert [one["outcome"] for one in await review.items()] == ["APPROVED"]
    await review.submit("admin", "REJECT", comment="It cannot be tested.")
    (item,) = await review.items()
    assert (item["outcome"], item["approvals"], item["rejections"]) == ("REJECTED", 2, 1)
    assert (await current(world))["approval"] is None
    verdicts = {v["reviewer"]["id"]: v for v in item["verdicts"]["nodes"]}
    assert verdicts[str(world.people["admin"])]["comment"] == "It cannot be tested."
    await review.submit("admin", "APPROVE")
    assert (await current(world))["approval"]["item"]["id"] == item["id"]


async def test_a_document_is_reviewed_with_its_requirements(world):
    baseline = (await world.ask("editor", BASELINE, id=world.document))["baseline"]["id"]
    proposal = await Proposal.begin(world)
    await proposal.edit(updated(world.requirement, 1, name="Proposed"))
    review = await Reviewing.begin(world, world.document, baseline, proposal.id)
    kinds = {item["entityType"]: item for item in await review.items()}
    assert kinds.keys() == {"DOCUMENT", "REQUIREMENT", "BASELINE", "CHANGE_SET"}
    await review.submit("viewer", "APPROVE")
    assert set((await outcomes(review)).values()) == {"APPROVED"}
    await world.ask("editor", NEW, input={"documentId": world.document, "name": "Another"})
    await proposal.edit(updated(world.requirement, 1, name="Proposed again"))
    stale = {item["entityType"]: item["isStale"] for item in await review.items()}
    assert stale == {
        "DOCUMENT": True,
        "REQUIREMENT": False,
        "BASELINE": False,
        "CHANGE_SET": True,
    }
    await review.edit(addEntityIds=[world.document])
    fresh = {item["entityType"]: item for item in await review.items()}
    assert (fresh["DOCUMENT"]["isStale"], fresh["DOCUMENT"]["outcome"]) == (False, "PENDING")
    assert fresh["REQUIREMENT"]["id"] in {kinds["REQUIREMENT"]["id"]} | {
        item["id"] for item in await review.items()
    }


async def test_content_that_has_changed_cannot_be_approved(world):
    review = await Reviewing.begin(world)
    change = {"input": {"description": "Another text."}}
    await world.ask("admin", UPDATE, id=world.requirement, version=1, **change)
    refused = await refusal(review.submit("viewer", "APPROVE"))
    assert (refused.code, refused.field) == ("CONFLICT", ["verdicts", 0, "verdict"])
    await review.submit("viewer", "REJECT")
    await review.edit(addEntityIds=[world.requirement])
    await review.submit("viewer", "APPROVE")
    assert not (await current(world))["approval"]["isStale"]


async def test_reviewers_alone_give_verdicts(world):
    review = await Reviewing.begin(world, reviewers=["viewer", {"role": "ADMIN"}])
    await review.submit("viewer", "APPROVE")
    await review.submit("project_admin", "APPROVE")
    (item,) = await review.items()
    assert item["outcome"] == "APPROVED"
    verdicts = [{"itemId": item["id"], "verdict": "APPROVE"}]
    for person, code in (
        ("editor", "FORBIDDEN"),  # the author
        ("project_viewer", "FORBIDDEN"),
        ("document_editor", "NOT_FOUND"),
        ("member", "NOT_FOUND"),
        ("outsider", "NOT_FOUND"),
    ):
        assert await world.code(person, SUBMIT, id=review.id, verdicts=verdicts) == code, person
        expected = None if person in ("editor", "project_viewer") else "NOT_FOUND"
        assert await world.code(person, READ, id=review.id) == expected
    mine = await Reviewing.begin(world, by="admin", reviewers=[{"role": "EDITOR"}])
    assert (await refusal(mine.submit("admin", "APPROVE"))).code == "FORBIDDEN", "the author"


async def test_nobody_approves_their_own_content_with_four_eyes(world):
    await workflow(world)
    change = {"input": {"description": "By the editor."}}
    await world.ask("editor", UPDATE, id=world.requirement, version=1, **change)
    tags = {"input": {"tags": ["a"]}}
    await world.ask("admin", UPDATE, id=world.requirement, version=2, **tags)
    review = await Reviewing.begin(world, reviewers=["editor", "viewer"], by="admin")
    (item,) = await review.items()
    assert item["author"] == {"id": str(world.people["editor"])}
    refused = await refusal(review.submit("editor", "APPROVE"))
    assert (refused.code, refused.field) == ("FORBIDDEN", ["verdicts", 0, "verdict"])
    await review.submit("editor", "REJECT")


async def test_a_review_is_changed_and_ended_by_its_author_and_administrators(world):
    review = await Reviewing.begin(world)
    about = {"id": review.id, "version": 1}
    for person in ("project_editor", "viewer"):
        assert await world.code(person, CLOSE, **about) == "FORBIDDEN"
        assert await world.code(person, EDIT, input={}, **about) == "FORBIDDEN"
    await review.submit("viewer", "APPROVE")
    assert (await review.end(CLOSE))["review"]["state"] == "CLOSED"
    assert (await refusal(review.submit("viewer", "REJECT"))).code == "INVALID"
    assert (await refusal(review.edit(addEntityIds=[world.block]))).code == "INVALID"
    assert (await current(world))["approval"], "a closed review still approves"
    other = await Reviewing.begin(world)
    await other.submit("viewer", "APPROVE")
    await other.end(CANCEL, "admin")
    assert (await current(world))["approval"]["item"]["review"]["id"] == review.id


async def test_a_cancelled_review_approves_nothing(world):
    await workflow(world)
    await set_status(world, "IN_REVIEW")
    review = await Reviewing.begin(world)
    await review.submit("viewer", "APPROVE")
    await review.end(CANCEL)
    assert (await refusal(set_status(world, "APPROVED"))).code == "FORBIDDEN"


async def test_reviewers_are_told_and_find_what_waits_for_them(world):
    review = await Reviewing.begin(world, description="Before the release.")
    me = world.people["viewer"]
    told = (await world.ask("viewer", TOLD))["notifications"]["nodes"]
    assert [(one["metadata"]["event"], one["metadata"]["entityId"]) for one in told] == [
        ("review_asked", review.id)
    ]
    assert (await world.ask("viewer", LIST, me=me, pending=True))["nodes"] == [{"id": review.id}]
    await review.submit("viewer", "ABSTAIN")
    assert (await world.ask("viewer", LIST, me=me, pending=True))["nodes"] == []
    assert (await world.ask("viewer", LIST, me=me, pending=False))["nodes"] == [{"id": review.id}]
    assert (await world.ask("viewer", LIST, me=world.people["admin"]))["nodes"] == []
    told = (await world.ask("editor", TOLD))["notifications"]["nodes"]
    assert [one["metadata"]["event"] for one in told] == ["review_verdicts"]


async def test_a_change_set_is_applied_only_if_a_review_has_approved_it_as_it_is(world):
    await workflow(world, changeSetsNeedApproval=True)
    await set_status(world, "IN_REVIEW")
    proposal = await Proposal.begin(world)
    version = (await current(world))["version"]
    change = {"name": "Renamed", "status": "APPROVED"}
    await proposal.edit(updated(world.requirement, version, **change))
    assert (await refusal(proposal.apply())).code == "FORBIDDEN"
    review = await Reviewing.begin(world, proposal.id)
    await review.submit("viewer", "APPROVE")
    await proposal.edit(updated(world.requirement, version, name="Renamed again"))
    assert (await refusal(proposal.apply())).code == "FORBIDDEN", "it has changed since"
    await review.edit(addEntityIds=[proposal.id])
    await review.submit("viewer", "APPROVE")
    await proposal.apply()
    assert (await current(world))["status"] == "APPROVED"


async def test_administrators_apply_a_change_set_without_approval_and_it_is_recorded(world):
    await workflow(world, changeSetsNeedApproval=True)
    proposal = await Proposal.begin(world)
    await proposal.edit(updated(world.requirement, 1, name="Renamed"))
    await proposal.apply("admin")
    record = (await world.records(proposal.id))[-1]
    assert '"exception": "administrator"' in record["details"]
    assert await world.code("editor", APPLY, id=proposal.id, version=9) == "INVALID"


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"entityIds": []}, "INVALID", ["input", "entityIds"]),
        ({"reviewers": []}, "INVALID", ["input", "reviewers"]),
        ({"quorum": 0}, "INVALID", ["input", "quorum"]),
        ({"quorum": 1}, "INVALID", ["input", "quorum"]),
        ({"reviewers": [{"role": "ADMIN"}] * 2}, "INVALID", ["input", "reviewers", 1]),
        ({"entityIds": ["block"]}, "NOT_FOUND", ["input", "entityIds", 0]),
    ],
)
async def test_a_review_that_cannot_be_is_refused_with_the_path(world, more, code, field):
    await workflow(world, minApprovals=2)
    more = {
        name: [getattr(world, one) if one == "block" else one for one in value]
        if isinstance(value, list)
        else value
        for name, value in more.items()
    }
    input = {
        "projectId": world.project,
        "name": "Review",
        "entityIds": [world.requirement],
        "reviewers": [{"userId": world.people["viewer"]}, {"role": "ADMIN"}],
        **more,
    }
    refused = await refusal(world.ask("editor", REVIEW, input=input))
    assert (refused.code, refused.field) == (code, field)
    outsider = input | {"entityIds": [world.requirement], "quorum": 2}
    outsider["reviewers"] = [{"userId": world.people["outsider"]}]
    refused = await refusal(world.ask("editor", REVIEW, input=outsider))
    assert (refused.code, refused.field) == ("NOT_FOUND", ["input", "reviewers", 0, "userId"])


async def test_a_review_is_read_in_as_many_statements_whatever_its_size(world):
    ids = [world.requirement]
    for number in range(8):
        input = {"documentId": world.document, "name": f"R {number}"}
        ids.append((await world.ask("editor", NEW, input=input))["requirement"]["id"])
    counts = set()
    for few in (ids[:2], ids):
        review = await Reviewing.begin(world, *few)
        await review.submit("viewer", "APPROVE")
        session = await session_of(world, "editor")
        data = await run(session, READ, id=review.id)
        assert len(data["review"]["items"]["nodes"]) == len(few)
        counts.add(session.statements)
    assert max(counts) <= 12, "a statement for each item would make 18"


async def test_a_due_date_and_a_quorum_are_changed_while_the_review_is_open(world):
    due = datetime.now(UTC) + timedelta(days=2)
    review = await Reviewing.begin(world, dueDate=due.isoformat())
    assert (await review.read())["dueDate"]
    about = {"id": review.id, "version": 1, "input": {"dueDate": None, "quorum": 2}}
    assert await world.code("project_editor", CHANGE, **about) == "FORBIDDEN"
    await world.ask("editor", CHANGE, **about)
    read = await review.read()
    assert (read["dueDate"], read["quorum"]) == (None, 2)
    await review.submit("viewer", "APPROVE")
    assert [item["outcome"] for item in await review.items()] == ["PENDING"]
    await review.end()
    about = {"id": review.id, "version": 3, "input": {"quorum": 1}}
    assert await world.code("editor", CHANGE, **about) == "INVALID"


FOUND = """query ($id: UUID!) { reviews(filter: {reviewed: [{entityId: $id}]}) { nodes {
    id viewerIsReviewer } } }"""


async def test_reviews_of_a_document_and_what_is_in_it_are_found(world):
    whole = await Reviewing.begin(world, world.document)
    part = await Reviewing.begin(world, reviewers=[{"role": "ADMIN"}])
    other = {"projectId": world.project, "name": "Other", "slug": "other"}
    create = "mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) {"
    made = await world.ask("editor", create + " document { id } } }", input=other)
    await Reviewing.begin(world, made["document"]["id"])
    for id in (world.document, world.requirement):
        for person, reviews in (("viewer", [True, False]), ("admin", [False, True])):
            found = (await world.ask(person, FOUND, id=id))["nodes"]
            is_reviewer = {one["id"]: one["viewerIsReviewer"] for one in found}
            assert is_reviewer == dict(zip((whole.id, part.id), reviews, strict=True))
    assert (await world.ask("outsider", FOUND, id=world.document))["nodes"] == []


async def test_a_review_is_closed_over_the_verdicts_that_were_seen(world):
    review = await Reviewing.begin(world)
    await review.submit("viewer", "APPROVE")
    seen = {"id": review.id, "version": 1}
    assert await world.code("editor", CLOSE, **seen) == "CONFLICT"
    more = {"addReviewers": [{"userId": world.people["admin"]}]}
    await world.ask("editor", EDIT, **seen, input=more)
    assert await world.code("editor", EDIT, **seen, input=more) == "CONFLICT"
    assert await world.code("editor", EDIT, id=review.id, version=0, input=more) == "CONFLICT"
    await review.end()


async def test_who_may_note_a_verdict_at_a_review_may_change_nothing_else_of_it(world):
    review = await Reviewing.begin(world)
    session = await session_of(world, "viewer")

    async def attempt():
        async with session.transaction() as transaction:
            row = await transaction.find(ReviewRow, UUID(review.id))
            transaction.touch(row, "last_verdict_at")
            transaction.change(row, None, name="Another")

    with pytest.raises(Problem) as refused:
        await attempt()
    assert refused.value.code == "FORBIDDEN"
    assert (await review.read())["version"] == 1
