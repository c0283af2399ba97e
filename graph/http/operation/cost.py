"""The cost of an operation: the number of objects its answer may hold, from its page sizes."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

from graph.http.operation.limits import MAX_COUNT, Limits, Wrappers, fragments_of

PAGE_ARGUMENTS = ("first", "last")
IDENTIFIERS = ("ID", "UUID")
MAX_PAGE_SIZE = "largest_page"
"""The key in a field's metadata of the largest number of its rows."""
DEFINITION = "strawberry-definition"
"""The key of Strawberry's definition of a field in the extensions of graphql-core's field."""
MAX_DIGITS = 10
CACHE_SIZE = 64
"""Costs cached per operation: a front end uses a few page sizes."""


class Cost:
    """The cost of one valid operation, for the values of its variables.

    A field that leads to objects costs 1, plus its page times what a row of it costs; a row costs
    1, plus what is selected of it. Scalars are free. Of a connection, only the rows count: `edges`
    and `pageInfo` come with them. Selections on different types add up. The page is `first` or
    `last`; else as many as the arguments name; else the field's default, or the default page.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        wrappers: Wrappers,
        limits: Limits,
        document: DocumentNode,
        operation: OperationDefinitionNode,
    ) -> None:
        self.schema, self.wrappers, self.limits = schema, wrappers, limits
        self.operation = operation
        self.visited = 0
        self._fragments = fragments_of(document)
        self._variables: Mapping[str, Any] = {}
        self._defaults: dict[str, Any] = {}
        self._sizing: set[str] = set()
        for definition in operation.variable_definitions or ():
            if definition.default_value is not None:
                name = definition.variable.name.value
                self._defaults[name] = self._value(definition.default_value)
        self._known: dict[tuple[Any, ...], int] = {}
        self._measured: dict[tuple[str, int | None], int] = {}
        self._measure({})  # which variables set a size does not depend on their values
        self.fixed: int | None = None
        """The cost with all that is counted beside it, where no variable has a say."""
        self.sized_by = tuple(sorted(self._sizing))
        """The names of the variables that the cost depends on."""

    def of(self, variables: Mapping[str, Any]) -> int:
        """Return the cost for these values of the variables, as sent."""
        key = tuple(_size(variables.get(name, self._defaults.get(name))) for name in self.sized_by)
        if key not in self._known:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[key] = self._measure(variables)
        return self._known[key]

    def _measure(self, variables: Mapping[str, Any]) -> int:
        self._variables = variables
        self._measured.clear()
        root = self.schema.get_root_type(self.operation.operation)
        try:
            return self._selected(self.operation.selection_set, root, None)
        finally:
            self._variables = {}  # a cached document must not keep a request's values alive

    def _selected(
        self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None, items: int | None
    ) -> int:
        cost = 0
        for selection in selection_set.selections:
            self.visited += 1
            match selection:
                case FieldNode(selection_set=SelectionSetNode() as inner):
                    cost += self._field(selection, inner, parent, items)
                case InlineFragmentNode():
                    on = selection.type_condition
                    type_ = self.schema.get_type(on.name.value) if on else parent
                    cost += self._selected(selection.selection_set, type_, items)
                case FragmentSpreadNode():
                    cost += self._fragment(selection.name.value, items)
        return min(cost, MAX_COUNT)

    def _field(
        self,
        node: FieldNode,
        inner: SelectionSetNode,
        parent: GraphQLNamedType | None,
        items: int | None,
    ) -> int:
        """Return the cost of a field; `items` is the number of objects named above it, if any."""
        name = node.name.value
        if name == "__schema":
            return _objects_in(self.schema)
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return 0  # validation refuses it
        field = cast("GraphQLField", self.schema.get_field(parent, name))
        type_ = get_named_type(field.type)
        if self.wrappers.skips(parent, name):
            return self._selected(inner, type_, None) + (name in ("node", "nodes"))
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        in_mutation = parent is self.schema.mutation_type
        named = self._named(field, arguments, in_mutation=in_mutation)
        if type_.name in self.wrappers.connections:
            rows = self._page(field, arguments, None) * self._selected(inner, type_, None)
        elif isinstance(get_nullable_type(field.type), GraphQLList):
            row = 1 + self._selected(inner, type_, None)
            rows = self._page(field, arguments, items if named is None else named) * row
        else:
            rows = self._selected(inner, type_, named)
        return min(1 + rows, MAX_COUNT)

    def _fragment(self, name: str, items: int | None) -> int:
        if (name, items) not in self._measured:
            fragment = self._fragments[name]
            on = self.schema.get_type(fragment.type_condition.name.value)
            self._measured[name, items] = self._selected(fragment.selection_set, on, items)
        return self._measured[name, items]

    def _page(self, field: GraphQLField, arguments: Mapping[str, Any], named: int | None) -> int:
        asked = [
            self._value(arguments[name])
            for name in PAGE_ARGUMENTS
            if name in field.args and name in arguments
        ]
        asked = [value for value in asked if value is not None]
        if not asked:
            asked = [named, *map(_default, map(field.args.get, PAGE_ARGUMENTS)), self.limits.page]
            asked = [next(value for value in asked if value is not None)]
        # Whatever is no number is about to be refused as a variable of the wrong type.
        page = max((value for value in asked if type(value) is int), default=self.limits.page)
        definition = field.extensions.get(DEFINITION)
        largest = definition.metadata.get(MAX_PAGE_SIZE, MAX_COUNT) if definition else MAX_COUNT
        return max(0, min(page, largest, MAX_COUNT))

    def _named(
        self, field: GraphQLField, arguments: Mapping[str, Any], *, in_mutation: bool
    ) -> int | None:
        """Return the length of the longest list of objects in the arguments, None without one.

        In a query these are lists of IDs; other lists, such as a filter's, do not bound the rows.
        In a mutation they are also lists of the rows to create or change.
        """
        lengths: list[int] = []
        for name, node in arguments.items():
            argument = field.args.get(name)
            type_ = get_named_type(argument.type) if argument else None
            is_input = isinstance(type_, GraphQLInputObjectType)
            are_ids = (
                argument is not None
                and isinstance(type_, GraphQLScalarType)
                and type_.name in IDENTIFIERS
                and isinstance(get_nullable_type(argument.type), GraphQLList)
            )
            if are_ids or (is_input and in_mutation):
                lengths += self._lists(self._value(node))
        return max(lengths, default=None)

    def _lists(self, value: Any) -> Iterator[int]:
        if isinstance(value, list):
            yield len(value)
        elif isinstance(value, dict):
            members = (self._value(member) for member in value.values())
            yield from (len(member) for member in members if isinstance(member, list))

    def _value(self, node: Any) -> Any:
        """Return an integer, list or object of an argument; its members may still be nodes."""
        if isinstance(node, VariableNode):
            name = node.name.value
            self._sizing.add(name)
            node = self._variables.get(name, self._defaults.get(name))
        return _plain(node)


def _plain(value: Any) -> Any:
    match value:
        case IntValueNode():
            return int(value.value) if len(value.value) <= MAX_DIGITS else MAX_COUNT
        case ListValueNode():
            return list(value.values)
        case ObjectValueNode():
            return {member.name.value: member.value for member in value.fields}
        case float() if value.is_integer():  # GraphQL's Int takes 100.0, and so JSON's 1e2
            return int(value)
        case int() | list() | dict():
            return value
        case _:
            return None


def _default(argument: GraphQLArgument | None) -> int | None:
    value = argument.default_value if argument else None
    return value if type(value) is int else None


def _size(value: Any) -> float | tuple[int, ...] | None:
    """Return the part of a variable's value on which the cost depends."""
    match value:
        case bool():
            return None
        case int() | float():
            return value
        case list():
            return (len(value),)
        case dict():
            return tuple(len(member) for member in value.values() if isinstance(member, list))
        case _:
            return None


@cache
def _objects_in(schema: GraphQLSchema) -> int:
    """Return the number of types and fields in the schema: `__schema` may select all of them."""
    fields = (getattr(type_, "fields", ()) for type_ in schema.type_map.values())
    return sum(1 + len(members) for members in fields)
