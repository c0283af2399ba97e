"""Rows are read as they were at a moment or a version, with what hid or held them then."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.session import Output, Select
from auth.session.versions import Version
from db.requirements.documents import Document
from tests.session.notebook import refused
from tests.session.notes import Folder, Note, Stage


async def now(notebook):
    """Return the clock of PostgreSQL, by which what follows is later."""
    return await notebook.world.superuser.fetchval("SELECT clock_timestamp()")


async def names(session, key, parents, at):
    past = await session.moment(at)
    found = await session.pages(Note, key, parents, order=[Note.name], past=past)
    counts = await session.counts(Note, key, parents, past=past)
    assert counts == {parent: len(rows) for parent, rows in found.items()}
    limited = await session.pages(Note, key, parents, order=[Note.name], limit=9, past=past)
    assert limited == found
    return {parent: [row.name for row in rows] for parent, rows in found.items()}


async def test_rows_are_read_as_they_were(notebook):
    note = await notebook.note(name="A", tags=["x"], data={"k": 1}, stage=Stage.DONE)
    moments = [await now(notebook)]
    await notebook.update(note, 1, "admin", name="B", tags=[], data={}, stage=Stage.DRAFT)
    moments.append(await now(notebook))
    await notebook.delete(note, 2)
    moments.append(await now(notebook))
    session = await notebook.session("viewer")
    seen = []
    for at in moments:
        past = await session.moment(at)
        pages = await session.pages(Note, "id", [note.id], past=past)
        seen += [(r.name, r.tags, r.stage, r.version, r.updated_by) for r in pages.get(note.id, ())]
        assert all(session.past_of(row) == past for row in pages.get(note.id, ()))
    people = notebook.world.people
    assert seen == [
        ("A", ["x"], "done", 1, people["editor"]),
        ("B", [], "draft", 2, people["admin"]),
    ]


async def test_a_row_that_was_not_there_yet_is_not_read(notebook):
    before = await now(notebook)
    note = await notebook.note()
    session = await notebook.session("viewer")
    assert await names(session, "id", [note.id], before) == {}
    with refused("INVALID", "asOf"):
        await session.moment(datetime.now(UTC) + timedelta(hours=1))


async def test_rows_are_where_they_were_then(notebook):
    one, two = await notebook.folder(name="One"), await notebook.folder(name="Two")
    note = await notebook.note(name="N", parent_id=one.id)
    before = await now(notebook)
    await notebook.update(note, 1, parent_id=two.id)
    session = await notebook.session("viewer")
    parents = [one.id, two.id]
    assert await names(session, "parent_id", parents, before) == {one.id: ["N"]}
    assert await names(session, "parent_id", parents, await now(notebook)) == {two.id: ["N"]}


async def test_what_was_hidden_then_is_hidden(notebook):
    outer = await notebook.folder(name="Outer")
    inner = await notebook.folder(name="Inner", parent_id=outer.id)
    note = await notebook.note(name="N", parent_id=inner.id)
    shown = await now(notebook)
    await notebook.delete(outer)
    hidden = await now(notebook)
    async with notebook.writing("admin") as transaction:
        row = await transaction.find(Folder, outer.id, deleted=True)
        await transaction.edits.restore(row, 2)
    session = await notebook.session("viewer")
    for key, id in (("parent_id", inner.id), ("id", note.id)):
        assert await names(session, key, [id], shown) == {id: ["N"]}
        assert await names(session, key, [id], hidden) == {}
    past = await session.moment(hidden)
    assert await session.pages(Folder, "id", [inner.id], past=past) == {}


async def test_rows_of_a_document_that_was_deleted_then_are_hidden(notebook):
    note = await notebook.note(name="N")
    id = notebook.world.document
    async with notebook.writing("admin") as transaction:
        await transaction.edits.delete(await transaction.find(Document, id), 1)
    hidden = await now(notebook)
    async with notebook.writing("admin") as transaction:
        await transaction.edits.restore(await transaction.find(Document, id, deleted=True), 2)
    session = await notebook.session("viewer")
    assert await names(session, "id", [note.id], hidden) == {}
    assert await names(session, "id", [note.id], await now(notebook)) == {note.id: ["N"]}


async def test_what_others_may_not_read_now_is_not_read_as_it_was(notebook):
    note = await notebook.note()
    at = await now(notebook)
    for person, found in (("viewer", 1), ("member", 0), ("outsider", 0)):
        assert len(await names(await notebook.session(person), "id", [note.id], at)) == found


async def test_a_transaction_is_seen_whole(notebook):
    one, two = await notebook.note(name="1"), await notebook.note(name="2")
    async with notebook.writing() as transaction:
        found = await transaction.find_by_id(Note, [one.id, two.id])
        transaction.change(found[one.id], 1, name="A")
        await transaction.flush()
        between = await now(notebook)
        transaction.change(found[two.id], 1, name="B")
    session = await notebook.session("viewer")
    ids = [one.id, two.id]
    assert await names(session, "id", ids, between) == {one.id: ["1"], two.id: ["2"]}
    assert await names(session, "id", ids, await now(notebook)) == {one.id: ["A"], two.id: ["B"]}


async def test_the_moment_of_a_version_is_after_its_transaction(notebook):
    note, other = await notebook.note(name="A"), await notebook.note(name="Other")
    async with notebook.writing() as transaction:
        found = await transaction.find_by_id(Note, [note.id, other.id])
        transaction.change(found[note.id], 1, name="B")
        await transaction.flush()
        transaction.change(found[other.id], 1, name="With B")
    await notebook.update(note, 2, name="C")
    session = await notebook.session("viewer")
    seen = []
    for version in (1, 2, 3):
        past = await session.moment_of(Note, note.id, version)
        pages = await session.pages(Note, "id", [note.id, other.id], past=past)
        seen.append([row.name for id in (note.id, other.id) for row in pages.get(id, ())])
    assert seen == [["A"], ["B", "With B"], ["C", "With B"]]
    assert await session.moment_of(Note, note.id, 4) is None


async def test_many_versions_are_read_at_once(notebook):
    note, other = await notebook.note(name="A", text="t"), await notebook.note(name="O")
    made = await now(notebook)
    await notebook.update(note, 1, name="B")
    await notebook.update(note, 2, "admin", text=None)
    await notebook.delete(note, 3)
    async with notebook.writing("admin") as transaction:
        row = await transaction.find(Note, note.id, deleted=True)
        await transaction.edits.restore(row, 4)
    session = await notebook.session("viewer")
    wanted = [Version(note.id, number, made) for number in range(1, 7)]
    found = await session.at_versions(Note, [*wanted, Version(other.id, 1, made)])
    assert {key: (row.name, row.text) for key, row in found.items()} == {
        (note.id, 1): ("A", "t"),
        (note.id, 2): ("B", "t"),
        (note.id, 3): ("B", None),
        (note.id, 5): ("B", None),
        (other.id, 1): ("O", None),
    }
    assert found[note.id, 3].updated_by == notebook.world.people["admin"]
    past = session.past_of(found[note.id, 2])
    pages = await session.pages(Note, "id", [note.id], past=past)
    assert [row.name for row in pages[note.id]] == ["B"]


async def test_a_request_reads_so_many_pasts_and_no_more(notebook):
    note = await notebook.note()
    session = await notebook.session("viewer")
    session.most_pasts = 2
    at = await now(notebook)
    pasts = [await session.moment(at - timedelta(seconds=n)) for n in range(3)]
    for past in (*pasts[:2], pasts[0]):
        await session.pages(Note, "id", [note.id], past=past)
    with refused("INVALID"):
        await session.pages(Note, "id", [note.id], past=pasts[2])


async def test_the_history_of_rows_is_read(notebook):
    note, other = await notebook.note(name="A"), await notebook.note()
    await notebook.update(note, 1, "admin", name="B")
    session = await notebook.session("viewer")
    ids = [note.id, other.id]
    changes = await session.history(ids, limit=1)
    assert {id: len(found) for id, found in changes.items()} == {note.id: 1, other.id: 1}
    assert await session.history_counts(ids) == {note.id: 2, other.id: 1}


@pytest.mark.slow
@pytest.mark.parametrize("person", ["owner", "viewer", "document_editor", "member", "outsider"])
async def test_reads_of_every_kind_agree(notebook, person):
    folders = [await notebook.folder(name=f"F{n}") for n in range(2)]
    other = await notebook.document()
    for n in range(6):
        place = {"document_id": other} if n == 5 else {"parent_id": folders[n % 2].id}
        await notebook.note(name=f"N{n}", position=float(n % 3), **place)
    session = await notebook.session(person)
    order = (Note.position.desc(), Note.id.asc())
    rows = [row.id for row in await session.rows(Note, order=order)]
    expected = {"owner": 6, "viewer": 6, "document_editor": 5}
    assert len(rows) == await session.count(Note) == expected.get(person, 0)
    read = Select(Note, (Output("id"),), order=order, limited=True)
    assert [row[0] for row in await session.fetch(read, {"limit": 4})] == rows[:4]
    parents = [folder.id for folder in folders]
    pages = await session.pages(Note, "parent_id", parents, order=order, limit=2)
    read = Select(Note, (Output("id"),), "parent_id", order=order, limited=True)
    found = await session.fetch(read, {"parents": parents, "limit": 2})
    assert [row[0] for row in found] == [row.id for id in parents for row in pages.get(id, ())]
    counted = await session.fetch(Select(Note, (), "parent_id", counted=True), {"parents": parents})
    assert dict(counted) == await session.counts(Note, "parent_id", parents)
