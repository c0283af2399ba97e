"""`allows` in Python and the forms in SQL interpret the policy alike, for any grants."""

from itertools import product
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy import RULES, allows, grant_lists, lists_of, parameters, permitted, permitted_to
from auth.session.compiled import Compiled
from auth.session.row import STATEMENTS
from auth.viewer import Place, Role, Viewer
from db.problem import Problem
from tests.conftest import dsn_of
from tests.isolation.founding import FIXED
from tests.isolation.rows import Register, filled

GRANTED = [role for role in Role if role not in (Role.ANYONE, Role.NOBODY)]
PLACES = {
    key: [UUID(f"019b0000-0000-7000-8000-{name}0000000000{i}") for i in (1, 2)]
    for key, name in {
        "organization_id": "0",
        "project_id": "1",
        "document_id": "2",
        "baseline_id": "4",
        "assessment_id": "5",
    }.items()
}
"""Two of each kind of place; their nesting does not matter."""

PEOPLE = [UUID(f"019b0000-0000-7000-8000-30000000000{i}") for i in (1, 2)]
SCOPES = [id for ids in PLACES.values() for id in ids]


def placed(model: Any) -> list[dict[str, Any]]:
    """Return a row for every combination of places and people; a place's own row has its ID."""
    table = model.__table__
    choices: dict[str, list[Any]] = {}
    for key, ids in PLACES.items():
        if key in table.columns:
            choices[key] = [*ids, None] if table.columns[key].nullable else ids
    if model.traits.scope_key:
        choices["id"] = PLACES[model.traits.scope_key]
    if table.name == "profiles":
        choices |= {"id": PEOPLE, "service_of": [None, *PLACES["organization_id"]]}
    if "user_id" in table.columns:
        choices["user_id"] = PEOPLE
    combinations = product(*choices.values())
    return [dict(zip(choices, combination, strict=True)) for combination in combinations]


UNDECIDED = {
    "deployments": {
        "status": "pending",
        **dict.fromkeys(("approved_at", "rollback_reason", "rolled_back_at")),
    },
    "vulnerabilities": {"status": "open", "risk_accepted_until": None, "risk_reason": None},
    "security_events": {"resolved": False, "resolved_at": None, "resolution_notes": None},
}
"""Values of columns that depend on people, which these rows do not name."""


def acceptable(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return the row as the table's constraints require, or None when they allow none."""
    if (
        table in ("files", "properties", "user_roles")
        and row["document_id"]
        and not row["project_id"]
    ):
        return None
    if table == "shares":
        of_project = [row[key] is not None for key in ("document_id", "baseline_id")]
        of_one = sum(of_project) + (row["assessment_id"] is not None) == 1
        return row if of_one and any(of_project) == (row["project_id"] is not None) else None
    if table == "diagram_element_links":
        return row | {"diagram_id": uuid4()}
    row |= UNDECIDED.get(table, {})
    if table == "profiles":
        row |= {"avatar_type": None, "avatar_sha256": None}
        if row["service_of"]:  # of a service account, and none of the people
            id = uuid4()
            row |= {"id": id, "email": f"{id}@service-accounts.invalid"}
        return row
    if table == "user_roles":
        kinds = dict.fromkeys(("admin_role", "project_role", "document_role"))
        kind = "document" if row["document_id"] else "project" if row["project_id"] else "admin"
        return row | kinds | {f"{kind}_role": "viewer"}
    return row


@pytest.fixture(scope="module")
async def rows(database_dsn):
    """Yield rows of every model, in a transaction that ends with the module."""
    name = urlsplit(database_dsn).path.removeprefix("/")
    connection = await asyncpg.connect(dsn_of(name, superuser=True))
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SET LOCAL session_replication_role = replica")  # no foreign keys
        made = {model: [row async for row in insert(connection, model)] for model in RULES}
        yield SimpleNamespace(connection=connection, of=made)
    finally:
        await transaction.rollback()
        await connection.close()


async def insert(connection, model):
    """Insert all rows of the model, each with an id of its own."""
    register, table, ids = Register(), model.__table__, set()
    for place in placed(model):
        row = acceptable(table.name, place)
        if row is None or row.get("id") in ids:
            continue
        unused = {c.name: None for c in table.columns if isinstance(c.type, Uuid) and c.nullable}
        values = filled(
            register,
            table,
            f"{register.world}{len(ids):04x}",
            unused | FIXED.get(table.name, {}) | row,
        )
        if table.name == "trace_links":
            values["target_id"] = uuid4()
        ids.add(values["id"])
        names, numbers = ", ".join(values), ", ".join(f"${i + 1}" for i, _ in enumerate(values))
        await connection.execute(
            f"INSERT INTO {table.name} ({names}) VALUES ({numbers})", *values.values()
        )
        yield SimpleNamespace(**values)


KINDS = {id: Place(key) for key, ids in PLACES.items() for id in ids}
"""The kind of each place; a viewer may have been found without it."""

viewers = st.builds(
    Viewer,
    places=st.sampled_from([KINDS, {}]),
    id=st.sampled_from(PEOPLE),
    grants=st.dictionaries(st.sampled_from(SCOPES), st.sampled_from(GRANTED), max_size=4),
    organizations=st.frozensets(st.sampled_from(PLACES["organization_id"])),
)


@pytest.mark.slow
@pytest.mark.parametrize("model", RULES, ids=lambda model: model.__name__)
@given(viewer=viewers)
@settings(max_examples=20, deadline=None)
async def test_python_and_sql_allow_the_same_rows(rows, model, viewer):
    mine = bindparam("mine", type_=ARRAY(Uuid))
    ids = [row.id for row in rows.of[model]]
    assert len(ids) > (not RULES[model].is_open)
    for action in ("read", "update", "delete"):
        statement = select(model.id).where(permitted(action, model), model.id == any_(mine))
        text, arguments = STATEMENTS.ready(statement, parameters(viewer) | {"mine": ids})
        found = {row["id"] for row in await rows.connection.fetch(text, *arguments)}
        expected = {row.id for row in rows.of[model] if allows(viewer, action, model, row)}
        if action == "read" and RULES[model].seen_with:
            expected |= {*ids} & seen_with(rows, viewer, *RULES[model].seen_with)
        assert found == expected, action


@pytest.mark.slow
@pytest.mark.parametrize("model", RULES, ids=lambda model: model.__name__)
@given(viewer=viewers)
@settings(max_examples=15, deadline=None)
async def test_the_form_for_a_shape_of_grants_reads_the_same_rows(rows, model, viewer):
    mine = bindparam("mine", type_=ARRAY(Uuid))
    ids, columns, grants = (
        [row.id for row in rows.of[model]],
        model.__table__.c,
        grant_lists(viewer),
    )
    names = lists_of(model)
    shape = dict(zip(names, grants.shape(names), strict=True))
    statement = select(model.id).where(permitted_to(model, columns, shape), model.id == any_(mine))
    form = Compiled(statement, planned_once=False)
    found = await rows.connection.fetch(form.text, *form.arguments(grants, {"mine": ids}))
    expected = {row.id for row in rows.of[model] if allows(viewer, "read", model, row)}
    if RULES[model].seen_with:
        expected |= {*ids} & seen_with(rows, viewer, *RULES[model].seen_with)
    assert {row["id"] for row in found} == expected


def seen_with(rows, viewer, other, key):
    """Return the rows that are open because rows of another model that refer to them are."""
    return {getattr(row, key) for row in rows.of[other] if allows(viewer, "read", other, row)}


def test_whoever_is_not_signed_in_is_allowed_nothing():
    nobody = Viewer(None, grants=dict.fromkeys(SCOPES, Role.OWNER))
    for model in RULES:
        row = SimpleNamespace(id=SCOPES[0], user_id=None, **dict.fromkeys(PLACES, SCOPES[0]))
        assert not any(allows(nobody, action, model, row) for action in ("read", "create"))
    with pytest.raises(Problem, match="Sign in"):
        parameters(nobody)
