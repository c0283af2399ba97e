"""Rows that are sent together, each for itself: the refused ones are told apart from the others."""

import pytest

from tests.session.notebook import refused
from tests.session.notes import Note


def notes(notebook, count, **values):
    return [
        Note(**{**notebook.place, "name": f"N{n}", "code": f"C{n}", **values}) for n in range(count)
    ]


async def test_what_postgresql_refuses_leaves_the_others(notebook):
    await notebook.note(name="Taken", code="C3")
    rows = notes(notebook, 9)
    rows[5].name = " "
    async with notebook.writing() as transaction:
        problems = await transaction.send_each(rows)
    assert {id: (p.code, p.field) for id, p in problems.items()} == {
        rows[3].id: ("ALREADY_EXISTS", ("code",)),
        rows[5].id: ("INVALID", ("name",)),
    }
    for number, row in enumerate(rows):
        stored = await notebook.stored(row)
        assert (stored is None) == (number in (3, 5))
        assert len(await notebook.world.records(row.id)) == (number not in (3, 5))


async def test_what_the_policy_refuses_leaves_the_others(notebook):
    other = await notebook.document()
    rows = notes(notebook, 4)
    rows[1].document_id = other
    async with notebook.writing("document_editor") as transaction:
        problems = await transaction.send_each(rows)
    assert {id: problem.code for id, problem in problems.items()} == {rows[1].id: "FORBIDDEN"}
    assert await notebook.seen("editor") == {"N0", "N2", "N3"}


async def test_a_refused_change_is_taken_back(notebook):
    rows = [await notebook.note(name=f"N{n}", code=f"C{n}") for n in range(3)]
    async with notebook.writing() as transaction:
        found = await transaction.find_by_id(Note, [row.id for row in rows])
        changed = [found[row.id] for row in rows]
        changed[0].name, changed[1].name, changed[2].name = "A", " ", "C"
        changed[1].text = "never"
        problems = await transaction.send_each(changed)
        assert list(problems) == [rows[1].id]
        assert (changed[1].name, changed[1].text, changed[1].version) == ("N1", None, 1)
        assert [row.version for row in changed] == [2, 1, 2]
    stored = [await notebook.stored(row) for row in rows]
    assert [(row["name"], row["version"]) for row in stored] == [("A", 2), ("N1", 1), ("C", 2)]


async def test_rows_give_their_codes_to_each_other(notebook):
    rows = [await notebook.note(name=f"N{n}", code=f"C{n}") for n in range(4)]
    codes = ["C1", "C2", "C0", "C2"]
    async with notebook.writing() as transaction:
        found = await transaction.find_by_id(Note, [row.id for row in rows])
        changed = [found[row.id] for row in rows]
        for row, code in zip(changed, codes, strict=True):
            row.code = code
        problems = await transaction.send_each(changed)
        assert {id: p.code for id, p in problems.items()} == {rows[3].id: "ALREADY_EXISTS"}
    stored = [await notebook.stored(row) for row in rows]
    assert [row["code"] for row in stored] == ["C1", "C2", "C0", "C3"]
    assert [row["version"] for row in stored] == [2, 2, 2, 1]
    assert len(await notebook.world.records(rows[0].id)) == 2


async def test_of_two_new_rows_of_one_code_the_first_is_stored(notebook):
    rows = notes(notebook, 3, code="C")
    async with notebook.writing() as transaction:
        problems = await transaction.send_each(rows)
    assert list(problems) == [rows[1].id, rows[2].id]
    assert await notebook.seen("editor") == {"N0"}


async def test_a_month_without_requests_refuses_all_at_once(notebook):
    run, organization = notebook.world.superuser.execute, notebook.world.organization
    await run("UPDATE organizations SET max_monthly_requests = 1 WHERE id = $1", organization)
    async with notebook.writing() as transaction:
        await transaction.send_each(notes(notebook, 2))
    with refused("PAYMENT_REQUIRED"):
        async with notebook.writing() as transaction:
            await transaction.send_each(notes(notebook, 2, code=None))
    assert len(await notebook.seen("editor")) == 2


@pytest.mark.parametrize("person", ["editor", "document_editor"])
async def test_a_right_that_ends_meanwhile_refuses_all_at_once(notebook, person):
    demote = {
        "editor": "UPDATE organization_members SET role = 'viewer' WHERE user_id = $1",
        "document_editor": "UPDATE user_roles SET document_role = 'viewer' WHERE user_id = $1",
    }
    with refused("FORBIDDEN"):
        async with notebook.writing(person) as transaction:
            await notebook.world.superuser.execute(demote[person], notebook.world.people[person])
            await transaction.send_each(notes(notebook, 3))
    assert await notebook.seen("owner") == set()
