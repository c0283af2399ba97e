"""Giving verdicts on the items of a review."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.accounts.notify import tell
from auth.session import Transaction
from db.core.notifications import NotificationType
from db.problem import Problem
from db.requirements import reviews as db
from db.requirements.reviews import REVIEWABLE, ReviewDecision, ReviewState
from graph.kit.bulk import MAX_ITEMS
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.mutations import Place, require_storable, writing
from graph.requirements.reviews.reviewers import is_reviewer
from graph.requirements.reviews.types import Review, ReviewVerdict
from graph.requirements.sql.review_pins import existing_pins
from graph.requirements.sql.workflows import workflows_of


@strawberry.input(description="A verdict on one item of a review.")
class ReviewVerdictInput:
    item_id: UUID = strawberry.field(description="The ID of the item.")
    verdict: ReviewDecision = strawberry.field(description="The verdict.")
    comment: str | None = strawberry.field(
        default=UNSET, description="The comment, which replaces an earlier one."
    )


@strawberry.type(description="The result of giving verdicts.")
class ReviewVerdictsPayload:
    review: Review = described("The review.")
    verdicts: list[ReviewVerdict] = strawberry.field(
        description="The verdicts of the viewer that were given, in the order of the request.",
        metadata={"largest_page": MAX_ITEMS},
    )


Verdicts = Annotated[
    list[ReviewVerdictInput],
    strawberry.argument(description=f"The verdicts, at most {MAX_ITEMS}."),
]


def require_open(review: db.Review) -> None:
    """Raise INVALID unless the review is open."""
    if review.state is not ReviewState.OPEN:
        raise Problem("INVALID", f"The review is {review.state.value}.", field=["id"])


async def review_verdicts_submit(info: Info, id: Id, verdicts: Verdicts) -> Any:
    if not 0 < len(verdicts) <= MAX_ITEMS:
        raise Problem("INVALID", f"Must have 1 to {MAX_ITEMS} items.", field=["verdicts"])
    async with writing(info, None) as transaction:
        review = await transaction.find(db.Review, id)
        items = await _items(transaction, review, verdicts)
        require_open(review)
        await _require_reviewer(transaction, review)
        await _require_approvable(transaction, review, items, verdicts)
        rows = await _store(transaction, review, items, verdicts)
        transaction.touch(review, "last_verdict_at")
        tell(
            transaction,
            review.created_by,
            NotificationType.INFO,
            "review_verdicts",
            "A reviewer has given verdicts in a review of yours.",
            review,
            organization_id=review.organization_id,
            project_id=review.project_id,
        )
    return ReviewVerdictsPayload(review=review, verdicts=rows)  # type: ignore[arg-type]


async def _require_reviewer(transaction: Transaction, review: db.Review) -> None:
    """Raise FORBIDDEN unless the viewer is a person who is a reviewer, by name or by role."""
    if transaction.viewer.is_service:
        raise Problem("FORBIDDEN", "Service accounts cannot give verdicts.")
    reviewers = await transaction.find_all(
        db.Reviewer,
        db.Reviewer.review_id == review.id,
        lock=False,
        to_create=db.ReviewVerdict,
    )
    if not is_reviewer(transaction, review, reviewers):
        raise Problem("FORBIDDEN", "You are not a reviewer of this review.")


async def _items(
    transaction: Transaction, review: db.Review, verdicts: Sequence[ReviewVerdictInput]
) -> dict[UUID, db.ReviewItem]:
    ids = [one.item_id for one in verdicts]
    found = await transaction.find_by_id(db.ReviewItem, ids, lock=False, to_create=db.ReviewVerdict)
    seen: set[UUID] = set()
    for index, id in enumerate(ids):
        field: Place = ("verdicts", index, "itemId")
        item = found.get(id)
        if item is None or item.review_id != review.id:
            message = "There is no such item in the review."
            raise Problem("NOT_FOUND", message, field=field)
        if id in seen:
            raise Problem("INVALID", "The item is given twice.", field=field)
        seen.add(id)
    return found


async def _require_approvable(
    transaction: Transaction,
    review: db.Review,
    items: dict[UUID, db.ReviewItem],
    verdicts: Sequence[ReviewVerdictInput],
) -> None:
    """Refuse to approve content that has changed since, or that is the viewer's own."""
    workflow = (await workflows_of(transaction, [review.project_id])).get(review.project_id)
    four_eyes = workflow is not None and workflow.four_eyes
    pins: dict[UUID, str] = {}
    for model in REVIEWABLE:
        ids = [item.entity_id for item in items.values() if item.entity_type == model.__name__]
        pins |= await existing_pins(transaction, model, ids)
    for index, one in enumerate(verdicts):
        item, field = items[one.item_id], ("verdicts", index, "verdict")
        if one.verdict is not ReviewDecision.APPROVE:
            continue
        if pins.get(item.entity_id) != item.pin:
            message = (
                "The content has changed since it was added to the review. Add the object again."
            )
            raise Problem("CONFLICT", message, field=field)
        if four_eyes and item.author_id == transaction.person:
            message = "The workflow of the project does not allow you to approve your own content."
            raise Problem("FORBIDDEN", message, field=field)


async def _store(
    transaction: Transaction,
    review: db.Review,
    items: dict[UUID, db.ReviewItem],
    verdicts: Sequence[ReviewVerdictInput],
) -> list[db.ReviewVerdict]:
    mine = (
        db.ReviewVerdict.review_id == review.id,
        db.ReviewVerdict.reviewer_id == transaction.person,
    )
    former = {
        row.item_id: row
        for row in await transaction.find_all(db.ReviewVerdict, *mine, to_create=db.ReviewVerdict)
    }
    rows = []
    for index, one in enumerate(verdicts):
        comment = None if one.comment is UNSET else one.comment
        require_storable(comment, ("verdicts", index, "comment"))
        row = former.get(one.item_id)
        if row is None:
            row = db.ReviewVerdict(
                organization_id=review.organization_id,
                project_id=review.project_id,
                review_id=review.id,
                item_id=items[one.item_id].id,
                reviewer_id=transaction.person,
                verdict=one.verdict,
                comment=comment,
            )
            transaction.add(row)
        else:
            values = {} if one.comment is UNSET else {"comment": comment}
            transaction.change(row, None, verdict=one.verdict, **values)
        rows.append(row)
    return rows
