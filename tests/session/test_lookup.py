"""A transaction finds rows by themselves, by their ids or by criteria, and locks what it finds."""

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from tests.session.notebook import refused
from tests.session.notes import Note

WRITE = "SELECT FROM a_folder_notes WHERE id = $1 FOR NO KEY UPDATE NOWAIT"
REFER = "SELECT FROM a_folder_notes WHERE id = $1 FOR KEY SHARE NOWAIT"

WAYS = {
    "one": lambda transaction, id, **how: transaction.find(Note, id, **how),
    "some": lambda transaction, id, **how: transaction.find_by_id(Note, [id], **how),
    "all": lambda transaction, id, **how: transaction.find_all(Note, Note.id == id, **how),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_what_is_found_is_locked_to_writers_unless_said(notebook, way):
    note, run = await notebook.note(), notebook.world.superuser.execute
    async with notebook.writing() as transaction:
        await way(transaction, note.id, lock=False)
        await run(WRITE, note.id)
        await way(transaction, note.id)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await run(WRITE, note.id)
        await run(REFER, note.id)
    await run(WRITE, note.id)


@pytest.mark.parametrize("way", [WAYS["some"], WAYS["all"]], ids=["some", "all"])
async def test_live_rows_are_found_or_deleted_ones(notebook, way):
    live, gone = await notebook.note(), await notebook.note()
    await notebook.delete(gone)
    async with notebook.writing("admin") as transaction:
        for deleted, expected in (
            (False, [True, False]),
            (True, [False, True]),
            (None, [True] * 2),
        ):
            found = [await way(transaction, row.id, deleted=deleted) for row in (live, gone)]
            assert [bool(rows) for rows in found] == expected
        assert not await way(transaction, gone.id)


async def test_columns_of_live_rows_are_found_in_an_order_and_nothing_is_locked(notebook):
    notes = [await notebook.note(name=f"N{n}", position=float(-n)) for n in range(3)]
    await notebook.delete(notes[1])
    async with notebook.writing() as transaction:
        found = await transaction.values(Note, ["name", "version"], order=[Note.position])
        assert [tuple(row) for row in found] == [("N2", 1), ("N0", 1)]
        found = await transaction.values(Note, ["name"], order=[Note.position], limit=1)
        assert [row.name for row in found] == ["N2"]
        found = await transaction.values(Note, ["name"], deleted=None, tell_shown=True)
        assert {tuple(row) for row in found} == {("N0", True), ("N1", False), ("N2", True)}
        await notebook.world.superuser.execute(WRITE, notes[0].id)


async def test_the_last_of_each_parent_is_found_deleted_or_not(notebook):
    folders = [await notebook.folder(name=f"F{n}") for n in range(3)]
    ids = [folder.id for folder in folders]
    for place, position in ((0, 1.0), (0, 2.0), (1, 5.0)):
        last = await notebook.note(parent_id=ids[place], position=position)
    await notebook.delete(last)
    async with notebook.writing() as transaction:
        found = await transaction.last(Note, "position", "parent_id", ids)
    assert found == {ids[0]: 2.0, ids[1]: 5.0}


async def test_it_is_said_why_rows_are_not_found(notebook, other_world):
    note, gone = await notebook.note(), uuid7()
    async with notebook.writing() as transaction:
        problems = await transaction.why_not_found(Note, [gone])
        assert problems[gone].code == "NOT_FOUND"
    run, project = notebook.world.superuser.execute, notebook.world.project
    await run("UPDATE projects SET visibility = 'public' WHERE id = $1", project)
    try:
        async with type(notebook)(other_world).writing() as transaction:
            problems = await transaction.why_not_found(Note, [note.id, gone])
            assert problems[note.id].code == "FORBIDDEN"
            assert problems[gone].code == "NOT_FOUND"
            with refused("FORBIDDEN"):
                await transaction.find(Note, note.id)
    finally:
        await run("UPDATE projects SET visibility = 'private' WHERE id = $1", project)
