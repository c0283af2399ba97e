"""The stars and the visits of the demonstration."""

from auth.session import ViewerSession
from db.core.projects import Project
from db.core.stars import star, visit
from db.requirements.documents import Document


async def add_stars(*sessions: ViewerSession) -> None:
    """Have each person star the first project that they can read, and visit its documents."""
    for session in sessions:
        projects = await session.rows(Project, order=[Project.created_at, Project.id], limit=1)
        for project in projects:
            documents = await session.rows(Document, Document.project_id == project["id"])
            async with session.transaction() as transaction:
                await transaction.call(star(project["id"]))
                await transaction.call(visit(project["id"]))
                for document in documents:
                    await transaction.call(visit(project["id"], document["id"]))
