"""A read of a plan: a model, columns of it and of rows that it names, an order and a limit."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from sqlalchemy import ColumnElement

from auth.session.row import columns_of
from db.base import Entity, Readable

Form = Literal["native", "text", "upper", "time"]


@dataclass(frozen=True)
class Output:
    """A column of the answer: an attribute of the model, or of that of a join, by its number.

    `native` is the value of the driver, `text` the value as text, `upper` the text in capitals,
    `time` a time as text in ISO 8601 with its offset, whose fraction may end before six digits.
    """

    name: str
    form: Form = "native"
    join: int | None = None


@cache
def outputs_of(model: Readable) -> tuple[Output, ...]:
    """Return all columns of a row, under the names of its attributes."""
    return tuple(Output(str(column.key)) for column in columns_of(model))


@dataclass(frozen=True)
class Join:
    """The row that the column `key` names, where the viewer may read it; else nulls.

    It is read under the policy of its own model.
    """

    key: str
    model: type[Entity]


@dataclass(frozen=True, eq=False)
class Select:
    """A read of rows of one model. Equal only to itself; compiled when it is first used.

    `parents` is the column that is one of the value `parents`, with up to `limit` rows for each of
    them when `limited`; without it the rows are a list of their own. `where` holds conditions in
    the model's columns: a named bindparam in them is a value of each request, another a constant.
    `counted` asks for how many rows there are: (parent, count) of each parent that has any, or
    (count,). `locked` rows are locked against writers until the end of the transaction; their keys
    stay, so that rows which refer to them can be written meanwhile.
    """

    model: Readable
    outputs: tuple[Output, ...] = ()
    parents: str | None = None
    where: tuple[ColumnElement[bool], ...] = ()
    order: tuple[ColumnElement[Any], ...] = ()
    limited: bool = False
    joins: tuple[Join, ...] = ()
    counted: bool = False
    locked: bool = False

    @cached_property
    def models(self) -> tuple[Readable, ...]:
        """Return the models that it reads."""
        return tuple(dict.fromkeys((self.model, *(join.model for join in self.joins))))

    @cached_property
    def key(self) -> Hashable | None:
        """Return what equal reads have in common, or None if that cannot be compared."""
        where, order = _key_of(self.where), _key_of(self.order)
        if where is None or order is None:
            return None
        kinds = (self.parents, self.limited, self.counted, self.locked)
        return self.model, self.outputs, self.joins, where, order, kinds


def _key_of(elements: tuple[ColumnElement[Any], ...]) -> Hashable | None:
    """Return the structure of these elements with their constants, or None without one."""
    found: list[Hashable] = []
    for element in elements:
        key = element._generate_cache_key()  # noqa: SLF001 (SQLAlchemy's own cache asks it too)
        if key is None:
            return None
        bound = [(each.required, type(each.value), each.value) for each in key.bindparams]
        if not all(isinstance(value, Hashable) for *_, value in bound):
            return None
        found.append((key.key, *bound))
    return (*found,)
