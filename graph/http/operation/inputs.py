"""The longest list in an operation's variables, found along the types that they are declared as."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLSchema,
    ListValueNode,
    OperationDefinitionNode,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_input_type,
    type_from_ast,
    visit,
)

from graph.http.operation.limits import too_complex


class Inputs:
    """The variables of one operation that may hold lists; no others are checked."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._listing: dict[str, GraphQLInputType] = {}
        for definition in operation.variable_definitions or ():
            type_ = type_from_ast(schema, definition.type)
            if type_ is not None and is_input_type(type_) and _may_list(type_, set()):
                self._listing[definition.variable.name.value] = type_

    @property
    def depends(self) -> bool:
        """Return whether a variable may hold a list."""
        return bool(self._listing)

    def check(self, variables: Mapping[str, Any], limit: int) -> None:
        """Refuse lists of more items than the limit: QUERY_TOO_COMPLEX."""
        for name, type_ in self._listing.items():
            for length in _lengths(type_, variables.get(name)):
                require(length, limit)


class Literals(Visitor):
    """Finds the longest list that is written out in a document."""

    longest = 0

    def enter_list_value(self, node: ListValueNode, *_: Any) -> None:
        """Measure a list literal."""
        self.longest = max(self.longest, len(node.values))


def check_literals(document: DocumentNode, limit: int) -> None:
    """Refuse lists of more items than the limit: QUERY_TOO_COMPLEX."""
    visit(document, literals := Literals())
    require(literals.longest, limit)


def require(length: int, limit: int) -> None:
    """Refuse a list that is longer than the limit."""
    if length > limit:
        raise too_complex("list items", length, limit)


def _may_list(type_: GraphQLInputType, seen: set[str]) -> bool:
    if isinstance(get_nullable_type(type_), GraphQLList):
        return True
    named = get_named_type(type_)
    if not isinstance(named, GraphQLInputObjectType) or named.name in seen:
        return False
    seen.add(named.name)
    return any(_may_list(field.type, seen) for field in named.fields.values())


def _lengths(type_: GraphQLInputType, value: Any) -> Iterator[int]:
    """Yield the lengths of all lists of the type in the value; JSON counts as one value."""
    stack = [(type_, value)]
    while stack:
        wrapped, held = stack.pop()
        declared = get_nullable_type(wrapped)
        if isinstance(declared, GraphQLList):
            items = held if isinstance(held, list) else [held]
            yield len(items)
            item = declared.of_type
            if isinstance(get_nullable_type(item), GraphQLList | GraphQLInputObjectType):
                stack.extend((item, inner) for inner in items)
        elif isinstance(declared, GraphQLInputObjectType) and isinstance(held, dict):
            fields = declared.fields
            stack.extend((fields[key].type, held[key]) for key in held.keys() & fields.keys())
