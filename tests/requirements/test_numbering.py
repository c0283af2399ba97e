"""Requirements and test cases without an identifier get one by the rules, and never one twice."""

import asyncio

import pytest

from tests.requirements.bulk import CREATE, DELETE, gone
from tests.requirements.importer import Importer
from tests.world import Refused

RULE = """mutation ($input: NumberingRuleCreateInput!) { numberingRuleCreate(input: $input) {
    numberingRule { id version prefix width level numbers } } }"""
CHANGE = """mutation ($id: UUID!, $version: BigInt!, $input: NumberingRuleUpdateInput!) {
    numberingRuleUpdate(id: $id, expectedVersion: $version, input: $input) {
        numberingRule { version } } }"""
REMOVE = """mutation ($id: UUID!, $version: BigInt!) {
    numberingRuleDelete(id: $id, expectedVersion: $version) { numberingRule { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    numberingRuleRestore(id: $id, expectedVersion: $version) { numberingRule { version } } }"""
ONE = """mutation ($input: RequirementCreateInput!) { requirementCreate(input: $input) {
    requirement { id externalId history { nodes { changes { field new } } } } } }"""
NESTED = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) { document {
    id requirements { nodes { externalId } } } } }"""
RENAME = """mutation ($id: UUID!, $version: BigInt!, $externalId: String) {
    requirementUpdate(id: $id, expectedVersion: $version, input: {externalId: $externalId}) {
        requirement { version externalId } } }"""
CASE = """mutation ($input: TestCaseCreateInput!) { testCaseCreate(input: $input) {
    testCase { id testId history { nodes { changes { field new } } } } } }"""
CASES = """mutation ($items: [TestCaseCreateInput!]!) { testCasesCreate(items: $items) {
    results { testCase { testId } } } }"""
IMPORT = """mutation ($input: TestResultsImportInput!) { testResultsImport(input: $input) {
    created } }"""


@pytest.fixture
def rule(world):
    async def rule(prefix, person="admin", **input):
        said = {"projectId": world.project, "prefix": prefix, **input}
        return (await world.ask(person, RULE, input=said))["numberingRule"]

    return rule


@pytest.fixture
def create(world):
    """Create requirements in one request; return their identifiers."""

    async def create(*items, document=None, **arguments):
        said = [{"documentId": document or world.document, "name": "N", **item} for item in items]
        made = await world.ask("editor", CREATE, items=said, **arguments)
        return [result["requirement"]["externalId"] for result in made["results"]]

    return create


async def test_rules_of_a_document_and_a_level_come_before_those_of_the_project(
    world, rule, create
):
    assert await create({}) == [None]
    await rule("SYS-")
    await rule("BUS-", level="BUSINESS", width=5)
    made = (await world.ask("editor", ONE, input={"documentId": world.document, "name": "N"}))[
        "requirement"
    ]
    assert made["externalId"] == "SYS-001"
    assert {"field": "externalId", "new": "SYS-001"} in made["history"]["nodes"][0]["changes"]
    given = await create({}, {"level": "BUSINESS"}, {"externalId": "OWN"}, {}, {"position": 7.5})
    assert given == ["SYS-002", "BUS-00001", "OWN", "SYS-003", "SYS-004"]
    parts = [{"name": "A"}, {"name": "B", "level": "BUSINESS"}, {"name": "C", "externalId": "X"}]
    inside = {"name": "Heading", "requirements": [{"name": "D"}]}
    nested = {"projectId": world.project, "name": "Hull", "slug": "hull"}
    nested |= {"requirements": parts, "blocks": [inside]}
    document = (await world.ask("editor", NESTED, input=nested))["document"]
    names = [node["externalId"] for node in document["requirements"]["nodes"]]
    assert names == ["SYS-005", "BUS-00002", "X", "SYS-006"]
    await rule("HULL-", documentId=document["id"], width=1)
    await rule("HB-", documentId=document["id"], level="BUSINESS")
    items = {}, {"level": "BUSINESS"}
    assert await create(*items, document=document["id"]) == ["HULL-1", "HB-001"]
    assert await create(*items) == ["SYS-007", "BUS-00003"]


@pytest.mark.slow
async def test_a_number_that_was_ever_used_is_not_given_again(world, rule, create):
    await create({"externalId": "SYS-041"}, {"externalId": "SYS-9x"}, {"externalId": "SYS-1.99"})
    made = await rule("SYS-")
    assert await create({}) == ["SYS-042"]
    # a dry run takes nothing, a deletion gives nothing back, and restored rows keep theirs
    assert await create({}, {}, dryRun=True) == ["SYS-043", "SYS-044"]
    (row,) = await world.superuser.fetch(
        "SELECT id FROM requirements WHERE organization_id = $1 AND external_id = 'SYS-042'",
        world.organization,
    )
    await world.ask("editor", DELETE, items=[gone(row["id"])])
    assert await create({}) == ["SYS-043"]
    await world.superuser.execute("DELETE FROM requirements WHERE id = $1", row["id"])
    # identifiers of clients move the counter, created, changed or imported
    assert await create({"externalId": "SYS-050"}, {}) == ["SYS-050", "SYS-044"]
    await Importer(world).text("id,name,description\nSYS-0100,Hull,Holds\n,Bare,Bare\n")
    assert await create({}) == ["SYS-101"]
    first = (await world.ask("editor", ONE, input={"documentId": world.document, "name": "N"}))[
        "requirement"
    ]
    renamed = await world.ask("editor", RENAME, id=first["id"], version=1, externalId="SYS-200")
    assert renamed["requirement"]["externalId"] == "SYS-200"
    await world.ask("editor", RENAME, id=first["id"], version=2, externalId="OTHER")
    assert await create({}) == ["SYS-201"]
    # and a rule that is deleted, changed or restored goes on where it was
    of = {"id": made["id"]}
    await world.ask("admin", REMOVE, **of, version=1)
    assert await create({}) == [None]
    await world.ask("admin", RESTORE, **of, version=2)
    assert await create({}) == ["SYS-202"]
    await world.ask("admin", CHANGE, **of, version=3, input={"prefix": "HW_", "width": 2})
    assert await create({}) == ["HW_01"]
    await world.ask("admin", CHANGE, **of, version=4, input={"prefix": "SYS-"})
    assert await create({}) == ["SYS-203"]


@pytest.mark.slow
async def test_numbers_of_32_writers_at_once_are_exact(world, rule, create, other_document):
    await rule("SYS-")
    await rule("BUS-", level="BUSINESS")
    documents = [world.document, other_document]
    await world.token("editor")

    again = []

    async def write(writer):
        items = [{"level": ("BUSINESS", "SYSTEM")[(writer + n) % 2]} for n in range(writer % 5 + 1)]
        while True:  # as clients do: on a slow machine some wait too long for a connection
            try:
                return await create(*items, document=documents[writer % 2])
            except Refused as refused:
                if refused.code not in ("BUSY", "TIMEOUT"):
                    raise
                again.append(writer)

    given = [name for names in await asyncio.gather(*map(write, range(32))) for name in names]
    for prefix in ("SYS-", "BUS-"):
        numbers = sorted(int(name[4:]) for name in given if name.startswith(prefix))
        assert len(numbers) == len(set(numbers))
        assert again or numbers == list(range(1, len(numbers) + 1))
    assert len(given) == sum(writer % 5 + 1 for writer in range(32))


async def test_test_cases_are_numbered_by_rules_of_their_own(world, rule):
    await rule("REQ-")
    case = {"projectId": world.project, "title": "Stops"}

    async def create(*items):
        said = [{**case, **item} for item in items]
        made = await world.ask("editor", CASES, items=said)
        return [result["testCase"]["testId"] for result in made["results"]]

    assert await create({}) == [None]
    await create({"testId": "TC-041"})
    made = await rule("TC-", numbers="TEST_CASE")
    one = (await world.ask("editor", CASE, input=case))["testCase"]
    assert one["testId"] == "TC-042"
    assert {"field": "testId", "new": "TC-042"} in one["history"]["nodes"][0]["changes"]
    assert await create({}, {"testId": "OWN"}, {}) == ["TC-043", "OWN", "TC-044"]
    await world.superuser.execute("DELETE FROM test_req WHERE id = $1", one["id"])
    # those of an import are kept, and move the counter
    xml = '<testsuite><testcase name="TC-0100"/><testcase name="hoists"/></testsuite>'
    said = {"projectId": world.project, "content": xml, "unknownTests": "CREATE"}
    found = await world.ask("editor", IMPORT, input={**said, "requirementId": world.requirement})
    assert found == {"created": 2}
    names = await world.superuser.fetch(
        "SELECT test_id FROM test_req WHERE organization_id = $1", world.organization
    )
    assert {"TC-0100", "hoists"} <= {row["test_id"] for row in names}
    await world.token("editor")
    given = await asyncio.gather(*(create(*[{}] * (n % 3 + 1)) for n in range(8)))
    numbers = sorted(int(name[3:]) for names in given for name in names)
    assert numbers == list(range(101, 101 + sum(n % 3 + 1 for n in range(8))))
    await world.ask("admin", REMOVE, id=made["id"], version=1)
    assert await create({}) == [None]


@pytest.fixture
async def other_document(world):
    return await world.superuser.fetchval(
        "INSERT INTO documents (organization_id, project_id, name, slug)"
        " VALUES ($1, $2, 'Other', 'other') RETURNING id",
        world.organization,
        world.project,
    )


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"prefix": "SYS2"}, "INVALID", "prefix"),
        ({"prefix": "A B"}, "INVALID", "prefix"),
        ({"prefix": "SYS-", "width": 10}, "INVALID", "width"),
        ({"prefix": "T-", "numbers": "TEST_CASE", "level": "SYSTEM"}, "INVALID", "level"),
        ({"prefix": "SYS-", "documentId": "there"}, "INVALID", "documentId"),
        ({"prefix": "SYS-", "documentId": "nowhere"}, "NOT_FOUND", "documentId"),
        ({"prefix": "SYS-", "person": "editor"}, "FORBIDDEN", None),
    ],
)
async def test_a_rule_that_cannot_be_is_refused(world, rule, other_project, input, code, field):
    said = dict(input)
    if said.get("documentId") == "there":
        said["documentId"] = await world.superuser.fetchval(
            "INSERT INTO documents (organization_id, project_id, name, slug)"
            " VALUES ($1, $2, 'There', 'there') RETURNING id",
            world.organization,
            other_project,
        )
    elif "documentId" in said:
        said["documentId"] = world.requirement
    with pytest.raises(Refused) as refused:
        await rule(said.pop("prefix"), **said)
    assert refused.value.code == code
    assert refused.value.field == (["input", field] if field else [])


async def test_one_rule_applies_to_each_place_and_level(rule):
    await rule("SYS-")
    await rule("T-", numbers="TEST_CASE")
    with pytest.raises(Refused) as refused:
        await rule("OTHER-")
    assert refused.value.code == "ALREADY_EXISTS"
