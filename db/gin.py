"""GIN indexes, and conditions that use them in spite of row level security."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    ColumnElement,
    CompoundSelect,
    Index,
    Select,
    Table,
    Uuid,
    func,
    inspect,
    intersect,
    select,
)
from sqlalchemy.sql import operators

VERBS = {"@@": "match", "&&": "overlap", "@>": "contain"}
"""The operators that such an index serves, by the verb in the names of their functions."""


def gin_index(table: str, column: str, **options: Any) -> Index:
    """Return the index into the words, tags or JSON of a column.

    A migration adds a function for each operator, `ctx.<table>_<column>_<verb>(value)`, which
    checks what gateway_app may read and returns IDs.
    """
    return Index(f"ix_{table}_{column}", column, postgresql_using="gin", **options)


class Served(NamedTuple):
    """The conditions of a statement, divided by whether GIN indexes serve them."""

    others: list[ColumnElement[bool]]
    served: list[ColumnElement[bool]]
    ids: Select[Any] | CompoundSelect[Any] | None
    """The query for the IDs of rows that meet all served conditions; None if there are none."""


def served(model: Any, conditions: Iterable[ColumnElement[bool]]) -> Served:
    """Return which conditions GIN indexes serve, with one query for the IDs that meet them all.

    PostgreSQL must test policies before an operator that is not leakproof, and so uses no index
    for it. Conditions within `or` or `not` are unchanged.
    """
    others: list[ColumnElement[bool]] = []
    by_index: list[ColumnElement[bool]] = []
    answers: list[Select[Any]] = []
    for condition in conjuncts(conditions):
        answer = _asked(model, condition)
        if answer is None:
            others.append(condition)
        else:
            by_index.append(condition)
            answers.append(answer)
    ids = intersect(*answers) if len(answers) > 1 else answers[0] if answers else None
    return Served(others, by_index, ids)


def conjuncts(conditions: Iterable[ColumnElement[bool]]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that all must hold."""
    for condition in conditions:
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            yield from conjuncts(condition.clauses)
        else:
            yield condition


def _asked(model: Any, condition: ColumnElement[bool]) -> Select[Any] | None:
    """Return the query for the IDs of rows that meet a condition; None if no index serves it."""
    if not isinstance(condition, BinaryExpression):
        return None
    verb = VERBS.get(getattr(condition.operator, "opstring", ""))
    column = getattr(condition.left, "name", "")
    if verb is None or column not in indexed_columns(inspect(model).mapper.local_table):
        return None
    function = getattr(func.ctx, f"{model.__tablename__}_{column}_{verb}")
    # Among the columns and not in FROM: there it would be read to its end before any limit.
    return select(function(condition.right, type_=Uuid).label("id"))


@cache
def indexed_columns(table: Table) -> frozenset[str]:
    """Return the columns of a table that have a GIN index."""
    indexes = (i for i in table.indexes if i.dialect_options["postgresql"]["using"] == "gin")
    return frozenset(column.name for index in indexes for column in index.columns)
