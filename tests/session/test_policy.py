"""Roles, token scopes and places decide what is read and written, also at the commit."""

from contextlib import asynccontextmanager

import pytest
from uuid_utils.compat import uuid7

from auth.session import Output, Select
from tests.session.notebook import refused
from tests.session.notes import Folder, Note

READERS = ("owner", "admin", "editor", "viewer", "project_viewer", "document_editor")
STRANGERS = ("member", "billing", "outsider")
WRITERS = ("owner", "admin", "editor", "project_editor", "document_editor")
DELETERS = ("owner", "admin", "project_admin")
IDS = Select(Note, (Output("id"),))


async def test_rows_are_read_by_role(notebook):
    await notebook.note(name="N")
    for person in READERS:
        assert await notebook.seen(person) == {"N"}, person
    for person in STRANGERS:
        assert await notebook.seen(person) == set(), person


async def test_rows_are_written_by_role(notebook):
    note = await notebook.note(name="N")
    for version, person in enumerate(WRITERS, start=1):
        await notebook.update(note, version, person, name=person)
    for person in ("viewer", "project_viewer"):
        with refused("FORBIDDEN"):
            await notebook.update(note, 1, person, name="Never")
        with refused("FORBIDDEN"):
            async with notebook.writing(person) as transaction:
                transaction.add(Note(**notebook.place, name="Never"))
    for person in STRANGERS:
        with refused("NOT_FOUND"):
            await notebook.update(note, 1, person, name="Never")
    assert (await notebook.stored(note))["name"] == WRITERS[-1]
    assert await notebook.seen("owner") == {WRITERS[-1]}


async def test_deleting_and_restoring_take_the_role_for_deleting(notebook):
    note = await notebook.note()
    with refused("FORBIDDEN"):
        await notebook.delete(note, 1, "editor")
    version = 1
    for person in DELETERS:
        await notebook.delete(note, version, person)
        with refused("FORBIDDEN"):
            async with notebook.writing("editor") as transaction:
                row = await transaction.find(Note, note.id, deleted=True)
                await transaction.edits.restore(row, version + 1)
        async with notebook.writing(person) as transaction:
            row = await transaction.find(Note, note.id, deleted=True)
            await transaction.edits.restore(row, version + 1)
        version += 2


@pytest.mark.parametrize("person", ["outsider", "editor"])
async def test_what_is_not_there_is_as_what_may_not_be_seen(notebook, person):
    note = await notebook.note()
    await notebook.delete(note)
    messages = set()
    for id in (note.id, uuid7()):
        with refused("NOT_FOUND", "noteId") as caught:
            async with notebook.writing(person) as transaction:
                await transaction.find(Note, id, field=["noteId"])
        messages.add(caught.value.message)
    assert messages == {"There is no such Note."}


async def test_a_token_needs_the_scope_of_what_is_done(notebook):
    note = await notebook.note()
    for scopes, reads, writes in (
        ({"requirements:write"}, False, False),
        ({"notes:read"}, True, False),
        ({"notes:write"}, True, True),
        ({"admin"}, True, True),
    ):
        session = await notebook.session("owner", scopes)
        if reads:
            assert len(await session.rows(Note)) == await session.count(Note) == 1
            assert len(await session.fetch(IDS, {})) == 1
        else:
            for read in (session.rows(Note), session.count(Note), session.fetch(IDS, {})):
                with refused("FORBIDDEN"):
                    await read
        for values in ({"name": "N"}, {}):
            if not writes:
                with refused("FORBIDDEN") as caught:
                    await _change(session, note, values)
                missing = "notes:write" if reads else "notes:read"
                assert caught.value.extensions["scope"] == missing
            else:
                await _change(session, note, values)


async def _change(session, note, values):
    async with session.transaction() as transaction:
        transaction.change(await transaction.find(Note, note.id), None, **values)


async def test_a_row_moves_where_its_mover_may_write_on_both_sides(notebook):
    other = await notebook.document()
    here, there = await notebook.note(name="H"), await notebook.note(name="T", document_id=other)

    @asynccontextmanager
    async def moving(person, note):
        async with notebook.writing(person) as transaction:
            yield transaction, await transaction.find(Note, note.id, lock=False)

    with refused("FORBIDDEN"):
        async with moving("document_editor", here) as (transaction, row):
            transaction.change(row, None, document_id=other)
    with refused("FORBIDDEN"):
        async with moving("document_editor", here) as (transaction, row):
            transaction.require_update(row, {"document_id": other})
    with refused("NOT_FOUND"):
        async with moving("document_editor", there):
            pass
    grant = "INSERT INTO user_roles (organization_id, project_id, document_id, user_id,"
    grant += " document_role) VALUES ($1, $2, $3, $4, 'viewer')"
    scopes = [*notebook.place.values()][:2]
    person = notebook.world.people["document_editor"]
    await notebook.world.superuser.execute(grant, *scopes, other, person)
    with refused("FORBIDDEN"):  # who may write where it goes, but only read where it is
        async with moving("document_editor", there) as (transaction, row):
            transaction.change(row, None, document_id=notebook.world.document)
    async with moving("project_editor", here) as (transaction, row):
        transaction.require_update(row, {"document_id": other})
        transaction.change(row, None, document_id=other)
    assert (await notebook.stored(here))["document_id"] == other
    event = (await notebook.world.records(here.id))[-1]
    assert (event["document_id"], event["changed_fields"]) == (other, ["document_id"])


OF_MEMBER = "UPDATE organization_members SET {} WHERE user_id = $1"
OF_DOCUMENT = "UPDATE user_roles SET {} WHERE user_id = $1"
LOST = (
    ("editor", OF_MEMBER.format("role = 'viewer'"), "FORBIDDEN"),
    ("editor", OF_MEMBER.format("deleted_at = now()"), "NOT_FOUND"),
    ("document_editor", OF_DOCUMENT.format("deleted_at = now()"), "NOT_FOUND"),
)


@pytest.mark.parametrize("flushed", [False, True], ids=["unsent", "flushed"])
@pytest.mark.parametrize(("person", "statement", "code"), LOST)
async def test_a_right_that_ends_before_the_commit_ends_the_write(
    notebook, person, statement, code, flushed
):
    note, added = await notebook.note(name="A"), Note(**notebook.place, name="Never")
    with refused(code):
        async with notebook.writing(person) as transaction:
            transaction.change(await transaction.find(Note, note.id), 1, name="B")
            transaction.add(added)
            if flushed:
                await transaction.flush()
            await notebook.world.superuser.execute(statement, notebook.world.people[person])
    assert (await notebook.stored(note))["name"] == "A"
    assert await notebook.stored(added) is None


async def test_a_forced_write_rests_on_the_role_of_administrators_at_the_commit(notebook):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="B")
    demote = OF_MEMBER.format("role = 'editor'")
    with refused("FORBIDDEN"):
        async with notebook.writing("admin") as transaction:
            row = await transaction.find(Note, note.id)
            await transaction.edits.update(row, 1, {"name": "C"}, force=True)
            await notebook.world.superuser.execute(demote, notebook.world.people["admin"])
    assert (await notebook.stored(note))["name"] == "B"


async def test_another_tenant_sees_and_writes_nothing(notebook, other_world):
    note = await notebook.note()
    stranger = type(notebook)(other_world)
    assert await stranger.seen("owner") == set()
    with refused("NOT_FOUND"):
        await stranger.update(note, 1, "owner", name="Theirs")
    with refused("FORBIDDEN"):
        async with stranger.writing("owner") as transaction:
            transaction.add(Folder(**notebook.place, name="Theirs"))


async def test_a_public_project_is_read_from_outside_and_not_written(notebook, other_world):
    note = await notebook.note(name="Open")
    run, project = notebook.world.superuser.execute, notebook.world.project
    await run("UPDATE projects SET visibility = 'public' WHERE id = $1", project)
    try:
        stranger = type(notebook)(other_world)
        assert "Open" in await stranger.seen("editor")
        with refused("FORBIDDEN"):
            await stranger.update(note, 1, "editor", name="Theirs")
    finally:
        await run("UPDATE projects SET visibility = 'private' WHERE id = $1", project)
