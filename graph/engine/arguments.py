"""Arguments of fields: read once an operation where no variable has a say, and else once a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    VariableNode,
    Visitor,
    get_nullable_type,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryMaybe
from strawberry.types.field import StrawberryField

from graph.kit.scopes import REQUIRED

DEFINITION = "strawberry-definition"
"""The extension of a graphql-core field that holds Strawberry's definition of it."""


class Called:
    """A field as an operation asks for it: with these arguments, under this name."""

    __slots__ = (
        *("_arguments", "_named", "_others", "_registry"),
        *("config", "fixed", "declared", "definition", "nodes", "parent"),
    )

    def __init__(
        self,
        parent: GraphQLObjectType,
        definition: GraphQLField,
        nodes: list[FieldNode],
        registry: Any,
        config: StrawberryConfig,
    ) -> None:
        self.parent, self.definition, self.nodes = parent, definition, nodes
        self.declared: StrawberryField = definition.extensions[DEFINITION]
        self._registry, self.config = registry, config
        # Names are the same in each run, and most values are scalars, which are as they were sent.
        name_of = config.name_converter.from_argument
        self._arguments: list[tuple[str, StrawberryArgument, bool]] = []
        for argument in self.declared.arguments:
            name = name_of(argument)
            is_scalar = isinstance(
                get_nullable_type(definition.args[name].type), GraphQLScalarType
            ) and not isinstance(argument.type, StrawberryMaybe)
            self._arguments.append((name, argument, is_scalar))
        self.fixed: dict[str, Any] | None = None
        self._others: dict[str, Any] | None = None
        """The arguments that are no variables, by Python's names; None before they are read."""
        self._named = self._of_variables(nodes[0])
        if not definition.args or not _has_variables(nodes[0]):
            self.fixed = self._read(None)

    @property
    def is_fixed(self) -> bool:
        """Return whether the arguments hold no variable."""
        return self.fixed is not None

    @property
    def scopes(self) -> Sequence[str]:
        """Return the scopes of which a token needs one, if the field is at the root."""
        found: Sequence[str] = self.definition.extensions.get(REQUIRED, ())
        return found

    def coerced(self, variables: VariableValues | None) -> dict[str, Any]:
        """Return the arguments as graphql-core hands them to a resolver. Raises GraphQLError."""
        return get_argument_values(self.definition, self.nodes[0], variables)

    def read(self, variables: VariableValues) -> dict[str, Any]:
        """Return the arguments by the names of the function that the field calls."""
        return self._quickly(variables.coerced) or self._read(variables)

    def _of_variables(self, node: FieldNode) -> list[tuple[str, str]] | None:
        """Return which scalars are variables: the names of the argument and of its variable.

        None where others hold variables.
        """
        scalars = {name: argument for name, argument, is_scalar in self._arguments if is_scalar}
        found = []
        for given in node.arguments or ():
            name, value = given.name.value, given.value
            if isinstance(value, VariableNode) and name in scalars:
                found.append((scalars[name].python_name, value.name.value))
            elif _holds_variables(given):
                return None
        return found

    def _quickly(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the arguments, if all that are variables are scalars with a value."""
        if self._others is None or self._named is None:
            return None
        found = self._others.copy()
        for name, variable in self._named:
            value = values.get(variable)
            if value is None:
                return None
            found[name] = value
        return found

    def _read(self, variables: VariableValues | None) -> dict[str, Any]:
        given, found = self.coerced(variables), dict[str, Any]()
        for name, argument, is_scalar in self._arguments:
            if name in given:
                value = given[name]
                if not is_scalar:
                    type_, known, config = argument.type, self._registry, self.config
                    value = convert_argument(value, type_, known, config, path=(name,))
                found[argument.python_name] = value
        if self._others is None and self._named is not None:
            named = {name for name, _ in self._named}
            self._others = {name: found[name] for name in found if name not in named}
        return found


def _has_variables(node: FieldNode) -> bool:
    return any(map(_holds_variables, node.arguments or ()))


def _holds_variables(argument: ArgumentNode) -> bool:
    found = False

    class Finding(Visitor):
        def enter_variable(self, _: VariableNode, *__: object) -> None:
            nonlocal found
            found = True

    visit(argument, Finding())
    return found
