"""The transaction of a request: what it writes is stored whatever becomes of its reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from auth.origin import Origin
from auth.session import ViewerSession
from auth.session.write.request_transaction import RequestTransaction
from auth.session.write.transaction import Transaction
from db.requirements.documents import Block
from tests.session.notebook import Notebook, refused
from tests.session.notes import Note

NAMES = "SELECT name FROM a_folder_notes WHERE document_id = $1 ORDER BY name"


class Request:
    """A request of the editor."""

    def __init__(self, notebook: Notebook, session: ViewerSession, joined: RequestTransaction):
        self.notebook, self.session, self.joined = notebook, session, joined

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        async with self.joined.savepoint(self.session.viewer, Origin()) as transaction:
            yield transaction

    async def names(self) -> list[str]:
        """Return the names of the notes that it sees now."""
        context, document = self.session.viewer.context, self.notebook.world.document
        return [row["name"] for row in await self.joined.fetch(context, NAMES, [document])]

    async def fail(self) -> None:
        """Read something that PostgreSQL refuses."""
        with pytest.raises(asyncpg.DivisionByZeroError):
            await self.joined.fetch(self.session.viewer.context, "SELECT 1 / $1::int", [0])


@asynccontextmanager
async def requesting(notebook: Notebook) -> AsyncIterator[Request]:
    session = await notebook.session()
    async with RequestTransaction.begin(notebook.world.database, session.viewer) as joined:
        yield Request(notebook, session, joined)


async def test_reads_that_fail_undo_no_write_whenever_they_do(notebook):
    added = [Note(**notebook.place, name=f"N{n}") for n in range(3)]
    async with requesting(notebook) as request:
        await request.names()
        for number, note in enumerate(added):
            await request.fail()
            async with request.writing() as transaction:
                transaction.add(note)
            assert await request.names() == [f"N{n}" for n in range(number + 1)]
            await request.fail()
            assert await request.names() == [f"N{n}" for n in range(number + 1)]
        await request.joined.commit()
    assert await notebook.seen("editor") == {"N0", "N1", "N2"}


async def test_a_write_that_fails_undoes_nothing_but_itself(notebook):
    async with requesting(notebook) as request:
        async with request.writing() as transaction:
            transaction.add(Note(**notebook.place, name="Before"))
        await request.names()
        with refused("INVALID", "name"):
            async with request.writing() as transaction:
                transaction.add(Note(**notebook.place, name="  "))
        assert await request.names() == ["Before"]
        async with request.writing() as transaction:
            transaction.add(Note(**notebook.place, name="After"))
        await request.joined.commit()
    assert await notebook.seen("editor") == {"Before", "After"}


async def test_a_constraint_that_is_deferred_is_checked_with_the_write_that_violates_it(notebook):
    """At the commit its error could not say whose it is."""
    async with requesting(notebook) as request:
        with refused("NOT_FOUND", "parent_id"):
            async with request.writing() as transaction:
                transaction.add(Block(**notebook.place, name="Lost", parent_id=uuid4()))
        async with request.writing() as transaction:
            transaction.add(Note(**notebook.place, name="Kept"))
        await request.joined.commit()
    assert await notebook.seen("editor") == {"Kept"}


async def test_a_request_that_is_not_committed_has_stored_nothing(notebook):
    async with requesting(notebook) as request:
        async with request.writing() as transaction:
            transaction.add(Note(**notebook.place, name="Never"))
        assert await request.names() == ["Never"]
    assert await notebook.seen("editor") == set()
