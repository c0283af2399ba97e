"""Reminders of access reviews, and their closing on the due date: jobs that run as users."""

from datetime import datetime, timedelta
from uuid import UUID

from auth.accounts.notify import remind
from auth.session import Transaction
from db.core.access_reviews import (
    AccessDecision,
    AccessReview,
    AccessReviewItem,
    AccessReviewState,
)
from db.core.notifications import NotificationType
from db.job_queue import enqueue
from db.pool import NOBODY, Database
from graph.core.access_reviews.closing import close, items_of
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

AHEAD = timedelta(hours=24)
"""The time before the due date at which reviewers are reminded."""
BATCH_SIZE = 200
"""Jobs that one statement enqueues."""
TITLE = "An access review that waits for you is due soon."
DUE = """
SELECT kind, id, organization_id, user_id, due_date, key
FROM ctx.due_access_reviews($1, $2, $3, $4)
"""


async def _find_due(run: Run) -> Result:
    """Enqueue what is to be done about reviews that are due, or due soon."""
    return {"jobs": await enqueue_due(run.database)}


async def enqueue_due(database: Database) -> int:
    """Enqueue reminders and closings, once for each review, user and due date.

    Return their number.
    """
    total = 0
    kinds = {kind.name: kind for kind in (REMIND, CLOSE)}
    while True:
        async with database.auth.lend(NOBODY) as lent:
            due = await lent.fetch(DUE, REMIND.name, CLOSE.name, AHEAD, BATCH_SIZE)
            jobs = [
                kinds[one["kind"]].new(
                    organization_id=one["organization_id"],
                    user_id=one["user_id"],
                    key=one["key"],
                    payload={"reviewId": one["id"], "dueDate": one["due_date"].isoformat()},
                )
                for one in due
            ]
            enqueued = await enqueue(lent, jobs) if jobs else []
        total += len(enqueued)
        if len(due) < BATCH_SIZE or not enqueued:
            return total


async def _remind(run: Run) -> Result:
    """Notify the reviewer, if the review is as it was and something is left to decide."""
    async with run.completing() as transaction:
        review = await _open(transaction, run)
        waits = review is not None and await _waits(transaction, review)
        run.result = {"reminded": waits}
        if review is not None and waits:
            remind(
                transaction,
                NotificationType.ASSIGNMENT,
                "access_review_due",
                TITLE,
                review,
                organization_id=review.organization_id,
                project_id=review.project_id,
                message=review.name,
            )
    return None


async def _open(transaction: Transaction, run: Run, *, lock: bool = False) -> AccessReview | None:
    """Return the review of the job; None if it is over, has another due date, or is hidden."""
    id, due = UUID(run.payload["reviewId"]), datetime.fromisoformat(run.payload["dueDate"])
    review = (await transaction.find_by_id(AccessReview, [id], lock=lock)).get(id)
    if review is None or review.state is not AccessReviewState.OPEN or review.due_date != due:
        return None
    return review


async def _waits(transaction: Transaction, review: AccessReview) -> bool:
    """Return whether the user is still a reviewer with a right of somebody else to decide on."""
    left = await transaction.values(
        AccessReviewItem,
        ["id"],
        AccessReviewItem.access_review_id == review.id,
        AccessReviewItem.decision == AccessDecision.PENDING,
        AccessReviewItem.user_id != transaction.person,
        limit=1,
    )
    return transaction.person in review.reviewer_ids and bool(left)


async def _close(run: Run) -> Result:
    """Close the review; what nobody has confirmed ends if this user has asked for it."""
    async with run.completing() as transaction:
        review = await _open(transaction, run, lock=True)
        run.result = {"closed": review is not None}
        if review is not None:
            await close(transaction, review, await items_of(transaction, review), None)
    return None


REMIND = Kind("access_reviews.remind", _remind)
CLOSE = Kind("access_reviews.close", _close)
KINDS = (
    REMIND,
    CLOSE,
    Kind("access_reviews.find_due", _find_due, every=timedelta(minutes=1)),
)
