"""Plans: what an operation reads, level by level, and how its answer is built from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from graphql import FragmentDefinitionNode, GraphQLObjectType, OperationDefinitionNode

from auth.session import Join, Output, Select
from db.base import Readable
from graph.engine.build import Build

if TYPE_CHECKING:
    from graph.engine.run import Run
    from graph.engine.variables import Variables

Reason = Literal["introspection", "directive", "variables", "error"]
"""Why graphql-core runs an operation, or runs it again."""
Form = Literal["native", "text", "time"]
"""The form in which a column is read: a Python value, the text of PostgreSQL, or that of a time."""

MAX_PLANS = 16
"""Plans of one operation that are kept: one for each combination of @skip and @include."""


class Unplanned(Exception):
    """The engine does not take this operation."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


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


@dataclass(eq=False, slots=True)
class Table:
    """Rows of one model as statements of one kind read them."""

    model: Readable
    by: str | None
    """The column whose values are asked for: `id`, or that of a parent; None at the root."""
    outputs: Outputs = field(default_factory=Outputs)
    selects: dict[Any, Select] = field(default_factory=dict)
    """The statements, by what they differ in."""
    identity: int | None = None
    """The place of the ID in a record, once rows are read by it."""
    has_cursors: bool = False
    """True if the sort keys are read as well, after the columns of the plan."""
    readers: int = 0
    """The number of fields that read by these keys; where it is one, it waits for no other."""


class Field:
    """One field of the objects of a plan."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key
        """Its name in the answer."""

    @property
    def source(self) -> str | None:
        """Return Python code for its value from the columns of a record; None if it needs more."""
        return None

    @property
    def names(self) -> Mapping[str, Any]:
        """Return what the code names besides columns."""
        return {}

    async def of_records(self, run: "Run", records: Sequence[Any]) -> list[Any]:
        """Return its completed value for each record of a planned statement."""
        raise NotImplementedError

    async def of_objects(self, run: "Run", objects: Sequence[Any]) -> list[Any]:
        """Return its completed value for each object."""
        raise NotImplementedError


@dataclass(eq=False, slots=True)
class ObjectPlan:
    """The plan by which objects of one type are built.

    Of the records of a planned statement most fields are columns, which generated code puts in
    their places. Of any other object, each field is asked for by itself.
    """

    type: GraphQLObjectType
    fields: list[Field] = field(default_factory=list)
    rest: list[Field] = field(default_factory=list)
    """The fields that are no columns of a record."""
    build: Build | None = None
    """Build objects of records and of the values of `rest`."""


@dataclass(eq=False, slots=True)
class OperationPlan:
    """An operation, compiled for one combination of its conditions."""

    type: GraphQLObjectType
    roots: list[Any]
    serial: bool
    uses: int | None
    """The maximum number of times that the answer holds a byte read; None if it is unknown: a row
    that many rows name is written for each of them, and resolvers write what they like."""
    width: int
    """Bytes of an answer for each row, at most, beside the texts that were read."""

    def largest(self, rows: int, received: float) -> float | None:
        """Return the bytes of an answer from these rows and bytes, at most, if that is known."""
        return None if self.uses is None else self.uses * received + self.width * (rows + 1)


class Plans:
    """The plans of one operation, by the values of the variables in its @skip and @include."""

    __slots__ = ("_known", "conditions", "fragments", "operation", "variables")

    def __init__(
        self,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
    ) -> None:
        self.operation, self.fragments = operation, fragments
        self.conditions: tuple[str, ...] | None = None
        """The names of these variables; None before the operation is first run."""
        self.variables: Variables | None = None
        """All variables of the operation, likewise."""
        self._known: dict[tuple[Any, ...], OperationPlan | Unplanned] = {}

    def get(self, key: tuple[Any, ...]) -> "OperationPlan | Unplanned | None":
        """Return the plan for these values, if there is one."""
        return self._known.get(key)

    def keep(self, key: tuple[Any, ...], plan: "OperationPlan | Unplanned") -> None:
        """Keep a plan, instead of the oldest where there are many."""
        if len(self._known) >= MAX_PLANS:
            self._known.pop(next(iter(self._known)))
        self._known[key] = plan
