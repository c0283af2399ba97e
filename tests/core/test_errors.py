"""Bad input: refused with a code and the field at fault, never INTERNAL, and nothing is written."""

import json
from uuid import UUID, uuid4

import pytest

from db.text import as_name
from tests.world import found

REQUIREMENT = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id name description properties } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { id version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { id } } }"""
READ = """query ($id: UUID!) { requirement(id: $id) {
    version name description status tags properties position } }"""
LITERAL = """mutation {{ requirementCreate(input: {{documentId: "{document}", {field} }}) {{
    requirement {{ id properties }} }} }}"""
BLOCK = """mutation ($input: BlockCreateInput!) {
    blockCreate(input: $input) { block { id content } } }"""
DOCUMENT = """mutation ($input: DocumentCreateInput!) {
    documentCreate(input: $input) { document { id } } }"""
PROJECT = """mutation ($input: ProjectCreateInput!) {
    projectCreate(input: $input) { project { id } } }"""
ORGANIZATION = """mutation ($input: OrganizationCreateInput!) {
    organizationCreate(input: $input) { organization { id } } }"""
INVITE = """mutation ($input: OrganizationInviteInput!) {
    organizationInvite(input: $input) { invitation: organizationInvitation { id email } } }"""
PROFILE = """mutation ($id: UUID!, $input: ProfileUpdateInput!) {
    profileUpdate(id: $id, expectedVersion: 1, input: $input) { profile { id } } }"""
PAGE = """query ($id: UUID!, $first: Int, $last: Int) { document(id: $id) {
    blocks(first: $first, last: $last) { nodes { id } } } }"""
PAGE_OF_REQUIREMENTS = """query ($first: Int, $filter: RequirementFilterInput) {
    requirements(first: $first, filter: $filter) { nodes { id } } }"""

EVERYTHING = """SELECT (SELECT count(*) FROM audit_logs WHERE entity_type <> 'Operation'),
    (SELECT count(*) FROM requirements), (SELECT count(*) FROM blocks),
    (SELECT count(*) FROM documents), (SELECT count(*) FROM projects),
    (SELECT count(*) FROM organizations), (SELECT count(*) FROM organization_invitations),
    (SELECT sum(version) FROM requirements), (SELECT sum(version) FROM profiles)"""
"""No two tests write at once, so that all tenants can be counted."""

NUL = "a\x00b"
NUMBER_TOO_LARGE = "1" + "0" * 400
SLUGS = ("", " ", "Rover", "ro ver", "-rover", "rover-", "ro--ver", "ro_ver", "röver")
SLUGS += ("x" * 64, "rover\n", "../rover", "ro.ver", NUL)
ADDRESSES = ("", " ", "nobody", "@test.example", "a@", "a@b@c", "a b@test.example", "a@test b")
ADDRESSES += ("a@" + "x" * 253, NUL)


@pytest.fixture(scope="module")
async def world(superuser, database, client):
    """Return one tenant for all of these tests: every request of them is refused."""
    return await found(superuser, database, client)


@pytest.fixture
def refused(world):
    """Send a request that must be refused and write nothing; return the error's code and field."""

    async def refused(person, query, **variables):
        token = await world.token(person)
        before = await world.superuser.fetchrow(EVERYTHING)
        body = {"query": query, "variables": variables}
        response = await world.client.post(
            "/graphql",
            content=json.dumps(body, default=str),  # in ASCII, as httpx itself would not send it
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        (error,) = response.json()["errors"]
        assert await world.superuser.fetchrow(EVERYTHING) == before
        assert error["extensions"]["retryable"] is False
        return error["extensions"]["code"], error["extensions"].get("field")

    return refused


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " \t\n\u2003"),
        ("name", "x" * 501),
        ("name", NUL),
        ("description", NUL),
        ("externalId", ""),
        ("externalId", " "),
        ("externalId", "x" * 501),
        ("originalRequirement", NUL),
        ("enhancedRequirement", NUL),
        ("tags", ["ok", ""]),
        ("tags", [" \t"]),
        ("tags", [NUL]),
        ("tags", ["x" * 501]),
        ("properties", []),
        ("properties", "text"),
        ("properties", 1),
        ("properties", True),
        ("properties", {"a": {"b": [NUL]}}),
        ("properties", {NUL: 1}),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_what_no_column_holds_is_refused_in_new_rows_and_changes(
    world, refused, field, value
):
    for query, variables in (
        (REQUIREMENT, {"input": {"documentId": world.document, "name": "Stops", field: value}}),
        (UPDATE, {"id": world.requirement, "version": 1, "input": {field: value}}),
    ):
        code, at = await refused("editor", query, **variables)
        assert (code, at[:2]) == ("INVALID", ["input", field])


@pytest.mark.slow
@pytest.mark.parametrize("field", ["name", "status", "tags", "properties"])
async def test_what_is_never_null_is_not_emptied(world, refused, field):
    change = {"id": world.requirement, "version": 1, "input": {field: None}}
    code, _ = await refused("editor", UPDATE, **change)
    assert code == "INVALID"


async def test_null_in_a_new_row_is_the_default(world):
    optional = ("position", "tags", "properties", "description", "externalId", "blockId")
    input = {"documentId": world.document, "name": "Stops"} | dict.fromkeys(optional)
    made = (await world.ask("editor", REQUIREMENT, input=input))["requirement"]
    read = await world.ask("viewer", READ, id=made["id"])
    assert (read["tags"], read["properties"]) == ([], {})
    assert read["position"] > 1  # at the end


@pytest.mark.parametrize(
    "input",
    [
        {"status": "NONE"},
        {"status": "draft"},
        {"status": None},
        {"name": None},
        {"name": 5},
        {"name": ["Stops"]},
        {"position": "1"},
        {"position": True},
        {"tags": ["a", None]},
        {"tags": [5]},
        {"tags": {"a": 1}},
        {"documentId": "no id"},
        {"documentId": 5},
        {"documentId": None},
        {"blockId": "01a1f8d9-acd4-72c9-af53-2c594103cbfe0"},
        {"color": "red"},
        {"version": 3},
        {"organizationId": "01a1f8d9-acd4-72c9-af53-2c594103cbfe"},
    ],
    ids=str,
)
async def test_input_of_another_type_is_refused(world, refused, input):
    input = {"documentId": world.document, "name": "Stops"} | input
    assert await refused("editor", REQUIREMENT, input=input) == ("INVALID", None)


@pytest.mark.parametrize(
    "field",
    [
        'name: "Stops", status: NONE',
        "name: null",
        "name: 5",
        'name: "Stops", tags: ["a", null]',
        'name: "Stops", color: "red"',
        'name: "Stops", position: "1"',
        'description: "no name"',
    ],
)
async def test_a_document_that_says_so_does_not_fit_the_schema(world, refused, field):
    query = LITERAL.format(document=world.document, field=field)
    assert await refused("editor", query) == ("GRAPHQL_VALIDATION_FAILED", None)


@pytest.mark.parametrize("number", [NUMBER_TOO_LARGE, "1e400", "-1e400"], ids=lambda n: n[:6])
async def test_a_number_too_large_for_a_double_is_refused(world, refused, number):
    for field in (f"position: {number}", f"properties: {{n: [{number}]}}"):
        query = LITERAL.format(document=world.document, field=f'name: "Stops", {field}')
        code, _ = await refused("editor", query)
        assert code in {"INVALID", "GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize("number", [str(2**53 + 1), str(2**63), "1e40", "1e308", "0.1"])
async def test_any_other_number_is_kept_and_read_again(world, number):
    field = f'name: "Stops", properties: {{n: {number}}}'
    query = LITERAL.format(document=world.document, field=field)
    made = (await world.ask("editor", query))["requirement"]
    read = await world.ask("viewer", READ, id=made["id"])
    assert read["properties"]["n"] == json.loads(number)


async def test_deeply_nested_json_is_refused_or_read_again(world):
    for depth in (99, 450, 900, 1100):
        nested = "[" * depth + "]" * depth
        field = f'name: "Stops", properties: {{n: {nested}}}'
        query = LITERAL.format(document=world.document, field=field)
        answer = await world.answer("editor", query)
        if "errors" in answer:
            code = answer["errors"][0]["extensions"]["code"]
            assert code in {"INVALID", "QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED"}
        else:
            made = answer["data"]["requirementCreate"]["requirement"]
            assert await world.code("viewer", READ, id=made["id"]) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"input": {"documentId": "%s", "name": "a\\ud800b"}}',
        b'{"input": {"documentId": "%s", "name": "Stops", "position": NaN}}',
        b'{"input": {"documentId": "%s", "name": "Stops", "position": -Infinity}}',
        b'{"input": {"documentId": "%s", "name": "\xff"}}',
    ],
    ids=lambda body: repr(body[-22:]),
)
async def test_what_json_cannot_carry_is_no_request(world, body):
    token = await world.token("editor")
    before = await world.superuser.fetchrow(EVERYTHING)
    variables = body % str(world.document).encode()
    response = await world.client.post(
        "/graphql",
        content=b'{"query": %s, "variables": %s}' % (json.dumps(REQUIREMENT).encode(), variables),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        },
    )
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await world.superuser.fetchrow(EVERYTHING) == before


async def test_a_lone_surrogate_in_a_document_is_no_text(world, refused):
    query = LITERAL.format(document=world.document, field=r'name: "a\ud800b"')
    assert await refused("editor", query) == ("GRAPHQL_PARSE_FAILED", None)


async def test_unusual_text_is_kept_as_it_is(world):
    for text in ("\U0001f680 e\u0301 \u202e \x01\x7f \ufeff", "'; DROP TABLE x; --", "x" * 500):
        input = {"documentId": world.document, "name": text, "description": text * 20}
        made = (await world.ask("editor", REQUIREMENT, input=input))["requirement"]
        assert made.items() >= {"name": as_name(text), "description": text * 20}.items()


async def test_the_longest_words_fit_the_indexes(world):
    longest = "".join(map(chr, range(0x1F300, 0x1F300 + 500)))  # four bytes each
    input = {"documentId": world.document, "name": longest, "externalId": longest}
    made = await world.ask("editor", REQUIREMENT, input=input | {"tags": [longest]})
    assert made["requirement"]["name"] == longest


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["x", "word ", "\u20ac"])
async def test_a_description_of_almost_a_megabyte_is_kept(world, letter):
    text = letter * (990_000 // len(letter.encode()))
    input = {"documentId": world.document, "name": "Long", "description": text}
    made = (await world.ask("editor", REQUIREMENT, input=input))["requirement"]
    assert made["description"] == text


async def test_a_body_that_is_too_large_is_no_request(world, refused):
    input = {"documentId": world.document, "name": "Long", "description": "x" * 1_000_000}
    assert await refused("editor", REQUIREMENT, input=input) == ("BAD_REQUEST", None)


@pytest.mark.parametrize("version", [0, -1, 2, 2**62, 2**63 - 1])
async def test_a_version_that_never_was_is_refused(world, refused, version):
    change = {"id": world.requirement, "version": version}
    unknown = ("INVALID", ["expectedVersion"])
    assert await refused("editor", UPDATE, **change, input={"name": "X"}) == unknown
    assert await refused("editor", DELETE, **change) == unknown


@pytest.mark.parametrize("version", [2**63, -(2**63), 1.5, "one", True, None, [1], {}])
async def test_a_version_that_is_no_integer_of_64_bits_is_refused(world, refused, version):
    change = {"id": world.requirement, "version": version}
    assert await refused("editor", UPDATE, **change, input={"name": "X"}) == ("INVALID", None)


@pytest.mark.parametrize("id", ["", "1", "x" * 36, "x" * 32, 5, None, ["a"], f"{{{UUID(int=7)}}}"])
async def test_what_is_no_uuid_is_refused(refused, id):
    assert await refused("editor", DELETE, id=id, version=1) == ("INVALID", None)
    assert await refused("editor", READ, id=id) == ("INVALID", None)


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS, ids=ascii)
async def test_a_slug_is_one_label_of_a_domain_name(world, refused, slug):
    for query, place in (
        (DOCUMENT, {"projectId": world.project}),
        (PROJECT, {"organizationId": world.organization}),
        (ORGANIZATION, {}),
    ):
        input = {"name": "Rover", "slug": slug} | place
        assert await refused("owner", query, input=input) == ("INVALID", ["input", "slug"])


@pytest.mark.parametrize("slug", ["r", "0", "ro-v3r", "x" * 63])
async def test_letters_digits_and_single_hyphens_make_a_slug(world, slug):
    input = {"organizationId": world.organization, "name": "Rover", "slug": slug}
    assert await world.code("admin", PROJECT, input=input) is None


@pytest.mark.parametrize("email", ADDRESSES, ids=ascii)
async def test_an_invitation_goes_to_an_address(world, refused, email):
    input = {"organizationId": world.organization, "email": email}
    assert await refused("admin", INVITE, input=input) == ("INVALID", ["input", "email"])


@pytest.mark.parametrize(
    ("query", "parent", "level"),
    [
        (REQUIREMENT, "documentId", "document"),
        (BLOCK, "documentId", "document"),
        (DOCUMENT, "projectId", "project"),
        (PROJECT, "organizationId", "organization"),
        (INVITE, "organizationId", "organization"),
    ],
)
async def test_a_parent_that_is_foreign_unknown_or_of_another_kind_is_not_found(
    world, other_world, refused, query, parent, level
):
    rest = {"email": "a@test.example"} if query is INVITE else {"name": "Stops"}
    rest |= {"slug": "stops"} if query in (DOCUMENT, PROJECT) else {}
    for id in (getattr(other_world, level), uuid4(), world.requirement):
        code, field = await refused("owner", query, input={parent: id} | rest)
        assert (code, field) == ("NOT_FOUND", ["input", parent])


@pytest.mark.parametrize(
    ("content", "fault"),
    [([], True), ("x", True), ({"t": "x" * 530_000}, True), ({"t": "x" * 500}, False)],
    ids=lambda value: repr(value)[:15],
)
async def test_a_blocks_content_is_an_object_of_limited_size(world, refused, content, fault):
    input = {"documentId": world.document, "name": "Scope", "content": content}
    if fault:
        code, field = await refused("editor", BLOCK, input=input)
        assert (code, field) == ("INVALID", ["input", "content"])
    else:
        assert (await world.ask("editor", BLOCK, input=input))["block"]["content"] == content


@pytest.mark.parametrize("field", ["fullName", "jobTitle"])
async def test_a_persons_name_is_not_blank(world, refused, field):
    for value in ("", "  ", "x" * 501, NUL):
        change = {"id": world.people["editor"], "input": {field: value}}
        assert await refused("editor", PROFILE, **change) == ("INVALID", ["input", field])
    change = {"id": world.people["editor"], "input": {"preferences": [1]}}
    assert await refused("editor", PROFILE, **change) == ("INVALID", ["input", "preferences"])


@pytest.mark.parametrize(
    ("page", "field"),
    [
        ({"first": -1}, "first"),
        ({"first": 101}, "first"),
        ({"last": -1}, "last"),
        ({"last": 101}, "last"),
        ({"first": 1, "last": 1}, "last"),
    ],
    ids=str,
)
async def test_a_page_has_a_size(world, refused, page, field):
    assert await refused("viewer", PAGE, id=world.document, **page) == ("INVALID", [field])


async def test_a_page_that_is_no_integer_is_refused(world, refused):
    for size in (1.5, "1", True):
        assert await refused("viewer", PAGE, id=world.document, first=size) == ("INVALID", None)


async def test_a_page_may_be_empty_or_left_to_the_server(world):
    counted = "SELECT count(*) FROM blocks WHERE document_id = $1"
    all_ = await world.superuser.fetchval(counted, world.document)
    for page, size in (({"first": 0}, 0), ({"last": 0}, 0), ({"first": None}, all_), ({}, all_)):
        read = await world.ask("viewer", PAGE, id=world.document, **page)
        assert len(read["blocks"]["nodes"]) == size


async def test_a_thousand_requirements_are_asked_for_within_one_document(world, refused):
    one = {"documentId": {"eq": world.document}}
    assert await refused("viewer", PAGE_OF_REQUIREMENTS, first=101) == ("INVALID", ["first"])
    assert await world.code("viewer", PAGE_OF_REQUIREMENTS, first=1000, filter=one) is None
    larger = {"first": 1001, "filter": one}
    assert await refused("viewer", PAGE_OF_REQUIREMENTS, **larger) == ("INVALID", ["first"])
