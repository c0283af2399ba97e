"""Closing an access review: what nobody has confirmed ends, or is left, and the report is made."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from auth.accounts.notify import remind, tell
from auth.session import Transaction
from db.core.access_reviews import (
    AccessDecision,
    AccessReview,
    AccessReviewItem,
    AccessReviewState,
)
from db.core.notifications import NotificationType
from db.problem import Problem
from graph.core.access_reviews.ending import end_grants, find_grants
from graph.core.access_reviews.report import head_of, report_of

CLOSED = "An access review that you created has been closed."


def require_open(review: AccessReview) -> None:
    """Raise INVALID unless the review is open."""
    if review.state is not AccessReviewState.OPEN:
        raise Problem("INVALID", f"The access review is {review.state.value}.", field=["id"])


async def items_of(transaction: Transaction, review: AccessReview) -> list[AccessReviewItem]:
    """Return all items of a review, locked."""
    return await transaction.find_all(
        AccessReviewItem, AccessReviewItem.access_review_id == review.id
    )


async def close(
    transaction: Transaction,
    review: AccessReview,
    items: Sequence[AccessReviewItem],
    closed_by: UUID | None,
) -> None:
    """Close a review that is locked and open, with its items.

    A right that nobody has confirmed ends if it is the viewer who has asked for that, and keeps the
    rules of the mutation that ends it otherwise: one above the viewer's and that of the last owner
    are left. `closed_by` is null at the due date.
    """
    head = await head_of(transaction, review.organization_id)
    pending = [item for item in items if item.decision is AccessDecision.PENDING]
    ends = closed_by is None and review.ends_by == transaction.person
    grants = await find_grants(transaction, pending, lock=ends)
    left = [item for item in pending if item.grant_id in grants]
    ended = (await end_grants(transaction, left, grants)).items if ends else []
    # Nothing is read from here on: see `end_grants`.
    _decide(transaction, ended, AccessDecision.ENDED)
    _decide(transaction, [item for item in left if item not in ended], AccessDecision.UNCONFIRMED)
    _decide(transaction, [item for item in pending if item not in left], AccessDecision.GONE)
    final = {
        "state": AccessReviewState.CLOSED,
        "closed_at": transaction.now,
        "closed_by": closed_by,
    }
    transaction.change(review, None, **final)
    transaction.change(review, None, **report_of(review, items, head))
    _tell_author(transaction, review)


def _decide(
    transaction: Transaction, items: Sequence[AccessReviewItem], decision: AccessDecision
) -> None:
    for item in items:
        transaction.change(item, None, decision=decision, decided_at=transaction.now)


def _tell_author(transaction: Transaction, review: AccessReview) -> None:
    """Notify the author of what others, or the due date, have closed."""
    about: dict[str, Any] = {
        "organization_id": review.organization_id,
        "project_id": review.project_id,
        "message": review.name,
    }
    event = (NotificationType.INFO, "access_review_closed", CLOSED, review)
    if review.created_by != transaction.person:
        tell(transaction, review.created_by, *event, **about)
    elif review.closed_by is None:
        remind(transaction, *event, **about)
