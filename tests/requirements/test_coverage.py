"""Coverage counts requirements with links of some kind, and a filter lists the same ones."""

import pytest

from tests.kit.asking import run, session_of
from tests.requirements.linking import edit, elsewhere, link, requirements
from tests.requirements.verifying import case
from tests.world import Refused

COVERAGE = """query ($id: UUID!, $direction: TraceDirection! = DOWNSTREAM, $types: [TraceLinkType!],
    $ends: [EntityType!], $levels: [RequirementLevel!], $by: [RequirementGroupInput!],
    $filter: RequirementFilterInput) { document(id: $id) {
    coverage(direction: $direction, linkTypes: $types, entityTypes: $ends, levels: $levels,
        groupBy: $by, filter: $filter) {
        totalCount coveredCount uncoveredCount suspectCount
        groups(sort: KEY) { keys { value } count coveredCount uncoveredCount suspectCount isOther }
    } } }"""
ROWS = """query ($id: UUID!, $filter: RequirementFilterInput) { document(id: $id) {
    requirements(filter: $filter) { totalCount nodes { id } }
    requirementStatistics(groupBy: [{by: STATUS}], filter: $filter) { totalCount } } }"""
STATES = {"COVERED": "coveredCount", "UNCOVERED": "uncoveredCount", "SUSPECT": "suspectCount"}


async def covered(world, person="viewer", document=None, **given):
    """Return the coverage; check that lists, and their statistics, have as many of each."""
    document = document or world.document
    found = (await world.ask(person, COVERAGE, id=document, **given))["coverage"]
    links = {
        name: given[argument]
        for name, argument in (
            ("direction", "direction"),
            ("linkTypes", "types"),
            ("entityTypes", "ends"),
            ("levels", "levels"),
        )
        if argument in given
    }
    rows = {}
    for state, name in STATES.items():
        filter = {"coverage": [{"state": state, **links}]}
        if "filter" in given:
            filter = {"and": [filter, given["filter"]]}
        listed = await world.ask(person, ROWS, id=document, filter=filter)
        rows[state] = {node["id"] for node in listed["requirements"]["nodes"]}
        assert listed["requirements"]["totalCount"] == len(rows[state]) == found[name], state
        assert listed["requirementStatistics"]["totalCount"] == found[name], state
    assert found["totalCount"] == found["coveredCount"] + found["uncoveredCount"]
    for name in ("coveredCount", "uncoveredCount", "suspectCount"):
        if found["groups"]:
            assert sum(group[name] for group in found["groups"]) == found[name]
    return found, rows


@pytest.mark.slow
async def test_requirements_are_covered_by_links_of_a_type_a_direction_and_a_level(world):
    top, low, other, alone = await requirements(world, 4)
    await edit(world, low, level="COMPONENT", status="APPROVED")
    await link(world, low, top, linkType="DERIVED_FROM")
    await link(world, other, top, linkType="SATISFIES")
    await link(world, top, other, linkType="RELATES_TO")
    test = await case(world)
    await link(world, test["id"], alone, linkType="VERIFIES")
    own = {"filter": {"externalId": {"isNull": False}}}

    found, rows = await covered(world, **own)
    assert rows["COVERED"] == {top, alone}
    assert rows["UNCOVERED"] == {low, other}
    assert found["groups"] == []
    _, rows = await covered(world, **own, direction="UPSTREAM")
    assert rows["COVERED"] == {low, other}
    _, rows = await covered(world, **own, types=["DERIVED_FROM"])
    assert rows["COVERED"] == {top}
    _, rows = await covered(world, **own, types=["RELATES_TO"])
    assert rows["COVERED"] == {top, other}
    _, rows = await covered(world, **own, ends=["TEST_CASE"])
    assert rows["COVERED"] == {alone}
    _, rows = await covered(world, **own, levels=["COMPONENT"])
    assert rows["COVERED"] == {top}
    _, rows = await covered(world, **own, levels=["COMPONENT"], types=["SATISFIES"])
    assert rows["COVERED"] == set()
    found, _ = await covered(world, **own, by=[{"by": "LEVEL"}, {"by": "STATUS"}])
    found = (await world.ask("viewer", COVERAGE, id=world.document, by=[{"by": "STATUS"}], **own))[
        "coverage"
    ]
    assert found["groups"] == [
        {
            "keys": [{"value": value}],
            "count": count,
            "coveredCount": covered_count,
            "uncoveredCount": count - covered_count,
            "suspectCount": 0,
            "isOther": False,
        }
        for value, count, covered_count in (("DRAFT", 3, 2), ("APPROVED", 1, 0))
    ]


@pytest.mark.slow
async def test_a_change_of_content_at_either_end_makes_coverage_suspect(world):
    first, second, third = await requirements(world, 3)
    await link(world, first, second, linkType="REFINES")
    await link(world, third, second, linkType="REFINES")
    assert (await covered(world))[0]["suspectCount"] == 0
    await edit(world, first, tags=["safety"])
    assert (await covered(world))[0]["suspectCount"] == 0
    await edit(world, first, 2, name="Other")
    _, rows = await covered(world)
    assert rows["SUSPECT"] == {second}
    _, rows = await covered(world, direction="UPSTREAM")
    assert rows["SUSPECT"] == {first}
    await edit(world, second, name="Another")
    _, rows = await covered(world, direction="UPSTREAM")
    assert rows["SUSPECT"] == {first, third}


@pytest.mark.slow
async def test_links_count_only_when_both_ends_can_be_read(world):
    _, document = await elsewhere(world)
    (own,) = await requirements(world, 1)
    (far,) = await requirements(world, 1, document)
    await link(world, far, own, by="owner", linkType="DERIVED_FROM")
    assert (await covered(world, person="owner"))[1]["COVERED"] == {own}
    assert (await covered(world, person="project_viewer"))[1]["COVERED"] == set()
    await link(world, own, far, by="owner", linkType="IMPLEMENTS")
    # The link is in a project that the viewer reads, its other end is not.
    found = await covered(world, person="project_viewer", direction="UPSTREAM")
    assert found[1]["COVERED"] == set()
    await world.superuser.execute("UPDATE documents SET deleted_at = now() WHERE id = $1", document)
    assert (await covered(world, person="owner"))[1]["COVERED"] == set()


async def test_all_places_of_a_level_are_one_statement(world):
    _, document = await elsewhere(world)
    await requirements(world, 2, document)
    query = """query ($id: ID!) { node(id: $id) { ... on Organization {
        projects { nodes { documents { nodes { coverage(groupBy: [{by: LEVEL}]) {
            totalCount coveredCount uncoveredCount groups { count suspectCount } } } } } } } } }"""
    session = await session_of(world, "owner")
    found = await run(session, query, id=str(world.organization))
    projects = found["node"]["projects"]["nodes"]
    totals = [
        document["coverage"]["totalCount"]
        for project in projects
        for document in project["documents"]["nodes"]
    ]
    assert sorted(totals) == [1, 2]
    numbers = session.statements
    await run(
        session, query.replace("totalCount coveredCount uncoveredCount", ""), id=world.organization
    )
    assert session.statements - numbers == numbers  # the groups have the totals


async def test_a_past_state_has_no_coverage(world):
    create = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) {
        document { id } } }"""
    made = {"projectId": world.project, "name": "Hull", "slug": "hull"}
    id = (await world.ask("editor", create, input=made))["document"]["id"]
    for field in (
        "coverage { totalCount }",
        "requirements(filter: {coverage: [{state: COVERED}]}) { totalCount }",
        "requirements(filter: {coverage: [{state: COVERED}]}) { nodes { id } }",
    ):
        past = f"query ($id: UUID!) {{ document(id: $id, atVersion: 1) {{ name {field} }} }}"
        assert await world.code("viewer", past, id=id) == "INVALID"


async def test_arguments_are_checked(world):
    for given, field in (
        ({"ends": ["ORGANIZATION"]}, ["entityTypes", 0]),
        ({"types": []}, ["linkTypes"]),
        ({"by": [{"by": "STATUS"}] * 2}, ["groupBy", 1]),
    ):
        with pytest.raises(Refused) as refused:
            await world.ask("viewer", COVERAGE, id=world.document, **given)
        assert refused.value.code == "INVALID"
        assert refused.value.field == field
    filter = {"coverage": [{"state": "COVERED", "entityTypes": ["PROJECT"]}]}
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", ROWS, id=world.document, filter=filter)
    assert refused.value.field == ["filter", "coverage", 0, "entityTypes", 0]


@pytest.mark.slow
async def test_a_condition_on_other_rows_counts_as_many(world):
    rows = "query ($filter: RequirementFilterInput) { requirements(filter: $filter) { totalCount }}"
    for number, code in ((4, None), (5, "QUERY_TOO_COMPLEX")):
        filter = {"coverage": [{"state": "COVERED"}] * number}
        assert await world.code("viewer", rows, filter=filter) == code
    links = "query ($filter: TraceLinkFilterInput) { traceLinks(filter: $filter) { totalCount } }"
    filter = {"or": [{"suspect": {"eq": True}}] * 10}
    assert await world.code("viewer", links, filter=filter) == "QUERY_TOO_COMPLEX"
