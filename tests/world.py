"""A tenant for one test: people in every role, and requests as any of them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from uuid_utils.compat import uuid7

from auth.credentials import tokens
from db.pool import Database

ROLES = ("owner", "admin", "editor", "member", "viewer", "billing")
"""The roles in the organization; each person is called by their role."""

OTHERS = ("project_admin", "project_editor", "project_viewer", "document_editor", "outsider")
"""Members with a role in the project or document only; `outsider` is in no organization."""


class Refused(Exception):
    """The operation had errors; `code` is the first one's."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors
        self.code: str = errors[0]["extensions"]["code"]
        self.field: list[Any] = errors[0]["extensions"].get("field", [])


@dataclass
class World:
    """The IDs of the rows, and the people."""

    superuser: asyncpg.Connection
    database: Database
    client: httpx.AsyncClient
    name: str
    organization: UUID = field(default_factory=uuid7)
    project: UUID = field(default_factory=uuid7)
    document: UUID = field(default_factory=uuid7)
    block: UUID = field(default_factory=uuid7)
    requirement: UUID = field(default_factory=uuid7)
    people: dict[str, UUID] = field(default_factory=dict)
    members: dict[str, UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def email(self, person: str) -> str:
        return f"{person}.{self.name}@test.example"

    async def close_projects(self) -> None:
        """Make public projects private: everybody sees what is public, in other tests as well."""
        await self.superuser.execute(
            "UPDATE projects SET visibility = 'private'"
            " WHERE organization_id = $1 AND visibility = 'public'",
            self.organization,
        )

    async def token(self, person: str) -> str:
        if person not in self.tokens:
            self.tokens[person] = await tokens.issue(
                self.database, self.email(person), timedelta(hours=1)
            )
        return self.tokens[person]

    async def post(self, person: str | None, query: str, **variables: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self.token(person)}"} if person else {}
        body = {"query": query, "variables": _sendable(variables)}
        return await self.client.post("/graphql", json=body, headers=headers)

    async def answer(self, person: str | None, query: str, **variables: Any) -> dict[str, Any]:
        """Return the whole answer: data, errors and extensions."""
        return (await self.post(person, query, **variables)).json()

    async def ask(self, person: str | None, query: str, **variables: Any) -> Any:
        """Return the data; its one root field, when it has one. Raises Refused for errors."""
        answer = await self.answer(person, query, **variables)
        if answer.get("errors"):
            raise Refused(answer["errors"])
        data = answer["data"]
        return next(iter(data.values())) if len(data) == 1 else data

    async def code(self, person: str | None, query: str, **variables: Any) -> str | None:
        """Return the code of the first error, or None when there is none."""
        errors = (await self.answer(person, query, **variables)).get("errors")
        return errors[0]["extensions"]["code"] if errors else None

    async def records(self, entity: UUID | str) -> list[asyncpg.Record]:
        """Return the audit events of a row, oldest first."""
        return await self.superuser.fetch(
            "SELECT * FROM audit_logs WHERE entity_id = $1 ORDER BY version, created_at",
            UUID(str(entity)),
        )


def _sendable(value: Any) -> Any:
    match value:
        case dict():
            return {key: _sendable(member) for key, member in value.items()}
        case list() | tuple():
            return [_sendable(member) for member in value]
        case UUID():
            return str(value)
        case _:
            return value


async def found(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> World:
    """Create a tenant with plain SQL: quickly, and without the code under test."""
    world = World(superuser, database, client, name=uuid7().hex[-12:])
    people = {person: uuid7() for person in (*ROLES, *OTHERS)}
    inside = [person for person in people if person != "outsider"]
    world.people = people
    world.members = {person: uuid7() for person in inside}
    async with superuser.transaction():
        await superuser.executemany(
            "INSERT INTO profiles (id, email, full_name, is_approved) VALUES ($1, $2, $3, true)",
            [(id, world.email(person), f"{person} {world.name}") for person, id in people.items()],
        )
        await superuser.execute(
            "INSERT INTO organizations (id, name, slug, owner_id) VALUES ($1, $2, $3, $4)",
            world.organization,
            f"Organization {world.name}",
            f"o-{world.name}",
            people["owner"],
        )
        await superuser.executemany(
            "INSERT INTO organization_members (id, organization_id, user_id, role)"
            " VALUES ($1, $2, $3, $4)",
            [
                (
                    world.members[person],
                    world.organization,
                    people[person],
                    person if person in ROLES else "member",
                )
                for person in inside
            ],
        )
        await superuser.execute(
            "INSERT INTO projects (id, organization_id, name, slug, visibility)"
            " VALUES ($1, $2, $3, $4, 'private')",
            world.project,
            world.organization,
            f"Project {world.name}",
            f"p-{world.name}",
        )
        await superuser.execute(
            "INSERT INTO documents (id, organization_id, project_id, name, slug)"
            " VALUES ($1, $2, $3, $4, $5)",
            world.document,
            world.organization,
            world.project,
            f"Document {world.name}",
            f"d-{world.name}",
        )
        place = (world.organization, world.project, world.document)
        await superuser.execute(
            "INSERT INTO blocks (id, organization_id, project_id, document_id, name, position)"
            " VALUES ($1, $2, $3, $4, $5, 1)",
            world.block,
            *place,
            f"Block {world.name}",
        )
        await superuser.execute(
            "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id,"
            " name, position) VALUES ($1, $2, $3, $4, $5, $6, 1)",
            world.requirement,
            *place,
            world.block,
            f"Requirement {world.name}",
        )
        await superuser.executemany(
            "INSERT INTO project_members (organization_id, project_id, user_id, role)"
            " VALUES ($1, $2, $3, $4)",
            [
                (world.organization, world.project, people[f"project_{role}"], role)
                for role in ("admin", "editor", "viewer")
            ],
        )
        await superuser.execute(
            "INSERT INTO user_roles (organization_id, project_id, document_id, user_id,"
            " document_role) VALUES ($1, $2, $3, $4, 'editor')",
            *place,
            people["document_editor"],
        )
    return world
