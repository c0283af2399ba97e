"""Tags, properties and text are found by index where nothing narrows the rows, else by a scan."""

import json

import pytest
from sqlalchemy import not_, or_

from db.gin import served
from db.requirements.requirements import Requirement

TAGGED = {
    "brake": (["safety", "brakes"], {"asil": {"level": "D"}, "mass": 4}),
    "horn": (["comfort", "safety"], {"asil": {"level": "A"}, "mass": 4}),
    "radio": (["comfort"], {"mass": None}),
    "mirror": ([], {}),
}
EVERYTHING = {*TAGGED}
FOUND = [
    ({"tags": {"hasAny": ["safety"]}}, {"brake", "horn"}),
    ({"tags": {"hasAny": ["brakes", "comfort"]}}, {"brake", "horn", "radio"}),
    ({"tags": {"hasAny": ["unknown"]}}, set()),
    ({"tags": {"hasAny": []}}, set()),
    ({"tags": {"hasAll": ["safety", "comfort"]}}, {"horn"}),
    ({"tags": {"hasAll": []}}, EVERYTHING),
    ({"tags": {"hasAny": ["safety"], "hasAll": ["comfort"]}}, {"horn"}),
    ({"tags": {"isEmpty": True}}, {"mirror"}),
    ({"tags": {"hasAny": ["comfort"]}, "name": {"eq": "radio"}}, {"radio"}),
    ({"not": {"tags": {"hasAny": ["safety"]}}}, {"radio", "mirror"}),
    ({"not": {"tags": {"hasAny": []}}}, EVERYTHING),
    ({"not": {"tags": {"hasAll": []}}}, set()),
    ({"or": [{"tags": {"hasAll": ["brakes"]}}, {"name": {"eq": "mirror"}}]}, {"brake", "mirror"}),
    ({"and": [{"tags": {"hasAny": ["safety"]}}, {"tags": {"hasAny": ["comfort"]}}]}, {"horn"}),
    ({"properties": [{"path": ["asil", "level"], "eq": "D"}]}, {"brake"}),
    ({"properties": [{"path": [], "eq": {"mass": 4}}]}, {"brake", "horn"}),
    ({"properties": [{"path": ["asil"], "eq": {}}]}, {"brake", "horn"}),
    ({"properties": []}, EVERYTHING),
    (
        {"properties": [{"path": ["mass"], "eq": 4}, {"path": ["asil", "level"], "eq": "A"}]},
        {"horn"},
    ),
    (
        {"tags": {"hasAny": ["safety"]}, "properties": [{"path": ["mass"], "eq": 4}]},
        {"brake", "horn"},
    ),
    ({"not": {"properties": [{"path": ["mass"], "eq": 4}]}}, {"radio", "mirror"}),
]
AT_ROOT = """query ($filter: RequirementFilterInput, $search: String) {
    requirements(first: 50, filter: $filter, search: $search) { totalCount nodes { name } } }"""
BENEATH = """query ($id: UUID!, $filter: RequirementFilterInput, $search: String) {
    document(id: $id) { requirements(first: 50, filter: $filter, search: $search) {
        totalCount nodes { name } } } }"""


@pytest.fixture
async def tagged(world, other_world):
    """Return requirements with tags and properties; those of another tenant have the same."""
    for place in (world, other_world):
        await place.superuser.execute("DELETE FROM requirements WHERE id = $1", place.requirement)
        await place.superuser.executemany(
            "INSERT INTO requirements (organization_id, project_id, document_id, name, tags,"
            " properties) VALUES ($1, $2, $3, $4, $5, $6::jsonb)",
            [
                (
                    place.organization,
                    place.project,
                    place.document,
                    name,
                    tags,
                    json.dumps(properties),
                )
                for name, (tags, properties) in TAGGED.items()
            ],
        )
    return world


def names(connection):
    assert connection["totalCount"] == len(connection["nodes"])
    return {node["name"] for node in connection["nodes"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filter", "expected"), FOUND, ids=[json.dumps(filter) for filter, _ in FOUND]
)
async def test_an_index_and_a_scan_find_the_same(tagged, filter, expected):
    within = {"documentId": {"eq": tagged.document}}
    assert names(await tagged.ask("viewer", AT_ROOT, filter=filter)) == expected
    assert names(await tagged.ask("viewer", AT_ROOT, filter=filter | within)) == expected
    beneath = await tagged.ask("viewer", BENEATH, id=tagged.document, filter=filter)
    assert names(beneath["requirements"]) == expected


async def test_a_search_and_a_filter_are_asked_together(tagged):
    filter = {"tags": {"hasAny": ["safety"]}}
    assert names(await tagged.ask("viewer", AT_ROOT, filter=filter, search="horns")) == {"horn"}
    assert names(await tagged.ask("viewer", AT_ROOT, filter=filter, search="radio")) == set()


async def test_who_may_not_read_finds_nothing(tagged):
    filter = {"tags": {"hasAny": ["safety"]}}
    assert names(await tagged.ask("outsider", AT_ROOT, filter=filter)) == set()
    assert names(await tagged.ask("billing", AT_ROOT, filter=filter)) == set()


@pytest.mark.parametrize("operator", ["hasAny", "hasAll"])
async def test_null_is_refused(tagged, operator):
    assert await tagged.code("viewer", AT_ROOT, filter={"tags": {operator: None}}) == "INVALID"


def test_the_indexes_are_asked_once_for_all_conditions_that_they_serve():
    tags = Requirement.tags.overlap(["safety"])
    properties = Requirement.properties.contains({"mass": 4})
    name = Requirement.name == "horn"
    found = served(Requirement, [tags & properties & name])
    assert (found.others, found.served) == ([name], [tags, properties])
    assert str(found.ids).count("ctx.requirements_") == 2
    assert "INTERSECT" in str(found.ids)


def test_what_no_index_serves_is_left_as_it_is():
    tags = Requirement.tags.overlap(["safety"])
    for condition in (not_(tags), or_(tags, Requirement.name == "horn"), Requirement.name == "x"):
        assert served(Requirement, [condition]) == ([condition], [], None)
