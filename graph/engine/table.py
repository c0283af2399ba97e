"""The rows of one model that a plan reads, and the columns that its statements answer with."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from weakref import WeakValueDictionary

from auth.session import Join, Output, Select
from db.base import Readable

Form = Literal["native", "text", "time"]
"""The form in which a column is read: a Python value, the text of PostgreSQL, or that of a time."""


class Outputs:
    """The columns that one statement answers with; fields that want the same one share it."""

    __slots__ = ("_places", "joins", "listed", "uses")

    def __init__(self) -> None:
        self.listed: list[Output] = []
        self.joins: list[Join] = []
        self.uses: list[int] = []
        """The number of fields that write each column into the answer."""
        self._places: dict[Output, int] = {}

    def need(self, name: str, form: Form, join: int | None = None) -> int:
        """Return the place of a column in a record, which from now on holds it.

        `join` is the number of the row that the record's own names; None for its own.
        """
        output = Output(name, form, join)
        place = self._places.get(output)
        if place is None:
            place = self._places[output] = len(self.listed)
            self.listed.append(output)
            self.uses.append(0)
        return place

    def use(self, name: str, form: Form, join: int | None = None) -> int:
        """Return the place of a column that a field writes into the answer."""
        place = self.need(name, form, join)
        self.uses[place] += 1
        return place

    def join(self, join: Join) -> int:
        """Return the number of a row that the record's own names, which is read with it."""
        if join not in self.joins:
            self.joins.append(join)
        return self.joins.index(join)


class Statements:
    """The statements of plans that read rows in the same way, by what they differ in.

    Documents that ask for the same columns of the same rows share them, and compile them once.
    """

    def __init__(self) -> None:
        self.selects: dict[Hashable, Select] = {}


_statements: WeakValueDictionary[Hashable, Statements] = WeakValueDictionary()


@dataclass(eq=False)
class Table:
    """Rows of one model as statements of one kind read them."""

    model: Readable
    by: str | None
    """The column whose values are asked for: `id`, or that of a parent; None at the root."""
    outputs: Outputs = field(default_factory=Outputs)
    edge: Hashable = None
    """The edge by which the rows are read, if they are read beneath others or at the root."""
    identity: int | None = None
    """The place of the ID in a record, once rows are read by it."""
    has_cursors: bool = False
    """True if the sort keys are read as well, after the columns of the plan."""
    readers: int = 0
    """The number of fields that read by these keys; where it is one, it waits for no other."""

    @cached_property
    def statements(self) -> Statements:
        """Return the statements, once all columns are known."""
        of = (self.model, self.by, self.edge, self.has_cursors)
        columns = (tuple(self.outputs.listed), tuple(self.outputs.joins))
        return _statements.setdefault((of, columns), Statements())
