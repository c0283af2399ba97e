"""Suspect links: what makes a link suspect, why, and how it is confirmed."""

import re
from datetime import timedelta

import pytest

from auth.credentials import tokens
from db.base import Entity
from db.tables import MODELS
from tests.requirements.linking import LINK, edit, link, links_of, requirements
from tests.world import Refused

CONFIRM = f"""mutation ($id: UUID!, $version: BigInt!, $source: BigInt, $target: BigInt) {{
  traceLinkConfirm(id: $id, expectedVersion: $version, sourceVersion: $source,
    targetVersion: $target) {{ traceLink {{ {LINK} }} }} }}"""
CONFIRM_ALL = """mutation ($ids: [UUID!], $document: UUID) {
  traceLinksConfirm(ids: $ids, documentId: $document) {
    hasMore traceLinks { id suspect confirmedBy { id } } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!) { requirementMove(
  id: $id, expectedVersion: $version, placeAt: {at: {end: END}}) { requirement { version } } }"""
COUNT = """query ($id: UUID!) { project(id: $id) {
  traceLinks(filter: {suspect: {eq: true}}) { totalCount nodes { id } } } }"""


async def suspects(world, by="viewer"):
    found = (await world.ask(by, COUNT, id=world.project))["traceLinks"]
    assert found["totalCount"] == len(found["nodes"])
    return {node["id"] for node in found["nodes"]}


async def test_content_makes_a_link_suspect_at_either_end_and_place_tags_and_status_do_not(world):
    first, second = await requirements(world, 2)
    made = await link(world, first, second)
    version = await edit(world, first, tags=["safety"], status="APPROVED")
    await world.ask("editor", MOVE, id=first, version=version)
    assert await suspects(world) == set()
    await edit(world, second, name="Other", properties={"mass": 4})
    await edit(world, second, 2, name="Another", priority="HIGH")
    assert await suspects(world) == {made["id"]}
    (found,) = (await links_of(world, first))[0]
    assert (found["suspect"], found["source"]["suspect"], found["source"]["changes"]) == (
        True,
        False,
        [],
    )
    assert found["target"]["confirmedVersion"] == 1
    assert found["target"]["changes"] == [
        {"field": "name", "old": "R1", "new": "Another"},
        {"field": "properties", "old": {}, "new": {"mass": 4}},
    ]


@pytest.mark.slow
async def test_ends_that_a_token_does_not_reach_make_no_link_suspect(world):
    (own,) = await requirements(world, 1)
    made = await link(world, own, world.project, by="owner")
    await world.superuser.execute(
        "UPDATE projects SET name = 'New', version = version + 1 WHERE id = $1", world.project
    )
    assert await suspects(world) == {made["id"]}
    query = """query ($id: UUID!) { requirement(id: $id) {
        outgoingLinks(filter: {suspect: {eq: %s}}) { totalCount nodes { id suspect } } } }"""
    narrow = "requirements:write"
    world.tokens["narrow"] = await tokens.issue(
        world.database, world.email("owner"), timedelta(minutes=5), narrow
    )
    for wanted, expected in (("true", 0), ("false", 1)):
        found = (await world.ask("narrow", query % wanted, id=own))["outgoingLinks"]
        assert found["totalCount"] == len(found["nodes"]) == expected
        assert [node["suspect"] for node in found["nodes"]] == [False] * expected
    done = await world.ask("narrow", CONFIRM_ALL, document=world.document)
    assert done == {"hasMore": False, "traceLinks": []}


async def test_a_link_is_confirmed_at_the_versions_that_were_reviewed(world):
    first, second = await requirements(world, 2)
    made = await link(world, first, second)
    await edit(world, first, name="Changed")
    await edit(world, second, name="Changed")
    await edit(world, second, 2, name="Changed again")
    ids = {"id": made["id"], "version": 1}
    with pytest.raises(Refused) as refused:
        await world.ask("editor", CONFIRM, **ids, target=4)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["targetVersion"])
    assert await world.code("viewer", CONFIRM, **ids) == "FORBIDDEN"
    seen = (await world.ask("editor", CONFIRM, **ids, target=2))["traceLink"]
    assert (seen["suspect"], seen["source"]["suspect"], seen["target"]["suspect"]) == (
        True,
        False,
        True,
    )
    assert [change["old"] for change in seen["target"]["changes"]] == ["Changed"]
    done = (await world.ask("editor", CONFIRM, **ids | {"version": 2}))["traceLink"]
    assert (done["suspect"], done["target"]["confirmedVersion"], done["version"]) == (False, 3, 3)
    assert done["confirmedBy"] == {"id": str(world.people["editor"])}
    assert done["confirmedAt"]
    assert await suspects(world) == set()


async def test_some_links_and_all_of_a_document_are_confirmed_at_once(world):
    first, second, third = await requirements(world, 3)
    made = [await link(world, first, id) for id in (second, third, world.block)]
    await edit(world, first, name="Changed")
    assert await suspects(world) == {each["id"] for each in made}
    one = await world.ask("editor", CONFIRM_ALL, ids=[made[0]["id"]])
    assert one == {
        "hasMore": False,
        "traceLinks": [
            {
                "id": made[0]["id"],
                "suspect": False,
                "confirmedBy": {"id": str(world.people["editor"])},
            }
        ],
    }
    rest = await world.ask("editor", CONFIRM_ALL, document=world.document)
    assert {each["id"] for each in rest["traceLinks"]} == {each["id"] for each in made[1:]}
    assert await suspects(world) == set()
    again = await world.ask("editor", CONFIRM_ALL, document=world.document)
    assert again["traceLinks"] == []
    for arguments in ({}, {"ids": []}, {"ids": [made[0]["id"]], "document": world.document}):
        assert await world.code("editor", CONFIRM_ALL, **arguments) == "INVALID"
    assert await world.code("editor", CONFIRM_ALL, ids=[first]) == "NOT_FOUND"


async def test_the_content_of_each_entity_is_what_its_trigger_watches(superuser):
    watched = {}
    for row in await superuser.fetch(
        "SELECT tgrelid::regclass::text AS table, pg_get_triggerdef(oid) AS sql"
        " FROM pg_trigger WHERE tgname = 'content_version'"
    ):
        columns = re.search(r"UPDATE OF (.+?) ON", row["sql"]).group(1).split(", ")
        compared = re.findall(r"old\.(\w+) IS DISTINCT FROM new\.(\w+)", row["sql"])
        assert {name for pair in compared for name in pair} == set(columns)
        watched[row["table"]] = set(columns)
    assert watched == {
        model.__tablename__: set(model.traits.content)
        for model in MODELS
        if issubclass(model, Entity) and model.traits.content
    }
