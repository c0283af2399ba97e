"""Reminders of reviews that are due soon: jobs that run with the rights of the reviewer."""

from datetime import datetime, timedelta
from uuid import UUID

from auth.accounts.notify import remind
from auth.session import Transaction
from db.core.notifications import NotificationType
from db.job_queue import enqueue
from db.pool import NOBODY, Database
from db.requirements.reviews import Review, Reviewer, ReviewItem, ReviewState, ReviewVerdict
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run
from graph.requirements.sql.due_reviews import due_reviews

AHEAD = timedelta(hours=24)
"""The time before the due date at which reviewers are reminded."""
BATCH_SIZE = 200
"""Reminders that one statement enqueues."""
TITLE = "A review with items that wait for your verdict is due soon."


async def _find_due(run: Run) -> Result:
    """Enqueue the reminders of what is due soon."""
    return {"reminders": await enqueue_reminders(run.database)}


async def enqueue_reminders(database: Database) -> int:
    """Enqueue a reminder for each reviewer by name who has items left, once by due date.

    Return their number.
    """
    total = 0
    while due := await due_reviews(database, REMIND.name, AHEAD, BATCH_SIZE):
        jobs = [
            REMIND.new(
                organization_id=one.organization_id,
                user_id=one.reviewer_id,
                key=one.key,
                payload={"reviewId": one.id, "dueDate": one.due_date.isoformat()},
            )
            for one in due
        ]
        async with database.auth.lend(NOBODY) as lent:
            enqueued = await enqueue(lent, jobs)
        total += len(enqueued)
        if not enqueued:
            break
    return total


async def _remind(run: Run) -> Result:
    """Notify the reviewer, if the review is as it was and items still wait for them."""
    async with run.completing() as transaction:
        review = await _waiting(transaction, run)
        run.result = {"reminded": review is not None}
        if review is not None:
            remind(
                transaction,
                NotificationType.ASSIGNMENT,
                "review_due",
                TITLE,
                review,
                organization_id=review.organization_id,
                project_id=review.project_id,
                message=review.name,
            )
    return None


async def _waiting(transaction: Transaction, run: Run) -> Review | None:
    id, due = UUID(run.payload["reviewId"]), datetime.fromisoformat(run.payload["dueDate"])
    review = (await transaction.find_by_id(Review, [id], lock=False)).get(id)
    if review is None or review.state is not ReviewState.OPEN or review.due_date != due:
        return None
    reviewers = await transaction.values(
        Reviewer, ["id"], Reviewer.review_id == id, Reviewer.reviewer_id == transaction.person
    )
    items = await transaction.values(ReviewItem, ["id"], ReviewItem.review_id == id)
    given = await transaction.values(
        ReviewVerdict,
        ["item_id"],
        ReviewVerdict.review_id == id,
        ReviewVerdict.reviewer_id == transaction.person,
    )
    left = {row[0] for row in items} - {row[0] for row in given}
    return review if reviewers and left else None


REMIND = Kind("reviews.remind", _remind)
KINDS = (REMIND, Kind("reviews.find_due", _find_due, every=timedelta(minutes=1)))
