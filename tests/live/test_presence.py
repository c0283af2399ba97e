"""Presence on one node: participants, locations, leases, and their visibility."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from auth.credentials import tokens
from graph.kit import presence as kit
from graph.live import presence as live
from tests.http.connected import socket
from tests.live.tabs import FOLLOW, POINT, RELEASE, TAKE, tab
from tests.world import Refused

REMOVE = """mutation ($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""
DELETE = """mutation ($id: UUID!) {
    documentDelete(id: $id, expectedVersion: 1) { document { id } } }"""


@pytest.mark.slow
async def test_who_comes_and_who_leaves_is_told_to_everybody(gateway, world):
    async with tab(gateway, world, "editor") as first:
        await first.sees(first)
        async with tab(gateway, world, "viewer") as second:
            await first.sees(first, second)
            await second.sees(first, second)
            told = second.told[-1]
            assert [one["clientId"] for one in told["present"]] == [
                str(first.client),
                str(second.client),
            ]
            assert told["present"][0]["person"] == {
                "id": str(world.people["editor"]),
                "fullName": f"editor {world.name}",
            }
            assert datetime.fromisoformat(told["present"][0]["since"]) <= datetime.fromisoformat(
                told["at"]
            )
        await first.sees(first, patience=3)


async def test_a_client_is_there_for_as_long_as_one_of_its_subscriptions(gateway, world):
    async with tab(gateway, world, "editor") as watching, tab(gateway, world, "viewer") as one:
        async with tab(gateway, world, "viewer", one.client) as again:
            await watching.sees(watching, one)
            await again.sees(watching, one)
        await one.ask(POINT, focus=None)
        await watching.sees(watching, one)


@pytest.mark.slow
async def test_where_somebody_is_is_told_to_the_others(gateway, world):
    async with tab(gateway, world, "editor") as writer, tab(gateway, world, "viewer") as reader:
        selection = {
            "entityId": str(world.requirement),
            "field": "description",
            "start": 3,
            "end": 9,
        }
        answer = await writer.ask(POINT, focus=selection)
        assert answer["present"] == {"clientId": str(writer.client), "focus": selection}
        await reader.until(lambda reader: reader.focus_of(writer) == selection)
        whole = {"entityId": str(world.block), "field": None, "start": None, "end": None}
        await writer.ask(POINT, focus={"entityId": str(world.block)})
        await reader.until(lambda reader: reader.focus_of(writer) == whole)
        await writer.ask(POINT, focus=None)
        await reader.until(lambda reader: reader.focus_of(writer) is None)


@pytest.mark.parametrize(
    ("focus", "field"),
    [
        ({"field": ""}, "field"),
        ({"field": "x" * 101}, "field"),
        ({"field": "a\nb"}, "field"),
        ({"field": "a\x00"}, "field"),
        ({"start": 0, "end": 1}, "field"),
        ({"field": "name", "start": -1, "end": 1}, "start"),
        ({"field": "name", "start": 2, "end": 1}, "end"),
        ({"field": "name", "start": 0, "end": 1_000_001}, "end"),
        ({"field": "name", "end": 1}, "start"),
        ({"field": "name", "start": 1}, "end"),
    ],
)
async def test_a_place_that_is_none_is_refused_by_its_path(gateway, world, focus, field):
    async with tab(gateway, world, "editor") as client:
        answer = await client.answer(POINT, focus=focus | {"entityId": str(world.requirement)})
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INVALID"
        assert error["extensions"]["field"] == ["input", "focus", field]
        assert client.focus_of(client) is None


@pytest.mark.slow
async def test_announcements_are_gathered(gateway, world):
    async with tab(gateway, world, "editor") as writer, tab(gateway, world, "viewer") as reader:
        await reader.sees(writer, reader)
        before, began = len(reader.told), asyncio.get_running_loop().time()
        for offset in range(20):
            focus = {"entityId": world.requirement, "field": "name", "start": offset, "end": offset}
            await writer.ask(POINT, focus=focus | {"entityId": str(world.requirement)})
        await reader.until(lambda reader: (reader.focus_of(writer) or {}).get("start") == 19)
        spent = asyncio.get_running_loop().time() - began
        assert len(reader.told) - before <= spent / live.OFTEN + 2


@pytest.mark.slow
async def test_a_lease_is_held_by_whoever_took_it_first_until_it_is_released(gateway, world):
    field = {"entity": world.requirement, "field": "name"}
    async with tab(gateway, world, "editor") as one, tab(gateway, world, "owner") as other:
        taken = await one.ask(TAKE, **field)
        assert taken["taken"]
        assert taken["holder"]["clientId"] == str(one.client)
        left = datetime.fromisoformat(taken["lease"]["until"]) - datetime.now().astimezone()
        assert timedelta(seconds=20) < left <= kit.LEASED
        await other.until(lambda other: other.leases_of(one) == ["name"])
        refused = await other.ask(TAKE, **field)
        assert not refused["taken"]
        assert refused["lease"] == taken["lease"]
        assert refused["holder"]["person"] == {"id": str(world.people["editor"])}
        assert await other.ask(RELEASE, **field) == {"released": False}
        renewed = await one.ask(TAKE, **field)
        assert renewed["lease"]["until"] > taken["lease"]["until"]
        assert await one.ask(RELEASE, **field) == {"released": True}
        await other.until(lambda other: other.leases_of(one) == [])
        assert (await other.ask(TAKE, **field))["taken"]


@pytest.mark.slow
async def test_leases_end_by_themselves_and_with_whoever_held_them(gateway, world, monkeypatch):
    field = {"entity": world.requirement, "field": "name"}
    async with tab(gateway, world, "editor") as watching:
        async with tab(gateway, world, "owner") as leaving:
            await leaving.ask(TAKE, **field)
            await watching.until(lambda watching: watching.leases_of(leaving) == ["name"])
        await watching.sees(watching)
        monkeypatch.setattr(live, "LEASED", timedelta(seconds=1))
        assert (await watching.ask(TAKE, **field))["taken"]
        await watching.until(lambda watching: watching.leases_of(watching) == ["name"])
        await watching.until(lambda watching: watching.leases_of(watching) == [])


@pytest.mark.slow
async def test_only_what_one_may_change_in_the_document_is_leased(gateway, world, other_world):
    async with tab(gateway, world, "viewer") as reader:
        field = {"entity": world.requirement, "field": "name"}
        assert await reader.code(TAKE, **field) == "FORBIDDEN"
    async with tab(gateway, world, "editor") as writer:
        for entity in (world.document, world.block, world.requirement):
            assert (await writer.ask(TAKE, entity=entity, field="name"))["taken"]
        for entity in (world.project, other_world.requirement, uuid4()):
            assert await writer.code(TAKE, entity=entity, field="name") == "NOT_FOUND"
        assert await writer.code(TAKE, entity=world.document, field=" ") == "INVALID"


@pytest.mark.slow
async def test_a_client_has_so_many_leases_and_updates_and_no_more(gateway, world):
    async with tab(gateway, world, "editor") as client:
        fields = [f"custom.{number}" for number in range(live.MAX_LEASES)]
        for field in fields:
            assert (await client.ask(TAKE, entity=world.requirement, field=field))["taken"]
        field = {"entity": world.requirement, "field": "one.more"}
        (error,) = (await client.answer(TAKE, **field))["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["maximum"] == live.MAX_LEASES
        await client.ask(RELEASE, entity=world.requirement, field=fields[0])
        assert (await client.ask(TAKE, **field))["taken"]
        codes = [
            await world.code(
                "editor", POINT, document=world.document, client=client.client, focus=None
            )
            for _ in range(live.BURST * 3)
        ]
        assert "RATE_LIMITED" in codes


@pytest.mark.slow
async def test_only_whoever_is_present_acts_and_as_nobody_else(gateway, world):
    """The answer is the same for another's client, one that has left, and an unknown one."""
    async with tab(gateway, world, "editor") as editor, tab(gateway, world, "owner") as owner:
        async with tab(gateway, world, "editor") as left:
            pass
        await editor.sees(editor, owner)
        answers = []
        field = {"entity": world.requirement, "field": "name"}
        for client in (owner.client, left.client, uuid4()):
            for query, more in ((POINT, {"focus": None}), (TAKE, field), (RELEASE, field)):
                (error,) = (await editor.answer(query, client=client, **more))["errors"]
                answers.append((error["message"], error["extensions"]))
        assert len({str(answer) for answer in answers}) == 1
        assert answers[0][1]["code"] == "NOT_FOUND"
        variables = {"document": world.document, "client": owner.client, "focus": None}
        with pytest.raises(Refused) as refused:
            await world.ask(None, POINT, **variables)
        assert refused.value.code == "UNAUTHENTICATED"


async def test_nobody_comes_as_somebody_elses_client(gateway, world):
    async with tab(gateway, world, "editor") as editor:
        async with tab(gateway, world, "viewer", editor.client) as other:
            assert other.ended["payload"][0]["extensions"]["code"] == "ALREADY_EXISTS"
            assert other.ended["payload"][0]["extensions"]["field"] == ["clientId"]
        await editor.ask(POINT, focus=None)
        await editor.sees(editor)


async def test_a_person_is_in_a_document_with_so_many_tabs(gateway, world, monkeypatch):
    monkeypatch.setattr(live, "MAX_TABS", 2)
    async with tab(gateway, world, "editor"), tab(gateway, world, "editor") as second:
        async with tab(gateway, world, "editor") as third:
            assert third.ended["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        async with tab(gateway, world, "viewer") as other:
            await other.until(lambda other: len(other.present) == 3)
            assert str(second.client) in other.present


async def test_what_may_not_be_read_has_nobody_in_it(gateway, world):
    told = []
    for document in (world.document, uuid4()):
        async with tab(gateway, world, "viewer") as watching:
            del watching  # somebody is there
            query = FOLLOW.replace("$document: UUID!, ", "").replace("$document", f'"{document}"')
            answer = await _first(gateway, world, "outsider", query)
            told.append((answer["type"], answer["payload"]))
    assert told[0] == told[1]
    assert told[0][1][0]["extensions"]["code"] == "NOT_FOUND"


async def _first(gateway, world, person, query):
    async with socket(gateway, await world.token(person)) as client:
        await client.subscribe("1", query, client=str(uuid4()))
        return await client.receive()


async def test_whose_role_ends_is_gone_for_everybody(gateway, world):
    async with tab(gateway, world, "viewer") as leaving, tab(gateway, world, "editor") as staying:
        await staying.sees(leaving, staying)
        await world.ask("owner", REMOVE, id=world.members["viewer"])
        await leaving.until(lambda leaving: leaving.ended)
        assert leaving.ended["payload"][0]["extensions"]["code"] == "NOT_FOUND"
        await staying.sees(staying)
        assert await leaving.code(POINT, focus=None) == "NOT_FOUND"


async def test_nobody_stays_in_a_document_that_is_deleted(gateway, world):
    async with tab(gateway, world, "viewer") as one, tab(gateway, world, "editor") as other:
        await world.ask("owner", DELETE, id=world.document)
        for client in (one, other):
            await client.until(lambda client: client.ended)
            assert client.ended["payload"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_guest_of_a_public_project_sees_nobody_but_themselves(gateway, world, superuser):
    """Readers of a public project do not see its people, nor the people its readers."""
    await superuser.execute(
        "UPDATE projects SET visibility = 'public' WHERE id = $1", world.project
    )
    try:
        async with (
            tab(gateway, world, "editor") as member,
            tab(gateway, world, "outsider") as guest,
            tab(gateway, world, "viewer") as other,
        ):
            await member.sees(member, other)
            await guest.sees(guest)
            assert guest.present[str(guest.client)]["person"]["id"] == str(world.people["outsider"])
    finally:
        await superuser.execute(
            "UPDATE projects SET visibility = 'private' WHERE id = $1", world.project
        )


async def test_a_token_reaches_as_far_as_its_scopes(gateway, world):
    life = timedelta(minutes=5)

    async def token(scope):
        return await tokens.issue(world.database, world.email("editor"), life, scope)

    world.tokens["editor"] = await token("requirements:read organizations:read")
    async with tab(gateway, world, "editor") as reading:
        await reading.ask(POINT, focus=None)
        field = {"entity": world.requirement, "field": "name"}
        assert await reading.code(TAKE, **field) == "FORBIDDEN"
    world.tokens["editor"] = await token("organizations:read")
    async with tab(gateway, world, "editor") as elsewhere:
        assert elsewhere.ended["payload"][0]["extensions"]["code"] == "FORBIDDEN"
    world.tokens["editor"] = await token("requirements:read")
    told = await _first(
        gateway,
        world,
        "editor",
        FOLLOW.replace("$document: UUID!, ", "").replace("$document", f'"{world.document}"'),
    )
    assert told["payload"]["errors"][0]["extensions"]["scope"] == "organizations:read"


@pytest.mark.slow
async def test_nothing_of_it_is_recorded(gateway, world, superuser):
    counts = (
        "SELECT (SELECT count(*) FROM audit_logs WHERE organization_id = $1),"
        " (SELECT version FROM requirements WHERE id = $2)"
    )
    before = await superuser.fetchrow(counts, world.organization, world.requirement)
    async with tab(gateway, world, "editor") as client:
        await client.ask(POINT, focus={"entityId": str(world.requirement)})
        await client.ask(TAKE, entity=world.requirement, field="name")
        await client.ask(RELEASE, entity=world.requirement, field="name")
    assert await superuser.fetchrow(counts, world.organization, world.requirement) == before
