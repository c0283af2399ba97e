"""A role with an end, and an access review, of the demonstration."""

from datetime import timedelta
from uuid import UUID

from auth.session import ViewerSession
from db.core.access_reviews import AccessReview
from db.core.projects import Project, ProjectRole, UserRole
from graph.core.access_reviews.snapshot import items_to_review


async def add_access(session: ViewerSession, organization_id: UUID, person: UUID) -> None:
    """Let a person edit the first project for a month, and review who has which access."""
    async with session.transaction() as transaction:
        (project,) = await transaction.find_all(
            Project, Project.organization_id == organization_id, limit=1, lock=False
        )
        transaction.add(
            UserRole(
                organization_id=organization_id,
                user_id=person,
                project_id=project.id,
                project_role=ProjectRole.EDITOR,
                expires_at=transaction.now + timedelta(days=30),
                reason="Prepares the first trial.",
            )
        )
        await transaction.flush()
        review = AccessReview(
            organization_id=organization_id,
            name="Access of this year",
            description="Does each person still need this access?",
            due_date=transaction.now + timedelta(days=14),
            reviewer_ids=[transaction.person],
        )
        items = await items_to_review(transaction, review)
        transaction.add(review)
        await transaction.flush()
        transaction.add(*items)
