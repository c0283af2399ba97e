"""Reminders of reviews that are due soon, to reviewers with items that wait for them."""

from datetime import datetime
from uuid import UUID

from auth.session import Transaction
from db.requirements.reviews import Review, Reviewer, ReviewItem, ReviewState, ReviewVerdict
from graph.requirements.due import Notice, Reminders
from graph.requirements.reviews.reviewers import is_reviewer

TITLE = "A review with items that wait for your verdict is due soon."


async def _notice(transaction: Transaction, id: UUID, due: datetime) -> Notice | None:
    """Return the reminder of a review that is as it was, if items still wait for the viewer."""
    review = (await transaction.find_by_id(Review, [id], lock=False)).get(id)
    if review is None or review.state is not ReviewState.OPEN or review.due_date != due:
        return None
    reviewers = await transaction.find_all(Reviewer, Reviewer.review_id == id, lock=False)
    if not is_reviewer(transaction, review, reviewers):
        return None
    items = await transaction.values(ReviewItem, ["id"], ReviewItem.review_id == id)
    given = await transaction.values(
        ReviewVerdict,
        ["item_id"],
        ReviewVerdict.review_id == id,
        ReviewVerdict.reviewer_id == transaction.person,
    )
    if not {row[0] for row in items} - {row[0] for row in given}:
        return None
    return Notice(TITLE, review, review.organization_id, review.project_id, review.name)


KINDS = Reminders("reviews", "reviewId", "due_reviews", "review_due", _notice).kinds
