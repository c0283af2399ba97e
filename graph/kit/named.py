"""Names of types and fields in the API, and the columns behind them."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import inspect
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from auth.policy import ENTITIES
from db.base import Entity
from db.problem import Problem
from graph.kit.entity_types import label_of
from graph.kit.node import NODES


def followed_models(types: Iterable[Any], argument: str) -> list[type[Entity]]:
    """Return the models of these types. Raises INVALID for the first whose events are not shown."""
    models = [ENTITIES[type_.value] for type_ in types]
    for place, model in enumerate(models):
        if model not in NODES:
            known = [label_of(model) for model in NODES]
            message = f"{label_of(model)} has no events."
            raise Problem("INVALID", message, field=[argument, place], known=known)
    return models


def columns_named(
    names: Iterable[str], models: Iterable[type[Entity]], argument: str
) -> frozenset[str]:
    """Return the columns of fields with these names. Raises INVALID for the first unknown one."""
    fields = [(field, column) for model in models for column, field in field_names(model).items()]
    known = {field for field, _ in fields}
    wanted = set(names)
    for name in names:
        if name not in known:
            names = sorted(known)
            message = f"There is no field {name[:50]!r}, only {', '.join(names)}."
            raise Problem("INVALID", message, field=[argument], known=names)
    return frozenset(column for field, column in fields if field in wanted)


@cache
def field_names(model: type[Entity]) -> Mapping[str, str]:
    """Return the API's field of each column, where there is one; of a foreign key also its edge."""
    fields = {}
    for field in get_object_definition(NODES[model], strict=True).fields:
        fields[field.python_name] = field.graphql_name or to_camel_case(field.python_name)
    found = {}
    for attribute in inspect(model).column_attrs:
        column = attribute.key
        for name in (column, column.removesuffix("_id")):
            if name in fields:
                found[column] = fields[name]
                break
    return found
