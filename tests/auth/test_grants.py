"""Every source of roles, alone and together, against the rules written out in Python.

One person is a member of many organizations, each in another way, and each with projects that open
to them in another way: one identification must find exactly the roles that the rules give.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from auth.credentials import tokens
from auth.credentials.identify import act_for, identify_token
from auth.viewer import Role
from db.pool import Database

ROLES = ("owner", "admin", "editor", "member", "viewer", "billing")
VISIBILITIES = ("private", "restricted", "organization", "public")


@dataclass(frozen=True)
class Held:
    """A role that was granted, and its later state."""

    role: str
    state: str = "current"

    @property
    def counts(self) -> bool:
        return self.state == "current"


@dataclass
class Project:
    visibility: str
    deleted: bool = False
    member: Held | None = None
    role: Held | None = None
    documents: dict[UUID, Held] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid7)


@dataclass
class Organization:
    deleted: bool
    member: Held | None
    admin: Held | None
    projects: list[Project]
    id: UUID = field(default_factory=uuid7)

    @property
    def is_mine(self) -> bool:
        if self.member is None or not self.member.counts:
            return False
        return not self.deleted or self.member.role == "owner"  # who may restore it

    def roles(self) -> set[Role]:
        """Return the person's roles in the organization."""
        given = [held for held in (self.member, self.admin) if held and held.counts]
        return {Role[held.role.upper()] for held in given} if self.is_mine else set()

    def sees(self, project: Project) -> bool:
        """Return whether the project's visibility alone opens it to the person."""
        if project.deleted or self.deleted:
            return False
        if project.visibility == "organization":
            return bool(self.roles() - {Role.BILLING})
        return project.visibility == "public"

    def grants(self) -> Iterator[tuple[UUID, Role]]:
        """Yield all grants of the person by the rules."""
        for role in self.roles():
            yield self.id, role
        for project in self.projects:
            if self.sees(project) and max(self.roles(), default=Role.ANYONE) < Role.VIEWER:
                yield project.id, Role.VIEWER
            if self.is_mine:
                for held in (project.member, project.role):
                    if held and held.counts:
                        yield project.id, Role[held.role.upper()]
                for document, held in project.documents.items():
                    if held.counts:
                        yield document, Role[held.role.upper()]


def every_project(*, named: bool) -> list[Project]:
    projects = [Project(v, deleted) for v in VISIBILITIES for deleted in (False, True)]
    if named:
        for visibility in VISIBILITIES:
            editor, admin = Held("editor"), Held("admin")
            projects += [
                Project(visibility, member=editor),
                Project(visibility, deleted=True, member=editor),
                Project(visibility, member=Held("editor", "suspended")),
                Project(visibility, member=Held("editor", "removed")),
                Project(visibility, role=admin),
                Project(visibility, role=Held("admin", "expired")),
                Project(visibility, role=Held("admin", "removed")),
                Project(visibility, member=Held("viewer"), role=admin),
                Project(visibility, member=Held("owner"), role=Held("viewer")),
            ]
        states = ("current", "expired", "removed")
        documents = {uuid7(): Held("editor", state) for state in states}
        projects.append(Project("private", documents=documents))
    return projects


def every_organization() -> Iterator[Organization]:
    for deleted in (False, True):
        yield Organization(deleted, None, None, every_project(named=False))
    admins = (
        None,
        Held("admin"),
        Held("member"),
        Held("admin", "expired"),
        Held("admin", "removed"),
    )
    for deleted, role, admin in product((False, True), ROLES, admins):
        yield Organization(deleted, Held(role), admin, every_project(named=True))
    for state, role in product(("suspended", "removed"), ROLES):
        yield Organization(False, Held(role, state), Held("admin"), every_project(named=True))


@pytest.fixture
async def organizations(superuser, person) -> AsyncIterator[list[Organization]]:
    organizations = list(every_organization())
    projects = [(o, p) for o in organizations for p in o.projects]
    documents = [(o, p, d, held) for o, p in projects for d, held in p.documents.items()]
    await superuser.executemany(
        "INSERT INTO organizations (id, name, slug, deleted_at)"
        " VALUES ($1, 'An organization', $2, CASE WHEN $3 THEN now() END)",
        [(o.id, str(o.id), o.deleted) for o in organizations],
    )
    await superuser.executemany(
        "INSERT INTO organization_members (organization_id, user_id, role, status, deleted_at)"
        " VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN now() END)",
        [(o.id, person.id, *told(o.member)) for o in organizations if o.member],
    )
    await superuser.executemany(
        "INSERT INTO projects (id, organization_id, name, slug, visibility, deleted_at)"
        " VALUES ($1, $2, 'A project', $3, $4, CASE WHEN $5 THEN now() END)",
        [(p.id, o.id, str(p.id), p.visibility, p.deleted) for o, p in projects],
    )
    await superuser.executemany(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'A document', $4)",
        [(d, o.id, p.id, str(d)) for o, p, d, _ in documents],
    )
    await superuser.executemany(
        "INSERT INTO project_members"
        " (organization_id, project_id, user_id, role, status, deleted_at)"
        " VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END)",
        [(o.id, p.id, person.id, *told(p.member)) for o, p in projects if p.member],
    )
    places = [("admin_role", o.id, None, None, o.admin) for o in organizations]
    places += [("project_role", o.id, p.id, None, p.role) for o, p in projects]
    places += [("document_role", o.id, p.id, d, held) for o, p, d, held in documents]
    for column in ("admin_role", "project_role", "document_role"):
        await superuser.executemany(
            f"INSERT INTO user_roles (user_id, organization_id, project_id, document_id, {column},"
            " created_at, expires_at, deleted_at) VALUES ($1, $2, $3, $4, $5,"
            " now() - interval '2 hours',"
            " now() + CASE WHEN $6 THEN interval '-1 hour' ELSE interval '1 hour' END,"
            " CASE WHEN $7 THEN now() END)",
            [
                (person.id, *place, held.role, held.state == "expired", held.state == "removed")
                for kind, *place, held in places
                if kind == column and held
            ],
        )
    yield organizations
    await superuser.executemany(  # or other tests would meet them at the root
        "UPDATE projects SET visibility = 'private' WHERE id = $1", [(p.id,) for _, p in projects]
    )


def told(held: Held) -> tuple[str, str, bool]:
    """Return the role, status and deletion of a membership, as its columns hold them."""
    status = "suspended" if held.state == "suspended" else "active"
    return held.role, status, held.state == "removed"


@pytest.mark.slow
async def test_the_roles_found_are_those_the_rules_give(
    database: Database, person, organizations
) -> None:
    token = await tokens.issue(database, person.email, timedelta(hours=1))
    viewer = await identify_token(token, database)

    expected: dict[UUID, Role] = {}
    for organization in organizations:
        for scope, role in organization.grants():
            expected[scope] = max(role, expected.get(scope, Role.ANYONE))
    public = {
        p.id
        for o in organizations
        for p in o.projects
        if o.sees(p) and p.visibility == "public" and not o.is_mine
    }
    ours = {o.id for o in organizations} | {p.id for o in organizations for p in o.projects}
    ours |= {d for o in organizations for p in o.projects for d in p.documents}

    # Public projects of other tests' tenants are found as well.
    assert {scope: role for scope, role in viewer.grants.items() if scope in ours} == expected
    assert viewer.organizations == {o.id for o in organizations if o.is_mine}
    assert viewer.public_projects & ours == public
    given = set(Role) - {Role.ANYONE, Role.GUEST, Role.PARTICIPANT, Role.NOBODY}
    assert set(expected.values()) == given

    # A command that acts for the person holds the same.
    acting = await act_for(person.email, database)
    assert (acting.id, acting.grants) == (viewer.id, viewer.grants)


async def test_grants_cannot_be_changed(database, person):
    viewer = await act_for(person.email, database)
    with pytest.raises(TypeError):
        viewer.grants[person.id] = Role.OWNER  # type: ignore[index]
