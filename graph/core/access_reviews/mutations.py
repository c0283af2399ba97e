"""The mutations of access reviews: create, update, decide, close and cancel."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts.notify import tell
from auth.session import Transaction
from auth.session.write.db_errors import stale
from auth.viewer import Role
from db.core import access_reviews as db
from db.core.access_reviews import (
    MAX_REVIEWERS,
    AccessDecision,
    AccessReviewState,
)
from db.core.notifications import NotificationType
from db.core.organizations import Organization as OrganizationRow
from db.core.organizations import OrganizationMember as OrganizationMemberRow
from db.core.people import UserStatus
from db.core.projects import Project as ProjectRow
from db.fields import among
from db.problem import Problem
from graph.core.access_reviews.closing import close, items_of, require_open
from graph.core.access_reviews.deciding import (
    AccessReviewDecidePayload,
    access_review_decide,
)
from graph.core.access_reviews.snapshot import MAX_ITEMS, items_to_review
from graph.core.access_reviews.types import AccessReview
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.inputs import input_for
from graph.kit.mutations import ExpectedVersion, Input, given, mutation, writing
from graph.kit.payloads import answer, payload_of

ASKED = "You are asked to review who has access to {} until {:%d %B %Y, %H:%M} UTC."
NOT_AUTHOR = "Only the user who created the access review and owners can change it."

ENDS = (
    "Whether grants that no reviewer has confirmed end on the due date, with the permissions of the"
    " viewer at that time."
)
REVIEWERS = (
    f"The IDs of the reviewers, at most {MAX_REVIEWERS}: members of the organization. They need the"
    " role ADMIN in the organization or project to read and decide, and cannot confirm their own"
    " access."
)


@input_for(AccessReview, "An access review to create.")
class AccessReviewCreateInput:
    object_id: UUID = strawberry.field(
        description="The ID of the organization or project to review. A review of an organization"
        " has all memberships and additional roles in it and in its projects; one of a project has"
        " the roles at the project and its documents."
    )
    name: str
    description: str | None = UNSET
    due_date: datetime
    reviewer_ids: list[UUID] = strawberry.field(description=REVIEWERS)
    ends_unconfirmed: bool = strawberry.field(default=False, description=ENDS)


@input_for(AccessReview, "The fields of an access review to change.")
class AccessReviewUpdateInput:
    name: Maybe[str]
    description: Maybe[str | None]
    due_date: Maybe[datetime]
    reviewer_ids: Maybe[list[UUID]] = strawberry.field(description=REVIEWERS)
    ends_unconfirmed: Maybe[bool] = strawberry.field(description=ENDS)


async def access_review_create(info: Info, input: Input[AccessReviewCreateInput]) -> Any:
    values = given(input)
    ends = values.pop("ends_unconfirmed")
    async with writing(info) as transaction:
        place = await _find_place(transaction, values.pop("object_id"))
        is_project = isinstance(place, ProjectRow)
        _require_future(transaction, values["due_date"])
        values["reviewer_ids"] = list(dict.fromkeys(values["reviewer_ids"]))
        review = db.AccessReview(
            organization_id=place.organization_id if is_project else place.id,
            project_id=place.id if is_project else None,
            ends_by=transaction.person if ends else None,
            **values,
        )
        transaction.require_create(review)
        await _require_reviewers(transaction, review.organization_id, review.reviewer_ids)
        items = await items_to_review(transaction, review)
        transaction.add(review)
        await transaction.flush()
        transaction.add(*items)
        _ask(transaction, review, place.name, review.reviewer_ids)
    return answer(payload_of(AccessReview), review)


async def _find_place(transaction: Transaction, id: UUID) -> Any:
    for model in (OrganizationRow, ProjectRow):
        found = await transaction.find_by_id(model, {id}, lock=False, to_create=db.AccessReview)
        if found:
            return found[id]
    message = "There is no such organization or project."
    raise Problem("NOT_FOUND", message, field=["object_id"])


def _require_future(transaction: Transaction, due_date: datetime) -> None:
    if due_date.tzinfo is None or due_date <= transaction.now:
        raise Problem("INVALID", "Must be in the future.", field=["due_date"])


async def _require_reviewers(
    transaction: Transaction, organization_id: UUID, ids: Collection[UUID]
) -> None:
    """Raise INVALID for too many or none, NOT_FOUND for a user who is no active member."""
    if not 0 < len(ids) <= MAX_REVIEWERS:
        message = f"Must have 1 to {MAX_REVIEWERS} items."
        raise Problem("INVALID", message, field=["reviewer_ids"])
    members = await transaction.find_all(
        OrganizationMemberRow,
        OrganizationMemberRow.organization_id == organization_id,
        OrganizationMemberRow.status == UserStatus.ACTIVE,
        among(OrganizationMemberRow.user_id, list(ids)),
        lock=False,
        to_create=db.AccessReview,
    )
    known = {member.user_id for member in members}
    for index, id in enumerate(ids):
        if id not in known:
            message = "The user is not a member of the organization."
            raise Problem("NOT_FOUND", message, field=["reviewer_ids", index])


def _ask(
    transaction: Transaction, review: db.AccessReview, name: str, people: Collection[UUID]
) -> None:
    for person in people:
        tell(
            transaction,
            person,
            NotificationType.ASSIGNMENT,
            "access_review_asked",
            ASKED.format(name, review.due_date),
            review,
            organization_id=review.organization_id,
            project_id=review.project_id,
            message=review.description,
        )


async def access_review_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[AccessReviewUpdateInput]
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        review = await _find(transaction, id)
        if "due_date" in values:
            _require_future(transaction, values["due_date"])
        if "ends_unconfirmed" in values:
            ends = values.pop("ends_unconfirmed")
            values["ends_by"] = transaction.person if ends else None
        if "reviewer_ids" in values:
            values["reviewer_ids"] = list(dict.fromkeys(values["reviewer_ids"]))
            await _require_reviewers(transaction, review.organization_id, values["reviewer_ids"])
        before = set(review.reviewer_ids)
        await transaction.edits.update(review, expected_version, values)
        place = await _find_place(transaction, review.project_id or review.organization_id)
        added = [person for person in review.reviewer_ids if person not in before]
        _ask(transaction, review, place.name, added)
    versions = transaction.edits.merged.get(review.id, ())
    return answer(payload_of(AccessReview, merges=True), review, versions)


async def _find(transaction: Transaction, id: UUID) -> db.AccessReview:
    """Return the open review, locked. Raises FORBIDDEN unless the viewer may change it."""
    review = await transaction.find(db.AccessReview, id)
    transaction.rights.require("update", review)
    scopes = [id for id in (review.organization_id, review.project_id) if id]
    is_author = review.created_by in (None, transaction.person)
    if not is_author and not transaction.rights.require_role(Role.OWNER, *scopes):
        raise Problem("FORBIDDEN", NOT_AUTHOR)
    require_open(review)
    return review


async def access_review_close(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info, None) as transaction:
        review = await _find(transaction, id)
        if review.version != expected_version:
            raise stale(review)
        items = await items_of(transaction, review)
        pending = any(item.decision is AccessDecision.PENDING for item in items)
        if review.ends_by and pending:
            message = "Grants are not decided yet, and end on the due date unless confirmed."
            raise Problem("INVALID", message, field=["id"])
        await close(transaction, review, items, transaction.person)
    return answer(payload_of(AccessReview), review)


async def access_review_cancel(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info, None) as transaction:
        review = await _find(transaction, id)
        if review.version != expected_version:
            raise stale(review)
        transaction.change(
            review,
            None,
            state=AccessReviewState.CANCELLED,
            closed_at=transaction.now,
            closed_by=transaction.person,
        )
    return answer(payload_of(AccessReview), review)


@strawberry.type
class Mutation:
    access_review_create = mutation(
        access_review_create,
        payload_of(AccessReview),
        "Create an access review of an organization or project, with everything that gives access"
        " at the moment, including suspended memberships. Requires an administrator. The reviewers"
        f" are notified. At most {MAX_ITEMS:,} grants.",
    )
    access_review_update = mutation(
        access_review_update,
        payload_of(AccessReview, merges=True),
        "Update an open access review. Only the user who created it and owners can.",
    )
    access_review_decide = mutation(
        access_review_decide,
        AccessReviewDecidePayload,
        "Confirm or revoke grants of an open access review, all or nothing. Only its reviewers"
        " can. Nobody confirms their own access, or confirms or revokes a role above their own."
        " Revoking ends the grant as `roleRevoke`, `projectMemberRemove` or"
        " `organizationMemberRemove` does, and is final. The error is `CONFLICT` if the grant has"
        " ended, or to confirm one that has changed since `grantVersion`.",
    )
    access_review_close = mutation(
        access_review_close,
        payload_of(AccessReview),
        "Close an open access review before its due date, and make its report. Grants that are not"
        " decided are left as they are; if they are to end on the due date, the review cannot be"
        " closed before all are decided. Only the user who created it and owners can.",
    )
    access_review_cancel = mutation(
        access_review_cancel,
        payload_of(AccessReview),
        "Cancel an open access review. Grants that were revoked stay revoked, and there is no"
        " report. Only the user who created it and owners can.",
    )
