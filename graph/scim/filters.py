"""Filters of SCIM as conditions of SQL (RFC 7644, section 3.4.2.2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from scim2_models import InvalidFilterException, Resource, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from scim2_models.path.resolution import coerce_value
from sqlalchemy import Boolean, ColumnElement, Uuid, and_, false, func, literal, not_, or_, true
from sqlalchemy import DateTime as Time

MAX_LENGTH = 4_000
"""The most characters of a filter or a path."""
MAX_DEPTH = 20
"""The deepest nesting of parentheses and brackets in a filter or a path."""

Condition = ColumnElement[bool]
Path = tuple[str, str | None]
"""The Python names of an attribute and of its sub-attribute."""
EXPRESSIONS = frozenset({"filter", "path", "sortby"})
ORDERED: dict[CompareOperator, Callable[[Any, Any], Any]] = {
    CompareOperator.gt: lambda a, b: a > b,
    CompareOperator.ge: lambda a, b: a >= b,
    CompareOperator.lt: lambda a, b: a < b,
    CompareOperator.le: lambda a, b: a <= b,
}

WITHIN: dict[CompareOperator, Callable[[Any, Any], Any]] = {
    CompareOperator.co: lambda a, b: func.strpos(a, b) > 0,
    CompareOperator.sw: func.starts_with,
    CompareOperator.ew: lambda a, b: func.right(a, func.char_length(b)) == b,
}


@dataclass(frozen=True)
class Columns:
    """The columns of the attributes of a resource.

    `exists` are attributes of several values: each returns the condition that one of the values
    meets a condition on the columns of its sub-attributes. `exact` are compared by case.
    """

    of: Mapping[Path, ColumnElement[Any]]
    exists: Mapping[str, Callable[[Condition], Condition]] = field(default_factory=dict)
    exact: frozenset[Path] = frozenset()


def require_bounded(text: str) -> None:
    """Raise InvalidFilterException for an expression that is too long or nested too deeply."""
    depth = deepest = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    if len(text) > MAX_LENGTH or deepest > MAX_DEPTH:
        message = f"An expression has at most {MAX_LENGTH} characters and {MAX_DEPTH} levels."
        raise InvalidFilterException(detail=message)


def expressions_in(body: bytes) -> Iterator[str]:
    """Yield the texts of a JSON body that are parsed as filters or paths.

    Those are members of these names, and names of members, which PATCH takes for paths.
    """
    try:
        stack: list[Any] = [orjson.loads(body)] if body else []
    except orjson.JSONDecodeError:
        return  # refused as what it is
    while stack:
        match stack.pop():
            case dict() as members:
                for name, value in members.items():
                    yield name
                    if isinstance(value, str) and name.lower() in EXPRESSIONS:
                        yield value
                    stack.append(value)
            case list() as items:
                stack += items


class Conditions(FilterVisitor[Condition]):
    """The translation of a filter on one type of resource."""

    def __init__(self, filter_: ScimFilter[Any], columns: Columns) -> None:
        self._filter, self._columns = filter_, columns
        self._within: str | None = None
        """The attribute whose values are being selected."""

    @classmethod
    def of(cls, model: type[Resource[Any]], text: str | None, columns: Columns) -> Condition:
        """Return the condition of a filter, true without one. Raises InvalidFilterException."""
        if not text:
            return true()
        bound = ScimFilter[model](text)  # type: ignore[valid-type]
        return cls(bound, columns).visit(bound.ast)

    def visit_not(self, node: Not) -> Condition:
        """Return the opposite, in which nothing is unknown."""
        return not_(func.coalesce(self.visit(node.expr), false()))

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        """Return the conjunction or disjunction."""
        join = and_ if node.op == LogicalOperator.and_ else or_
        return join(*(self.visit(term) for term in node.terms))

    def visit_present(self, node: Present) -> Condition:
        """Return the condition that there is a value."""
        found = self._resolve(node.attr_path)
        if found is None:
            return false()
        path = (found.field_name, found.sub_field_name)
        if self._is_several(path[0]):
            column = self._columns.of.get(path)
            return self._columns.exists[path[0]](true() if column is None else _present(column))
        if path in self._columns.of:
            return _present(self._columns.of[path])
        parts = [column for (name, _), column in self._columns.of.items() if name == path[0]]
        return or_(false(), *map(_present, parts)) if path[1] is None else false()

    def visit_comparison(self, node: Comparison) -> Condition:
        """Return the comparison; one with several values holds if it does for one of them."""
        found = self._resolve(node.attr_path, compared=True)
        if found is None:
            return false()
        path = (found.field_name, found.sub_field_name)
        if path not in self._columns.of:
            message = f"{node.attr_path} cannot be compared."
            raise InvalidFilterException(detail=message)
        value = coerce_value(found, node.value, node.op)
        column, is_exact = self._columns.of[path], path in self._columns.exact
        if not self._is_several(path[0]):
            return compared(column, node.op, value, exact=is_exact)
        if node.op == CompareOperator.ne:
            same = compared(column, CompareOperator.eq, value, exact=is_exact)
            return not_(self._columns.exists[path[0]](same))
        return self._columns.exists[path[0]](compared(column, node.op, value, exact=is_exact))

    def visit_value_path(self, node: ValuePath) -> Condition:
        """Return the condition that one of the values meets the inner filter."""
        found = self._resolve(node.attr_path)
        if found is None:
            return false()
        name = self._within = found.field_name
        try:
            inner = self.visit(node.val_filter)
        finally:
            self._within = None
        return self._columns.exists[name](inner) if name in self._columns.exists else inner

    def _is_several(self, name: str) -> bool:
        return name in self._columns.exists and self._within is None

    def _resolve(self, path: AttrPath, *, compared: bool = False) -> AttributeBinding | None:
        if self._within is not None:
            path = AttrPath(attr=self._within, sub_attr=path.attr)
        resolve = self._filter.resolve_comparison if compared else self._filter.resolve
        return resolve(path, strict=False)


def compared(
    column: ColumnElement[Any], op: CompareOperator, value: Any, *, exact: bool
) -> Condition:
    """Return the comparison of a column. Raises InvalidFilterException for one without a sense."""
    if value is None:
        return column.is_(None) if op == CompareOperator.eq else column.is_not(None)
    if isinstance(column.type, Boolean | Time):
        return _ordered(column, op, value)
    text = str(value)
    if isinstance(column.type, Uuid):
        return _of_uuid(column, op, text)
    left, right = (column, literal(text)) if exact else (func.lower(column), func.lower(text))
    if op not in WITHIN:
        return _ordered(left, op, right)
    found: Condition = WITHIN[op](left, right)
    return found


def _of_uuid(column: ColumnElement[Any], op: CompareOperator, text: str) -> Condition:
    if op not in (CompareOperator.eq, CompareOperator.ne):
        raise InvalidFilterException(detail="Identifiers are compared by eq and ne.")
    try:
        value = UUID(text)
    except ValueError:
        return literal(op == CompareOperator.ne)
    return _equal(column, op, value)


def _equal(column: ColumnElement[Any], op: CompareOperator, value: Any) -> Condition:
    """Return whether a column has the value; one without any differs from each."""
    same: Condition = column == value
    return same if op == CompareOperator.eq else column.is_distinct_from(value)


def _ordered(column: ColumnElement[Any], op: CompareOperator, value: Any) -> Condition:
    if op in (CompareOperator.eq, CompareOperator.ne):
        return _equal(column, op, value)
    if op not in ORDERED or isinstance(value, bool):
        raise InvalidFilterException(detail=f"{op.value} does not compare such values.")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidFilterException(detail="A time has a time zone.")
    return ORDERED[op](column, value)  # type: ignore[no-any-return]


def _present(column: ColumnElement[Any]) -> Condition:
    return column.is_not(None)
