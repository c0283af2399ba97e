"""The workflow and the review of the demonstration."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.requirements.requirements import Requirement, RequirementStatus
from db.requirements.reviews import (
    Review,
    ReviewDecision,
    Reviewer,
    ReviewItem,
    ReviewVerdict,
)
from db.requirements.workflows import Workflow
from graph.requirements.reviews.pinning import add_items
from graph.requirements.workflows.transitions import STANDARD_STORED

QUORUM = 2
REVIEWED = 3
"""The number of requirements under review."""


async def add_review(
    transaction: Transaction, organization_id: UUID, project_id: UUID, reviewers: list[UUID]
) -> None:
    """Give a project the standard workflow, and review its first requirements with these people.

    The viewer, who is one of them, has approved all.
    """
    place: dict[str, Any] = {"organization_id": organization_id, "project_id": project_id}
    transaction.add(Workflow(**place, transitions=[dict(one) for one in STANDARD_STORED]))
    review = Review(
        **place,
        name="Before the first trial",
        description="Can each requirement be verified?",
        quorum=QUORUM,
        due_date=transaction.now + timedelta(days=3),
        edited_at=transaction.now,
    )
    transaction.add(review)
    await transaction.flush()
    transaction.add(
        *(Reviewer(**place, review_id=review.id, reviewer_id=person) for person in reviewers)
    )
    found = await transaction.find_all(
        Requirement, Requirement.project_id == project_id, limit=REVIEWED
    )
    for requirement in found:
        if requirement.status is RequirementStatus.DRAFT:
            transaction.change(requirement, None, status=RequirementStatus.IN_REVIEW)
    await transaction.flush()
    await add_items(transaction, review, [row.id for row in found], ["entity_ids"])
    await transaction.flush()
    items = await transaction.find_all(ReviewItem, ReviewItem.review_id == review.id, lock=False)
    transaction.add(
        *(
            ReviewVerdict(
                **place,
                review_id=review.id,
                item_id=item.id,
                reviewer_id=transaction.person,
                verdict=ReviewDecision.APPROVE,
                comment="It can be measured on the test track.",
            )
            for item in items
        )
    )
