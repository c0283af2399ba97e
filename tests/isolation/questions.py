"""Every query that the schema allows, derived from the schema itself.

A new type or field is covered without being named here. Every row is the start of a path over all
fields of its type and over those of its neighbours. One edge to each type is followed further, to
the neighbours of these; longer paths are such paths, joined. So the queries grow with the number of
edges, and not with its square.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
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

SAID = {"type": "REQUIREMENT"}
"""The values of required arguments, by name."""

NAMES = {"projectId": "projects", "viewId": "test_matrix_views"}
"""The tables of rows that arguments name by their ID, by argument."""

FIRST = 20
"""The size of the page of a root connection."""

FOLLOWED = {"changes", "comparison"}
"""Fields that continue from a cursor, or compare with another row, which other tests cover."""

HOPS = 2
PAGES = {2: 10, 1: 2}
"""The sizes of pages by the hops that are left: all rows near the start, few further away."""

COMPARED, CHANGES = ("history", "changes"), 4
"""Fields with differences of texts, and the size of their pages: each item is expensive."""

FIELDS = 40
"""The number of fields of a type in one query, whose tokens the gateway bounds, too."""

ALIASES = 10
"""The number of root fields in one query: the gateway bounds the cost of all together."""

Question = tuple[str, dict[str, Any]]


def questions(canaries: Canaries) -> Iterator[Question]:
    """Yield each root field with each argument, for rows of every tenant and zone."""
    for name, field in ROOT.fields.items():
        target = get_named_type(field.type)
        if name == "nodes":
            yield from _by_ids(canaries)
        elif is_connection(target):
            yield f"{{ {name}(first: {FIRST}) {{ {beneath(target, 1)} }} }}", {}
        elif field.args:
            if any(_tables(given) for given in field.args.values()):
                yield from _by_sides(canaries, name)
            for argument, given in field.args.items():
                if is_leaf_type(get_named_type(given.type)):
                    yield from _one_by_one(name, argument, _values(canaries, target, argument))
        else:
            yield f"{{ {name} {{ {selection(target, HOPS)} }} }}", {}


def leaves(type_name: str) -> list[str]:
    """Return the plain fields of a type."""
    fields = SCHEMA.type_map[type_name].fields.items()
    return [name for name, field in fields if is_leaf_type(get_named_type(field.type))]


def selection(type_: GraphQLNamedType, hops: int, names: Sequence[str] = ()) -> str:
    """Return the selection of all plain fields of a type, and of neighbours within these hops.

    With `names`, of these fields alone.
    """
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    parts = ["__typename"]
    for name, field in type_.fields.items():
        if names and name not in names:
            continue
        if name in FOLLOWED and any(map(is_required_argument, field.args.values())):
            continue
        target = get_named_type(field.type)
        asked = name + _arguments(name, field, hops)
        if is_leaf_type(target):
            parts.append(asked)
        elif not is_connection(target) and not is_node(target):
            parts.append(f"{asked} {{ {selection(target, hops)} }}")
        elif hops:
            further = hops - 1 if (type_.name, name) in FOLLOWED_FURTHER else 0
            parts.append(f"{asked} {{ {beneath(target, further, near=hops == HOPS)} }}")
    return " ".join(parts)


def beneath(target: GraphQLNamedType, hops: int, *, near: bool = False) -> str:
    """Return the selection for an edge or a connection to this type; with cursors when near."""
    if is_connection(target):
        row = get_named_type(target.fields["nodes"].type)
        rows = beneath(row, hops)
        name = "id" if "id" in row.fields else "__typename"
        edges = f"edges {{ cursor node {{ {name} }} }}" if hops or near else ""
        return f"nodes {{ {rows} }} {edges} totalCount pageInfo {{ endCursor hasNextPage }}"
    return selection(target, hops) if hops else " ".join(["__typename", *leaves(target.name)])


def _first_edges() -> set[tuple[str, str]]:
    """Return one edge to each type: the first one in the schema, as its own type and name."""
    found: dict[str, tuple[str, str]] = {}
    for type_ in TYPES.values():
        for name, field in SCHEMA.type_map[type_].fields.items():
            target = get_named_type(field.type)
            if is_connection(target):
                target = get_named_type(target.fields["nodes"].type)
            if is_node(target):
                found.setdefault(target.name, (type_, name))
    return set(found.values())


def is_connection(type_: GraphQLNamedType) -> bool:
    return type_.name.endswith("Connection")


def is_node(type_: GraphQLNamedType) -> bool:
    node = SCHEMA.type_map["Node"]
    return type_ is node or (isinstance(type_, GraphQLObjectType) and node in type_.interfaces)


def _first_group(given: GraphQLArgument) -> str:
    """Return the value of a `groupBy` argument that groups by the first there is."""
    by = get_named_type(get_named_type(given.type).fields["by"].type)
    return f"{{by: {next(iter(by.values))}}}"


def _arguments(name: str, field: GraphQLField, hops: int) -> str:
    required = {
        n: given for n, given in field.args.items() if is_required_argument(given) or n == "groupBy"
    }
    said = [f"{n}: {SAID.get(n) or _first_group(given)}" for n, given in required.items()]
    if "first" in field.args and name in COMPARED:
        said.append(f"first: {CHANGES}")
    elif "first" in field.args and hops:
        said.append(f"first: {PAGES[hops]}")
    return f"({', '.join(said)})" if said else ""


def _by_ids(canaries: Canaries) -> Iterator[Question]:
    for table, name in TYPES.items():
        type_, ids = SCHEMA.type_map[name], [str(row.id) for row in canaries.rows(table=table)]
        for names in batched(type_.fields, FIELDS):
            fields = selection(type_, HOPS, names)
            asked = f"nodes(ids: $ids) {{ ... on {name} {{ {fields} }} }}"
            yield f"query ($ids: [ID!]!) {{ {asked} }}", {"ids": ids}


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield lists of at most `size` names."""
    rest = list(names)
    while rest:
        yield rest[:size]
        rest = rest[size:]


def _values(canaries: Canaries, target: GraphQLNamedType, argument: str) -> list[str]:
    """Return the values of a column in rows of this type, and in one row of each other type."""
    if argument in NAMES:
        return [str(row.id) for row in canaries.rows(table=NAMES[argument])]
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


def _tables(given: GraphQLArgument) -> dict[str, str]:
    """Return the tables of rows that a required input names by its fields, by field."""
    type_ = get_named_type(given.type)
    if not is_required_argument(given) or not isinstance(type_, GraphQLInputObjectType):
        return {}
    tables = {f"{table[:-1]}Id": table for table in TYPES}
    return {name: tables[name] for name in type_.fields if name in tables}


def _by_sides(canaries: Canaries, name: str) -> Iterator[Question]:
    """Yield a root field whose inputs all name the same row, for each row that they can name."""
    field = ROOT.fields[name]
    asked = {n: _tables(given) for n, given in field.args.items() if is_required_argument(given)}
    target = get_named_type(field.type)
    for key, table in next(iter(asked.values())).items():
        said = ", ".join(f"{argument}: {{{key}: $id}}" for argument in asked)
        for row in canaries.rows(table=table):
            query = f"query ($id: UUID!) {{ {name}({said}) {{ {selection(target, 1)} }} }}"
            yield query, {"id": str(row.id)}


FOLLOWED_FURTHER = _first_edges()
