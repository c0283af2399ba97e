"""Rows sent set-based are stored as the ORM stores them, for every type of column."""

from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from struct import pack
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import pytest
from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Text,
    Uuid,
    inspect,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from auth.origin import Origin
from auth.policy import RULES
from auth.session.write.audit import record
from auth.session.write.flush import PendingWrite, columns_of, send
from auth.session.write.unit_of_work import UnitOfWork
from auth.viewer import Viewer
from db.base import Entity
from db.requirements.baselines import Baseline
from db.requirements.signatures import Signature
from db.text import StrictNameText
from tests.conftest import dsn_of
from tests.isolation.rows import FORMS

pytestmark = pytest.mark.exhaustive

WORDS = "ü\"\\'{a,b}\n\t\u2028 NULL null 😀"


def has_form(column: Any) -> bool:
    """Return whether the text of a column has a form of its own."""
    return column.name in FORMS or str(column) in FORMS


OTHER: dict[type, Any] = {
    Enum: lambda column, _: list(column.type.enum_class)[-1],
    StrictNameText: lambda _, value: f"{value} ü\"\\'{{a,b}} NULL null",
    Text: lambda column, value: value if has_form(column) else WORDS,
    ARRAY: lambda column, _: (
        [UUID(int=1), UUID(int=2**128 - 1)]
        if isinstance(column.type.item_type, Uuid)
        else [WORDS, "NULL", "", "{}"]
    ),
    JSONB: lambda _, value: (
        [*value, {"a": None}, 1.0, WORDS, 2**70]
        if isinstance(value, list)
        else {**value, WORDS: [None, 0.1, -1e300, True, {}], "n": None}
    ),
    Float: lambda *_: 0.1 + 0.2,
    Integer: lambda _, value: (value or 0) + 1,
    DateTime: lambda *_: datetime(2031, 2, 3, 4, 5, 6, 789012, UTC),
    Date: lambda *_: date(2031, 2, 3),
    INET: lambda *_: ip_address("2001:db8::1"),
    Interval: lambda *_: timedelta(days=400, seconds=5, microseconds=7),
    Boolean: lambda _, value: not value,
    LargeBinary: lambda *_: bytes(range(32)),
}
"""Another value for a column of this type; keys stay as they are, and are sent all the same."""

LEFT = {"id", "version"}
SAME = {"created_at", "expires_at", "period_start", "current_period_start", "is_public"}
SAME |= {"environments.name", "template_type"}
TOGETHER = {"admin_role", "project_role", "document_role"}
TOGETHER |= {"test_id", "execution_id", "external_document_id", "state", "sha256", "purpose"}
TOGETHER |= {"closed_at", "diagram_id", "flow_id"}
TOGETHER |= {"assessments.status", "assessments.error_message", "assessments.claimed_until"}
TOGETHER |= {"compliance_documents.status", "compliance_documents.error_message"}
ROLLBACK = ("rollback_reason", "rolled_back_at", "rolled_back_to_build_id")
TOGETHER |= {f"deployments.{name}" for name in ("status", "approved_at", *ROLLBACK)}
TOGETHER |= {"deployments.canary_percentage", "deployments.deployment_strategy"}
TOGETHER |= {"vulnerabilities.status", "vulnerabilities.risk_reason", "defects.status"}
TOGETHER |= {"vulnerabilities.risk_accepted_until", "security_events.resolved"}
TOGETHER |= {"security_events.resolved_at", "security_events.resolution_notes"}
TOGETHER |= {"deployments.approved_by", "vulnerabilities.risk_accepted_by"}
TOGETHER |= {"security_events.resolved_by"}
TOGETHER |= {"features.implementation_status", "test_cases.run_count"}
TOGETHER |= {"test_cases.pass_count", "test_cases.fail_count"}
TOGETHER |= {"reviewers.role", "reviewers.reviewer_id"}
TOGETHER |= {"shares.baseline_id", "shares.assessment_id"}
"""Columns of which only one is set, or whose values depend on each other."""

DOUBLES = (5e-324, -0.0, 1.7976931348623157e308, -1 / 3, 1e22, 123456789.123456789)


def differently(row: Entity) -> None:
    for key, column in columns_of(type(row)).items():
        if key in LEFT:
            continue
        value = getattr(row, key)
        kinds = [kind for kind in OTHER if isinstance(column.type, kind)]
        if kinds and not {key, str(column)} & (SAME | TOGETHER):
            setattr(row, key, OTHER[kinds[0]](column, value))
        flag_modified(row, key)


@pytest.fixture
async def engine(canaries):
    """Yield a connection of a superuser."""
    name = await canaries.superuser.fetchval("SELECT current_database()")
    address = urlsplit(dsn_of(name, superuser=True))
    engine = create_async_engine(urlunsplit(address._replace(scheme="postgresql+asyncpg")))
    yield engine
    await engine.dispose()


async def stored(engine: Any, model: type[Entity], write: Any) -> str:
    """Return the first row as PostgreSQL shows it after this change, which is rolled back."""

    def work(connection: Any) -> str:
        with Session(connection, autoflush=False) as session:
            if model in (Baseline, Signature):  # which its triggers keep as it is
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            row = session.scalars(select(model).order_by(model.id).limit(1)).one()
            write(session, row)
            shown = f"SELECT t::text FROM {model.__tablename__} t WHERE id = '{row.id}'"
            text: str = connection.exec_driver_sql(shown).scalar_one()
            session.rollback()
            return text

    async with engine.connect() as connection:
        return await connection.run_sync(work)


def sent(session: Session, row: Entity) -> None:
    event = record(Viewer(id=row.id), Origin(), "update", row, {}, {}, version=row.version + 1)
    writes = [PendingWrite(row, event, is_new=False)]
    connection: Any = session.connection().connection.dbapi_connection
    connection.run_async(lambda driver: send(UnitOfWork(driver), writes))


@pytest.mark.parametrize("model", RULES, ids=lambda model: model.__name__)
async def test_a_column_is_stored_as_the_orm_stores_it(engine, model):
    def by_orm(session, row):
        differently(row)
        session.flush()

    def set_based(session, row):
        differently(row)
        sent(session, row)

    def untouched(*_):
        pass

    expected = await stored(engine, model, by_orm)
    assert expected != await stored(engine, model, untouched)
    assert await stored(engine, model, set_based) == expected


@pytest.mark.parametrize("model", RULES, ids=lambda model: model.__name__)
async def test_what_may_be_null_is_emptied_as_the_orm_does(engine, model):
    def emptied(row):
        for key, column in columns_of(model).items():
            left = {"project_id", "document_id"} | TOGETHER
            if column.nullable and not {key, str(column)} & left:
                setattr(row, key, None)

    def by_orm(session, row):
        emptied(row)
        session.flush()

    def set_based(session, row):
        emptied(row)
        sent(session, row)

    assert await stored(engine, model, set_based) == await stored(engine, model, by_orm)


@pytest.mark.parametrize("number", DOUBLES)
async def test_a_double_is_stored_to_its_last_bit(engine, number):
    models = {model.__name__: model for model in RULES}
    model = models["Requirement"]

    def set_based(session, row):
        row.position = number
        sent(session, row)
        statement = f"SELECT float8send(position) FROM requirements WHERE id = '{row.id}'"
        bits = session.connection().exec_driver_sql(statement).scalar_one()
        assert bits == pack("!d", number)

    await stored(engine, model, set_based)


def test_every_type_of_column_has_another_value_to_send():
    kinds = {type(column.type) for model in RULES for column in columns_of(model).values()}
    keys = {kind.__name__ for kind in kinds if not issubclass(kind, tuple(OTHER))}
    assert keys == {"Uuid"}
    assert all(inspect(model).local_table is not None for model in RULES)
