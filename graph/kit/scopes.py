"""Token scopes of fields: derived from the policy, shown in the schema, required at the root.

A field that leads to rows needs a scope of the product that these belong to. Where they may be of
several products, one of their scopes is enough: rows of the others are refused one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)
from strawberry.schema_directive import Location

from auth.policy import PRODUCT_OF, PRODUCTS, require_one_scope, scope_for
from auth.policy.rule import Action
from graph.kit.connection import Connection, Edge

ACTION = "action"
"""The key in a field's metadata of the policy's action, where that is not the default."""
SCOPE = "scope"
"""The key in a field's metadata of its scope, where that does not follow from its rows."""


REQUIRED = "required-scopes"
"""The key in a root field's extensions of the scopes of which a token needs one."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="The scopes that a token needs for the field: all scopes of one of the"
    " lists. A `write`"
    " scope includes the `read` scope, and `admin` includes every scope.",
)
class RequiresScopes:
    scopes: list[list[str]]


def require_scopes(schema: strawberry.Schema) -> None:
    """Add the required scopes to every field, and check them at the fields of the root.

    Introspection has no applied directives, so a line of the description names the scopes.
    """
    core = schema._schema  # noqa: SLF001 (Strawberry has no other door to it)
    roots = (core.query_type, core.mutation_type, core.subscription_type)
    for type_ in core.type_map.values():
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            continue
        if _origin(type_) is None or _is_of(type_, Connection, Edge):
            continue  # not ours, or part of a list: the field that leads to it has said everything
        for field in type_.fields.values():
            if scopes := _scopes(core, type_, field):
                _show(field, scopes)
                if type_ in roots:
                    field.extensions[REQUIRED] = tuple(scopes)
                    field.resolve = _asking(field.resolve, scopes)


def _show(field: GraphQLField, scopes: Sequence[str]) -> None:
    directive = RequiresScopes(scopes=[[scope] for scope in scopes])
    field.extensions["strawberry-definition"].directives = [directive]
    told = f"Token scope: {' or '.join(scopes)}."
    field.description = f"{field.description} {told}" if field.description else told


def _asking(resolve: Callable[..., Any] | None, scopes: Sequence[str]) -> Callable[..., Any]:
    assert resolve is not None  # noqa: S101 (a root field has one)

    def ask(root: Any, info: Any, **arguments: Any) -> Any:
        require_one_scope(info.context.viewer, scopes)
        return resolve(root, info, **arguments)

    return ask


def _scopes(core: GraphQLSchema, type_: GraphQLNamedType, field: GraphQLField) -> list[str]:
    """Return the scopes of which a token needs one for this field; none if it leads to no rows."""
    said = field.extensions["strawberry-definition"].metadata
    if SCOPE in said:
        return [said[SCOPE]]
    usual: Action = "update" if type_ is core.mutation_type else "read"
    action: Action = said.get(ACTION, usual)
    near = get_named_type(field.type)
    reads = action == "read"
    products = _products(core, _row_types(near)) if reads else _written(core, near)
    return sorted(scope_for(action, product) for product in products)


def _products(core: GraphQLSchema, types: Iterable[GraphQLNamedType]) -> set[str]:
    """Return the products of rows of these types; of an interface, of all its implementations."""
    concrete = set(types)
    for type_ in types:
        if isinstance(type_, GraphQLInterfaceType):
            concrete |= {*core.get_possible_types(type_)}
    models = (getattr(_origin(type_), "model", None) for type_ in concrete)
    return {PRODUCT_OF[model] for model in models if model in PRODUCT_OF}


def _written(core: GraphQLSchema, type_: GraphQLNamedType) -> set[str]:
    """Return the products of the rows that an answer leads to first; all if it leads to none."""
    near, seen = {type_}, {type_}
    while near:
        if products := _products(core, near):
            return products
        near = {further for part in near for further in _field_types(part)} - seen
        seen |= near
    return {*PRODUCTS}


def _row_types(type_: GraphQLNamedType) -> Sequence[GraphQLNamedType]:
    """Return the type, or the type of the rows of a list."""
    if isinstance(type_, GraphQLObjectType) and _is_of(type_, Connection):
        return [get_named_type(type_.fields["nodes"].type)]
    return [type_]


def _field_types(type_: GraphQLNamedType) -> Iterable[GraphQLNamedType]:
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return [get_named_type(field.type) for field in type_.fields.values()]
    return []


def _origin(type_: GraphQLNamedType) -> Any:
    """Return the class that declares the type."""
    definition = (type_.extensions or {}).get("strawberry-definition")
    return getattr(definition, "origin", None)


def _is_of(type_: GraphQLNamedType, *classes: type) -> bool:
    origin = _origin(type_)
    return isinstance(origin, type) and issubclass(origin, classes)
