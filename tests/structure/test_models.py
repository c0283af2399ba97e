"""The tables as Python sees them: complete, consistent, and kept by PostgreSQL."""

import re
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import Enum, Index, PrimaryKeyConstraint, UniqueConstraint, event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import aliased
from sqlalchemy.pool import NullPool

from db.base import Entity
from db.compliance.assessments import Assessment
from db.constraints import explain
from db.core.organizations import Organization
from db.core.projects import Project
from db.diagram import diagram
from db.gin import served
from db.requirements.baselines import Baseline
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.summaries import DocumentSummary
from db.signing import KEY, key_of
from db.tables import METADATA, MODELS
from tests.contexts import signed

DATA_MODEL = Path(__file__).parents[2] / "docs" / "data-model.md"

SPECIFIED = {
    "profiles",
    "organizations",
    "organization_members",
    "organization_invitations",
    "projects",
    "project_members",
    "documents",
    "blocks",
    "requirements",
    "properties",
    "columns",
    "test_req",
    "requirement_tests",
    "test_matrix_views",
    "assignments",
    "trace_links",
    "excalidraw_diagrams",
    "diagram_element_links",
    "react_flow_diagrams",
    "external_documents",
    "oauth_clients",
    "oauth_authorization_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
    "stripe_customers",
    "billing_cache",
    "usage_logs",
    "user_roles",
    "notifications",
    "audit_logs",
}
SHARED = {Baseline, Assessment}
"""The models that a share opens itself, although no roles are granted at them."""
CHECKS = [
    check
    for table in METADATA.tables.values()
    for check in table.constraints
    if str(check.name).startswith("ck_")
]


def test_every_specified_table_has_a_model():
    tables = {model.__tablename__ for model in MODELS}
    assert tables == set(METADATA.tables)
    assert tables >= SPECIFIED
    assert DocumentSummary.__tablename__ == "document_summary"


def test_every_enumeration_has_lower_case_labels_and_upper_case_members():
    for table in METADATA.tables.values():
        for column in table.columns:
            if isinstance(column.type, Enum):
                members = column.type.enum_class
                words = re.findall("[A-Z][a-z]+", members.__name__)
                assert column.type.name == "_".join(words).lower()
                assert [member.name.lower() for member in members] == column.type.enums


def test_every_default_holds_in_python_and_in_the_database():
    for model in MODELS:
        for column in model.__table__.columns:
            if column.default is not None and column.default.is_scalar:
                value = column.default.arg
                text = str(getattr(column.server_default.arg, "text", column.server_default.arg))
                expected = str(value).lower() if isinstance(value, bool) else str(value)
                assert text == expected, column


def test_every_check_names_its_column_and_explains_itself():
    for check in CHECKS:
        violation = explain(check.name)
        assert check.name.startswith(f"ck_{check.table.name}_{violation.column}_")
        assert violation.column in check.table.columns
        assert violation.message.endswith(".")
    assert explain("ck_nothing_is_named_so") is None


def test_every_unique_and_foreign_key_explains_itself():
    for table in METADATA.tables.values():
        uniques = {c for c in table.constraints if isinstance(c, UniqueConstraint)}
        for key in uniques | {index for index in table.indexes if index.unique}:
            assert key.name.startswith(f"uq_{table.name}_")
            assert explain(key.name).column in table.columns
        for key in table.foreign_key_constraints:
            assert explain(key.name).column == key.column_keys[-1]


def test_every_foreign_key_finds_its_rows_by_an_index():
    for table in METADATA.tables.values():
        keys = [
            k for k in table.constraints if isinstance(k, UniqueConstraint | PrimaryKeyConstraint)
        ]
        whole = [i for i in table.indexes if i.dialect_options["postgresql"]["where"] is None]
        first = {first_column(index) for index in (*keys, *whole)}
        pairs = {tuple(c.name for c in key.columns) for key in keys}
        for key in table.foreign_key_constraints:
            named = key.column_keys[-1]
            assert named in first or ("organization_id", named) in pairs, key.name


def first_column(index: Index | UniqueConstraint | PrimaryKeyConstraint) -> str | None:
    return next((column.name for column in index.columns), None)


def test_roles_are_granted_at_organizations_projects_and_documents():
    assert Organization.scope_keys() == ("id",)
    assert Project.scope_keys() == ("organization_id", "id")
    assert Document.scope_keys() == ("organization_id", "project_id", "id")
    assert Requirement.scope_keys() == ("organization_id", "project_id", "document_id")
    scopes = {model for model in MODELS if issubclass(model, Entity) and model.traits.scope_key}
    assert scopes == {Organization, Project, Document, *SHARED}


def test_the_diagram_is_that_of_the_tables():
    """After an intended change: `python -m db.diagram`, into docs/data-model.md."""
    assert f"```mermaid\n{diagram()}\n```" in DATA_MODEL.read_text()


def test_every_table_is_described():
    text = DATA_MODEL.read_text()
    assert [name for name in METADATA.tables if f"| `{name}` |" not in text] == []


@pytest.fixture
async def session(database_dsn):
    async def connect():
        return await asyncpg.connect(database_dsn, server_settings={"role": "gateway_owner"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session
        await session.rollback()
    await engine.dispose()


@pytest.fixture
async def place(session):
    """Return an organization with two projects, and a document in each."""
    organization = Organization(name="Rover", slug=f"rover-{uuid4().hex}")
    projects = [scoped(Project, organization_id=organization.id) for _ in range(2)]
    documents = [
        scoped(Document, organization_id=organization.id, project_id=project.id)
        for project in projects
    ]
    for rows in ([organization], projects, documents):
        session.add_all(rows)
        await session.flush()
    return SimpleNamespace(
        organization=organization,
        projects=projects,
        documents=documents,
        scope={
            "organization_id": organization.id,
            "project_id": projects[0].id,
            "document_id": documents[0].id,
        },
    )


def scoped(model, **values):
    return model(name=model.__name__, slug=f"a-{uuid4().hex}", **values)


async def test_a_new_row_has_its_defaults_and_its_first_version(session, place):
    requirement = Requirement(name="Stops within 40 m", **place.scope)
    assert (requirement.status, requirement.tags) == ("draft", [])
    session.add(requirement)
    await session.flush()
    assert requirement.version == 1
    assert requirement.created_at == requirement.updated_at
    assert "Stops" not in repr(requirement)


async def test_many_rows_are_inserted_by_one_statement(session, place):
    statements = []
    listen = session.bind.sync_engine
    event.listen(listen, "before_cursor_execute", lambda *args: statements.append(args[2]))
    session.add_all([Requirement(name=f"Number {n}", **place.scope) for n in range(50)])
    await session.flush()
    assert len(statements) == 1
    assert "search" not in statements[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"name": " \n"}, "ck_requirements_name_not_blank"),
        ({"name": "x" * 501}, "ck_requirements_name_length"),
        ({"position": float("nan")}, "ck_requirements_position_finite"),
        ({"position": float("-inf")}, "ck_requirements_position_finite"),
        ({"properties": []}, "ck_requirements_properties_object"),
        ({"document_id": uuid4()}, "fk_requirements_document_id"),
    ],
)
async def test_postgresql_refuses_what_a_constraint_forbids(session, place, values, constraint):
    session.add(Requirement(**{"name": "Stops", **place.scope, **values}))
    with pytest.raises(IntegrityError) as refusal:
        await session.flush()
    assert broken(refusal) == constraint
    assert explain(constraint).column == next(iter(values))


def broken(refusal):
    """Return the constraint's name, as the driver reports it."""
    return refusal.value.orig.__cause__.constraint_name


async def test_a_name_can_be_used_again_once_its_row_is_deleted(session, place):
    def twin():
        return Requirement(name="Stops", external_id="SYS-1", **place.scope)

    first = twin()
    session.add(first)
    await session.flush()
    with pytest.raises(IntegrityError) as refusal:
        await save(session, twin())
    assert broken(refusal) == "uq_requirements_document_id_external_id"
    first.deleted_at = func.now()
    await save(session, twin())


async def save(session, row):
    """Insert the row, or nothing."""
    async with session.begin_nested():
        session.add(row)


async def test_a_document_takes_its_parts_along_to_another_project(session, place):
    heading = Block(name="Heading", **place.scope)
    table = Block(name="Table", parent_id=heading.id, **place.scope)
    requirement = Requirement(name="Stops", block_id=table.id, **place.scope)
    session.add_all([table, heading, requirement])
    await session.flush()
    place.documents[0].project_id = place.projects[1].id
    await session.flush()
    for row in (heading, table, requirement):
        await session.refresh(row)
        assert row.project_id == place.projects[1].id


async def test_a_block_takes_its_parts_along_to_another_document(session, place):
    heading = Block(name="Heading", **place.scope)
    table = Block(name="Table", parent_id=heading.id, **place.scope)
    requirement = Requirement(name="Stops", block_id=table.id, **place.scope)
    session.add_all([heading, table, requirement])
    await session.flush()
    target = place.documents[1]
    heading.project_id, heading.document_id = target.project_id, target.id
    await session.flush()
    for row in (table, requirement):
        await session.refresh(row)
        assert (row.project_id, row.document_id) == (target.project_id, target.id)


async def test_words_are_found_in_any_form_and_identifiers_as_they_are(session, place):
    session.add(Requirement(name="Brakes stop the rover", external_id="SYS-12", **place.scope))
    session.add(Block(name="A", content={"text": "Ropes and pulleys"}, **place.scope))
    await session.flush()
    connection = await session.connection()
    key = key_of((await connection.exec_driver_sql(KEY)).scalar_one())
    context = signed(key, organizations=[place.organization.id])[1]
    await session.execute(select(func.set_config("app.organizations", context, True)))

    async def found(model, query):
        row = aliased(model)
        scanned = row.search.bool_op("@@")(query)
        indexed = row.id.in_(served(row, [scanned]).ids)
        counts = [
            await session.scalar(
                select(func.count()).where(row.document_id == place.documents[0].id, condition)
            )
            for condition in (scanned, indexed)
        ]
        assert counts[0] == counts[1]
        return counts[0]

    assert await found(Requirement, func.websearch_to_tsquery("english", "motor")) == 0
    assert await found(Requirement, func.websearch_to_tsquery("english", "braking stops")) == 1
    assert await found(Requirement, func.websearch_to_tsquery("simple", "sys-12")) == 1
    assert await found(Block, func.websearch_to_tsquery("english", "pulley")) == 1


async def test_a_text_of_any_length_can_be_searched(session, place):
    text = " ".join(f"word{n}" for n in range(200_000))
    session.add(Requirement(name="Long", description=text, **place.scope))
    await session.flush()


async def test_a_summary_counts_what_is_not_deleted(session, place):
    blocks = [Block(name=f"Block {n}", **place.scope) for n in range(3)]
    session.add_all(blocks)
    session.add_all(
        Requirement(name="Stops", block_id=block and block.id, **place.scope)
        for block in (None, *blocks)
    )
    await session.flush()
    blocks[0].deleted_at = func.now()
    await session.flush()
    summary = await session.get(DocumentSummary, place.documents[0].id)
    assert (summary.block_count, summary.requirement_count) == (2, 3)
    assert summary.document_name == "Document"
