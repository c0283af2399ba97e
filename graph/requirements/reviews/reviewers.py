"""The reviewers of a review: who they are, adding them, and their notification."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from strawberry import Maybe

from auth.accounts.notify import tell
from auth.accounts.readers import holders
from auth.session import Transaction
from db.core.notifications import NotificationType
from db.core.projects import ProjectRole
from db.pool import Database
from db.problem import Problem
from db.requirements import reviews as db
from graph.core.projects import require_member
from graph.requirements.workflows.transitions import ROLES

MAX_REVIEWERS = 50
"""The most reviewers of a review."""


@strawberry.input(description="A reviewer: either a user or a role.", one_of=True)
class ReviewerInput:
    user_id: Maybe[UUID] = strawberry.field(description="The ID of a member of the organization.")
    role: Maybe[ProjectRole] = strawberry.field(
        description="A role in the project. Every user with it or a higher one can give verdicts,"
        " except the author of the review.",
    )


def is_reviewer(
    transaction: Transaction, review: db.Review, reviewers: Sequence[db.Reviewer]
) -> bool:
    """Return whether the viewer is one of the reviewers, by name or by role."""
    if any(one.reviewer_id == transaction.person for one in reviewers):
        return True
    scopes = (review.organization_id, review.project_id)
    roles = [ROLES[one.role] for one in reviewers if one.role]
    is_author = transaction.person == review.created_by
    return not is_author and any(transaction.rights.require_role(role, *scopes) for role in roles)


async def add_reviewers(
    transaction: Transaction,
    database: Database,
    review: db.Review,
    reviewers: Sequence[ReviewerInput],
    field: str,
) -> None:
    """Add reviewers, and notify those who were not asked before, each once.

    Raises INVALID, NOT_FOUND and LIMIT_REACHED.
    """
    known = await transaction.find_all(
        db.Reviewer, db.Reviewer.review_id == review.id, lock=False, to_create=db.Reviewer
    )
    if len(known) + len(reviewers) > MAX_REVIEWERS:
        message = f"A review has at most {MAX_REVIEWERS} reviewers."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_REVIEWERS, current=len(known))
    before = {(one.reviewer_id, one.role) for one in known}
    added: dict[tuple[UUID | None, ProjectRole | None], None] = {}
    for index, one in enumerate(reviewers):
        person = one.user_id.value if one.user_id else None
        role = one.role.value if one.role else None
        at: Any = [field, index]
        if (person, role) in before or (person, role) in added:
            raise Problem("INVALID", "This reviewer has been added already.", field=at)
        added[person, role] = None
        if person:
            await _require_member(transaction, review, person, at)
        transaction.add(
            db.Reviewer(
                organization_id=review.organization_id,
                project_id=review.project_id,
                review_id=review.id,
                reviewer_id=person,
                role=role,
            )
        )
    asked = await _people(database, review, before) if added else set()
    for person in sorted(await _people(database, review, added) - asked):
        tell(
            transaction,
            person,
            NotificationType.ASSIGNMENT,
            "review_asked",
            "You are asked for your verdicts in a review.",
            review,
            organization_id=review.organization_id,
            project_id=review.project_id,
            message=review.description,
        )


async def _people(database: Database, review: db.Review, reviewers: Any) -> set[UUID]:
    """Return the people who are reviewers, by name, or by role unless they are the author."""
    people = {person for person, _ in reviewers if person}
    roles = [ROLES[role] for _, role in reviewers if role]
    if roles:  # of which the lowest includes the others
        people |= await holders(database, min(roles), db.Review, review) - {review.created_by}
    return people


async def _require_member(
    transaction: Transaction, review: db.Review, person: UUID, at: list[Any]
) -> None:
    try:
        await require_member(
            transaction, review.organization_id, person, "user_id", to_create=db.Reviewer
        )
    except Problem as problem:
        raise Problem(problem.code, problem.message, field=[*at, "user_id"]) from None
