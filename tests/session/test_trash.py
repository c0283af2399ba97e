"""Deleted rows are hidden with all beneath them, restored, and removed for good when due."""

from datetime import UTC, datetime

import pytest

from auth.session import Join, Output, Select
from auth.session.trash import kinds
from auth.session.write import purge
from tests.session.notebook import refused
from tests.session.notes import Folder, Note

BOTH = (Folder, Note)


@pytest.fixture
async def tree(notebook):
    """Outer > Inner > Note, and a note beside them."""
    outer = await notebook.folder(name="Outer")
    inner = await notebook.folder(name="Inner", parent_id=outer.id)
    note = await notebook.note(name="Within", parent_id=inner.id)
    await notebook.note(name="Beside")
    return outer, inner, note


async def restore(notebook, row, seen, person="admin"):
    async with notebook.writing(person) as transaction:
        found = await transaction.find(type(row), row.id, deleted=True)
        await transaction.edits.restore(found, seen)


async def trash(notebook, person="admin"):
    session = await notebook.session(person)
    places = (notebook.world.organization, None, None)
    among = kinds(session.viewer, BOTH, places)
    rows = await session.trash(among, places, lambda _: (), lambda of: [of.name], 10)
    assert await session.count_trash(among, places) == len(rows)
    return [(row["type"], row["name"]) for row in rows]


async def test_a_deleted_row_hides_what_is_beneath_it_until_it_is_restored(notebook, tree):
    outer, _, note = tree
    await notebook.delete(outer)
    assert await notebook.seen("viewer", Folder) == set()
    assert await notebook.seen("viewer") == {"Beside"}
    with refused("NOT_FOUND"):
        await notebook.update(note, 1, name="Never")
    stored = [await notebook.stored(row) for row in tree]
    assert [row["deleted_at"] is None for row in stored] == [False, True, True]
    assert stored[0]["deleted_by"] == notebook.world.people["admin"]
    await restore(notebook, outer, 2)
    assert await notebook.seen("viewer", Folder) == {"Outer", "Inner"}
    assert await notebook.seen("viewer") == {"Beside", "Within"}
    events = await notebook.world.records(outer.id)
    assert [event["action"] for event in events] == ["create", "delete", "restore"]
    assert not (await notebook.stored(outer))["deleted_by"]


@pytest.mark.parametrize("table", ["documents", "projects", "organizations"])
async def test_a_deleted_scope_hides_what_is_in_it(notebook, tree, table):
    scope = {"documents": "document", "projects": "project", "organizations": "organization"}
    id = getattr(notebook.world, scope[table])
    run = notebook.world.superuser.execute
    await run(f"UPDATE {table} SET deleted_at = now() WHERE id = $1", id)
    for person in ("owner", "document_editor"):
        assert await notebook.seen(person) == set()
        assert await notebook.seen(person, Folder) == set()


async def test_every_read_knows_what_hides_a_row(notebook, tree):
    outer, inner, _ = tree
    session = await notebook.session("viewer")
    named = Output("name", join=0)
    joins = (Join("parent_id", Folder),)
    read = Select(Note, (Output("name"), named), order=(Note.name.asc(),), joins=joins)
    beneath = Select(Note, (Output("name"),), "parent_id")
    parents = {"parents": [inner.id]}
    assert [tuple(row) for row in await session.fetch(read, {})] == [
        ("Beside", None),
        ("Within", "Inner"),
    ]
    assert [row[0] for row in await session.fetch(beneath, parents)] == ["Within"]
    for row, version in ((outer, 1), (inner, 1)):
        await notebook.delete(row, version)
        assert [tuple(found) for found in await session.fetch(read, {})] == [("Beside", None)]
        assert await session.fetch(beneath, parents) == []
        assert await session.count(Note) == 1
        assert await session.counts(Note, "parent_id", [inner.id]) == {}
        assert await session.pages(Note, "parent_id", [inner.id], limit=5) == {}
        await restore(notebook, row, version + 1)
    async with notebook.writing() as transaction:
        shown = await transaction.values(Note, ["name"], tell_shown=True)
        assert {tuple(row) for row in shown} == {("Beside", True), ("Within", True)}


async def test_what_a_deletion_hides_is_known(notebook, tree):
    outer, inner, note = tree
    session = await notebook.session("viewer")
    found = await session.beneath(Folder, outer.id, BOTH, 10)
    assert found == [(Folder, inner.id, 1), (Note, note.id, 1)]
    assert await session.beneath(Folder, outer.id, BOTH, 10, only=note.id) == [(Note, note.id, 1)]
    assert await session.beneath(Folder, note.id, BOTH, 10) is None


async def test_the_trash_has_what_was_deleted_itself_for_those_who_may_restore_it(notebook, tree):
    outer, inner, note = tree
    await notebook.delete(note)
    await notebook.delete(inner)
    assert await trash(notebook) == [("Folder", "Inner")]  # the note is beneath it
    await restore(notebook, inner, 2)
    assert await trash(notebook) == [("Note", "Within")]
    assert await trash(notebook, "editor") == []
    await notebook.delete(outer, 1, "editor")
    assert await trash(notebook, "editor") == [("Folder", "Outer")]
    assert await trash(notebook, "viewer") == []


async def test_a_row_is_restored_at_the_version_that_was_seen(notebook):
    note = await notebook.note()
    await notebook.delete(note)
    with refused("CONFLICT"):
        await restore(notebook, note, 1)
    await restore(notebook, note, 2)
    with refused("NOT_FOUND"):  # it is not deleted any more
        await restore(notebook, note, 2)


async def purged(notebook, person="owner", *, dry_run=False, ids=None):
    organization = notebook.world.organization
    async with notebook.writing(person) as transaction:
        if ids is not None:
            tops = await transaction.trashed(purge.named(transaction.viewer, ids))
        else:
            due, number = purge.due(transaction.viewer, organization, datetime.now(UTC))
            tops = await transaction.trashed(due)
            assert await transaction.count_trashed(number) == len(tops)
        return await transaction.purge(tops, dry_run=dry_run)


@pytest.mark.slow
async def test_what_is_due_is_removed_for_good_with_all_beneath_it(notebook, tree):
    outer, inner, note = tree
    await notebook.delete(outer)
    assert (await purged(notebook)).counts == {}  # it was deleted a moment ago
    age = "UPDATE a_folders SET deleted_at = now() - interval '10 years' WHERE id = $1"
    await notebook.world.superuser.execute(age, outer.id)
    expected = {"Folder": 2, "Note": 1}
    assert await purged(notebook, dry_run=True) == (expected, 1)
    assert await notebook.stored(note)
    with refused("FORBIDDEN"):
        await purged(notebook, "admin", ids=[outer.id])
    assert (await purged(notebook, ids=[inner.id])).counts == {}  # it was not deleted itself
    assert await purged(notebook, ids=[outer.id]) == (expected, 1)
    assert [await notebook.stored(row) for row in tree] == [None, None, None]
    assert await notebook.seen("viewer") == {"Beside"}
    event = (await notebook.world.records(note.id))[-1]
    assert (event["action"], event["event_type"], event["version"]) == ("purge", "delete", 2)
    assert (event["entity_type"], event["resource_type"]) == ("Note", "requirement")
    assert (event["document_id"], event["actor_id"]) == (
        notebook.world.document,
        notebook.world.people["owner"],
    )


async def test_owners_purge_with_the_scope_for_deleting(notebook):
    note = await notebook.note()
    await notebook.delete(note)
    session = await notebook.session("owner", {"notes:read"})
    with refused("FORBIDDEN"):
        kinds(session.viewer, BOTH, (None, None, None))
    session = await notebook.session("owner", {"requirements:write"})
    assert Note not in kinds(session.viewer, None, (None, None, None))
