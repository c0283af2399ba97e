"""Changes by several people are merged, or a conflict says where they overlap."""

import pytest
from uuid_utils.compat import uuid7

from auth.session.write.patch import Patch
from tests.session.notebook import refused
from tests.session.notes import Note, Stage

LINES = "one\ntwo\nthree\nfour\nfive\n"


async def test_changes_of_different_columns_are_merged(notebook):
    note = await notebook.note(name="A", text="t")
    await notebook.update(note, 1, "admin", name="Theirs", position=4.0)
    async with notebook.writing() as transaction:
        row = await transaction.find(Note, note.id)
        await transaction.edits.update(row, 1, {"name": "A", "text": "mine"})
        assert transaction.edits.merged == {note.id: [2]}
    stored = await notebook.stored(note)
    assert (stored["name"], stored["text"], stored["version"]) == ("Theirs", "mine", 3)
    assert (await notebook.world.records(note.id))[-1]["changed_fields"] == ["text"]


async def test_texts_sets_and_objects_are_merged_within(notebook):
    data = {"a": 1, "b": {"c": 1, "d": 1}, "gone": 1}
    note = await notebook.note(text=LINES, tags=["x", "y"], data=data)
    theirs = {"a": 2, "b": {"c": 2, "d": 1}, "gone": 1}
    text = LINES.replace("one", "ONE")
    await notebook.update(note, 1, "admin", text=text, tags=["y", "z"], data=theirs)
    mine = {"a": 1, "b": {"c": 1, "d": 3}, "added": 1}
    text = LINES.replace("five", "FIVE")
    await notebook.update(note, 1, text=text, tags=["x", "y", "w"], data=mine)
    async with notebook.writing() as transaction:
        row = await transaction.find(Note, note.id)
    assert row.text == "ONE\ntwo\nthree\nfour\nFIVE\n"
    assert row.tags == ["y", "z", "w"]
    assert row.data == {"a": 2, "b": {"c": 2, "d": 3}, "added": 1}


async def test_a_line_is_merged_that_lies_between_the_lines_of_others(notebook):
    note = await notebook.note(text=LINES)
    theirs = LINES.replace("one", "ONE").replace("five", "FIVE")
    await notebook.update(note, 1, "admin", text=theirs)
    await notebook.update(note, 1, text=LINES.replace("three", "THREE"))
    assert (await notebook.stored(note))["text"] == "ONE\ntwo\nTHREE\nfour\nFIVE\n"


async def test_overlaps_are_a_conflict_that_names_them_and_changes_nothing(notebook):
    note = await notebook.note(name="A", text=LINES, data={"k": {"a": 1, "b": 1}})
    text = LINES.replace("two", "2")
    await notebook.update(note, 1, "admin", name="B", text=text, data={"k": {"a": 2, "b": 1}})
    mine = {
        "name": "C",
        "text": LINES.replace("two", "II"),
        "data": {"k": {"a": 3, "b": 4}},
        "position": 9.0,
    }
    with refused("CONFLICT") as caught:
        await notebook.update(note, 1, **mine)
    assert caught.value.extensions["currentVersion"] == 2
    conflicts = {tuple(c["path"]): c for c in caught.value.extensions["conflicts"]}
    assert conflicts.keys() == {("name",), ("text",), ("data", "k", "a")}
    of_name, of_key = conflicts["name",], conflicts["data", "k", "a"]
    assert (of_name["base"], of_name["current"], of_name["yours"]) == ("A", "B", "C")
    assert (of_key["base"], of_key["current"], of_key["yours"]) == (1, 2, 3)
    assert of_name["changedBy"] == str(notebook.world.people["admin"])
    stored = await notebook.stored(note)
    assert (stored["version"], stored["position"], stored["name"]) == (2, 0.0, "B")


async def test_the_same_change_twice_is_none(notebook):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="B", stage=Stage.DONE)
    await notebook.update(note, 1, name="B", stage=Stage.DONE)
    assert (await notebook.stored(note))["version"] == 2


async def test_a_conflict_is_between_what_was_seen_and_the_last_of_many_changes(notebook):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="B")
    await notebook.update(note, 2, "admin", name="C")
    with refused("CONFLICT") as caught:
        await notebook.update(note, 1, name="D")
    (conflict,) = caught.value.extensions["conflicts"]
    assert (conflict["base"], conflict["current"], conflict["yours"]) == ("A", "C", "D")
    assert conflict["changedBy"] == str(notebook.world.people["admin"])
    with refused("CONFLICT") as caught:
        await notebook.update(note, 2, name="D")
    assert caught.value.extensions["conflicts"][0]["base"] == "B"


@pytest.mark.parametrize("seen", [-1, 0, 3])
async def test_a_version_that_never_was_is_invalid(notebook, seen):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="B")
    with refused("INVALID", "expected_version"):
        await notebook.update(note, seen, name="C")


async def test_a_version_that_the_record_does_not_reach_is_a_conflict(notebook):
    note = await notebook.note(name="A")
    raised = "UPDATE a_folder_notes SET version = 5 WHERE id = $1"
    await notebook.world.superuser.execute(raised, note.id)
    await notebook.update(note, 5, name="B")
    with refused("CONFLICT") as caught:
        await notebook.update(note, 4, text="merged with what nobody knows")
        await notebook.update(note, 3, text="C")
    assert caught.value.extensions["conflicts"] == []


async def test_administrators_overwrite_and_it_is_recorded(notebook):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="B")
    with refused("FORBIDDEN"):
        await notebook.update(note, 1, name="C", force=True)
    await notebook.update(note, 1, "admin", name="C", force=True)
    event = (await notebook.world.records(note.id))[-1]
    assert (await notebook.stored(note))["name"] == "C"
    assert event["details"] == '{"forced": true}'
    await notebook.update(note, 3, "admin", name="D", force=True)  # over nobody's change
    assert (await notebook.world.records(note.id))[-1]["details"] == "{}"


async def test_what_others_have_changed_is_not_deleted_unseen(notebook):
    note = await notebook.note(name="A")
    await notebook.update(note, 1, name="B")
    with refused("CONFLICT") as caught:
        await notebook.delete(note, 1)
    (conflict,) = caught.value.extensions["conflicts"]
    assert (conflict["field"], conflict["base"], conflict["current"]) == ("name", "A", "B")
    assert (await notebook.stored(note))["deleted_at"] is None
    async with notebook.writing("admin") as transaction:
        row = await transaction.find(Note, note.id)
        await transaction.edits.delete(row, 1, force=True)
    assert (await notebook.world.records(note.id))[-1]["details"] == '{"forced": true}'


async def test_a_row_that_made_room_was_changed_by_nobody(notebook):
    note = await notebook.note(name="A")
    async with notebook.writing("admin") as transaction:
        transaction.renumber(await transaction.find(Note, note.id), 7.0)
    stored = await notebook.stored(note)
    assert (stored["version"], stored["position"]) == (2, 7.0)
    assert stored["updated_by"] == notebook.world.people["editor"]
    await notebook.update(note, 1, name="B")
    await notebook.delete(note, 3)
    event = (await notebook.world.records(note.id))[1]
    assert (event["action"], event["details"]) == ("update", '{"renumbered": true}')


async def test_a_patch_changes_the_keys_that_it_names(notebook):
    note = await notebook.note(data={"a": 1, "b": 1, "c": {"d": 1, "e": 1}})
    await notebook.update(note, 1, "admin", data=Patch("data", {"a": 2}))
    await notebook.update(note, 1, data=Patch("data", {"b": None, "c": {"d": 2}}))
    async with notebook.writing() as transaction:
        row = await transaction.find(Note, note.id)
    assert row.data == {"a": 2, "c": {"d": 2, "e": 1}}
    with refused("INVALID", "data_patch"):
        await notebook.update(note, 3, data=Patch("data", {"a": "x" * 1_000_000}))


async def revert(notebook, note, seen, to):
    async with notebook.writing() as transaction:
        await transaction.edits.revert(await transaction.find(Note, note.id), seen, to)


async def test_a_row_is_given_the_content_that_it_had(notebook):
    folder = await notebook.folder()
    note = await notebook.note(name="A", stage=Stage.DONE, tags=["x"], text="t")
    await notebook.update(note, 1, name="B", stage=Stage.DRAFT, tags=[])
    await notebook.update(note, 2, name="C", parent_id=folder.id, position=3.0)
    await revert(notebook, note, 3, 1)
    stored = await notebook.stored(note)
    assert (stored["name"], stored["stage"], stored["tags"]) == ("A", "done", ["x"])
    assert (stored["parent_id"], stored["position"]) == (folder.id, 3.0)
    event = (await notebook.world.records(note.id))[-1]
    assert (event["version"], event["details"]) == (4, '{"reverted_to": 1}')
    await revert(notebook, note, 4, 2)
    assert (await notebook.stored(note))["name"] == "B"


async def test_a_revert_is_merged_with_what_was_not_seen(notebook):
    note = await notebook.note(name="A", text="t")
    await notebook.update(note, 1, name="B")
    await notebook.update(note, 2, "admin", text="theirs")
    await revert(notebook, note, 2, 1)
    stored = await notebook.stored(note)
    assert (stored["name"], stored["text"]) == ("A", "theirs")
    await notebook.update(note, 4, "admin", name="D")
    with refused("CONFLICT"):
        await revert(notebook, note, 4, 2)


async def test_a_revert_to_what_is_not_recorded_is_refused(notebook):
    note = await notebook.note(name="A")
    raised = "UPDATE a_folder_notes SET version = 5 WHERE id = $1"
    await notebook.world.superuser.execute(raised, note.id)
    await notebook.update(note, 5, name="B")
    for to in (0, 7):
        with refused("INVALID", "to_version"):
            await revert(notebook, note, 6, to)
    with refused("NOT_FOUND", "to_version"):
        await revert(notebook, note, 6, 3)


async def test_changes_made_where_the_reader_may_not_look_are_not_told(notebook):
    hidden = uuid7()
    await notebook.world.superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug, visibility)"
        " VALUES ($1, $2, 'Hidden', $3, 'private')",
        *(hidden, notebook.world.organization, hidden.hex),
    )
    place = {"project_id": hidden, "document_id": await notebook.document(hidden)}
    note = await notebook.note(name="Secret", **place)
    await notebook.update(note, 1, name="Less")
    here = {key: notebook.place[key] for key in place}
    async with notebook.writing() as transaction:
        transaction.change(await transaction.find(Note, note.id), 2, **here)
    with refused("CONFLICT") as caught:
        await notebook.update(note, 1, "project_editor", name="Mine")
    assert caught.value.extensions["conflicts"] == []
    with refused("CONFLICT") as caught:
        await notebook.update(note, 1, "editor", name="Mine")
    assert caught.value.extensions["conflicts"][0]["base"] == "Secret"
