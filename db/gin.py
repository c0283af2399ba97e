"""GIN indexes, and conditions that use them although row level security stands before them."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    ColumnElement,
    Index,
    Select,
    Table,
    Uuid,
    any_,
    func,
    inspect,
    intersect,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import operators

from db.base import Entity

VERBS = {"@@": "match", "&&": "overlap", "@>": "contain"}
"""The operators that such an index serves, and how the functions that ask it are called."""


def gin_index(table: str, column: str, **options: Any) -> Index:
    """The index into the words, tags or JSON of a column.

    A migration gives each of its operators a function `ctx.<table>_<column>_<verb>(value)`, which
    brings along what gateway_app may read and answers with ids.
    """
    return Index(f"ix_{table}_{column}", column, postgresql_using="gin", **options)


def by_index(
    model: type[Entity], conditions: Iterable[ColumnElement[bool]]
) -> list[ColumnElement[bool]]:
    """The same conditions, but those that GIN indexes serve are asked of them, all at once.

    PostgreSQL must test policies before an operator that is not leakproof, and so uses no index
    for it. What stands within `or` or `not` is left as it is. It pays where nothing else narrows
    the rows: the indexes answer for everything that the context shows.
    """
    others: list[ColumnElement[bool]] = []
    answers: list[Select[Any]] = []
    for condition in _conjuncts(conditions):
        answer = _asked(model, condition)
        others.append(condition) if answer is None else answers.append(answer)
    if answers:
        # An array, since the planner takes it for short and goes by primary key. It cannot know
        # how many ids there are, and might compare each with each row where it joins them.
        ids = intersect(*answers) if len(answers) > 1 else answers[0]
        array = func.array(ids.scalar_subquery(), type_=ARRAY(Uuid))
        others.append(model.id == any_(array))
    return others


def _conjuncts(conditions: Iterable[ColumnElement[bool]]) -> Iterator[ColumnElement[bool]]:
    for condition in conditions:
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            yield from _conjuncts(condition.clauses)
        else:
            yield condition


def _asked(model: type[Entity], condition: ColumnElement[bool]) -> Select[Any] | None:
    """The ids of the rows for which the condition holds; None when no index serves it."""
    if not isinstance(condition, BinaryExpression):
        return None
    verb = VERBS.get(getattr(condition.operator, "opstring", ""))
    column = getattr(condition.left, "name", "")
    if verb is None or column not in indexed_columns(inspect(model).mapper.local_table):
        return None
    function = getattr(func.ctx, f"{model.__tablename__}_{column}_{verb}")
    return select(function(condition.right).column_valued("found"))


@cache
def indexed_columns(table: Table) -> frozenset[str]:
    """The columns of a table that have a GIN index."""
    indexes = (i for i in table.indexes if i.dialect_options["postgresql"]["using"] == "gin")
    return frozenset(column.name for index in indexes for column in index.columns)
