"""Requirements filtered and sorted by the values of their properties."""

import pytest

from tests.engine.both import Both
from tests.world import Refused

LIST = """query ($id: UUID!, $filter: RequirementFilterInput, $order: [RequirementOrderInput!],
    $first: Int, $after: String, $last: Int, $before: String) {
    document(id: $id) { requirements(filter: $filter, orderBy: $order, first: $first,
        after: $after, last: $last, before: $before) {
        totalCount nodes { name } pageInfo { endCursor startCursor hasNextPage } } } }"""
AT_ROOT = """query ($filter: RequirementFilterInput, $order: [RequirementOrderInput!]) {
    requirements(filter: $filter, orderBy: $order) { nodes { name } } }"""

ROWS = {
    "a": '{"n": 2, "t": "Beta", "b": true, "d": "2026-02-01", "m": ["x", "y"]}',
    "b": '{"n": 10, "t": "alpha 10", "b": false, "d": "2025-12-31", "m": ["y"]}',
    "c": '{"n": "many", "t": 7, "b": "yes", "d": "soon", "m": "x", "u": "nobody"}',
    "d": '{"n": 1e300, "t": "alpha 9", "b": null, "d": "2026-02-01", "m": []}',
    "e": '{"n": -0.5, "t": "", "d": "2026-1-1", "m": {"x": 1}}',
    "f": "{}",
}
"""Values of all types under all keys, also those that no definition would let in."""


@pytest.fixture
async def rows(world):
    await world.superuser.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    places = (world.organization, world.project, world.document)
    for position, (name, properties) in enumerate(ROWS.items()):
        await world.superuser.execute(
            "INSERT INTO requirements (organization_id, project_id, document_id, name, position,"
            " properties) VALUES ($1, $2, $3, $4, $5, $6)",
            *places,
            name,
            position,
            properties,
        )
    return world


def names(found):
    return "".join(node["name"] for node in found["requirements"]["nodes"])


FILTERS = [
    ({"number": {"eq": 2}}, "n", "a"),
    ({"number": {"ne": 2}}, "n", "bcdef"),
    ({"number": {"gte": 2}}, "n", "abd"),
    ({"number": {"lt": 2}}, "n", "e"),
    ({"number": {"in": [10, -0.5]}}, "n", "be"),
    ({"number": {"isNull": True}}, "n", "cf"),
    ({"text": {"eq": "Beta"}}, "t", "a"),
    ({"text": {"contains": "ALPHA"}}, "t", "bd"),
    ({"text": {"lt": "alpha 10", "ne": ""}}, "t", "d"),
    ({"boolean": {"eq": True}}, "b", "a"),
    ({"date": {"gt": "2025-12-31"}}, "d", "ad"),
    ({"date": {"lte": "2026-01-31", "isNull": False}}, "d", "b"),
    ({"choices": {"hasAny": ["x", "z"]}}, "m", "a"),
    ({"choices": {"hasAll": ["x", "y"]}}, "m", "a"),
    ({"choices": {"isEmpty": True}}, "m", "df"),
    ({"user": {"in": ["00000000-0000-7000-8000-000000000000"]}}, "u", ""),
    ({"isNull": True}, "b", "def"),
    ({"isNull": False}, "b", "abc"),
]


@pytest.mark.slow
async def test_values_are_compared_by_their_type_and_others_count_as_null(rows):
    for comparison, key, expected in FILTERS:
        filter = {"property": [{"key": key, **comparison}]}
        found = (await rows.ask("viewer", LIST, id=rows.document, filter=filter))["requirements"]
        told = "".join(node["name"] for node in found["nodes"]), found["totalCount"]
        assert told == (expected, len(expected)), comparison
    both = {"property": [{"key": "n", "number": {"gt": 1}}, {"key": "t", "text": {"ne": "Beta"}}]}
    turned = {"not": both, "projectId": {"eq": rows.project}}
    read = await rows.ask("viewer", AT_ROOT, filter=turned, order=[{"by": "POSITION"}])
    assert "".join(node["name"] for node in read["nodes"]) == "acef"


ORDERS = [
    ({"key": "n", "type": "NUMBER"}, "ASC", "eabdcf"),
    ({"key": "n", "type": "NUMBER"}, "DESC", "dbaecf"),
    ({"key": "t", "type": "TEXT"}, "ASC", "edbacf"),
    ({"key": "d", "type": "DATE"}, "DESC", "adbcef"),
    ({"key": "b", "type": "BOOLEAN"}, "ASC", "bacdef"),
]


@pytest.mark.slow
async def test_rows_are_sorted_by_a_property_and_paged_with_those_without_a_value_last(rows):
    for property, direction, expected in ORDERS:
        order = [{"property": property, "direction": direction}, {"by": "NAME"}]
        read = await rows.ask("viewer", LIST, id=rows.document, order=order)
        assert names(read) == expected, order
        for size in (1, 4):
            found, cursor, more = "", None, True
            while more:
                page = {"first": size, "after": cursor, "order": order}
                read = await rows.ask("viewer", LIST, id=rows.document, **page)
                found += names(read)
                information = read["requirements"]["pageInfo"]
                cursor, more = information["endCursor"], information["hasNextPage"]
            assert found == expected, order
        page = {"last": 2, "before": cursor, "order": order}
        assert names(await rows.ask("viewer", LIST, id=rows.document, **page)) == expected[-3:-1]
    tied = [{"property": {"key": "d", "type": "DATE"}}, {"by": "NAME", "direction": "DESC"}]
    assert names(await rows.ask("viewer", LIST, id=rows.document, order=tied)) == "bdafec"


async def test_the_engine_sorts_and_filters_by_properties_as_graphql_core_does(settings, rows):
    both = Both(settings)
    for property, direction, _ in ORDERS:
        order = [{"property": property, "direction": direction}]
        filter = {"property": [{"key": "n", "number": {"isNull": False}}]}
        values = {"id": rows.document, "order": order, "filter": filter, "first": 2}
        engine, core = await both.of(rows, "viewer", LIST, **values)
        assert engine.text == core.text
        assert "errors" not in engine.content


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"filter": {"property": [{"key": "n", "number": {"eq": None}}]}}, "number"),
        ({"filter": {"property": [{"key": "\0", "isNull": True}]}}, "key"),
        ({"order": [{"property": {"key": "m", "type": "MULTI_SELECT"}}]}, "type"),
        ({"order": [{"direction": "ASC"}]}, 0),
        ({"order": [{"by": "NAME", "property": {"key": "n", "type": "TEXT"}}]}, 0),
    ],
)
async def test_what_cannot_be_compared_or_sorted_is_refused(world, arguments, path):
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", LIST, id=world.document, **arguments)
    assert refused.value.code == "INVALID"
    assert path in refused.value.field
