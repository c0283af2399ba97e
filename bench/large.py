"""Every list of a large tenant, by each filter, order and search that it offers, over HTTP.

200,000 requirements in one organization, a project of 60,000 among its 201, 50,000 deleted blocks,
and 11,000 public projects of another organization. The lists, their filters and their orders are
those that introspection finds, so that a new one is measured by itself. Printed are reads that take
100 milliseconds or more of processor time, of the server and the database together: a read runs in
one of them at a time, so that this is what a client waits for on a machine that does nothing else.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
)

from bench.large_rows import DEEP, SEARCHES, Parents, fill
from bench.peers.servers import PostgreSQL
from bench.stand import Stand

SLOW = 100.0
"""Milliseconds of processor time from which a read is printed."""
AGAIN = 3
"""The calls whose mean is taken, of a read that did not end within this time at first."""
PAGE = 20


@dataclass(frozen=True)
class Listing:
    """One list: the type and the field that lead to it."""

    parent: GraphQLObjectType
    name: str
    field: GraphQLField

    @property
    def rows(self) -> str:
        """Return the name of the type of its rows."""
        return get_named_type(self.field.type).name.removesuffix("Connection")

    def text(self, selection: str, **arguments: Any) -> str:
        """Return the operation that selects this of the list, with these arguments."""
        given = "".join(f", {name}: {value}" for name, value in arguments.items())
        list_ = f"{self.name}(first: {PAGE}{given}) {{ {selection} }}"
        if self.parent.name == "Query":
            return f"{{ {list_} }}"
        return f"query ($id: ID!) {{ node(id: $id) {{ ... on {self.parent.name} {{ {list_} }} }} }}"


async def measure(stand: Stand) -> None:
    """Fill the tables, read each list in each way, and print the slow ones."""
    start = time.perf_counter()
    parents = await fill(stand)
    print(f"written in {time.perf_counter() - start:.0f} s")
    introspected = (await stand.ask(get_introspection_query())).json()["data"]
    schema = build_client_schema(introspected)
    database = PostgreSQL(
        psutil.Process(await stand.superuser.fetchval("SELECT pg_backend_pid()")).ppid()
    )
    number = slow = 0
    for listing in listings(schema.type_map.values()):
        id = parents.of(listing.parent.name)
        if listing.parent.name != "Query" and id is None:
            continue
        for what, text in await ways(stand, listing, id, parents):
            number += 1
            if (taken := await used(stand, database, text, id)) >= SLOW:
                slow += 1
                print(f"{taken:7.0f} ms  {listing.parent.name}.{listing.name}  {what}")
    print(f"{number - slow} of {number} reads take less than {SLOW:.0f} ms")


def listings(types: Iterable[Any]) -> Iterator[Listing]:
    """Yield the lists of the schema: the fields that are connections with a page size."""
    for type_ in types:
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                if get_named_type(field.type).name.endswith("Connection") and "first" in field.args:
                    yield Listing(type_, name, field)


async def ways(
    stand: Stand, listing: Listing, id: str | None, parents: Parents
) -> list[tuple[str, str]]:
    """Return the ways to read a list, with a description and an operation each."""
    has_total = "totalCount" in _fields(listing)
    found = [("first page", listing.text("nodes { __typename }"))]
    if has_total:
        found.append(("totalCount", listing.text("totalCount")))
    if "search" in listing.field.args:
        for search in SEARCHES:
            given = {"search": f'"{search}"'}
            found.append((f"search {search}", listing.text("nodes { __typename }", **given)))
    if "filter" in listing.field.args:
        for filter_ in filters(listing, parents):
            given = {"filter": filter_}
            found.append((f"filter {filter_}", listing.text("nodes { __typename }", **given)))
    for by in orders(listing):
        for direction in ("ASC", "DESC"):
            order = f"[{{by: {by}, direction: {direction}}}]"
            first = listing.text("nodes { __typename }", orderBy=order)
            found.append((f"by {by} {direction}", first))
            if cursor := await deep_cursor(stand, listing, id, parents, order):
                text = listing.text("nodes { __typename }", orderBy=order, after=f'"{cursor}"')
                found.append((f"by {by} {direction}, {DEEP:,} rows deep", text))
    return found


async def deep_cursor(
    stand: Stand, listing: Listing, id: str | None, parents: Parents, order: str
) -> str | None:
    """Return the cursor, in this order, of a row in the middle of a long list; None of others."""
    row = parents.deep(listing.parent.name, listing.rows)
    if row is None or "filter" not in listing.field.args:
        return None
    text = listing.text("edges { cursor }", orderBy=order, filter=f'{{id: {{eq: "{row}"}}}}')
    data = (await stand.ask(text, id=id)).json()["data"]
    edges = (data.get("node") or data)[listing.name]["edges"]
    return edges[0]["cursor"] if edges else None


def filters(listing: Listing, parents: Parents) -> Iterator[str]:
    """Yield a filter for each field of the list's filter, by each of its comparisons."""
    input_ = get_named_type(listing.field.args["filter"].type)
    assert isinstance(input_, GraphQLInputObjectType)
    for name, field in input_.fields.items():
        compared = get_named_type(field.type)
        if name in ("and", "or", "not") or not isinstance(compared, GraphQLInputObjectType):
            continue
        if "path" in compared.fields:
            yield f'{{{name}: [{{path: ["owner"], eq: "team-1"}}]}}'
            continue
        for operator, comparison in compared.fields.items():
            value = value_of(name, comparison.type, parents)
            if value is not None:
                yield f"{{{name}: {{{operator}: {value}}}}}"


def value_of(field: str, type_: Any, parents: Parents) -> str | None:
    """Return a value of this type, as it stands in a document."""
    type_ = get_nullable_type(type_) if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(type_, GraphQLList):
        value = value_of(field, get_nullable_type(type_.of_type), parents)
        return None if value is None else f"[{value}]"
    if isinstance(type_, GraphQLEnumType):
        return str(next(iter(type_.values)))
    known = {
        "Boolean": "true",
        "Float": "500",
        "Int": "5",
        "BigInt": "5",
        "DateTime": '"2025-01-01T00:01:00Z"',
        "String": f'"{parents.text(field)}"',
        "UUID": f'"{parents.id_of(field)}"',
        "ID": f'"{parents.id_of(field)}"',
    }
    return known.get(type_.name)


def orders(listing: Listing) -> Sequence[str]:
    """Return the values by which the list can be ordered."""
    if "orderBy" not in listing.field.args:
        return ()
    input_ = get_named_type(listing.field.args["orderBy"].type)
    assert isinstance(input_, GraphQLInputObjectType)
    return list(get_named_type(input_.fields["by"].type).values)


async def used(stand: Stand, database: PostgreSQL, text: str, id: str | None) -> float:
    """Return the milliseconds of a read: elapsed, or of processor time where those are many."""
    taken = await _once(stand, text, id)
    if taken < SLOW:
        return taken
    before = stand.cpu() + database.cpu()
    for _ in range(AGAIN):
        await _once(stand, text, id)
    return (stand.cpu() + database.cpu() - before) * 1000 / AGAIN


async def _once(stand: Stand, text: str, id: str | None) -> float:
    start = time.perf_counter()
    body = {"query": text, "variables": {"id": id}}
    response = await stand.client.post("/graphql", json=body)
    taken = (time.perf_counter() - start) * 1000
    if errors := response.json().get("errors"):
        print(f"{errors[0]['extensions']['code']} after {taken:.0f} ms  {text}")
    return taken


def _fields(listing: Listing) -> Iterable[str]:
    connection = get_named_type(listing.field.type)
    assert isinstance(connection, GraphQLObjectType)
    return list(connection.fields)
