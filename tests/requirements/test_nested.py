"""A document with its blocks and requirements in one mutation, all or nothing."""

import json

import pytest

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from db.pool import Database
from graph.kit.context import Context
from graph.schema import schema
from tests.wire import tapped
from tests.world import Refused

CREATE = """mutation ($input: DocumentCreateInput!) { documentCreate(input: $input) { document {
    id version name requirements(first: 100) { nodes { name position blockId tags status } }
    blocks(first: 100) { nodes {
        id name type parentId position content externalId version } } } } }"""


@pytest.fixture
def create(world):
    async def create(person="editor", **input):
        said = {"projectId": world.project, "name": "Brakes", "slug": "brakes"} | input
        answer = await world.ask(person, CREATE, input=said)
        return answer["document"]

    return create


@pytest.fixture
def refused(world, create):
    """Return a function that returns the error of a refused creation, which writes nothing."""
    tables = ("documents", "blocks", "requirements", "audit_logs")
    counts = ", ".join(
        f"(SELECT count(*) FROM {table} WHERE organization_id = $1)" for table in tables
    )

    async def refused(person="editor", **input):
        before = await world.superuser.fetchrow(f"SELECT {counts}", world.organization)
        with pytest.raises(Refused) as raised:
            await create(person, **input)
        assert await world.superuser.fetchrow(f"SELECT {counts}", world.organization) == before
        return raised.value.code, raised.value.field

    return refused


def nested(depth):
    block = {"name": f"Level {depth}"}
    return block if depth == 1 else block | {"blocks": [nested(depth - 1)]}


async def test_all_stands_in_the_order_of_the_input(world, create):
    inner = {"name": "Inner", "requirements": [{"name": "R3"}]}
    blocks = [
        {"name": "One", "type": "heading", "requirements": [{"name": "R2"}], "blocks": [inner]},
        {"name": "Two", "content": {"text": "ü"}, "externalId": "B2"},
    ]
    first = {"name": "R1", "tags": ["a"], "status": "APPROVED"}
    made = await create(blocks=blocks, requirements=[first])
    one, inner, two = made["blocks"]["nodes"]
    assert [(b["name"], b["position"], b["parentId"]) for b in (one, inner, two)] == [
        ("One", 1, None),
        ("Inner", 2, one["id"]),
        ("Two", 3, None),
    ]
    assert (two["content"], two["externalId"], two["version"]) == ({"text": "ü"}, "B2", 1)
    rows = made["requirements"]["nodes"]
    assert [(r["name"], r["position"], r["blockId"]) for r in rows] == [
        ("R1", 1, None),
        ("R2", 2, one["id"]),
        ("R3", 3, inner["id"]),
    ]
    assert (rows[0]["tags"], rows[0]["status"]) == (["a"], "APPROVED")
    for row in (made, one, inner, two):
        (record,) = await world.records(row["id"])
        assert (record["action"], str(record["document_id"])) == ("create", made["id"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inside", "code", "path"),
    [
        ({"requirements": [{"name": "A"}, {"name": " "}]}, "INVALID", ["requirements", 1, "name"]),
        ({"requirements": [{"name": "NUL \0"}]}, "INVALID", ["requirements", 0, "name"]),
        (
            {"requirements": [{"name": "A", "tags": [""]}]},
            "INVALID",
            ["requirements", 0, "tags", 0],
        ),
        ({"blocks": [{"name": "B"}, {"name": ""}]}, "INVALID", ["blocks", 1, "name"]),
        (
            {"requirements": [{"name": "A", "externalId": "X"}, {"name": "B", "externalId": "X"}]},
            "ALREADY_EXISTS",
            ["requirements", 1, "externalId"],
        ),
        (
            {"requirements": [{"name": "A", "properties": []}]},
            "INVALID",
            ["requirements", 0, "properties"],
        ),
        (
            {"blocks": [{"name": "B", "content": {"t": "x" * 600_000}}]},
            "INVALID",
            ["blocks", 0, "content"],
        ),
    ],
    ids=["blank", "nul", "tag", "block", "twice", "properties", "large"],
)
async def test_what_is_wrong_somewhere_inside_is_named_by_its_path(refused, inside, code, path):
    block = {"name": "One", "requirements": [{"name": "Good"}], **inside}
    assert await refused(blocks=[block]) == (code, ["input", "blocks", 0, *path])


async def test_a_document_with_500_parts_and_no_more(world, create, refused):
    blocks = [{"name": f"B{n}", "requirements": [{"name": "R"}] * 9} for n in range(50)]
    made = await create(blocks=blocks)
    count = "SELECT count(*) FROM requirements WHERE document_id::text = $1"
    assert await world.superuser.fetchval(count, made["id"]) == 450
    assert await refused(slug="more", blocks=blocks, requirements=[{"name": "R"}]) == (
        "INVALID",
        ["input"],
    )


async def test_blocks_stand_in_each_other_to_a_limited_depth(create, refused):
    made = await create(blocks=[nested(10)])
    assert len(made["blocks"]["nodes"]) == 10
    path = ["input", *["blocks", 0] * 11]
    assert await refused(slug="deeper", blocks=[nested(11)]) == ("INVALID", path)


@pytest.mark.parametrize("depth", [50, 100, 200, 400, 2_000, 20_000])
async def test_input_of_any_depth_is_refused_with_a_code(world, depth):
    blocks = '{"name":"B","blocks":[' * depth + "]}" * depth
    input = f'{{"projectId":"{world.project}","name":"D","slug":"d","blocks":[{blocks}]}}'
    body = f'{{"query":{json.dumps(CREATE)},"variables":{{"input":{input}}}}}'
    headers = {"Authorization": f"Bearer {await world.token('editor')}"}
    headers["Content-Type"] = "application/json"
    response = await world.client.post("/graphql", content=body, headers=headers)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in ("INVALID", "BAD_REQUEST", "QUERY_TOO_COMPLEX"), error


async def test_a_refused_document_is_named_as_ever(world, refused, create):
    assert await refused(slug="No slug", blocks=[{"name": "B"}]) == ("INVALID", ["input", "slug"])
    await create()
    taken = ("ALREADY_EXISTS", ["input", "slug"])
    assert await refused(requirements=[{"name": "R"}] * 400) == taken
    assert await refused("viewer", blocks=[{"name": "B"}]) == ("FORBIDDEN", [])
    hidden = ("NOT_FOUND", ["input", "projectId"])
    assert await refused("outsider", blocks=[{"name": "B"}]) == hidden


@pytest.mark.slow
async def test_it_is_a_constant_number_of_statements(world, database_dsn):
    counts = set()
    async with (
        tapped(database_dsn) as wire,
        Database(wire.dsn, app_connections=1, orm_connections=1) as database,
    ):
        viewer = await act_for(world.email("editor"), world.database)
        for slug, size in (("warm", 1), ("one", 1), ("many", 100)):
            blocks = [{"name": "B", "requirements": [{"name": "R"}] * 3}] * size
            input = {"projectId": str(world.project), "name": "D", "slug": slug, "blocks": blocks}
            wire.forget()
            context = Context(ViewerSession(database, viewer))
            result = await schema.execute(CREATE, {"input": input}, context_value=context)
            assert result.errors is None
            if slug != "warm":
                counts.add(len(wire.transactions()[-1]))
    assert counts == {8}
