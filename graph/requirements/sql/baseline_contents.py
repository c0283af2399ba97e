"""The contents of a baseline in SQL: the current rows of a document or a project.

The contents do not depend on who creates the baseline; a reader of it sees the rows that they may
read at the places where it was frozen.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from typing import cast as cast_type

from sqlalchemy import (
    Double,
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
    inspect,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from auth.session.product_query import existing
from db.base import Entity
from db.fields import UNRECORDED
from db.requirements.baselines import FROZEN, Baseline, BaselineItem
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase, TestExecution

Rows = Callable[..., FromClause]
"""Returns the relation in place of a model's table: its `readable` rows, or `existing` ones."""

LEFT = frozenset({"deleted_at", "deleted_by"})
"""Columns that are null in every row that is not deleted."""

UNFROZEN = frozenset({"enhancement"})
"""JSON objects that are no part of a baseline: proposals, which change nothing."""

PARENT = {model: model.traits.parents[0] for model in FROZEN if model.traits.parents}
"""The column that names the block in which a row stands."""

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
"""The columns of an item, all but its hash."""

ITEMS = cast_type(Table, BaselineItem.__table__)


def contents(at: FromClause, rows: Rows, *, whole_project: bool) -> Subquery:
    """Return the current rows in the places of `at` (baseline_id, project_id, document_id).

    A document has its blocks and requirements, the executions of tests for these, the tests, and
    the links with one end in it; a project has all of its documents, tests and links. Rows of
    another project, such as a link from there to here, are frozen with that project.
    """
    tables = {model: rows(model) for model in FROZEN}
    inside = _inside(at, rows, tables, whole_project=whole_project)
    items = (_items(model, tables[model], at).where(*inside[model]) for model in FROZEN)
    return union_all(*items).subquery("now")


def _inside(
    at: FromClause, rows: Rows, tables: Mapping[type[Entity], FromClause], *, whole_project: bool
) -> dict[type[Entity], Iterable[Any]]:
    """Return the criteria by model for rows of its table that are in a place of `at`."""
    own = (Document, Block, Requirement, *((TestCase,) if whole_project else ()))

    def here(model: type[Entity], table: FromClause, place: FromClause) -> Any:
        if whole_project:
            return table.c.project_id == place.c.project_id
        return (table.c.id if model is Document else table.c.document_id) == place.c.document_id

    def ids(model: type[Entity]) -> Select[*tuple[Any, ...]]:
        place = at.alias()
        table = rows(model, "id", "project_id", "document_id").alias()
        return select(place.c.baseline_id, table.c.id).where(here(model, table, place))

    place, tests = at.alias(), rows(TestCase, "id", "project_id").alias()
    runs = rows(TestExecution, "project_id", "requirement_id", "test_id").alias()
    run = select(place.c.baseline_id, runs.c.test_id).where(
        runs.c.project_id == place.c.project_id,
        tuple_(place.c.baseline_id, runs.c.requirement_id).in_(ids(Requirement)),
    )
    tested = select(tests.c.id).where(tests.c.project_id == place.c.project_id)
    ends = union_all(*map(ids, own)).cte("ends")
    test, execution, link = (tables[model] for model in (TestCase, TestExecution, TraceLink))
    linked = (
        tuple_(at.c.baseline_id, end).in_(select(ends))
        for end in (link.c.source_id, link.c.target_id)
    )
    return {
        **{model: (here(model, tables[model], at),) for model in own},
        TestCase: (
            test.c.project_id == at.c.project_id,
            tuple_(at.c.baseline_id, test.c.id).in_(ids(TestCase) if whole_project else run),
        ),
        TestExecution: (
            execution.c.project_id == at.c.project_id,
            tuple_(at.c.baseline_id, execution.c.requirement_id).in_(ids(Requirement)),
            execution.c.test_id.in_(tested),
        ),
        TraceLink: (link.c.project_id == at.c.project_id, or_(*linked)),
    }


def _items(model: type[Entity], table: FromClause, at: FromClause) -> Select[*tuple[Any, ...]]:
    """Return rows of a model as items of a baseline at each place."""
    data: list[Any] = []
    for attribute in inspect(model).column_attrs:
        name = attribute.columns[0].name
        if name not in LEFT | UNFROZEN:
            value = literal_column("'{}'::jsonb") if name in UNRECORDED else table.c[attribute.key]
            data += literal_column(f"'{name}'"), value
    nothing = cast(null(), Uuid)
    values = {
        "organization_id": table.c.organization_id,
        "project_id": at.c.project_id,
        "baseline_id": at.c.baseline_id,
        "entity_type": cast(literal_column(f"'{model.__name__}'"), Text),
        "entity_id": table.c.id,
        "version": table.c.version,
        "document_id": table.c.id if model is Document else table.c.get("document_id", nothing),
        "parent_id": table.c.get(PARENT.get(model, ""), nothing),
        "position": table.c.get("position", cast(null(), Double)),
        "data": func.jsonb_build_object(*data),
    }
    return select(*(values[name].label(name) for name in COLUMNS))


def digest(data: Any) -> Any:
    """Return the SHA-256 of an item's data, as PostgreSQL writes JSON."""
    return func.sha256(func.convert_to(cast(data, Text), "UTF8"))


def digest_of_all(items: FromClause, entity_id: Any) -> Any:
    """Return the aggregate: the SHA-256 of the lines of these items, sorted by their bytes."""
    line = func.concat(
        items.c.entity_type,
        literal_column("' '"),
        entity_id,
        literal_column("' '"),
        func.encode(items.c.content_hash, "hex"),
        func.chr(literal_column("10")),
    )
    between: Any = aggregate_order_by(literal_column("''"), line.collate("C"))
    lines = func.coalesce(func.string_agg(line, between), "")
    return func.sha256(func.convert_to(lines, "UTF8"))


def freezing(baseline: Baseline) -> Select[*tuple[Any, ...]]:
    """Return the statement that inserts a baseline's items, and answers with its hash and counts.

    The counts are those of items by type, and of other baselines of the same place. One statement
    sees one snapshot of the database: others may be writing meanwhile.
    """
    at = select(
        bindparam("baseline_id", baseline.id, type_=Uuid).label("baseline_id"),
        bindparam("project_id", baseline.project_id, type_=Uuid).label("project_id"),
        bindparam("document_id", baseline.document_id, type_=Uuid).label("document_id"),
    ).cte("place")
    now = contents(at, existing, whole_project=baseline.document_id is None)
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
    others = existing(Baseline)
    same_place = select(func.count()).where(
        others.c.project_id == baseline.project_id,
        others.c.document_id.is_not_distinct_from(baseline.document_id),
    )
    return select(
        digest_of_all(added, added.c.entity_id),
        func.coalesce(counts.scalar_subquery(), literal_column("'{}'::jsonb"), type_=JSONB),
        same_place.scalar_subquery(),
    )
