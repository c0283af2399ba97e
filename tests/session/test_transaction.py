"""A transaction stores, versions and records all that is written in it, or nothing."""

import pytest

from auth.session import ViewerSession
from auth.viewer import ANONYMOUS
from db.problem import Problem
from db.row_security import lint
from tests.session.notebook import refused
from tests.session.notes import Folder, Note, Stage


async def test_the_notes_of_these_tests_are_behind_row_level_security(notebook):
    assert await lint(notebook.world.superuser) == []


async def test_a_new_row_is_stored_stamped_and_recorded(notebook):
    editor = notebook.world.people["editor"]
    note = await notebook.note(name="A", data={"a": 1}, tags=["x"], stage=Stage.DONE)
    stored = await notebook.stored(note)
    assert (stored["version"], stored["created_by"], stored["updated_by"]) == (1, editor, editor)
    assert (stored["name"], stored["tags"], stored["stage"]) == ("A", ["x"], "done")
    (event,) = await notebook.world.records(note.id)
    assert (event["action"], event["version"], event["actor_id"]) == ("create", 1, editor)
    assert (event["entity_type"], event["resource_type"]) == ("Note", "requirement")
    assert {key: event[key] for key in notebook.place} == notebook.place
    assert {"name", "data", "tags", "stage"} <= set(event["changed_fields"])
    assert not {"text", "parent_id", "version", "created_by"} & set(event["changed_fields"])


async def test_what_a_row_leaves_open_has_the_default_of_postgresql(notebook):
    note = await notebook.note()
    assert note.rank == 2
    assert (await notebook.stored(note))["rank"] == 2


async def test_what_is_written_is_normalised(notebook):
    note = await notebook.note(name="  A\u200bB ", code=" C-1 ", text="one\r\ntwo")
    stored = await notebook.stored(note)
    assert (stored["name"], stored["code"], stored["text"]) == ("AB", "C-1", "one\ntwo")
    await notebook.update(note, 1, name=" N ")
    assert (await notebook.stored(note))["name"] == "N"


async def test_a_change_is_recorded_by_what_differs(notebook):
    note = await notebook.note(name="A", data={"a": 1}, text="t")
    await notebook.update(note, 1, "admin", name="B", data={"a": 1}, text=None, stage=Stage.DRAFT)
    stored = await notebook.stored(note)
    admin = notebook.world.people["admin"]
    assert (stored["version"], stored["updated_by"]) == (2, admin)
    assert stored["created_by"] == notebook.world.people["editor"]
    assert stored["updated_at"] > stored["created_at"]
    _, event = await notebook.world.records(note.id)
    assert (event["action"], event["version"], event["actor_id"]) == ("update", 2, admin)
    assert event["changed_fields"] == ["name", "text"]
    assert (event["old_data"], event["new_data"]) == (
        '{"name": "A", "text": "t"}',
        '{"name": "B", "text": null}',
    )


async def test_a_change_to_the_same_is_none_and_takes_the_right_nevertheless(notebook):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="A")
    assert (await notebook.stored(note))["version"] == 1
    with refused("FORBIDDEN"):
        await notebook.update(note, 1, "viewer", name="A")


async def test_a_row_at_another_version_than_expected_is_left_alone(notebook):
    note = await notebook.note()
    for seen in (0, 2):
        with refused("CONFLICT") as caught:
            async with notebook.writing() as transaction:
                transaction.change(await transaction.find(Note, note.id), seen, name="B")
        assert caught.value.extensions["currentVersion"] == 1
    async with notebook.writing() as transaction:
        transaction.change(await transaction.find(Note, note.id), 1, name="B")
    assert (await notebook.stored(note))["version"] == 2


async def test_an_exception_undoes_everything(notebook):
    note, added = await notebook.note(name="A"), Note(**notebook.place, name="Never")
    id = added.id

    async def fail():
        async with notebook.writing() as transaction:
            transaction.change(await transaction.find(Note, note.id), 1, name="B")
            transaction.add(added)
            await transaction.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert (await notebook.stored(note))["name"] == "A"
    assert await notebook.stored(added) is None
    assert len(await notebook.world.records(note.id)) == 1
    assert not await notebook.world.records(id)


async def test_what_is_abandoned_is_undone_and_can_be_shown(notebook):
    async with notebook.writing() as transaction:
        note = Note(**notebook.place, name="Tried")
        transaction.add(note)
        await transaction.flush()
        await transaction.abandon()
        assert not await transaction.flushed()
    assert (note.name, note.version) == ("Tried", 1)
    assert await notebook.stored(note) is None
    assert not await notebook.world.records(note.id)


async def test_rows_are_sent_behind_those_that_they_are_in(notebook):
    outer = Folder(**notebook.place, name="Outer")
    inner = Folder(**notebook.place, name="Inner", parent_id=outer.id)
    note = Note(**notebook.place, name="N", parent_id=inner.id)
    async with notebook.writing() as transaction:
        transaction.add(note, inner, outer)
    assert (await notebook.stored(note))["parent_id"] == inner.id


async def test_one_flush_changes_different_columns_of_different_rows(notebook):
    rows = [await notebook.note(name=f"N{n}", text="t", code=f"C{n}") for n in range(3)]
    changes = [{"name": "X"}, {"text": None, "stage": Stage.DONE}, {"data": {"k": [1, None]}}]
    async with notebook.writing() as transaction:
        found = await transaction.find_by_id(Note, [row.id for row in rows])
        for row, change in zip(rows, changes, strict=True):
            transaction.change(found[row.id], 1, **change)
    stored = [await notebook.stored(row) for row in rows]
    assert [(s["name"], s["text"], s["stage"], s["data"]) for s in stored] == [
        ("X", "t", "draft", "{}"),
        ("N1", None, "done", "{}"),
        ("N2", "t", "draft", '{"k": [1, null]}'),
    ]
    assert [(s["code"], s["version"]) for s in stored] == [("C0", 2), ("C1", 2), ("C2", 2)]


async def test_what_postgresql_refuses_names_the_column(notebook):
    await notebook.note(code="C")
    for code, field, values in (
        ("INVALID", "name", {"name": "  "}),
        ("ALREADY_EXISTS", "code", {"code": "C"}),
        ("NOT_FOUND", "parent_id", {"parent_id": notebook.world.block}),
    ):
        with refused(code, field):
            await notebook.note(**values)
    assert await notebook.seen("editor") == {"Note"}


async def test_a_row_that_changed_after_it_was_read_without_a_lock_is_a_conflict(notebook):
    note, added = await notebook.note(name="A"), Note(**notebook.place, name="Never")
    with refused("CONFLICT"):
        async with notebook.writing() as transaction:
            row = await transaction.find(Note, note.id, lock=False)
            await notebook.update(note, 1, name="B")
            transaction.add(added)
            transaction.change(row, None, name="C")
    assert (await notebook.stored(note))["name"] == "B"
    assert await notebook.stored(added) is None


async def test_a_locked_row_is_read_anew(notebook):
    note = await notebook.note(name="A")
    async with notebook.writing() as transaction:
        row = await transaction.find(Note, note.id, lock=False)
        await notebook.update(note, 1, name="B")
        assert await transaction.find(Note, note.id) is row
        assert (row.name, row.version) == ("B", 2)


async def test_who_is_not_signed_in_writes_nothing(notebook):
    with pytest.raises(Problem) as caught:
        ViewerSession(notebook.world.database, ANONYMOUS).transaction()
    assert caught.value.code == "UNAUTHENTICATED"


async def test_the_month_s_last_request_is_counted_and_none_after_it(notebook):
    run, organization = notebook.world.superuser.execute, notebook.world.organization
    await run("UPDATE organizations SET max_monthly_requests = 1 WHERE id = $1", organization)
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="A")  # writes nothing, and is not counted
    await notebook.update(note, 1, name="B")  # a moment later, by the same person: neither is this
    with refused("PAYMENT_REQUIRED") as caught:
        await notebook.note(name="C")
    found = caught.value.extensions
    assert (found["limit"], found["current"], found["maximum"]) == ("monthlyRequests", 1, 1)
    with refused("PAYMENT_REQUIRED"):  # after a flush, which does not know that it is the last
        async with notebook.writing() as transaction:
            transaction.add(Note(**notebook.place, name="D"))
            await transaction.flush()
    assert (await notebook.stored(note))["name"] == "B"
    session = await notebook.session()
    usage = await session.usage([organization])
    assert usage[organization]["request_count"] == 1
