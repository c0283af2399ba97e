"""A product's own statements read only rows that the policy allows their viewer."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import (
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import aliased

from auth.credentials.identify import act_for
from auth.policy import RULES
from auth.session import ViewerSession
from auth.session.product_query import (
    existing,
    parts,
    prepared,
    readable,
    relations,
    require_insertion,
)
from auth.viewer import Role, Viewer
from db.change import AuditLog
from db.problem import Problem
from db.requirements.baselines import Baseline, BaselineItem
from db.requirements.requirements import Requirement
from tests.core.keys import WRITE as UPDATE

RAW = Requirement.__table__
ROWS = readable(Requirement)
HERE = uuid4()
VIEWER = Viewer(id=uuid4(), grants={HERE: Role.OWNER}, organizations=frozenset([HERE]))
CONTENTS = insert(BaselineItem.__table__).from_select(["data"], select(ROWS.c.properties))
ESCAPES = {
    "a table": select(RAW.c.id),
    "a model": select(Requirement),
    "an alias": select(aliased(Requirement).id),
    "a table by its name": select(table("requirements", column("id"))),
    "a subquery": select(ROWS.c.id).where(ROWS.c.id.in_(select(RAW.c.id))),
    "what exists": select(ROWS.c.id).where(exists().where(RAW.c.id == ROWS.c.id)),
    "a joined table": select(ROWS.c.id).join(Baseline, Baseline.id == ROWS.c.id),
    "a union": select(ROWS.c.id).union_all(select(RAW.c.id)),
    "a common table expression": select(select(RAW.c.id).cte("found").c.id),
    "a lateral one": select(ROWS.c.id, select(RAW.c.name).lateral("other").c.name),
    "a part": select(BaselineItem.__table__.c.data),
    "rows that exist": select(existing(Requirement).c.id),
    "text": select(ROWS.c.id).where(text("true")),
    "text in the place of a table": select(text("1")).select_from(text("requirements")),
    "a literal": select(literal_column("(SELECT name FROM requirements LIMIT 1)")),
    "a function of the gateway's": select(func.ctx.purge(ROWS.c.id)),
    "a relation of a table's name": select(select(ROWS.c.id).cte("projects").c.id),
    "an insertion": select(CONTENTS.returning(column("id")).cte("added").c.id),
    "an update": select(update(RAW).values(name="x").returning(RAW.c.id).cte("changed").c.id),
    "a removal": select(delete(RAW).returning(RAW.c.id).cte("gone").c.id),
}


@pytest.mark.parametrize("statement", ESCAPES.values(), ids=ESCAPES)
def test_what_the_policy_does_not_speak_of_is_refused(statement):
    with pytest.raises(TypeError):
        prepared(statement, VIEWER, {})


def test_what_is_made_of_readable_rows_is_taken():
    found = select(ROWS.c.id).where(ROWS.c.name == bindparam("name")).cte("found")
    others = ROWS.alias()
    statement = (
        select(found.c.id, func.count(), literal_column("'x'::text"), func.ctx.sort_key("a"))
        .where(exists().where(others.c.id == found.c.id))
        .group_by(found.c.id)
    )
    sql, arguments = prepared(statement, VIEWER, {"name": "Stops"})
    assert "Stops" in arguments
    assert sql.count("requirements.deleted_at IS NULL") == 2
    assert prepared(statement, VIEWER, {"name": "Turns"})[0] is sql


@pytest.mark.parametrize("name", ["OWNER", "organizations", "viewer_id"])
def test_a_value_in_the_place_of_the_policys_is_refused(name):
    with pytest.raises(TypeError, match="policy binds"):
        prepared(select(ROWS.c.id), VIEWER, {name: [HERE]})


def test_a_token_needs_the_scope_of_all_that_is_read():
    narrowed = replace(VIEWER, scopes=frozenset({"organizations:read"}))
    with pytest.raises(Problem, match=r"requirements:read") as refusal:
        prepared(select(ROWS.c.id), narrowed, {})
    assert refusal.value.code == "FORBIDDEN"


ADDED = (
    insert(BaselineItem.__table__)
    .from_select(["entity_id"], select(existing(Requirement).c.id))
    .returning(column("entity_id"))
)
INSERTIONS = {
    "rows that some may read": CONTENTS,
    "a table": ADDED.from_select(["entity_id"], select(RAW.c.id)),
    "rows of another model": insert(RAW).from_select(["id"], select(existing(Requirement).c.id)),
}


def test_parts_are_added_of_rows_that_exist():
    require_insertion(select(ADDED.cte("added").c.entity_id))


@pytest.mark.parametrize("statement", INSERTIONS.values(), ids=INSERTIONS)
def test_nothing_else_is_added_by_a_statement(statement):
    with pytest.raises(TypeError):
        require_insertion(select(statement.returning(column("id")).cte("added").c.id))


@pytest.mark.parametrize(
    "rows",
    [select(RAW), text("SELECT * FROM public.requirements").columns()],
    ids=["table", "text"],
)
def test_a_past_is_made_of_parts_alone(rows):
    class Wrong:
        def relations(self, model, key):
            return (rows.cte("requirements"),)

    with pytest.raises(TypeError):
        relations(Wrong(), Requirement, "id")


@pytest.mark.slow
@pytest.mark.parametrize("person", ["owner", "viewer", "document_editor", "outsider"])
async def test_readable_rows_are_those_that_the_session_reads(world, person):
    await world.ask("editor", UPDATE, id=world.requirement)
    viewer = await act_for(world.email(person), world.database)
    session = ViewerSession(world.database, viewer)
    for model in RULES:
        found = await session.query(select(readable(model).c.id), {})
        expected = await session.rows(model)
        assert {row["id"] for row in found} == {row.id for row in expected}, model
    events = await session.query(select(readable(AuditLog).c.entity_id), {})
    assert bool(events) == (person != "outsider")
    assert await session.query(select(parts(BaselineItem).c.id), {}) == []
