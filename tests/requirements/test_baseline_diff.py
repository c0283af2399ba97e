"""The differences of a baseline: each is found, named and listed once, and no others."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from graph.requirements.differences import longest_increasing
from tests.requirements.test_baselines import frozen
from tests.world import Refused

DIFF = """query ($id: UUID!, $with: UUID, $first: Int = 500, $after: String,
    $last: Int, $before: String,
    $kinds: [BaselineChangeKind!], $types: [EntityType!]) {
  baseline(id: $id) { diff(with: $with) { added removed changed moved
    changes(first: $first, after: $after, last: $last, before: $before, kinds: $kinds,
        entityTypes: $types) { totalCount pageInfo { endCursor hasNextPage } nodes {
      kinds entityType entityId name before after
      source { entityType entityId name } target { entityType entityId name }
      fields { field old new } } } } } }"""


async def differences(world, baseline, person="editor", **arguments):
    diff = (await world.ask(person, DIFF, id=baseline["id"], **arguments))["diff"]
    return diff | {"changes": diff["changes"]["nodes"]}


async def run(world, statement, *arguments):
    await world.superuser.execute(statement, *arguments)


async def add(world, position, document=None, block=None, name="Added"):
    id = uuid7()
    await run(
        world,
        "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id, name,"
        " position) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(id, world.organization, world.project, document or world.document),
        *(block, name, position),
    )
    return str(id)


@pytest.mark.slow
async def test_nothing_has_become_of_what_nobody_touched(world, linked):
    baseline, again = await frozen(world), await frozen(world)
    nothing = {"added": 0, "removed": 0, "changed": 0, "moved": 0, "changes": []}
    assert await differences(world, baseline) == nothing
    assert await differences(world, baseline, **{"with": again["id"]}) == nothing


@pytest.mark.slow
async def test_each_difference_is_told_between_baselines_and_until_now(world, linked):
    gone = await add(world, 3.0, name="Gone")
    baseline = await frozen(world)
    await run(world, "UPDATE requirements SET deleted_at = now() WHERE id = $1::text::uuid", gone)
    new = await add(world, 4.0, name="New")
    await run(
        world,
        "UPDATE requirements SET name = 'Better', description = 'Now said', version = 2,"
        " tags = '{a}' WHERE id = $1",
        world.requirement,
    )
    await run(
        world, "UPDATE requirements SET block_id = $2 WHERE id = $1", linked["second"], world.block
    )
    later = await frozen(world)
    for other in (None, later["id"]):
        found = await differences(world, baseline, **{"with": other})
        counts = {kind: found[kind] for kind in ("added", "removed", "changed", "moved")}
        assert counts == {"added": 1, "removed": 1, "changed": 1, "moved": 1}
        told = {change["entityId"]: change for change in found["changes"]}
        assert told[gone]["kinds"] == ["REMOVED"]
        assert (told[gone]["name"], told[gone]["after"]) == ("Gone", None)
        assert told[new]["kinds"] == ["ADDED"]
        assert (told[new]["before"], told[new]["after"]["name"]) == (None, "New")
        assert told[str(world.requirement)]["kinds"] == ["CHANGED"]
        assert told[str(world.requirement)]["fields"] == [
            {"field": "description", "old": None, "new": "Now said"},
            {"field": "name", "old": f"Requirement {world.name}", "new": "Better"},
            {"field": "tags", "old": [], "new": ["a"]},
        ]
        assert told[str(linked["second"])]["kinds"] == ["MOVED"]
        assert told[str(linked["second"])]["fields"] == [
            {"field": "blockId", "old": None, "new": str(world.block)}
        ]
        assert len(told) == 4


async def test_links_are_told_with_the_names_of_their_ends(world, linked):
    baseline = await frozen(world)
    await run(world, "UPDATE trace_links SET deleted_at = now() WHERE id = $1", linked["inside"])
    await run(
        world,
        "UPDATE requirement_tests SET execution_status = 'pass' WHERE id = $1",
        linked["run"],
    )
    found = await differences(world, baseline)
    told = {change["entityId"]: change for change in found["changes"]}
    assert len(told) == 2
    link, test = told[str(linked["inside"])], told[str(linked["run"])]
    assert (link["kinds"], link["entityType"]) == (["REMOVED"], "TRACE_LINK")
    requirement = {
        "entityType": "REQUIREMENT",
        "entityId": str(world.requirement),
        "name": f"Requirement {world.name}",
    }
    assert link["source"]["name"] == "Second"
    assert link["target"] == test["target"] == requirement
    assert test["fields"] == [{"field": "executionStatus", "old": "NOT_RUN", "new": "PASS"}]
    assert test["source"]["name"] == "Brake test"


@pytest.mark.slow
async def test_the_name_of_an_end_that_the_viewer_may_not_see_is_not_told(world, linked):
    hidden = await add(world, 1.0, name="Hidden")
    other = uuid7()
    await run(
        world,
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Far', 'far')",
        other,
        world.organization,
    )
    await run(
        world,
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Far', 'far')",
        other,
        world.organization,
        other,
    )
    await run(
        world,
        "UPDATE requirements SET project_id = $2, document_id = $2 WHERE id = $1::text::uuid",
        hidden,
        other,
    )
    baseline = await frozen(world)
    await run(
        world,
        "UPDATE trace_links SET target_id = $2::text::uuid, source_id = $3 WHERE id = $1",
        linked["beside"],
        hidden,
        world.requirement,
    )
    for person, name in (("editor", "Hidden"), ("project_viewer", None)):
        (change,) = (await differences(world, baseline, person))["changes"]
        assert (change["kinds"], change["target"]["name"]) == (["ADDED"], name)


async def test_a_text_that_changed_is_told_word_by_word(world):
    baseline = await frozen(world)
    await run(
        world, "UPDATE requirements SET name = name || ' now' WHERE id = $1", world.requirement
    )
    query = """query ($id: UUID!) { baseline(id: $id) { diff { changes { nodes {
      fields { field diff { kind text } } } } } } }"""
    diff = (await world.ask("viewer", query, id=baseline["id"]))["diff"]
    (change,) = diff["changes"]["nodes"]
    (name,) = change["fields"]
    parts = [(part["kind"], part["text"]) for part in name["diff"]]
    assert parts == [("EQUAL", f"Requirement {world.name}"), ("INSERTED", " now")]


@pytest.mark.slow
async def test_new_numbers_alone_are_no_move_and_one_that_moved_is_one(world):
    ids = [await add(world, 10.0 + n) for n in range(6)]
    baseline = await frozen(world)
    await run(
        world,
        "UPDATE requirements SET position = position * 7 + 3 WHERE document_id = $1",
        world.document,
    )
    assert (await differences(world, baseline))["changes"] == []
    await run(world, "UPDATE requirements SET position = 0.5 WHERE id = $1::text::uuid", ids[4])
    (change,) = (await differences(world, baseline))["changes"]
    assert (change["kinds"], change["entityId"]) == (["MOVED"], ids[4])
    assert [field["field"] for field in change["fields"]] == ["position"]


@pytest.mark.slow
async def test_the_changes_come_in_pages_and_by_kind_and_type(world, linked):
    baseline = await frozen(world)
    ids = sorted([await add(world, 10.0 + n) for n in range(5)])
    await run(world, "UPDATE blocks SET name = 'Other' WHERE id = $1", world.block)

    async def told(**arguments):
        found = await world.ask("editor", DIFF, id=baseline["id"], **arguments)
        page = found["diff"]["changes"]
        return [change["entityId"] for change in page["nodes"]], page

    pages, cursor = [], None
    for _ in range(3):
        page, about = await told(first=2, after=cursor, types=["REQUIREMENT"])
        assert about["totalCount"] == 5
        pages.append(page)
        cursor = about["pageInfo"]["endCursor"]
    assert about["pageInfo"]["hasNextPage"] is False
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [id for page in pages for id in page] == ids
    last, _ = await told(first=None, last=2, before=cursor, types=["REQUIREMENT"])
    assert last == ids[2:4]
    assert (await told(kinds=["CHANGED"]))[0] == [str(world.block)]
    assert (await told(kinds=["REMOVED"]))[0] == []
    with pytest.raises(Refused) as refused:
        await told(first=501)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["first"])


async def test_a_baseline_is_compared_with_one_of_the_same_place_alone(world, other_world):
    baseline = await frozen(world)
    whole = await frozen(world, documentId=None, projectId=world.project)
    theirs = await frozen(other_world)
    for other, code in ((whole, "INVALID"), (theirs, "NOT_FOUND"), ({"id": uuid7()}, "NOT_FOUND")):
        variables = {"id": baseline["id"], "with": other["id"]}
        assert await world.code("editor", DIFF, **variables) == code


@pytest.mark.slow
async def test_who_has_a_role_in_the_document_alone_sees_its_part_of_the_changes(world, linked):
    baseline = await frozen(world)
    await run(world, "UPDATE test_req SET title = 'Other' WHERE id = $1", linked["test"])
    await run(world, "UPDATE trace_links SET deleted_at = now() WHERE id = $1", linked["inside"])
    await run(world, "UPDATE blocks SET name = 'Other' WHERE id = $1", world.block)
    assert len((await differences(world, baseline))["changes"]) == 3
    (change,) = (await differences(world, baseline, "document_editor"))["changes"]
    assert change["entityType"] == "BLOCK"


@pytest.mark.slow
async def test_the_differences_of_many_baselines_are_read_together(world, linked):
    for n in range(3):
        await frozen(world, name=f"R{n}")
        await add(world, 10.0 + n)
    query = """query ($id: UUID!) { document(id: $id) { baselines { nodes {
      name verified diff { added changes { totalCount } } } } } }"""
    nodes = (await world.ask("viewer", query, id=world.document))["baselines"]["nodes"]
    assert [(n["name"], n["diff"]["added"], n["verified"]) for n in nodes] == [
        ("R0", 3, True),
        ("R1", 2, True),
        ("R2", 1, True),
    ]
    assert [n["diff"]["changes"]["totalCount"] for n in nodes] == [3, 2, 1]


EDITS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["name", "tags", "block", "place", "delete"]))
    | st.tuples(st.integers(0, 7), st.just("add")),
    max_size=8,
)


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=EDITS, data=st.data())
async def test_what_is_told_is_what_was_done(world, edits, data):
    """Random edits between two baselines, against a model of the document in Python."""
    await run(world, "UPDATE requirements SET deleted_at = now() WHERE id = $1", world.requirement)
    await run(
        world, "UPDATE requirements SET deleted_at = now() WHERE document_id = $1", world.document
    )
    rows = {
        await add(world, float(n), block=world.block if n % 2 else None): ["Added", [], n % 2, n]
        for n in range(8)
    }
    before = {id: list(row) for id, row in rows.items()}
    baseline = await frozen(world)
    for which, edit in edits:
        id = sorted(rows)[which % len(rows)] if rows else None
        place = data.draw(st.integers(-20, 20)) + 0.5
        if edit == "add":
            id = await add(world, place)
            rows[id] = ["Added", [], 0, place]
        elif id is None:
            continue
        elif edit == "delete":
            del rows[id]
            sql = "UPDATE requirements SET deleted_at = now() WHERE id = $1::text::uuid"
            await run(world, sql, id)
        else:
            row = rows[id]
            match edit:
                case "name":
                    row[0] = data.draw(st.sampled_from(["Added", "One", "Two"]))
                case "tags":
                    row[1] = data.draw(st.sampled_from([[], ["a"]]))
                case "block":
                    row[2] = 1 - row[2]
                case "place":
                    row[3] = place
            sql = "UPDATE requirements SET name = $2, tags = $3, block_id = $4, position = $5,"
            sql += " version = version + 1 WHERE id = $1::text::uuid"
            await run(world, sql, id, row[0], row[1], world.block if row[2] else None, row[3])
    found = await differences(world, baseline)
    told = {change["entityId"]: set(change["kinds"]) for change in found["changes"]}
    both = before.keys() & rows.keys()
    assert {id for id, kinds in told.items() if kinds == {"ADDED"}} == rows.keys() - before.keys()
    assert {id for id, kinds in told.items() if kinds == {"REMOVED"}} == before.keys() - rows.keys()
    assert {id for id in both if "CHANGED" in told.get(id, ())} == {
        id for id in both if before[id][:2] != rows[id][:2]
    }
    moved = {id for id in both if "MOVED" in told.get(id, ())}
    assert moved >= {id for id in both if before[id][2] != rows[id][2]}
    for block in (0, 1):
        stayed = [id for id in both if before[id][2] == rows[id][2] == block]
        orders = [
            sorted(stayed, key=lambda id, state=state: (state[id][3], id))
            for state in (before, rows)
        ]
        kept = [[id for id in order if id not in moved] for order in orders]
        assert kept[0] == kept[1]
        places = [orders[0].index(id) for id in orders[1]]
        assert len(kept[0]) == brute_force(places)


def brute_force(values):
    longest = [1] * len(values)
    for i, value in enumerate(values):
        for j in range(i):
            if values[j] < value:
                longest[i] = max(longest[i], longest[j] + 1)
    return max(longest, default=0)


@given(st.permutations(range(9)))
def test_the_longest_increasing_subsequence_is_as_long_as_any(values):
    kept = longest_increasing(values)
    chosen = [values[i] for i in sorted(kept)]
    assert chosen == sorted(chosen)
    assert len(chosen) == brute_force(values)
