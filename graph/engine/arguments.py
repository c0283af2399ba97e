"""Arguments of fields: read once an operation where no variable has a say, and else once a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, VariableNode, Visitor, visit
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graph.kit.scopes import REQUIRED

if TYPE_CHECKING:
    from graph.engine.run import Run

DEFINITION = "strawberry-definition"
"""The extension of a graphql-core field that holds Strawberry's definition of it."""


class Called:
    """A field as an operation asks for it: with these arguments, under this name."""

    __slots__ = ("_fixed", "_registry", "config", "declared", "definition", "nodes", "parent")

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
        self._fixed: dict[str, Any] | None = None
        if not definition.args or not _has_variables(nodes[0]):
            self._fixed = self._read(None)

    @property
    def is_fixed(self) -> bool:
        """Return whether the arguments hold no variable."""
        return self._fixed is not None

    @property
    def scopes(self) -> Sequence[str]:
        """Return the scopes of which a token needs one, if the field is at the root."""
        found: Sequence[str] = self.definition.extensions.get(REQUIRED, ())
        return found

    def coerced(self, variables: VariableValues | None) -> dict[str, Any]:
        """Return the arguments as graphql-core hands them to a resolver. Raises GraphQLError."""
        return get_argument_values(self.definition, self.nodes[0], variables)

    def arguments(self, run: "Run") -> dict[str, Any]:
        """Return the arguments by the names of the function that the field calls."""
        if self._fixed is not None:
            return self._fixed
        found: dict[str, Any] | None = run.arguments.get(self)
        if found is None:
            found = run.arguments[self] = self._read(run.variables)
        return found

    def _read(self, variables: VariableValues | None) -> dict[str, Any]:
        return convert_arguments(
            self.coerced(variables), self.declared.arguments, self._registry, self.config
        )


def _has_variables(node: FieldNode) -> bool:
    found = False

    class Finding(Visitor):
        def enter_variable(self, _: VariableNode, *__: object) -> None:
            nonlocal found
            found = True

    for argument in node.arguments or ():
        visit(argument, Finding())
    return found
