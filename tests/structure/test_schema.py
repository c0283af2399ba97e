"""The schema is the one that was reviewed, and it fits the tables."""

import re
from pathlib import Path

import pytest
from graphql import get_named_type, is_input_object_type, is_specified_scalar_type
from sqlalchemy import inspect
from strawberry.types.base import StrawberryOptional, get_object_definition

from graph.kit.edges import ToMany, columns_of, edge_of
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


def row_types():
    """Return the types that edges lead to, each with the model of its rows."""
    found = {type_.__name__: model for model, type_ in NODES.items()}
    for type_ in schema._schema.type_map.values():
        for field in getattr(type_, "fields", {}).values():
            declared = getattr(field, "extensions", {}).get("strawberry-definition")
            edge = edge_of(declared) if hasattr(declared, "base_resolver") else None
            if edge is not None:
                near = get_named_type(field.type)
                rows = near.fields["nodes"].type if isinstance(edge, ToMany) else near
                found[get_named_type(rows).name] = edge.model
    return found


@pytest.mark.parametrize(("name", "model"), row_types().items())
def test_every_field_of_a_row_says_which_columns_it_reads(name, model):
    columns = {attribute.key for attribute in inspect(model).column_attrs}
    for field in schema._schema.type_map[name].fields.values():
        declared = field.extensions["strawberry-definition"]
        read = columns_of(declared, model)
        assert read is not None, declared.python_name
        assert set(read) <= columns, declared.python_name


def test_inputs_end_in_input_and_nothing_else_does():
    types = schema._schema.type_map
    inputs = {name for name, type_ in types.items() if is_input_object_type(type_)}
    assert {name for name in types if name.endswith("Input")} == inputs


def test_everything_is_described():
    undescribed = []
    for name, type_ in schema._schema.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(type_):
            continue
        members = {name: type_}
        for field, value in getattr(type_, "fields", {}).items():
            members[f"{name}.{field}"] = value
            for argument, taken in getattr(value, "args", {}).items():
                members[f"{name}.{field}({argument}:)"] = taken
        for label, value in getattr(type_, "values", {}).items():
            members[f"{name}.{label}"] = value
        undescribed += [place for place, member in members.items() if not member.description]
    assert undescribed == []


def test_a_description_is_a_sentence():
    texts = set(re.findall(r'"""\s*(.*?)\s*"""', schema.as_str(), re.DOTALL))
    assert [text for text in texts if not re.match(r"[A-Z`].*[.]$", text, re.DOTALL)] == []


@pytest.mark.slow
def test_every_mutation_is_tried_by_some_test():
    tried = "".join(path.read_text() for path in TESTS.rglob("*.py"))
    mutations = schema._schema.mutation_type.fields
    assert [name for name in mutations if not re.search(rf"\b{name}\b", tried)] == []


def test_root_fields_are_nullable_so_that_one_refusal_spares_its_neighbours():
    roots = {**schema._schema.query_type.fields, **schema._schema.mutation_type.fields}
    assert [name for name, field in roots.items() if str(field.type).endswith("!")] == []
