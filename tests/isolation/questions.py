"""Every question that can be put to a schema, made from the schema itself.

A new type or field is asked for without being named here. Every row is the start of a way over all
fields of its type, over those of its neighbours, and to the neighbours of these; longer ways are
such ways, joined.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from graph.kit.node import NODES
from graph.schema import schema
from tests.isolation.world import Canaries

SCHEMA = build_schema(schema.as_str())
ROOT = SCHEMA.query_type
assert ROOT is not None

TYPES: dict[str, str] = {model.__tablename__: type_.__name__ for model, type_ in NODES.items()}
"""The GraphQL type of each table that the API shows."""

SAID = {"type": '"Requirement"'}
"""What to say to a field that insists on an argument of this name."""

HOPS = 2
PAGES = {2: 10, 1: 2}
"""Rows of a page by the hops that are left: all there are near the start, some further away."""

ALIASES = 20
"""Root fields of one question; the gateway allows as many."""

Question = tuple[str, dict[str, Any]]


def questions(canaries: Canaries) -> Iterator[Question]:
    """Each root field in each way it can be asked, about rows of every tenant and zone."""
    for name, field in ROOT.fields.items():
        target = get_named_type(field.type)
        if name == "nodes":
            yield from _by_ids(canaries)
        elif is_connection(target):
            yield f"{{ {name}(first: 20) {{ {beneath(target, 1)} }} }}", {}
        elif field.args:
            for argument in field.args:
                yield from _one_by_one(name, argument, _values(canaries, target, argument))
        else:
            yield f"{{ {name} {{ {selection(target, HOPS)} }} }}", {}


def leaves(type_name: str) -> list[str]:
    """The plain fields of a type."""
    fields = SCHEMA.type_map[type_name].fields.items()
    return [name for name, field in fields if is_leaf_type(get_named_type(field.type))]


def selection(type_: GraphQLNamedType, hops: int) -> str:
    """All plain fields of a type, and what leads to neighbours no further away than this."""
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    parts = ["__typename"]
    for name, field in type_.fields.items():
        target = get_named_type(field.type)
        asked = name + _arguments(field, hops)
        if is_leaf_type(target):
            parts.append(asked)
        elif not is_connection(target) and not is_node(target):
            parts.append(f"{asked} {{ {selection(target, hops)} }}")
        elif hops:
            parts.append(f"{asked} {{ {beneath(target, hops - 1)} }}")
    return " ".join(parts)


def beneath(target: GraphQLNamedType, hops: int) -> str:
    """What to ask of an edge or a connection that leads to this type."""
    if is_connection(target):
        row = get_named_type(target.fields["nodes"].type)
        rows = beneath(row, hops)
        name = "id" if "id" in row.fields else "__typename"
        edges = f"edges {{ cursor node {{ {name} }} }}" if hops else ""
        return f"nodes {{ {rows} }} {edges} totalCount pageInfo {{ endCursor hasNextPage }}"
    return selection(target, hops) if hops else " ".join(["__typename", *leaves(target.name)])


def is_connection(type_: GraphQLNamedType) -> bool:
    return type_.name.endswith("Connection")


def is_node(type_: GraphQLNamedType) -> bool:
    node = SCHEMA.type_map["Node"]
    return type_ is node or (isinstance(type_, GraphQLObjectType) and node in type_.interfaces)


def _arguments(field: GraphQLField, hops: int) -> str:
    said = [f"{n}: {SAID[n]}" for n, given in field.args.items() if is_required_argument(given)]
    if "first" in field.args and hops:
        said.append(f"first: {PAGES[hops]}")
    return f"({', '.join(said)})" if said else ""


def _by_ids(canaries: Canaries) -> Iterator[Question]:
    for table, name in TYPES.items():
        fields = selection(SCHEMA.type_map[name], HOPS)
        query = f"query ($ids: [UUID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ {fields} }} }} }}"
        yield query, {"ids": [str(row.id) for row in canaries.rows(table=table)]}


def _values(canaries: Canaries, target: GraphQLNamedType, argument: str) -> list[str]:
    """What rows of this type hold in the column of this name, and one row of each other type."""
    found = []
    for table, name in TYPES.items():
        rows = [row for row in canaries.rows(table=table) if argument in row.values]
        found += rows if is_any(target, name) else rows[:1]
    return [str(row.values[argument]) for row in found]


def is_any(target: GraphQLNamedType, name: str) -> bool:
    return target.name in (name, "Node")


def _one_by_one(name: str, argument: str, values: Sequence[str]) -> Iterator[Question]:
    target = get_named_type(ROOT.fields[name].type)
    kind = str(ROOT.fields[name].args[argument].type).rstrip("!")
    for i in range(0, len(values), ALIASES):
        some = {f"v{n}": value for n, value in enumerate(values[i : i + ALIASES])}
        declared = ", ".join(f"${v}: {kind}!" for v in some)
        asked = " ".join(f"a{v}: {name}({argument}: ${v}) {{ ...all }}" for v in some)
        fragment = f"fragment all on {target.name} {{ {selection(target, 0)} }}"
        yield f"query ({declared}) {{ {asked} }} {fragment}", some
