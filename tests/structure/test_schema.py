"""The schema is the one that was reviewed, and it fits the tables."""

import re
from pathlib import Path

import pytest
from sqlalchemy import inspect
from strawberry.types.base import StrawberryOptional, get_object_definition

from graph.kit.node import NODES
from graph.schema import schema

GOLDEN = Path(__file__).parents[1] / "golden"
TESTS = Path(__file__).parents[1]


def test_the_schema_is_the_one_reviewed():
    """After an intended change: `gateway schema > tests/golden/schema.graphql`."""
    assert schema.as_str() + "\n" == (GOLDEN / "schema.graphql").read_text()


@pytest.mark.parametrize("type_", NODES.values(), ids=lambda type_: type_.__name__)
def test_plain_fields_are_columns_with_the_same_nullability(type_):
    columns = {a.key: a.columns[0] for a in inspect(type_.model).column_attrs}
    for field in get_object_definition(type_, strict=True).fields:
        if field.base_resolver is None:
            nullable = isinstance(field.type, StrawberryOptional)
            assert columns[field.python_name].nullable == nullable, field.python_name


def test_everything_is_described():
    undescribed = [
        f"{name}.{field}"
        for name, type_ in schema._schema.type_map.items()
        if not name.startswith("__") and not name.endswith(("Payload", "Connection", "Edge"))
        for field, value in getattr(type_, "fields", {}).items()
        if not value.description and not hasattr(type_, "out_type")
    ]
    assert undescribed == []


def test_every_mutation_is_tried_by_some_test():
    tried = "".join(path.read_text() for path in TESTS.rglob("*.py"))
    mutations = schema._schema.mutation_type.fields
    assert [name for name in mutations if not re.search(rf"\b{name}\b", tried)] == []


def test_root_fields_are_nullable_so_that_one_refusal_spares_its_neighbours():
    roots = {**schema._schema.query_type.fields, **schema._schema.mutation_type.fields}
    assert [name for name, field in roots.items() if str(field.type).endswith("!")] == []
