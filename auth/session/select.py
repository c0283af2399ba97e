"""A read of a plan: a model, columns of it and of rows that it names, an order and a limit."""

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
