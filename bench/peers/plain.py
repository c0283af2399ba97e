"""Strawberry as documented: types, resolvers, dataloaders, cached documents.

Rows come from asyncpg and stay records; each edge selects the columns that its type shows. There is
no sign-in, no policy, no limit and no log.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import strawberry
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

CONNECTIONS = int(os.environ.get("CONNECTIONS", "8"))
COLUMNS = "id, name, description, status, priority, level, position, updated_at, block_id"

Info = strawberry.Info[dict[str, Any], None]


def _lists(pool: asyncpg.Pool, key: str, sql: str) -> Callable[[list[UUID]], Awaitable[Any]]:
    async def load(keys: list[UUID]) -> list[list[asyncpg.Record]]:
        found: dict[UUID, list[asyncpg.Record]] = {value: [] for value in keys}
        for row in await pool.fetch(sql, keys):
            found[row[key]].append(row)
        return [found[value] for value in keys]

    return load


def _rows(pool: asyncpg.Pool, sql: str) -> Callable[[list[UUID]], Awaitable[Any]]:
    async def load(keys: list[UUID]) -> list[asyncpg.Record | None]:
        found = {row["id"]: row for row in await pool.fetch(sql, keys)}
        return [found.get(value) for value in keys]

    return load


def _loaders(pool: asyncpg.Pool) -> dict[str, Callable[[list[UUID]], Awaitable[Any]]]:
    return {
        "documents": _lists(
            pool,
            "project_id",
            "SELECT id, name, project_id FROM documents WHERE project_id = ANY ($1)"
            " ORDER BY position",
        ),
        "blocks": _lists(
            pool,
            "document_id",
            "SELECT id, name, document_id FROM blocks WHERE document_id = ANY ($1)"
            " ORDER BY position",
        ),
        "requirements": _lists(
            pool,
            "block_id",
            f"SELECT {COLUMNS} FROM requirements WHERE block_id = ANY ($1) ORDER BY position",
        ),
        "assignments": _lists(
            pool,
            "requirement_id",
            "SELECT id, role, assignee_id, requirement_id FROM assignments"
            " WHERE requirement_id = ANY ($1) ORDER BY id",
        ),
        "block": _rows(pool, "SELECT id, name FROM blocks WHERE id = ANY ($1)"),
        "person": _rows(pool, "SELECT id, full_name FROM profiles WHERE id = ANY ($1)"),
        "requirement": _rows(pool, f"SELECT {COLUMNS} FROM requirements WHERE id = ANY ($1)"),
    }


def _load(info: Info, name: str, key: UUID) -> Awaitable[Any]:
    loaders = info.context["loaders"]
    if name not in loaders:
        loaders[name] = DataLoader(info.context["load"][name])
    return loaders[name].load(key)


@strawberry.type
class Profile:
    """A person."""

    id: UUID
    full_name: str


@strawberry.type
class Assignment:
    """A person's task."""

    id: UUID
    role: str

    @strawberry.field
    async def assignee(self, info: Info) -> Profile:
        """Load the person."""
        return await _load(info, "person", self["assignee_id"])


@strawberry.type
class Requirement:
    """A requirement."""

    id: UUID
    name: str
    description: str | None
    status: str
    priority: str
    level: str
    position: float
    updated_at: datetime

    @strawberry.field
    async def assignments(self, info: Info) -> list[Assignment]:
        """Load the assignments."""
        return await _load(info, "assignments", self["id"])

    @strawberry.field
    async def block(self, info: Info) -> "Block":
        """Load the block."""
        return await _load(info, "block", self["block_id"])


@strawberry.type
class Block:
    """A part of a document."""

    id: UUID
    name: str

    @strawberry.field
    async def requirements(self, info: Info) -> list[Requirement]:
        """Load its requirements."""
        return await _load(info, "requirements", self["id"])


@strawberry.type
class Document:
    """A document."""

    id: UUID
    name: str

    @strawberry.field
    async def blocks(self, info: Info) -> list[Block]:
        """Load its blocks."""
        return await _load(info, "blocks", self["id"])

    @strawberry.field
    async def requirements(self, info: Info, first: int = 50) -> list[Requirement]:
        """Load its first requirements."""
        return await info.context["pool"].fetch(
            f"SELECT {COLUMNS} FROM requirements WHERE document_id = $1"
            " ORDER BY position, id LIMIT $2",
            self["id"],
            first,
        )


@strawberry.type
class Project:
    """A project."""

    id: UUID
    name: str

    @strawberry.field
    async def documents(self, info: Info) -> list[Document]:
        """Load its documents."""
        return await _load(info, "documents", self["id"])


@strawberry.type
class Query:
    """The four roots."""

    @strawberry.field
    async def requirement(self, info: Info, id: UUID) -> Requirement | None:
        """Find one requirement."""
        return await _load(info, "requirement", id)

    @strawberry.field
    async def project(self, info: Info, id: UUID) -> Project | None:
        """Find one project."""
        return await info.context["pool"].fetchrow(
            "SELECT id, name FROM projects WHERE id = $1", id
        )

    @strawberry.field
    async def document(self, info: Info, id: UUID) -> Document | None:
        """Find one document."""
        return await info.context["pool"].fetchrow(
            "SELECT id, name FROM documents WHERE id = $1", id
        )

    @strawberry.field
    async def requirements(self, info: Info, project_id: UUID, first: int) -> list[Requirement]:
        """List the first requirements of a project."""
        return await info.context["pool"].fetch(
            f"SELECT {COLUMNS} FROM requirements WHERE project_id = $1 ORDER BY id LIMIT $2",
            project_id,
            first,
        )


schema = strawberry.Schema(
    Query,
    extensions=[ParserCache, ValidationCache],
    config=StrawberryConfig(default_resolver=lambda row, name: row[name]),
)


class Endpoint(GraphQL):
    """The endpoint, with JSON by orjson and a dataloader for each request."""

    def encode_json(self, data: object) -> bytes:
        """Write JSON."""
        return orjson.dumps(data)

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        """Return the context of resolvers."""
        del response
        return {**request.app.state.context, "loaders": {}}


@asynccontextmanager
async def _connected(app: Starlette) -> AsyncIterator[None]:
    address = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(address, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        app.state.context = {"pool": pool, "load": _loaders(pool)}
        yield


app = Starlette(
    routes=[Route("/graphql", Endpoint(schema, graphql_ide=None), methods=["POST"])],
    lifespan=_connected,
)
