"""Reads compiled to SQL text once for each shape of grants, and bound by position from then on.

Equal reads of different operations are compiled once, as long as one of them is kept.
A further request with grants of the same shape looks the text up, and builds nothing. Of the policy
only the ways that are open to such a viewer are in it. Row level security stands behind it, as
behind every read.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from sqlalchemy import ARRAY, String
from sqlalchemy import Select as Statement
from sqlalchemy.sql.compiler import SQLCompiler

from auth.policy import lists_of
from auth.policy.grant_lists import GrantLists
from auth.session.row import DIALECT, require_text
from auth.session.select import Select
from auth.session.select_sql import statement_of

MAX_SHAPES, MAX_SHAPES_WITH_CONDITIONS = 64, 4
"""Shapes of grants, at most, for which one read is cached, without and with conditions; then its
cache is cleared."""

Argument = tuple[str, Any, bool, Callable[[Any], Any] | None]
"""A bound value: its name, its default, whether the grants supply it, and its conversion."""


class Compiled:
    """The text of a statement for asyncpg, and its arguments by name."""

    __slots__ = ("_arguments", "planned_once", "text")

    def __init__(
        self,
        statement: Statement[*tuple[Any, ...]],
        *,
        planned_once: bool,
        written: Collection[str] = (),
    ) -> None:
        """Compile a statement; values of the names `written` are sent as they are."""
        compiler: SQLCompiler = DIALECT.statement_compiler(DIALECT, statement)
        self.text, self.planned_once = str(compiler), planned_once
        constants = compiler.construct_params(_check=False)
        self._arguments: list[Argument] = [
            (
                name,
                constants[name],
                compiler.binds[name].required,
                None if name in written else _conversion(compiler, name),
            )
            for name in compiler.positiontup or ()
        ]

    def arguments(
        self, grants: Mapping[str, Any] | GrantLists, values: Mapping[str, Any]
    ) -> list[Any]:
        """Return the arguments in order. Raises INVALID for text that PostgreSQL cannot store."""
        found = []
        for name, constant, required, convert in self._arguments:
            if name in values:
                value = values[name]
            elif required:
                value = grants[name]
            else:
                value = constant
            found.append(convert(value) if convert else value)
        return found


class Forms:
    """The compiled forms of equal reads, by the shape of the grants."""

    __slots__ = ("__weakref__", "_compiled", "_lists", "_select")

    def __init__(self, select: Select) -> None:
        self._select = replace(select)  # a copy: the read itself is to end with its plan
        self._lists = tuple(dict.fromkeys(n for model in select.models for n in lists_of(model)))
        self._compiled: dict[tuple[int, ...], Compiled] = {}

    def for_viewer(self, grants: GrantLists) -> Compiled:
        """Return the form for these grants."""
        shape = grants.shape(self._lists)
        found = self._compiled.get(shape)
        if found is None:
            most = MAX_SHAPES_WITH_CONDITIONS if self._select.where else MAX_SHAPES
            if len(self._compiled) == most:
                self._compiled.clear()
            statement = statement_of(self._select, dict(zip(self._lists, shape, strict=True)))
            found = self._compiled[shape] = Compiled(
                statement, planned_once=is_planned_once(self._select)
            )
        return found


_forms: "WeakKeyDictionary[Select, Forms]" = WeakKeyDictionary()
_equal: "WeakValueDictionary[Hashable, Forms]" = WeakValueDictionary()
"""The forms of `_forms`, by the key of their reads."""


def compiled(select: Select, grants: GrantLists) -> Compiled:
    """Return the read compiled for these grants; it is kept for as long as an equal read is."""
    forms = _forms.get(select)
    if forms is None:
        forms = _forms[select] = _forms_of(select)
    return forms.for_viewer(grants)


def _forms_of(select: Select) -> Forms:
    key = select.key
    if key is None:
        return Forms(select)
    forms = _equal.get(key)
    if forms is None:
        forms = _equal[key] = Forms(select)
    return forms


def is_planned_once(select: Select) -> bool:
    """Return whether one plan serves all values.

    It does where rows are found by a key, and no condition depends on how common a value is.
    """
    return select.parents is not None and not select.where


def _conversion(compiler: SQLCompiler, name: str) -> Callable[[Any], Any] | None:
    """Return the conversion of a value for asyncpg: labels, JSON as text; text is checked."""
    type_ = compiler.binds[name].type
    process = type_.dialect_impl(DIALECT).bind_processor(DIALECT)
    item = type_.item_type if isinstance(type_, ARRAY) else type_
    if not isinstance(item, String):
        return process

    def convert(value: Any) -> Any:
        sent = process(value) if process else value
        require_text(sent)
        return sent

    return convert
