"""Rows are sent set-based: one statement a model, for any number of rows."""

import asyncpg
import pytest

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from db.pool import Database
from db.problem import Problem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement, RequirementStatus
from tests.wire import tapped

MANY = 500


@pytest.fixture
async def wire(database_dsn):
    async with tapped(database_dsn) as wire:
        yield wire


@pytest.fixture
async def session(world, wire):
    async with Database(wire.dsn, app_connections=1, orm_connections=1) as database:
        viewer = await act_for(world.email("editor"), world.database)
        session = ViewerSession(database, viewer)
        async with session.transaction() as transaction:  # the driver asks once for the enums
            await transaction.find(Requirement, world.requirement)
        wire.forget()
        yield session


def requirements(world, count=MANY):
    place = {
        "organization_id": world.organization,
        "project_id": world.project,
        "document_id": world.document,
    }
    return [
        Requirement(
            **place, name=f"R{n}", position=float(n), external_id=f"R-{n}" if n % 2 else None
        )
        for n in range(count)
    ]


def verbs(transaction):
    """Return the first words of the sent statements."""
    return [" ".join(statement.split()[:2]) for statement in transaction]


@pytest.mark.slow
async def test_rows_are_inserted_by_one_statement_that_records_them(world, wire, session):
    async with session.transaction() as transaction:
        transaction.add(*requirements(world))
    sent = wire.transactions()[-1]
    assert len(verbs(sent)) == 1
    stored = await world.superuser.fetch(
        "SELECT r.external_id, r.version, r.created_by, a.version recorded, a.action, a.actor_id"
        " FROM requirements r JOIN audit_logs a ON a.entity_id = r.id"
        " WHERE r.organization_id = $1 AND r.id <> $2 ORDER BY r.position",
        world.organization,
        world.requirement,
    )
    editor = world.people["editor"]
    expected = [(f"R-{n}" if n % 2 else None, 1, editor, 1, "create", editor) for n in range(MANY)]
    assert [tuple(row) for row in stored] == expected


@pytest.mark.slow
async def test_rows_are_updated_by_one_statement_even_if_they_change_different_columns(
    world, wire, session
):
    async with session.transaction() as transaction:
        rows = requirements(world)
        transaction.add(*rows)
    async with session.transaction() as transaction:
        found = await transaction.find_by_id(Requirement, [row.id for row in rows])
        for number, row in enumerate(rows):
            change = (
                {"name": f"N{number}"}
                if number % 3
                else {"status": RequirementStatus.APPROVED, "description": None, "tags": ["a"]}
            )
            transaction.change(found[row.id], 1, **change)
        await transaction.flush()
        assert {row.version for row in found.values()} == {2}
        transaction.change(found[rows[0].id], 2, name="Again")
    sent = wire.transactions()[-1]
    # Locked, the workflow read for the status, updated, and updated once more.
    assert len(verbs(sent)) == 4
    stored = await world.superuser.fetch(
        "SELECT name, status::text, version FROM requirements"
        " WHERE organization_id = $1 AND id <> $2 ORDER BY position",
        world.organization,
        world.requirement,
    )
    expected = [(f"N{n}", "draft", 2) if n % 3 else (f"R{n}", "approved", 2) for n in range(MANY)]
    assert [tuple(row) for row in stored] == [("Again", "approved", 3), *expected[1:]]
    records = await world.records(rows[1].id)
    assert [(r["version"], r["action"], r["changed_fields"]) for r in records] == [
        (1, "create", records[0]["changed_fields"]),
        (2, "update", ["name"]),
    ]


async def test_parents_are_sent_before_their_children(world, wire, session):
    document = Document(
        organization_id=world.organization, project_id=world.project, name="New", slug="new"
    )
    (row,) = requirements(world, 1)
    row.document_id = document.id
    block = Block(
        organization_id=world.organization,
        project_id=world.project,
        document_id=document.id,
        name="Inner",
    )
    outer = Block(
        organization_id=world.organization,
        project_id=world.project,
        document_id=document.id,
        name="Outer",
    )
    block.parent_id, row.block_id = outer.id, block.id
    async with session.transaction() as transaction:
        transaction.add(row, block, outer, document)
    sent = wire.transactions()[-1]
    assert len(verbs(sent)) == 3


async def test_a_row_that_has_moved_on_is_a_conflict_and_nothing_is_sent(world, session):
    async def change_too_late():
        async with session.transaction() as transaction:
            row = await transaction.find(Requirement, world.requirement, lock=False)
            await world.superuser.execute(
                "UPDATE requirements SET version = 7 WHERE id = $1", row.id
            )
            transaction.add(*requirements(world, 2))
            transaction.change(row, None, name="Too late")

    with pytest.raises(Problem) as refused:
        await change_too_late()
    assert refused.value.code == "CONFLICT"
    count = await world.superuser.fetchval(
        "SELECT count(*) FROM requirements WHERE organization_id = $1", world.organization
    )
    assert count == 1


async def test_a_sent_row_is_as_if_it_had_been_read(world, session):
    """Nothing is loaded again behind the writer's back."""
    async with session.transaction() as transaction:
        (row,) = requirements(world, 1)
        transaction.add(row)
        await transaction.flush()
        assert (row.version, row.status, row.tags) == (1, RequirementStatus.DRAFT, [])
        transaction.change(row, 1, name="Changed")
        await transaction.flush()
        assert await transaction.find(Requirement, row.id) is row
    assert row.version == 2
    stored: asyncpg.Record = await world.superuser.fetchrow(
        "SELECT * FROM requirements WHERE id = $1", row.id
    )
    assert (stored["created_at"], stored["updated_at"]) == (row.created_at, row.updated_at)
