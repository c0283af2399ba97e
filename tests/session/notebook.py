"""A tenant with a notebook: rows of entities of no product, for the tests of the kernel."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import inspect
from uuid_utils.compat import uuid7

from auth.credentials.identify import act_for
from auth.session import Transaction, ViewerSession
from db.problem import Problem
from tests.session.notes import Folder, Note
from tests.world import World


@dataclass
class Notebook:
    """The document of a tenant, and what is noted in it."""

    world: World

    @property
    def place(self) -> dict[str, UUID]:
        """The scopes of a row in the document."""
        world = self.world
        return {
            "organization_id": world.organization,
            "project_id": world.project,
            "document_id": world.document,
        }

    async def session(
        self, person: str = "editor", scopes: set[str] | None = None
    ) -> ViewerSession:
        """Return the session of this person; `scopes` are those of their token."""
        viewer = await act_for(self.world.email(person), self.world.database)
        if scopes is not None:
            viewer = replace(viewer, scopes=frozenset(scopes))
        return ViewerSession(self.world.database, viewer)

    @asynccontextmanager
    async def writing(self, person: str = "editor", **of: Any) -> AsyncIterator[Transaction]:
        """Open a transaction in which this person writes."""
        async with (await self.session(person, **of)).transaction() as transaction:
            yield transaction

    async def note(self, **values: Any) -> Note:
        """Add a note as the editor, and return it."""
        note = Note(**{**self.place, "name": "Note", **values})
        async with self.writing() as transaction:
            transaction.add(note)
        return note

    async def folder(self, **values: Any) -> Folder:
        """Add a folder as the editor, and return it."""
        folder = Folder(**{**self.place, "name": "Folder", **values})
        async with self.writing() as transaction:
            transaction.add(folder)
        return folder

    async def update(
        self, row: Any, seen: int, person: str = "editor", *, force: bool = False, **values: Any
    ) -> None:
        """Set these columns as a person who has seen the row at this version."""
        async with self.writing(person) as transaction:
            found = await transaction.find(type(row), row.id)
            await transaction.edits.update(found, seen, values, force=force)

    async def delete(self, row: Any, seen: int = 1, person: str = "admin") -> None:
        """Delete the row as a person who has seen it at this version."""
        async with self.writing(person) as transaction:
            found = await transaction.find(type(row), row.id)
            await transaction.edits.delete(found, seen)

    async def stored(self, row: Any) -> asyncpg.Record | None:
        """Return the row as PostgreSQL has it."""
        identity = inspect(row).identity  # which a row keeps whose transaction was undone
        return await self.world.superuser.fetchrow(
            f"SELECT * FROM {type(row).__tablename__} WHERE id = $1",
            identity[0] if identity else row.id,
        )

    async def seen(self, person: str, model: type[Any] = Note) -> set[str]:
        """Return the names of all rows that a person reads."""
        return {row.name for row in await (await self.session(person)).rows(model)}

    async def document(self, project: UUID | None = None) -> UUID:
        """Make another document, in the same project unless said otherwise."""
        id = uuid7()
        await self.world.superuser.execute(
            "INSERT INTO documents (id, organization_id, project_id, name, slug)"
            " VALUES ($1, $2, $3, 'Other', $4)",
            *(id, self.world.organization, project or self.world.project, id.hex),
        )
        return id


@contextmanager
def refused(code: str, *field: str) -> Iterator[pytest.ExceptionInfo[Problem]]:
    """Expect a problem of this code, about this field if any."""
    with pytest.raises(Problem) as caught:
        yield caught
    assert caught.value.code == code
    assert caught.value.field == field
