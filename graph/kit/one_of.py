"""Inputs of which exactly one field is given, checked by graphql-core instead of Strawberry."""

import strawberry
from graphql import GraphQLInputObjectType


def check_one_of(schema: strawberry.Schema) -> None:
    """Make graphql-core check @oneOf inputs, whose errors name the variable and the path in it.

    Strawberry knows such inputs by its own definition, and checks them in a rule of validation and
    in `out_type`, with neither.
    """
    for type_ in schema._schema.type_map.values():  # noqa: SLF001 (Strawberry has no other way)
        if isinstance(type_, GraphQLInputObjectType):
            declared = type_.extensions.get("strawberry-definition")
            if declared is not None and declared.is_one_of:
                type_.is_one_of = True
                del type_.out_type
