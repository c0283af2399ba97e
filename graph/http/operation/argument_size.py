"""The size of an operation's arguments, where variables and fragments are used several times.

A body has a limit, but each use of a variable has its whole value, and each spread of a fragment
its arguments: 500 items of a list could name one text of a megabyte.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from graph.http.operation.limits import MAX_COUNT, fragments_of, too_complex

A_VALUE = 10
"""The characters that a value counts as, beside those of texts."""


class Held(NamedTuple):
    """The size of the literals in selections, and the number of uses of each variable."""

    literals: int
    uses: Mapping[str, int]


class ArgumentSize:
    """The size of the arguments of one valid operation, for the values of its variables."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._fragments = fragments_of(document)
        self._known: dict[str, Held] = {}
        self._literals, uses = self._of(operation.selection_set)
        self._several = {name: number for name, number in uses.items() if number > 1}
        self._defaults = {
            definition.variable.name.value: _of_nodes([definition.default_value]).literals
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }

    @property
    def depends(self) -> bool:
        """Return whether the size depends on variables."""
        return bool(self._several)

    def check(self, variables: Mapping[str, Any], limit: int) -> None:
        """Refuse arguments of more characters than the limit: QUERY_TOO_COMPLEX.

        What is used once is within the limits of documents and bodies.
        """
        total = self._literals
        for name, number in self._several.items():
            if name in variables:
                total += number * size_of(variables[name])
            else:
                total += number * self._defaults.get(name, 0)
        if total > limit:
            raise too_complex("arguments", min(total, MAX_COUNT), limit)

    def _of(self, selections: SelectionSetNode) -> Held:
        literals, uses = 0, Counter[str]()
        for selection in selections.selections:
            parts = [_of_nodes(selection.directives or ())]
            if isinstance(selection, FieldNode):
                parts.append(_of_nodes(selection.arguments or ()))
            if isinstance(selection, FragmentSpreadNode):
                parts.append(self._of_fragment(selection.name.value))
            elif inner := getattr(selection, "selection_set", None):
                parts.append(self._of(inner))
            for part in parts:
                literals += part.literals
                for name, number in part.uses.items():
                    uses[name] = min(uses[name] + number, MAX_COUNT)
        return Held(min(literals, MAX_COUNT), uses)

    def _of_fragment(self, name: str) -> Held:
        if name not in self._known:
            self._known[name] = self._of(self._fragments[name].selection_set)
        return self._known[name]


def size_of(value: Any) -> int:
    """Return the characters of the texts in a value, and A_VALUE for each value in it."""
    total, stack = 0, [value]
    while stack:
        one = stack.pop()
        total += A_VALUE
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict):
            total += sum(map(len, one))
            stack.extend(one.values())
    return total


def _of_nodes(nodes: Iterable[Node]) -> Held:
    literals, uses, stack = 0, Counter[str](), [*nodes]
    while stack:
        node = stack.pop()
        match node:
            case VariableNode():
                uses[node.name.value] += 1
            case DirectiveNode():
                stack.extend(node.arguments or ())
            case ArgumentNode():
                stack.append(node.value)
            case ListValueNode():
                stack.extend(node.values)
            case ObjectValueNode():
                for member in node.fields:
                    literals += len(member.name.value)
                    stack.append(member.value)
            case _:
                literals += A_VALUE + len(str(getattr(node, "value", "")))
    return Held(literals, uses)
