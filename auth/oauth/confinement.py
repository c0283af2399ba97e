"""The restriction of an application to one organization of a person, or to one project.

The person chooses it on the page of consent. An application requests it by `authorization_details`
(RFC 9396) of the types `organization` and `project`, and sees it there in each token response.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.credentials.grant_statements import OF_PERSON
from auth.viewer import Role, Viewer
from db.core.projects import Project

ORGANIZATION, PROJECT = "organization", "project"
TYPES = (ORGANIZATION, PROJECT)
MAX_PROJECTS = 100
"""Projects of one organization, at most, of which the page offers one."""

PLACES = f"""
SELECT o.id, o.name, p.id AS project_id, p.name AS project
FROM organizations o LEFT JOIN LATERAL (
    SELECT p.id, p.name FROM projects p
    WHERE p.organization_id = o.id AND p.deleted_at IS NULL
        AND (o.id = ANY ($2::uuid[]) OR p.id = ANY ($3::uuid[]))
    ORDER BY p.name, p.id LIMIT {MAX_PROJECTS}
) p ON true
WHERE o.id = ANY ($1::uuid[]) AND o.deleted_at IS NULL
ORDER BY o.name, o.id, p.name, p.id
"""  # noqa: S608 (a number)
ORGANIZATION_OF = """
SELECT organization_id FROM projects
WHERE id = $4 AND deleted_at IS NULL AND organization_id = ANY ($1::uuid[])
    AND (organization_id = ANY ($2::uuid[]) OR id = ANY ($3::uuid[]))
"""


class Confinement(NamedTuple):
    """The only organization, and the only project of it, that is reached; None for all."""

    organization: UUID | None = None
    project: UUID | None = None

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return that of a code, a token or a consent."""
        return cls(row.confined_to, row.confined_project)

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns that store it."""
        return {"confined_to": self.organization, "confined_project": self.project}

    @property
    def details(self) -> list[dict[str, str]]:
        """Return it as `authorization_details`; empty without a restriction."""
        if self.project is not None:
            return [{"type": PROJECT, "identifier": str(self.project)}]
        if self.organization is not None:
            return [{"type": ORGANIZATION, "identifier": str(self.organization)}]
        return []

    def is_within(self, other: "Confinement") -> bool:
        """Return whether it reaches nothing that the other does not."""
        return all(wide in (None, own) for own, wide in zip(self, other, strict=True))


EVERYWHERE = Confinement()


class Place(NamedTuple):
    """An organization that the page of consent offers, and its projects by their IDs."""

    id: UUID
    name: str
    projects: Sequence[tuple[UUID, str]]


def lists_of(viewer: Viewer) -> tuple[list[UUID], list[UUID], list[UUID]]:
    """Return the viewer's organizations, those of which they read all projects, and their grants.

    They are the first parameters of `PLACES` and `ORGANIZATION_OF`.
    """
    whole = [id for id in viewer.scopes_with(Role.VIEWER) if id in viewer.organizations]
    return list(viewer.organizations), whole, list(viewer.grants)


def places(rows: Sequence[Any]) -> list[Place]:
    """Return the rows of `PLACES` as organizations with their projects."""
    found = []
    for (id, name), each in groupby(rows, key=lambda row: (row[0], row[1])):
        found.append(Place(id, name, [(row[2], row[3]) for row in each if row[2] is not None]))
    return found


def parsed(text: str) -> UUID:
    """Return the ID in a form; one of nothing if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def of_project(session: Session, person: UUID, project: UUID) -> Confinement | None:
    """Return the confinement to a project that the person reads in an organization of theirs."""
    organization = session.scalar(
        select(Project.organization_id).where(Project.id == project, Project.deleted_at.is_(None))
    )
    if organization is None:
        return None
    connection = session.connection()
    row = connection.exec_driver_sql(OF_PERSON, (person, None, organization, project)).mappings()
    roles = row.one_or_none()
    if roles is None or organization not in roles["organizations"]:
        return None
    held = (*(roles["scopes"] or ()), *roles["visible_projects"])
    return Confinement(organization, project) if project in held else None
