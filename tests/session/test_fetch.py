"""Compiled reads find the same rows as all other reads, for every shape of grants."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from random import Random
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ColumnElement, Text, bindparam, true
from uuid_utils.compat import uuid7

from auth.credentials.identify import act_for
from auth.policy import grant_lists
from auth.session import Join, Output, Select, ViewerSession, look_up
from auth.session.compiled import compiled
from auth.viewer import Viewer
from db.core.organizations import OrganizationMember
from db.core.projects import Project
from db.problem import Problem
from db.requirements.baselines import BaselineItem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.kit.search import searched
from tests.world import OTHERS, ROLES, World

IDS = (Output("id"),)
ORDERS = {
    "created": (Requirement.created_at.asc(), Requirement.id.asc()),
    "newest": (Requirement.created_at.desc(), Requirement.id.desc()),
    "name": (Requirement.__table__.c.name_order.asc(), Requirement.id.asc()),
}
ALL = 1_000


async def grown(world: World) -> None:
    """Add projects, two of another tenant; give people roles; delete one of each kind of parent."""
    chance, run = Random(7), world.superuser.execute
    other = uuid7()
    await run("INSERT INTO organizations (id, name, slug) VALUES ($1, 'O', $2)", other, other.hex)
    places = []
    for number in range(6):
        tenant = world.organization if number < 4 else other
        visibility = "public" if number >= 4 else chance.choice(["private", "organization"])
        project, document, block, nested = (uuid7() for _ in range(4))
        await run(
            "INSERT INTO projects (id, organization_id, name, slug, visibility)"
            " VALUES ($1, $2, 'P', $3, $4)",
            *(project, tenant, project.hex, visibility),
        )
        await run(
            "INSERT INTO documents (id, organization_id, project_id, name, slug)"
            " VALUES ($1, $2, $3, 'D', $4)",
            *(document, tenant, project, document.hex),
        )
        for id, parent in ((block, None), (nested, block)):
            await run(
                "INSERT INTO blocks (id, organization_id, project_id, document_id, parent_id, name)"
                " VALUES ($1, $2, $3, $4, $5, 'B')",
                *(id, tenant, project, document, parent),
            )
        await world.superuser.executemany(
            "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id,"
            " name, created_at) VALUES ($1, $2, $3, $4, $5, $6, now() - $7 * interval '1 minute')",
            [
                (uuid7(), tenant, project, document, at, f"R {i}", chance.randrange(1_000))
                for i in range(8)
                for at in (None, block, nested)
            ],
        )
        places.append((project, document, block))
    for project, _, _ in places[:2]:
        await run(
            "INSERT INTO project_members (organization_id, project_id, user_id, role)"
            " VALUES ($1, $2, $3, 'viewer')",
            *(world.organization, project, world.people["project_viewer"]),
        )
    await run("UPDATE blocks SET deleted_at = now() WHERE id = $1", places[0][2])
    await run("UPDATE documents SET deleted_at = now() WHERE id = $1", places[1][1])
    await run("UPDATE projects SET deleted_at = now() WHERE id = $1", places[2][0])
    await run(
        "UPDATE requirements SET deleted_at = now() WHERE document_id = $1 AND name = 'R 1'",
        places[3][1],
    )


async def session_of(world: World, person: str) -> ViewerSession:
    return ViewerSession(world.database, await act_for(world.email(person), world.database))


@pytest.fixture
async def many(world: World) -> AsyncIterator[World]:
    await grown(world)
    yield world
    await world.superuser.execute(  # everybody sees what is public: other tests would, too
        "UPDATE projects SET visibility = 'private' WHERE visibility = 'public' AND name = 'P'"
    )


@pytest.mark.slow
@pytest.mark.parametrize("person", [*ROLES, *OTHERS])
async def test_it_finds_the_rows_that_others_find(many: World, person: str):
    session = await session_of(many, person)
    all_parents = await many.superuser.fetch("SELECT id FROM blocks UNION SELECT id FROM documents")
    parents = [row["id"] for row in all_parents]
    for order in ORDERS.values():
        for limit in (5, ALL):
            expected = await session.rows(Requirement, order=order, limit=limit)
            read = Select(Requirement, IDS, order=order, limited=True)
            found = await session.fetch(read, {"limit": limit})
            assert [row[0] for row in found] == [row.id for row in expected]
        for key in ("block_id", "document_id"):
            pages = await session.pages(Requirement, key, parents, order=order, limit=3)
            read = Select(Requirement, IDS, key, order=order, limited=True)
            found = await session.fetch(read, {"parents": parents, "limit": 3})
            assert {row[0] for row in found} == {row.id for page in pages.values() for row in page}
            counts = await session.fetch(
                Select(Requirement, parents=key, counted=True), {"parents": parents}
            )
            assert dict(counts) == await session.counts(Requirement, key, parents)
    count = await session.fetch(Select(Requirement, counted=True), {})
    assert count[0][0] == await session.count(Requirement)
    for model in (Project, Document, Block, OrganizationMember):
        expected = await session.rows(model, order=[model.id], limit=ALL)
        read = Select(model, IDS, order=(model.id.asc(),), limited=True)
        assert [r[0] for r in await session.fetch(read, {"limit": ALL})] == [r.id for r in expected]


@pytest.mark.slow
@pytest.mark.parametrize("person", ["owner", "project_viewer", "document_editor", "outsider"])
async def test_a_row_that_may_not_be_seen_is_joined_as_nulls(many: World, person: str):
    session = await session_of(many, person)
    outputs = (Output("id"), Output("document_id"), Output("id", "text", 0), Output("name", join=1))
    joins = (Join("document_id", Document), Join("project_id", Project))
    read = Select(Requirement, outputs, order=ORDERS["created"], limited=True, joins=joins)
    rows = await session.rows(Requirement, order=ORDERS["created"], limit=ALL)
    documents = {row.id for row in await session.rows(Document)}
    projects = {row.id: row.name for row in await session.rows(Project)}
    expected = [
        (
            row.id,
            row.document_id,
            str(row.document_id) if row.document_id in documents else None,
            projects.get(row.project_id),
        )
        for row in rows
    ]
    assert [tuple(row) for row in await session.fetch(read, {"limit": ALL})] == expected
    if person == "document_editor":
        assert [row for row in expected if row[3] is None]


SEARCHED = {name: ORDERS[name] for name in ("newest", "name")}
KEYS = ("block_id", "project_id")


async def found(session: ViewerSession, word: str, parents: list[UUID]) -> dict[Any, Any]:
    """Return what a search finds at the root and beneath parents, with counts."""
    where = (cast("ColumnElement[bool]", searched(Requirement, word)),)
    counted = Select(Requirement, where=where, counted=True)
    answers: dict[Any, Any] = {"count": (await session.fetch(counted, {}))[0][0]}
    for key in KEYS:
        counted = Select(Requirement, parents=key, where=where, counted=True)
        answers[key] = dict(await session.fetch(counted, {"parents": parents}))
    for name, order in SEARCHED.items():
        for joins in ((), (Join("document_id", Document),)):
            outputs = (*IDS, *(Output("id", "text", number) for number in range(len(joins))))
            read = Select(Requirement, outputs, None, where, order, limited=True, joins=joins)
            answers[name, joins] = [row[0] for row in await session.fetch(read, {"limit": 3})]
        for key in KEYS:
            outputs = (*IDS, Output(key))
            read = Select(Requirement, outputs, key, where, order, limited=True)
            pages: dict[UUID, list[UUID]] = {}
            for id, parent in await session.fetch(read, {"parents": parents, "limit": 3}):
                pages.setdefault(parent, []).append(id)
            answers[name, key] = pages
    return answers


async def gone_through(session: ViewerSession, word: str, parents: list[UUID]) -> dict[Any, Any]:
    """Return the same by reading all readable rows, without an index."""
    where = cast("ColumnElement[bool]", searched(Requirement, word))
    answers: dict[Any, Any] = {"count": await session.count(Requirement, where)}
    for key in KEYS:
        answers[key] = await session.counts(Requirement, key, parents, where)
    for name, order in SEARCHED.items():
        rows = await session.rows(Requirement, where, order=order, limit=3)
        for joins in ((), (Join("document_id", Document),)):
            answers[name, joins] = [row.id for row in rows]
        for key in KEYS:
            pages = await session.pages(Requirement, key, parents, where, order=order, limit=3)
            answers[name, key] = {
                parent: [row.id for row in page] for parent, page in pages.items()
            }
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("person", ["viewer", "project_viewer", "document_editor"])
async def test_a_search_finds_the_same_by_index_and_by_order(
    many: World, monkeypatch: pytest.MonkeyPatch, person: str
):
    session = await session_of(many, person)
    every = "SELECT id FROM blocks UNION SELECT id FROM projects"
    parents = [row["id"] for row in await many.superuser.fetch(every)]
    for word in ("R", "3"):
        expected = await gone_through(session, word, parents)
        assert expected["count"] > 3
        for few, small in ((ALL, 0), (0, 0), (8, 5)):
            monkeypatch.setattr(look_up, "MAX_READ_BY_ID", few)
            monkeypatch.setattr(look_up, "MAX_READ_BY_ID_OF_ALL", few)
            monkeypatch.setattr(look_up, "MAX_LIST_WITHOUT_INDEX", small)
            assert await found(session, word, parents) == expected, (word, few, small)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("few", "small", "person", "taken"),
    [
        (ALL, 0, "viewer", "IS TRUE"),
        (2, 0, "viewer", "IS FALSE"),
        (ALL, 0, "project_viewer", "IS TRUE"),
        (ALL, ALL, "project_viewer", "IS FALSE"),
    ],
)
async def test_a_search_takes_one_way_alone(
    many: World, monkeypatch: pytest.MonkeyPatch, few: int, small: int, person: str, taken: str
):
    """Few matches are found by index; many, and all of a viewer who may read little, are not."""
    monkeypatch.setattr(look_up, "MAX_READ_BY_ID", few)
    monkeypatch.setattr(look_up, "MAX_LIST_WITHOUT_INDEX", small)
    session = await session_of(many, person)
    where = (cast("ColumnElement[bool]", searched(Requirement, "R")),)
    read = Select(Requirement, IDS, where=where, order=ORDERS["created"], limited=True)
    grants = grant_lists(session.viewer)
    form = compiled(read, grants)
    async with session.database.app.lend(session.viewer.context) as lent:
        plan = await lent.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {form.text}",
            *form.arguments(grants, {"limit": 5}),
        )
    ways = [
        (node["One-Time Filter"], child["Actual Loops"])
        for node in nodes_of(json.loads(plan)[0]["Plan"])
        if "One-Time Filter" in node
        for child in node["Plans"]
        if child["Parent Relationship"] == "Outer"
    ]
    assert {taken in filter for filter, loops in ways} == {True, False}
    assert {filter for filter, loops in ways if loops} == {f for f, _ in ways if taken in f}


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a query plan."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


async def test_outputs_come_in_their_places_and_forms(world: World):
    session = await session_of(world, "viewer")
    outputs = (Output("id", "text"), Output("status", "upper"), Output("name"), Output("id"))
    read = Select(Requirement, outputs, "id")
    (row,) = await session.fetch(read, {"parents": [str(world.requirement)]})
    name = f"Requirement {world.name}"
    assert tuple(row) == (str(world.requirement), "DRAFT", name, world.requirement)
    assert row.name == name
    assert row.model is Requirement


async def test_values_are_bound_by_name_and_text_is_checked(world: World):
    session = await session_of(world, "viewer")
    named = Requirement.name == bindparam("name", type_=Text)
    read = Select(Requirement, IDS, where=(named, true()))
    (row,) = await session.fetch(read, {"name": f"Requirement {world.name}"})
    assert row[0] == world.requirement
    assert await session.fetch(read, {"name": "another"}) == []
    with pytest.raises(Problem, match="character"):
        await session.fetch(read, {"name": "\0"})


async def test_viewers_of_one_shape_share_the_sql(many: World):
    read = Select(Requirement, IDS, order=ORDERS["created"], limited=True)
    texts = {}
    for person in ("owner", "admin", "viewer", "project_viewer", "document_editor", "outsider"):
        viewer = await act_for(many.email(person), many.database)
        texts[person] = compiled(read, grant_lists(viewer)).text
    assert texts["owner"] is texts["admin"] is texts["viewer"]
    assert len(set(texts.values())) > 2
    assert "requirements.document_id =" not in texts["owner"]


async def test_without_parents_nothing_is_asked(world: World):
    session = await session_of(world, "viewer")
    assert await session.fetch(Select(Requirement, IDS, "block_id"), {"parents": []}) == []
    assert session.statements == 0


async def test_what_is_read_is_counted_and_scopes_are_asked_for(world: World):
    session = await session_of(world, "viewer")
    read = Select(Requirement, IDS, "id")
    await session.fetch(read, {"parents": [world.requirement, uuid4()]})
    assert (session.statements, session.rows_read) == (1, 1)
    assert session.bytes_read > 0
    token = replace(session.viewer, scopes=frozenset({"organizations:read"}))
    with pytest.raises(Problem, match="scope"):
        await ViewerSession(world.database, token).fetch(read, {"parents": [world.requirement]})


def test_a_column_that_nobody_reads_is_no_output():
    for name in ("search", "name_order"):
        with pytest.raises(ValueError, match=name):
            compiled(Select(Requirement, (Output(name),)), grant_lists(Viewer(UUID(int=1))))


async def test_parts_are_read_with_the_row_that_they_are_part_of(world: World):
    private = uuid7()
    await world.superuser.execute(
        "INSERT INTO projects (id, organization_id, name, slug, visibility)"
        " VALUES ($1, $2, 'Private', $3, 'private')",
        *(private, world.organization, private.hex),
    )
    wholes = {project: uuid7() for project in (world.project, private)}
    async with world.superuser.transaction():
        for project, whole in wholes.items():
            place = (world.organization, project, whole, bytes(32))
            await world.superuser.execute(
                "INSERT INTO baselines (organization_id, project_id, id, name, content_hash)"
                " VALUES ($1, $2, $3, 'B', $4)",
                *place,
            )
            await world.superuser.execute(
                "INSERT INTO baseline_items (organization_id, project_id, baseline_id, entity_type,"
                " entity_id, version, content_hash) VALUES ($1, $2, $3, 'Block', $3, 1, $4)",
                *place,
            )
    read = Select(BaselineItem, (Output("baseline_id"),))
    for person, expected in (
        ("viewer", set(wholes.values())),
        ("project_viewer", {wholes[world.project]}),
        ("outsider", set()),
    ):
        found = await (await session_of(world, person)).fetch(read, {})
        assert {row[0] for row in found} == expected
    hide = "UPDATE baselines SET deleted_at = now() WHERE id = $1"
    await world.superuser.execute(hide, wholes[private])
    found = await (await session_of(world, "viewer")).fetch(read, {})
    assert [row[0] for row in found] == [wholes[world.project]]
