"""Full-text search: words in any form, phrases, exclusions, and identifiers as they are."""

import pytest

from tests.world import World

TEXTS = [
    ("SYS-001", "Braking distance", "The train stops within 40 m."),
    ("SYS-002", "Doors", "The brakes hold while the doors are open."),
    ("REQS-001", "Horn", "It warns of trains on the other track."),
    (None, "Emergency brake", "Pulled by passengers; SYS-001 applies."),
]
FOUND = """query ($id: UUID!, $search: String) {
    requirements(search: $search) { totalCount nodes { name } }
    document(id: $id) { requirements(search: $search) { nodes { name } } } }"""
BRAKING, DOORS, HORN, EMERGENCY = (name for _, name, _ in TEXTS)
EVERYTHING = {BRAKING, DOORS, HORN, EMERGENCY}


@pytest.fixture
async def written(world: World) -> World:
    """A document of four requirements."""
    await world.superuser.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    await world.superuser.executemany(
        "INSERT INTO requirements (organization_id, project_id, document_id, external_id, name,"
        " description) VALUES ($1, $2, $3, $4, $5, $6)",
        [(world.organization, world.project, world.document, *texts) for texts in TEXTS],
    )
    return world


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("brakes", {BRAKING, DOORS, EMERGENCY}),
        ("BRAKE", {BRAKING, DOORS, EMERGENCY}),
        ("brake doors", {DOORS}),
        ("doors or horn", {DOORS, HORN}),
        ('"emergency brake"', {EMERGENCY}),
        ('"brake emergency"', set()),
        ('"the doors are open"', {DOORS}),
        ("brake -doors", {BRAKING, EMERGENCY}),
        ("brake -door", {BRAKING, EMERGENCY}),
        ("-trains", {DOORS, EMERGENCY}),
        ('brake -"emergency brakes"', {BRAKING, DOORS}),
        ("-brake -horns", set()),
        ("SYS-001", {BRAKING, EMERGENCY}),
        ("sys-001", {BRAKING, EMERGENCY}),
        ("SYS-001 -passengers", {BRAKING}),
        ("brake -SYS-002", {BRAKING, EMERGENCY}),
        ("REQS-001", {HORN}),
        ("trains -REQS-001", {BRAKING}),
        ("SYS-003", set()),
        ("unheard", set()),
        ("the", set()),
        ("   ", set()),
        ('"', set()),
        ("' & | ! <-> :* (", set()),
        ("", EVERYTHING),
        (None, EVERYTHING),
    ],
)
async def test_a_search_finds(written: World, search: str | None, expected: set[str]):
    data = await written.ask("viewer", FOUND, id=written.document, search=search)
    found = data["requirements"]
    assert {node["name"] for node in found["nodes"]} == expected
    assert found["totalCount"] == len(expected)
    beneath = data["document"]["requirements"]["nodes"]
    assert {node["name"] for node in beneath} == expected


async def test_text_that_cannot_be_stored_is_not_searched_for(written: World):
    assert await written.code("viewer", FOUND, id=written.document, search="a\x00b") == "INVALID"
