"""Rows that one viewer asks for by ID at the same time are read by one statement."""

import asyncio

import pytest

from auth.session import Output, Select, ViewerSession
from auth.session.shared_reads import MAX_IDS, SharedReads
from db.lending import Pool
from db.problem import Problem
from tests.session.notes import Note

READ = Select(Note, (Output("id", "text"), Output("name")), parents="id")


@pytest.fixture
def lent(notebook, monkeypatch):
    """Count the loans of connections, and with them the statements."""
    lend, loans = Pool.lend, []

    def counted(*arguments, **options):
        if arguments[0] is notebook.world.database.app:  # and no pool of an application that runs
            loans.append(arguments)
        return lend(*arguments, **options)

    monkeypatch.setattr(Pool, "lend", counted)
    return loans


@pytest.fixture
async def sessions(notebook):
    """Return new sessions of one viewer, as requests within half a second have."""
    first = await notebook.session()
    return lambda: ViewerSession(notebook.world.database, first.viewer)


def reading(sessions, ids):
    return [asyncio.ensure_future(sessions().fetch_by_id(READ, [str(id)], 0)) for id in ids]


@pytest.mark.slow
async def test_reads_that_wait_together_share_a_statement(notebook, sessions, lent):
    notes = [await notebook.note(name=f"N{n}") for n in range(5)]
    lent.clear()
    found = await asyncio.gather(*reading(sessions, [note.id for note in notes]))
    assert [[row["name"] for row in rows] for rows in found] == [[note.name] for note in notes]
    assert len(lent) == 2
    session = sessions()
    await session.fetch_by_id(READ, [str(notes[0].id)], 0)
    assert (len(lent), session.statements, session.rows_read) == (3, 1, 1)
    assert session.bytes_read > 0


async def test_nobody_gets_the_rows_of_another_read_or_viewer(notebook, sessions, lent):
    note, other = await notebook.note(name="A"), await notebook.note(name="B")
    outsider = await notebook.session("outsider")
    lent.clear()
    mine = reading(sessions, [note.id, other.id, notebook.world.block])
    theirs = [outsider.fetch_by_id(READ, [str(note.id)], 0) for _ in range(3)]
    *found, one, two, three = await asyncio.gather(*mine, *theirs)
    assert [[row["name"] for row in rows] for rows in found] == [["A"], ["B"], []]
    assert one == two == three == []
    assert len(lent) == 4


async def test_who_stops_waiting_holds_up_nobody(notebook, sessions):
    notes = [await notebook.note(name=f"N{n}") for n in range(4)]
    first, second, *others = reading(sessions, [note.id for note in notes])
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    found = await asyncio.gather(*others)
    assert [rows[0]["name"] for rows in found] == ["N2", "N3"]


async def test_what_fails_together_is_read_by_each_alone(notebook, sessions, monkeypatch):
    notes = [await notebook.note(name=f"N{n}") for n in range(3)]

    async def failing(*_):
        raise LookupError

    monkeypatch.setattr(SharedReads, "_fetch", failing)
    found = await asyncio.gather(*reading(sessions, [note.id for note in notes]))
    assert [rows[0]["name"] for rows in found] == ["N0", "N1", "N2"]

    async def busy(*_):
        raise Problem("BUSY", "No connection.")

    monkeypatch.setattr(SharedReads, "_fetch", busy)
    told = await asyncio.gather(
        *reading(sessions, [note.id for note in notes]), return_exceptions=True
    )
    assert [getattr(one, "code", None) for one in told] == [None, "BUSY", "BUSY"]


async def test_many_ids_are_a_statement_of_their_own(notebook, sessions, lent):
    notes = [await notebook.note(name=f"N{n}") for n in range(MAX_IDS + 1)]
    ids = [str(note.id) for note in notes]
    lent.clear()
    await asyncio.gather(*(sessions().fetch_by_id(READ, ids, 0) for _ in range(2)))
    assert len(lent) == 2
