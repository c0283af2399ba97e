"""Collect the fields that are selected of an object, as section 6.3.2 of the specification says."""

from collections.abc import Iterable, Iterator

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from graph.engine.unplanned import Unplanned

SKIP, INCLUDE = GraphQLSkipDirective.name, GraphQLIncludeDirective.name
Fragments = dict[str, FragmentDefinitionNode]


def conditions(operation: OperationDefinitionNode, fragments: Fragments) -> tuple[str, ...]:
    """Return the names of the variables that decide what an operation selects.

    Raises Unplanned for directives of which the engine does not know.
    """
    found: set[str] = set()
    for directive in _directives(operation, fragments):
        if directive.name.value not in (SKIP, INCLUDE):
            raise Unplanned("directive")
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                found.add(argument.value.name.value)
    return tuple(sorted(found))


def _directives(
    operation: OperationDefinitionNode, fragments: Fragments
) -> Iterator[DirectiveNode]:
    yield from operation.directives or ()
    stack, spread = [operation.selection_set], set[str]()
    while stack:
        for selection in stack.pop().selections:
            yield from selection.directives or ()
            match selection:
                case FieldNode(selection_set=SelectionSetNode() as inner):
                    stack.append(inner)
                case InlineFragmentNode():
                    stack.append(selection.selection_set)
                case FragmentSpreadNode() if selection.name.value not in spread:
                    spread.add(selection.name.value)
                    stack.append(fragments[selection.name.value].selection_set)


class Collector:
    """Collects the fields of objects, for one combination of conditions."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Fragments, variables: VariableValues
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables

    def fields(
        self, type_: GraphQLObjectType, selections: Iterable[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """Return what is selected of a type, by the names in the answer, in their order."""
        found: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        for selection_set in selections:
            self._collect(type_, selection_set, found, spread)
        return found

    def _collect(
        self,
        type_: GraphQLObjectType,
        selection_set: SelectionSetNode,
        found: dict[str, list[FieldNode]],
        spread: set[str],
    ) -> None:
        for selection in selection_set.selections:
            if not self._included(selection):
                continue
            match selection:
                case FieldNode():
                    key = (selection.alias or selection.name).value
                    found.setdefault(key, []).append(selection)
                case InlineFragmentNode(type_condition=on):
                    if on is None or self._applies(on.name.value, type_):
                        self._collect(type_, selection.selection_set, found, spread)
                case FragmentSpreadNode():
                    name = selection.name.value
                    fragment = self._fragments[name]
                    if name in spread or not self._applies(
                        fragment.type_condition.name.value, type_
                    ):
                        continue
                    spread.add(name)
                    self._collect(type_, fragment.selection_set, found, spread)

    def _included(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            name = directive.name.value
            definition = GraphQLSkipDirective if name == SKIP else GraphQLIncludeDirective
            if get_argument_values(definition, directive, self._variables)["if"] is (name == SKIP):
                return False
        return True

    def _applies(self, name: str, type_: GraphQLObjectType) -> bool:
        on = self._schema.get_type(name)
        return on is type_ or (is_abstract_type(on) and self._schema.is_sub_type(on, type_))
