"""Statistics and summaries count what the viewer can read, by any dimension."""

import json

import pytest

from tests.world import Refused

COUNTS = """query ($id: UUID!, $by: [RequirementGroupInput!]!, $filter: RequirementFilterInput,
    $first: Int! = 100, $sort: StatisticsSort! = COUNT) { project(id: $id) {
    requirementStatistics(groupBy: $by, filter: $filter) { totalCount
        groups(first: $first, sort: $sort) {
            keys { value object { id ... on Document { name } } } count isOther } } } }"""
EVERYWHERE = """query ($id: UUID!) { organization(id: $id) {
    requirementStatistics(groupBy: [{by: STATUS}]) { totalCount } } }"""
SUMMARIES = """query ($id: UUID!) { project(id: $id) {
    summaries { totalCount nodes { name blockCount requirementCount updatedAt document { id } } }
    documents { nodes { name summary { blockCount requirementCount updatedAt }
        blocks { totalCount } requirements(first: 100) { totalCount nodes { updatedAt } }
        requirementStatistics(groupBy: [{by: LEVEL}]) { totalCount } } } } }"""


@pytest.fixture
async def rows(world, shelf):
    """Fill a document of the world, beside its own, with requirements of many kinds."""
    other = await shelf("ab")
    await other.add_requirements("x", block="a")
    await other.add_requirements("y", "z")
    given = [
        ("draft", "high", ["a", "b"], {"method": "test"}, "2026-01-01T23:30:00-02:00"),
        ("draft", "low", ["a"], {"method": ["test", "review"]}, "2026-01-02T12:00:00Z"),
        ("approved", "low", [], {"method": 7}, "2026-01-02T23:59:00Z"),
        ("approved", "low", ["c"], {"other": None}, "2026-01-03T00:00:00Z"),
        ("draft", "low", ["a"], {}, "2026-01-04T00:00:00Z"),
    ]
    for status, priority, tags, properties, at in given:
        await world.superuser.execute(
            "INSERT INTO requirements (organization_id, project_id, document_id, name, status,"
            " priority, tags, properties, created_at)"
            " VALUES ($1, $2, $3, 'Row', $4, $5, $6, $7, $8::text::timestamptz)",
            *(world.organization, world.project, world.document),
            *(status, priority, tags, json.dumps(properties), at),
        )
    return other


@pytest.fixture
def counted(world):
    async def counted(*by, person="viewer", **arguments):
        """Return the counts by the values of their groups, in order, and the total."""
        asked = [{"by": one} if isinstance(one, str) else one for one in by]
        found = await world.ask(person, COUNTS, id=world.project, by=asked, **arguments)
        found = found["requirementStatistics"]
        groups = {
            "other" if one["isOther"] else tuple(key["value"] for key in one["keys"]): one["count"]
            for one in found["groups"]
        }
        assert len(groups) == len(found["groups"])
        return groups, found["totalCount"]

    return counted


async def test_requirements_are_counted_by_every_dimension(world, rows, counted):
    own = {"documentId": {"eq": world.document}, "name": {"eq": "Row"}}
    groups, total = await counted("STATUS", filter=own)
    assert (groups, total) == ({("DRAFT",): 3, ("APPROVED",): 2}, 5)
    assert list(groups) == [("DRAFT",), ("APPROVED",)]
    groups, _ = await counted("STATUS", "PRIORITY", filter=own, sort="KEY")
    assert list(groups.items()) == [
        (("DRAFT", "LOW"), 2),
        (("DRAFT", "HIGH"), 1),
        (("APPROVED", "LOW"), 2),
    ]
    groups, total = await counted("TAG", filter=own)
    assert (groups, total) == ({("a",): 3, ("b",): 1, ("c",): 1, (None,): 1}, 5)
    method = {"by": "PROPERTY", "property": "method"}
    groups, total = await counted(method, filter=own)
    assert (groups, total) == ({("test",): 2, ("review",): 1, ("7",): 1, (None,): 2}, 5)
    groups, _ = await counted(method, "TAG", "FORMAT", filter=own)
    assert groups["test", "a", "NATURAL_LANGUAGE"] == 2
    groups, _ = await counted("CREATED_DAY", filter=own, sort="KEY")
    days = {("2026-01-02",): 3, ("2026-01-03",): 1, ("2026-01-04",): 1}
    assert list(groups.items()) == list(days.items())
    groups, _ = await counted("TAG", filter=own, first=1)
    assert groups == {("a",): 3, "other": 3}
    # filters are those of lists, with conditions on generated columns
    groups, total = await counted("LEVEL", filter={**own, "not": {"name": {"lt": "q"}}})
    assert (groups, total) == ({("SYSTEM",): 5}, 5)
    assert await counted("LEVEL", filter={"name": {"eq": "None"}}) == ({}, 0)
    groups, total = await counted("DOCUMENT")
    assert groups[str(rows.id),] == 3
    assert total == sum(groups.values())
    for person in ("project_viewer", "owner"):
        assert await counted("DOCUMENT", person=person) == (groups, total)


async def test_tests_and_links_are_counted_too(world, linked):
    query = """query ($id: UUID!, $requirement: UUID!) { project(id: $id) {
        cases: testCaseStatistics(groupBy: [{by: STATUS}, {by: CATEGORY}]) { ...of }
        runs: testExecutionStatistics(groupBy: [{by: STATUS}, {by: EXECUTED_DAY}]) { ...of }
        by: testExecutionStatistics(groupBy: [{by: REQUIREMENT}]) { groups {
            keys { value object { id } } } }
        links: traceLinkStatistics(groupBy: [{by: TYPE}]) { ...of } }
        requirement(id: $requirement) {
            testExecutionStatistics(groupBy: [{by: STATUS}]) { ...of } } }
        fragment of on Statistics { totalCount groups { keys { value } count } }"""
    ids = {"id": world.project, "requirement": world.requirement}
    answer = await world.ask("viewer", query, **ids)
    found = answer["project"]
    cases, runs, by, links = (found[name] for name in ("cases", "runs", "by", "links"))
    assert cases["groups"] == [{"keys": [{"value": "PLANNED"}, {"value": None}], "count": 2}]
    assert cases["totalCount"] == 2
    assert runs["groups"] == [{"keys": [{"value": "NOT_RUN"}, {"value": None}], "count": 1}]
    id = str(world.requirement)
    assert by["groups"] == [{"keys": [{"value": id, "object": {"id": id}}]}]
    assert links["groups"] == [{"keys": [{"value": "RELATES_TO"}], "count": 2}]
    assert answer["requirement"]["testExecutionStatistics"]["totalCount"] == 1


async def test_what_cannot_be_read_is_not_counted(world, rows, counted):
    everything = (await counted("STATUS"))[1]
    answer = await world.ask("project_viewer", EVERYWHERE, id=world.organization)
    assert answer["requirementStatistics"]["totalCount"] == everything
    answer = await world.ask("document_editor", EVERYWHERE, id=world.organization)
    assert answer["requirementStatistics"]["totalCount"] == everything - 3
    await world.superuser.execute(
        "UPDATE blocks SET deleted_at = now() WHERE id = $1", rows.ids["a"]
    )
    assert (await counted("STATUS"))[1] == everything - 1
    with pytest.raises(Refused) as refused:
        await counted("STATUS", person="outsider")
    assert refused.value.code == "NOT_FOUND"


async def test_summaries_count_what_lists_count(world, rows):
    for deleted in (None, "a"):
        if deleted:
            await world.superuser.execute(
                "UPDATE blocks SET deleted_at = now() WHERE id = $1", rows.ids[deleted]
            )
        found = await world.ask("viewer", SUMMARIES, id=world.project)
        documents = {one["name"]: one for one in found["documents"]["nodes"]}
        assert found["summaries"]["totalCount"] == len(documents) == 2
        for one in found["summaries"]["nodes"]:
            document = documents[one["name"]]
            assert one["blockCount"] == document["blocks"]["totalCount"]
            counted = document["requirements"]["totalCount"]
            assert one["requirementCount"] == counted
            assert document["requirementStatistics"]["totalCount"] == counted
            assert one["updatedAt"] == document["summary"]["updatedAt"]
            assert one["updatedAt"] >= max(
                node["updatedAt"] for node in document["requirements"]["nodes"]
            )
        assert documents["Shelf"]["summary"]["blockCount"] == (1 if deleted else 2)


@pytest.mark.parametrize(
    ("by", "arguments", "field"),
    [
        ([], {}, ["groupBy"]),
        ([{"by": "STATUS"}, {"by": "STATUS"}], {}, ["groupBy", 1]),
        ([{"by": "STATUS"}, {"by": "LEVEL"}, {"by": "TAG"}, {"by": "FORMAT"}], {}, ["groupBy"]),
        ([{"by": "PROPERTY"}], {}, ["groupBy", 0, "property"]),
        ([{"by": "TAG", "property": "a"}], {}, ["groupBy", 0, "property"]),
        ([{"by": "PROPERTY", "property": "\0"}], {}, ["groupBy", 0, "property"]),
        ([{"by": "TAG"}], {"first": 0}, ["first"]),
        ([{"by": "TAG"}], {"first": 501}, ["first"]),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(counted, by, arguments, field):
    with pytest.raises(Refused) as refused:
        await counted(*by, **arguments)
    assert (refused.value.code, refused.value.field) == ("INVALID", field)


async def test_the_past_has_no_statistics(world):
    create = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) {
        document { id } } }"""
    made = {"projectId": world.project, "name": "Hull", "slug": "hull"}
    id = (await world.ask("editor", create, input=made))["document"]["id"]
    for field in (
        "requirementStatistics(groupBy: [{by: STATUS}]) { totalCount }",
        "summary { name }",
    ):
        past = f"query ($id: UUID!) {{ document(id: $id, atVersion: 1) {{ name {field} }} }}"
        assert await world.code("viewer", past, id=id) == "INVALID"
