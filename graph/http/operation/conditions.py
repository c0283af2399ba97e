"""The conditions of an operation: comparisons of its filters, and keys of its orders.

Each becomes a part of a SQL statement before any is run, so they are counted in the arguments and
variables as sent, before these are coerced.
"""

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

from graph.http.operation.limits import fragments_of, too_complex
from graph.kit.filters import WEIGHT

FILTER, ORDER = "filter", "orderBy"
"""Arguments that hold conditions, wherever they are declared."""


class Use(NamedTuple):
    """An argument of one field: its path in the answer, its type, and the value in the document."""

    path: tuple[str, ...]
    type: GraphQLInputType
    value: Any


class Conditions:
    """The conditions of one valid operation, for the values of its variables."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        root = schema.get_root_type(operation.operation)
        uses = _Uses(schema, document)
        self._uses = [*uses.within(operation.selection_set, root, ())]
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }

    @property
    def depends(self) -> bool:
        """Return whether there are arguments that hold conditions."""
        return bool(self._uses)

    def count(self, variables: Mapping[str, Any], limit: int) -> int:
        """Count the conditions; a field that is selected twice has its conditions twice.

        Raises QUERY_TOO_COMPLEX as soon as there are more than `limit`; `field` is the path of the
        argument that exceeds it.
        """
        total = 0
        for path, type_, node in self._uses:
            for _ in self._in(type_, node, variables, sorting=path[-1] == ORDER):
                total += 1
                if total > limit:
                    raise too_complex("conditions", total, limit, path)
        return total

    def _in(
        self,
        declared: GraphQLInputType,
        node: Any,
        variables: Mapping[str, Any],
        *,
        sorting: bool,
    ) -> Iterator[None]:
        """Yield an item for each comparison, member of a list of inputs, or key of an order.

        A field of weight yields as many more for each of its members.
        """
        stack = [(declared, node)]
        while stack:
            wrapped, value = stack.pop()
            value = self._plain(value, variables)
            type_ = get_nullable_type(wrapped)
            if value is None:
                continue
            if isinstance(type_, GraphQLList):
                item = type_.of_type
                if not isinstance(get_named_type(item), GraphQLInputObjectType):
                    yield
                    continue
                members = value if isinstance(value, list) else [value]
                for member in members:
                    yield
                    if not sorting:
                        stack.append((item, member))
            elif isinstance(type_, GraphQLInputObjectType):
                if isinstance(value, dict):
                    fields = type_.fields
                    for name in value.keys() & fields.keys():
                        stack.append((fields[name].type, value[name]))
                        yield from self._more(fields[name], value[name], variables)
            else:
                yield

    def _more(
        self, field: GraphQLInputField, value: Any, variables: Mapping[str, Any]
    ) -> Iterator[None]:
        """Yield an item for each condition that the value counts as, beyond what is in it."""
        declared = field.extensions.get("strawberry-definition")
        weight = declared.metadata.get(WEIGHT, 1) if declared is not None else 1
        if weight > 1:
            members = self._plain(value, variables)
            number = len(members) if isinstance(members, list) else 1
            yield from repeat(None, (weight - 1) * number)

    def _plain(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """Return a list, an object or a scalar, whose members may still be nodes."""
        if isinstance(value, VariableNode):
            name = value.name.value
            value = variables[name] if name in variables else self._defaults.get(name)
        match value:
            case ListValueNode():
                return list(value.values)
            case ObjectValueNode():
                return {member.name.value: member.value for member in value.fields}
            case NullValueNode():
                return None
            case _:
                return value


class _Uses:
    """Finds the arguments with conditions. Fragments are followed wherever they are spread.

    Limits.fields bounds how many fields there are in all.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = fragments_of(document)

    def within(
        self, selections: SelectionSetNode, parent: GraphQLNamedType | None, path: tuple[str, ...]
    ) -> Iterator[Use]:
        """Yield the uses of the fields that are selected of this type."""
        for selection in selections.selections:
            match selection:
                case FieldNode():
                    yield from self._of_field(selection, parent, path)
                case InlineFragmentNode():
                    on = selection.type_condition
                    type_ = self._schema.get_type(on.name.value) if on else parent
                    yield from self.within(selection.selection_set, type_, path)
                case FragmentSpreadNode():
                    fragment = self._fragments[selection.name.value]
                    type_ = self._schema.get_type(fragment.type_condition.name.value)
                    yield from self.within(fragment.selection_set, type_, path)

    def _of_field(
        self, node: FieldNode, parent: GraphQLNamedType | None, path: tuple[str, ...]
    ) -> Iterator[Use]:
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return
        field = self._schema.get_field(parent, node.name.value)
        if field is None:
            return
        here = (*path, (node.alias or node.name).value)
        for argument in node.arguments or ():
            name = argument.name.value
            if name in (FILTER, ORDER) and name in field.args:
                yield Use((*here, name), field.args[name].type, argument.value)
        if node.selection_set:
            yield from self.within(node.selection_set, get_named_type(field.type), here)
