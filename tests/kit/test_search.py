"""Full-text search: words in any form, phrases, exclusions, and identifiers as they are."""

import pytest

from tests.kit.asking import session_of
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
    """Return a document of four requirements."""
    await world.superuser.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    await world.superuser.executemany(
        "INSERT INTO requirements (organization_id, project_id, document_id, external_id, name,"
        " description) VALUES ($1, $2, $3, $4, $5, $6)",
        [(world.organization, world.project, world.document, *texts) for texts in TEXTS],
    )
    return world


@pytest.mark.slow
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
        ("the", {BRAKING, DOORS, HORN}),
        ("   ", EVERYTHING),
        (" - - ", set()),
        ("horn - - -", {HORN}),
        ("- " * 33, set()),
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


IDENTIFIERS = [
    (
        *("REQ-001", "Brake-by-wire shall engage"),
        "The actuator shall respond within 10ms at 12.5V per ISO-26262-6.",
    ),
    ("SYS_REQ_42", "The system must not overheat", "Temperature \u2264 85 \u00b0C."),
    (
        *("HLR.7.3.1", "\u00dcberhitzungsschutz"),
        "Die Gr\u00f6\u00dfe der Stra\u00dfe darf nicht \u00fcberschritten werden.",
    ),
    *(("C++-STD", "Use C++17 and C#", "Node.js v18.2; the IT team shall and will be or not be."),),
    (
        "\u65e5\u672c-1",
        "\u30d6\u30ec\u30fc\u30ad\u306f\u56db\u5341\u30e1\u30fc\u30c8\u30eb\u4ee5\u5185\u3067\u505c\u6b62\u3059\u308b",
        "\u8981\u6c42\u4ed5\u69d8\u66f8",
    ),
    ("Y1", "don't stop users' access", "It's can't won't caf\u00e9 na\u00efve"),
    ("Z1", "emergency stopping", "stopped stops STOP"),
]
"""Typical searches in a requirements tool: identifiers, standards, parts of words, any language."""


@pytest.fixture
async def identified(world: World) -> World:
    """Return a document of such requirements."""
    await world.superuser.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    await world.superuser.executemany(
        "INSERT INTO requirements (organization_id, project_id, document_id, external_id, name,"
        " description) VALUES ($1, $2, $3, $4, $5, $6)",
        [(world.organization, world.project, world.document, *texts) for texts in IDENTIFIERS],
    )
    return world


BY_ID = """query ($search: String) {
    requirements(search: $search) { nodes { externalId } } }"""


async def test_a_search_finds_identifiers_numbers_and_beginnings(identified: World):
    for search, expected in (
        *(("001", ["REQ-001"]), ("REQ-00", ["REQ-001"]), ("req 001", ["REQ-001"])),
        *(("26262", ["REQ-001"]), ("ISO 26262", ["REQ-001"]), ("ISO-26262-6", ["REQ-001"])),
        *(("sto", ["Y1", "Z1"]), ("stop", ["Y1", "Z1"]), ('"sto"', [])),
        *(("\u00fcber", ["HLR.7.3.1"]), ("strasse", ["HLR.7.3.1"]), ("GROSSE", ["HLR.7.3.1"])),
        *(("HLR", ["HLR.7.3.1"]), ("7.3.1", ["HLR.7.3.1"]), ("HLR.7", ["HLR.7.3.1"])),
        *(("by-wire", ["REQ-001"]), ("brake-by", ["REQ-001"]), ("42", ["SYS_REQ_42"])),
        *(("REQ_42", ["SYS_REQ_42"]), ("IT team", ["C++-STD"]), ("don't", ["Y1"])),
        *(("not", ["C++-STD", "SYS_REQ_42"]), ("C++17", ["C++-STD"]), ("node.js", ["C++-STD"])),
        *(
            ("\u505c\u6b62", ["\u65e5\u672c-1"]),
            ("\u6b62\u505c", []),
            ("\u65e5\u672c", ["\u65e5\u672c-1"]),
        ),
        *(("cafe", ["Y1"]), ("na\u00efve", ["Y1"]), ("brake -42 or HLR", ["HLR.7.3.1", "REQ-001"])),
        *(('"may not overheat"', []), ('"must not overheat"', ["SYS_REQ_42"])),
    ):
        nodes = (await identified.ask("viewer", BY_ID, search=search))["nodes"]
        assert sorted(node["externalId"] for node in nodes) == expected, search


@pytest.mark.parametrize("search", ["brake " * 101, "x" * 2_001, "brake " * 40_000])
async def test_a_search_has_an_end(written: World, search: str):
    assert await written.code("viewer", FOUND, id=written.document, search=search) == "INVALID"


@pytest.mark.parametrize(
    "search", ["-" * 2_000, '"' * 41, "(" * 40, "or " * 99, "x" * 2_000, "-x " * 100, "a:*b&!c|'"]
)
async def test_a_search_of_any_form_is_answered(written: World, search: str):
    assert await written.code("viewer", FOUND, id=written.document, search=search) is None


async def test_text_that_cannot_be_stored_is_not_searched_for(written: World):
    assert await written.code("viewer", FOUND, id=written.document, search="a\x00b") == "INVALID"


async def test_a_search_among_few_rows_does_not_tell_how_common_its_words_are(written: World):
    """The index holds the words of all tenants; its time would tell of theirs."""
    scans = (
        "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_requirements_search'"
    )
    session = await session_of(written, "viewer")
    before = await written.superuser.fetchval(scans)
    async with session.database.app.lend(session.viewer.context) as lent:
        found = await lent.fetch(
            "SELECT * FROM ctx.requirements_search_match((SELECT ctx.search_query('{*brake}')))"
        )
        await lent.execute("SELECT pg_stat_force_next_flush()")
    await written.superuser.execute("SELECT pg_stat_clear_snapshot()")
    assert len(found) == 3
    assert await written.superuser.fetchval(scans) == before
