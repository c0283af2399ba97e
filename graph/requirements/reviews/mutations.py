"""The mutations of reviews: create, update, edit, close and cancel."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from auth.session.write.db_errors import stale
from auth.viewer import Role
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import reviews as db
from db.requirements.reviews import ReviewState
from graph.kit.bulk import MAX_ITEMS
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.inputs import input_for
from graph.kit.items import Found, Item
from graph.kit.mutations import ExpectedVersion, Input, given, mutation, update, writing
from graph.kit.payloads import answer, payload_of
from graph.requirements.reviews.pinning import add_items
from graph.requirements.reviews.reviewers import MAX_REVIEWERS, ReviewerInput, add_reviewers
from graph.requirements.reviews.types import Review
from graph.requirements.reviews.verdicts import (
    ReviewVerdictsPayload,
    require_open,
    review_verdicts_submit,
)
from graph.requirements.sql.workflows import workflows_of


@input_for(Review, "A review to create in a project.")
class ReviewCreateInput:
    project_id: UUID
    name: str
    description: str | None = UNSET
    due_date: datetime | None = UNSET
    quorum: int | None = strawberry.field(
        default=UNSET,
        description="The number of reviewers who must approve an item. The default is the number"
        " of reviewers, and at least that of the workflow.",
    )
    entity_ids: list[UUID] = strawberry.field(
        description="The IDs of the objects to review, at most 500: requirements, documents,"
        " baselines and open change sets. A document is reviewed with all its requirements."
    )
    reviewers: list[ReviewerInput] = strawberry.field(
        description=f"The reviewers, at most {MAX_REVIEWERS}."
    )


@input_for(Review, "The fields of a review to change.")
class ReviewUpdateInput:
    name: Maybe[str]
    description: Maybe[str | None]
    due_date: Maybe[datetime | None]
    quorum: Maybe[int]


@strawberry.input(description="The items and reviewers of a review to add and to remove.")
class ReviewEditInput:
    add_entity_ids: list[UUID] = strawberry.field(
        default_factory=list,
        description="The IDs of objects to add, at most 500. One whose content has changed since"
        " it was added is added anew, without verdicts.",
    )
    remove_item_ids: list[UUID] = strawberry.field(
        default_factory=list, description="The IDs of items to remove, at most 500."
    )
    add_reviewers: list[ReviewerInput] = strawberry.field(
        default_factory=list, description="The reviewers to add."
    )
    remove_reviewer_ids: list[UUID] = strawberry.field(
        default_factory=list,
        description="The IDs of reviewers (`Reviewer.id`) to remove. Their verdicts stay.",
    )


VERDICTS = frozenset({"last_verdict_at"})
"""The columns of a review that only note its verdicts."""


def _require_size(items: Sequence[Any], field: str, *, least: int = 0, most: int) -> None:
    if not least <= len(items) <= most:
        message = f"Must have {least} to {most} items."
        raise Problem("INVALID", message, field=["input", field])


async def review_create(info: Info, input: Input[ReviewCreateInput]) -> Any:
    _require_size(input.entity_ids, "entityIds", least=1, most=MAX_ITEMS)
    _require_size(input.reviewers, "reviewers", least=1, most=MAX_REVIEWERS)
    values = given(input)
    del values["entity_ids"], values["reviewers"]
    async with writing(info) as transaction:
        project = await transaction.find(
            ProjectRow,
            input.project_id,
            lock=False,
            field=["project_id"],
            to_create=db.Review,
        )
        least = await _least_quorum(transaction, project.id)
        values.setdefault("quorum", max(least, len(input.reviewers)))
        review = db.Review(organization_id=project.organization_id, **values)
        _require_quorum(review.quorum, least)
        review.edited_at = transaction.now
        transaction.add(review)
        await transaction.flush()
        await add_reviewers(
            transaction, info.context.session.database, review, input.reviewers, "reviewers"
        )
        await add_items(transaction, review, input.entity_ids, ["entity_ids"])
    return answer(payload_of(Review), review)


async def review_edit(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[ReviewEditInput]
) -> Any:
    for name, field in (("add_entity_ids", "addEntityIds"), ("remove_item_ids", "removeItemIds")):
        _require_size(getattr(input, name), field, most=MAX_ITEMS)
    for name, field in (
        ("add_reviewers", "addReviewers"),
        ("remove_reviewer_ids", "removeReviewerIds"),
    ):
        _require_size(getattr(input, name), field, most=MAX_REVIEWERS)
    async with writing(info) as transaction:
        review = await _find(transaction, id, expected_version, but=VERDICTS)
        await _remove(transaction, db.ReviewItem, review, input.remove_item_ids, "remove_item_ids")
        await _remove(
            transaction, db.Reviewer, review, input.remove_reviewer_ids, "remove_reviewer_ids"
        )
        await transaction.flush()
        await add_reviewers(
            transaction, info.context.session.database, review, input.add_reviewers, "add_reviewers"
        )
        await add_items(transaction, review, input.add_entity_ids, ["add_entity_ids"])
        transaction.change(review, None, edited_at=transaction.now)
    return answer(payload_of(Review), review)


async def _find(
    transaction: Transaction, id: UUID, expected_version: int, but: frozenset[str] = frozenset()
) -> db.Review:
    """Return the open review, locked, at this version. Raises FORBIDDEN, INVALID and CONFLICT.

    Later versions in which nothing else has changed `but` these columns are accepted.
    """
    review = await transaction.find(db.Review, id)
    transaction.rights.require("update", review)
    _require_author(transaction, review)
    require_open(review)
    behind = review.version - expected_version
    since = (await transaction.changes_since([(review, expected_version)])).get(review.id, ())
    if behind != len(since) or not all(change.old.keys() <= but for change in since):
        raise stale(review)
    return review


def _require_author(transaction: Transaction, review: db.Review) -> None:
    """Raise FORBIDDEN unless the viewer has created the review, or is an administrator."""
    if review.created_by in (None, transaction.person):
        return
    if not transaction.rights.require_role(Role.ADMIN, review.organization_id, review.project_id):
        message = "Only the author of the review and administrators can change it."
        raise Problem("FORBIDDEN", message)


async def _least_quorum(transaction: Transaction, project_id: UUID) -> int:
    workflow = (await workflows_of(transaction, [project_id])).get(project_id)
    return int(workflow.min_approvals) if workflow else 1


def _require_quorum(quorum: int, least: int) -> None:
    if quorum < least:
        message = f"The workflow of the project requires at least {least} approvals."
        raise Problem("INVALID", message, field=["quorum"])


async def _remove(
    transaction: Transaction, model: Any, review: db.Review, ids: Sequence[UUID], field: str
) -> None:
    found = await transaction.find_by_id(model, ids)
    for index, id in enumerate(ids):
        row = found.get(id)
        if row is None or row.review_id != review.id:
            message = "There is no such row in the review."
            raise Problem("NOT_FOUND", message, field=[field, index])
        person = transaction.viewer.id
        transaction.change(row, None, deleted_at=transaction.now, deleted_by=person)


async def _prepare(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse changes of reviews that are not open, and a quorum below that of the workflow."""
    for item in items:
        try:
            _require_author(transaction, item.row)
            require_open(item.row)
            if "quorum" in item.values:
                least = await _least_quorum(transaction, item.row.project_id)
                _require_quorum(item.row.quorum, least)
        except Problem as problem:
            item.refuse(problem)


async def review_close(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    return await _close(info, id, expected_version, ReviewState.CLOSED)


async def review_cancel(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    return await _close(info, id, expected_version, ReviewState.CANCELLED, but=VERDICTS)


async def _close(
    info: Info,
    id: UUID,
    expected_version: int,
    state: ReviewState,
    but: frozenset[str] = frozenset(),
) -> Any:
    async with writing(info, None) as transaction:
        review = await _find(transaction, id, expected_version, but)
        person, now = transaction.viewer.id, transaction.now
        transaction.change(review, None, state=state, closed_at=now, closed_by=person)
    return answer(payload_of(Review), review)


@strawberry.type
class Mutation:
    review_create = mutation(
        review_create,
        payload_of(Review),
        "Create a review. Its objects are pinned to their current content, and the reviewers are"
        " notified: those who are named, and those who have one of the roles.",
    )
    review_update = update(
        Review,
        ReviewUpdateInput,
        "Update an open review. Only its author and administrators can.",
        prepare=_prepare,
    )
    review_edit = mutation(
        review_edit,
        payload_of(Review),
        "Add and remove items and reviewers of an open review. Only its author and administrators"
        " can.",
    )
    review_close = mutation(
        review_close,
        payload_of(Review),
        "Close an open review, so that no verdict changes any more. Its approvals hold. The error"
        " is `CONFLICT` if verdicts were given after `expectedVersion`.",
    )
    review_cancel = mutation(
        review_cancel,
        payload_of(Review),
        "Cancel an open review. Its approvals do not count.",
    )
    review_verdicts_submit = mutation(
        review_verdicts_submit,
        ReviewVerdictsPayload,
        f"Give verdicts on up to {MAX_ITEMS} items of an open review, all or nothing. A verdict"
        " replaces the earlier one of the viewer. Only reviewers can; service accounts cannot. The"
        " error is `CONFLICT` for an approval of content that has changed since it was added.",
    )
