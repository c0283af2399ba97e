"""What a baseline freezes, in SQL: the rows that are in a document or a project now.

What is frozen does not depend on who asks for it; who reads a baseline sees of it what they may
read at the places where it was frozen.
"""

from collections.abc import Callable, Iterable
from typing import Any
from typing import cast as cast_type
from uuid import UUID

from sqlalchemy import (
    Double,
    Executable,
    FromClause,
    Select,
    Subquery,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from auth.policy import live
from auth.session.visible import unhidden
from db.base import Entity
from db.requirements.baselines import FROZEN, BaselineItem
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase, TestExecution

Shown = Callable[[type[Entity]], Iterable[Any]]
"""The criteria by which rows of a model are there."""

LEFT = frozenset({"search", "deleted_at", "deleted_by"})
"""Columns that PostgreSQL makes of others, and those that are null in every row that is there."""

PARENT = {"blocks": "parent_id", "requirements": "block_id"}
"""By table, the column that names the block in which a row stands."""

COLUMNS = (
    "organization_id",
    "project_id",
    "baseline_id",
    "entity_type",
    "entity_id",
    "version",
    "document_id",
    "parent_id",
    "position",
    "data",
)
"""Columns of an item, all but its hash."""

ITEMS = cast_type(Table, BaselineItem.__table__)


def there(model: type[Entity]) -> Iterable[Any]:
    """Rows that are neither deleted nor beneath anything that is, whoever asks."""
    return (live(model), *unhidden(model))


def contents(at: FromClause, shown: Shown, *, whole_project: bool) -> Subquery:
    """What is in the places of `at` now; these have a baseline_id, project_id and document_id.

    A document has its blocks and requirements, the runs of tests for these, the tests, and the
    links with one end in it; a project has all of its documents, tests and links. What another
    project keeps, such as a link from there to here, is frozen with that one.
    """
    inside = _inside(at, shown, whole_project=whole_project)
    return union_all(*(_rows(model, at).where(*inside[model]) for model in FROZEN)).subquery("now")


def _inside(
    at: FromClause, shown: Shown, *, whole_project: bool
) -> dict[type[Entity], Iterable[Any]]:
    """For each model the criteria by which its rows are in a place of `at`."""
    own = (Document, Block, Requirement, *((TestCase,) if whole_project else ()))

    def here(model: Any, place: FromClause) -> Any:
        if whole_project:
            return model.project_id == place.c.project_id
        return (model.id if model is Document else model.document_id) == place.c.document_id

    def ids(model: type[Entity]) -> Select[Any]:
        place = at.alias()
        return select(place.c.baseline_id, model.id).where(here(model, place), *shown(model))

    place = at.alias()
    runs = (
        TestExecution.project_id == place.c.project_id,
        tuple_(place.c.baseline_id, TestExecution.requirement_id).in_(ids(Requirement)),
        *shown(TestExecution),
    )
    run = select(place.c.baseline_id, TestExecution.test_id).where(*runs)
    tests = ids(TestCase) if whole_project else run
    ends = union_all(*map(ids, own)).cte("ends")
    linked = (
        tuple_(at.c.baseline_id, end).in_(select(ends))
        for end in (TraceLink.source_id, TraceLink.target_id)
    )
    return {
        **{model: (here(model, at), *shown(model)) for model in own},
        TestCase: (
            TestCase.project_id == at.c.project_id,
            tuple_(at.c.baseline_id, TestCase.id).in_(tests),
            *shown(TestCase),
        ),
        TestExecution: (
            TestExecution.project_id == at.c.project_id,
            tuple_(at.c.baseline_id, TestExecution.requirement_id).in_(ids(Requirement)),
            TestExecution.test_id.in_(
                select(TestCase.id).where(
                    TestCase.project_id == place.c.project_id, *shown(TestCase)
                )
            ),
            *shown(TestExecution),
        ),
        TraceLink: (TraceLink.project_id == at.c.project_id, or_(*linked), *shown(TraceLink)),
    }


def _rows(model: Any, at: FromClause) -> Select[Any]:
    """Rows of a model as items of a baseline at each place."""
    table = model.__table__
    parent = table.c[PARENT[table.name]] if table.name in PARENT else cast(null(), Uuid)
    document = table.c.id if model is Document else table.c.get("document_id")
    position = table.c.get("position")
    data: list[Any] = []
    for column in table.columns:
        if column.name not in LEFT:
            data += literal_column(f"'{column.name}'"), column
    values = {
        "organization_id": table.c.organization_id,
        "project_id": at.c.project_id,
        "baseline_id": at.c.baseline_id,
        "entity_type": cast(literal_column(f"'{model.__name__}'"), Text),
        "entity_id": table.c.id,
        "version": table.c.version,
        "document_id": cast(null(), Uuid) if document is None else document,
        "parent_id": parent,
        "position": cast(null(), Double) if position is None else position,
        "data": func.jsonb_build_object(*data),
    }
    return select(*(values[name].label(name) for name in COLUMNS))


def digest(data: Any) -> Any:
    """The SHA-256 of an item's data, as PostgreSQL writes JSON."""
    return func.sha256(func.convert_to(cast(data, Text), "UTF8"))


def digest_of_all(items: FromClause) -> Any:
    """The SHA-256 of the lines of these items, sorted by their bytes. Aggregates."""
    line = func.concat(
        items.c.entity_type,
        literal_column("' '"),
        items.c.entity_id,
        literal_column("' '"),
        func.encode(items.c.content_hash, "hex"),
        literal_column("chr(10)"),
    )
    between: Any = aggregate_order_by(literal_column("''"), line.collate("C"))
    lines = func.coalesce(func.string_agg(line, between), "")
    return func.sha256(func.convert_to(lines, "UTF8"))


def freezing(baseline_id: UUID, project_id: UUID, document_id: UUID | None) -> Executable:
    """Insert the items of a baseline; answers with its hash, and how many there are of each type.

    One statement, and so one snapshot of the database: others may be writing meanwhile.
    """
    at = select(
        bindparam("baseline_id", baseline_id, type_=Uuid).label("baseline_id"),
        bindparam("project_id", project_id, type_=Uuid).label("project_id"),
        bindparam("document_id", document_id, type_=Uuid).label("document_id"),
    ).cte("place")
    now = contents(at, there, whole_project=document_id is None)
    hashed = select(*(now.c[name] for name in COLUMNS), digest(now.c.data))
    added = (
        insert(ITEMS)
        .from_select([*COLUMNS, "content_hash"], hashed)
        .returning(ITEMS.c.entity_type, ITEMS.c.entity_id, ITEMS.c.content_hash)
        .cte("added")
    )
    number = select(added.c.entity_type, func.count().label("number")).group_by(added.c.entity_type)
    numbers = number.subquery("numbers")
    counts = select(func.jsonb_object_agg(numbers.c.entity_type, numbers.c.number))
    return select(
        digest_of_all(added),
        func.coalesce(counts.scalar_subquery(), literal_column("'{}'::jsonb"), type_=JSONB),
    )
