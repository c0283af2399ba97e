"""Notifications of comments: to people who are mentioned, take part, or are assigned.

Only people who may read the thread are told, and nobody of what they have done themselves.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from auth.accounts.notify import tell
from auth.accounts.readers import readers
from auth.session import Transaction
from db.core.notifications import NotificationType
from db.pool import Database
from db.problem import Problem
from db.requirements.collaboration import Assignment
from db.requirements.comments import Comment, CommentThread

MAX_MENTIONS = 20
"""People whom one comment may mention."""
MAX_TOLD = 100
"""People who are told of one comment besides, those who commented last."""
MAX_EXCERPT_LENGTH = 500
"""Characters of a comment that its notifications show."""

MENTIONED = "You were mentioned in a comment."
REPLIED = "There is a new comment in a thread that you take part in."
COMMENTED = "There is a new comment on an object that is assigned to you."
RESOLVED = "Your thread was resolved."


async def require_readers(
    database: Database, thread: CommentThread, mentions: Sequence[UUID]
) -> list[UUID]:
    """Return the mentioned people, each once. Raises INVALID for too many.

    Raises NOT_FOUND for one who cannot read the thread, and for one who does not exist.
    """
    if len(mentions) > MAX_MENTIONS:
        raise Problem("INVALID", f"At most {MAX_MENTIONS} mentions.", field=["mentions"])
    may_read = await readers(database, set(mentions), CommentThread, thread)
    for place, id in enumerate(mentions):
        if id not in may_read:
            message = "The user is no member of the organization who can read the object."
            raise Problem("NOT_FOUND", message, field=["mentions", place])
    return list(dict.fromkeys(mentions))


def tell_mentioned(
    transaction: Transaction, thread: CommentThread, comment: Comment, people: Collection[UUID]
) -> None:
    """Notify the people, who may read the thread, that a comment mentions them."""
    for person in people:
        _tell(
            transaction, person, NotificationType.MENTION, "mentioned", MENTIONED, thread, comment
        )


async def tell_others(
    transaction: Transaction,
    database: Database,
    thread: CommentThread,
    comment: Comment,
    mentioned: Collection[UUID],
) -> None:
    """Notify who takes part in the thread, and who is assigned to its object, of a new comment."""
    told = [thread.created_by] if thread.created_by else []
    authors = await transaction.values(
        Comment,
        ("created_by",),
        Comment.thread_id == thread.id,
        order=(Comment.created_at.desc(),),
        limit=MAX_TOLD,
    )
    told += [author for (author,) in authors if author]
    assigned = await transaction.values(
        Assignment,
        ("assignee_id",),
        Assignment.entity_id == thread.entity_id,
        Assignment.completed_at.is_(None),
        limit=MAX_TOLD,
    )
    taking_part = set(told)
    told += [assignee for (assignee,) in assigned]
    others = [id for id in dict.fromkeys(told) if id not in mentioned and id != transaction.person]
    may_read = await readers(database, others[:MAX_TOLD], CommentThread, thread)
    for person in others[:MAX_TOLD]:
        if person in may_read:
            event, title = (
                ("replied", REPLIED) if person in taking_part else ("commented", COMMENTED)
            )
            _tell(transaction, person, NotificationType.COMMENT, event, title, thread, comment)


async def tell_resolved(
    transaction: Transaction, database: Database, thread: CommentThread
) -> None:
    """Notify the author of a thread that it was resolved."""
    author = thread.created_by
    if author and author in await readers(database, [author], CommentThread, thread):
        _tell(transaction, author, NotificationType.COMMENT, "resolved", RESOLVED, thread, None)


def _tell(
    transaction: Transaction,
    person: UUID,
    type_: NotificationType,
    event: str,
    title: str,
    thread: CommentThread,
    comment: Comment | None,
) -> None:
    tell(
        transaction,
        person,
        type_,
        event,
        title,
        comment or thread,
        organization_id=thread.organization_id,
        project_id=thread.project_id,
        message=comment.body[:MAX_EXCERPT_LENGTH] if comment else None,
    )
