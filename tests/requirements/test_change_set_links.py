"""Trace links in change sets: proposed, read, in conflict, applied and reversed."""

from tests.requirements.linking import edit, elsewhere, link, links_of, requirements
from tests.requirements.proposals import APPLY, EDIT, RESOLVE, REVERSE, Proposal

DELETE = """mutation ($id: UUID!) { requirementDelete(id: $id, expectedVersion: 1) {
    requirement { id } } }"""
PROPOSED = """query ($id: UUID!, $set: UUID!) { requirement(id: $id, changeSet: $set) {
    outgoingLinks { nodes { id linkType description
        target { state entityType node { id ... on Requirement { name } } } } } } }"""
UPDATE = """mutation ($id: UUID!, $input: TraceLinkUpdateInput!) {
    traceLinkUpdate(id: $id, expectedVersion: 1, input: $input) { traceLink { version } } }"""
LINK = """query ($id: UUID!, $set: UUID) { traceLink(id: $id, changeSet: $set) { linkType } }"""


def new(source, target, **more):
    return {"traceLinkCreate": {"sourceId": source, "targetId": target, **more}}


def about(id, version=1, **more):
    return {"id": id, "expectedVersion": version, **more}


async def refusal(world, query, **variables):
    """Return the extensions of the error."""
    (error,) = (await world.answer("editor", query, **variables))["errors"]
    return error["extensions"]


async def proposed(world, proposal, id):
    """Return the links of a requirement as the change set would leave them."""
    read = await world.ask("viewer", PROPOSED, id=id, set=proposal.id)
    return read["outgoingLinks"]["nodes"]


def shape(links):
    """Return what links say, in an order."""
    found = [
        (one["linkType"], one["description"], one["target"]["state"], one["target"]["node"]["id"])
        for one in links
    ]
    return sorted(found, key=str)


async def test_links_are_created_changed_and_deleted_with_what_they_join(world):
    first, second, third = await requirements(world, 3)
    changed = await link(world, first, second)
    removed = await link(world, first, third)
    proposal = await Proposal.begin(world)
    (made,) = await proposal.edit(
        {"requirementCreate": {"documentId": world.document, "name": "New"}}
    )
    items = await proposal.edit(
        new(first, made["entityId"], linkType="REFINES", description="For the new one"),
        new(first, third, linkType="SATISFIES"),
        {"traceLinkUpdate": about(changed["id"], input={"linkType": "DEPENDS_ON"})},
        {"traceLinkDelete": about(removed["id"])},
        {"requirementUpdate": about(third, input={"name": "Changed", "description": "Too"})},
    )
    assert [(item["entityType"], item["action"]) for item in items[:4]] == [
        ("TRACE_LINK", "CREATE"),
        ("TRACE_LINK", "CREATE"),
        ("TRACE_LINK", "UPDATE"),
        ("TRACE_LINK", "DELETE"),
    ]
    assert all(item["conflicts"] == [] for item in items)
    assert {change["field"] for change in items[0]["changes"]} >= {"sourceId", "linkType"}
    now, _ = await links_of(world, first)
    assert {one["linkType"] for one in now} == {"RELATES_TO"}

    seen = await proposed(world, proposal, first)
    assert [
        one["target"]["node"].get("name") for one in seen if one["linkType"] == "SATISFIES"
    ] == ["Changed"]
    one = await world.ask("viewer", LINK, id=changed["id"], set=proposal.id)
    assert one == {"linkType": "DEPENDS_ON"}
    arguments = {"id": removed["id"], "set": proposal.id}
    assert await world.code("viewer", LINK, **arguments) == "NOT_FOUND"
    await proposal.apply()
    applied, _ = await links_of(world, first)
    assert shape(applied) == shape(seen)
    assert len(applied) == 3
    # New links are at the versions of their ends after the change set; the changed link is not.
    assert [one["suspect"] for one in applied] == [False] * 3

    reversal = await world.ask("editor", REVERSE, id=proposal.id)
    await Proposal(world, reversal["changeSet"]["id"]).apply()
    back, _ = await links_of(world, first)
    assert {one["id"]: one["linkType"] for one in back} == {
        changed["id"]: "RELATES_TO",
        removed["id"]: "RELATES_TO",
    }


async def test_a_link_to_something_that_others_delete_is_in_conflict(world):
    first, second = await requirements(world, 2)
    proposal = await Proposal.begin(world)
    (item,) = await proposal.edit(new(first, second))
    await world.ask("admin", DELETE, id=second)
    (conflict,) = (await proposal.item())["conflicts"]
    assert (conflict["field"], conflict["current"], conflict["proposed"]) == (
        "targetId",
        None,
        second,
    )
    assert await proposed(world, proposal, first) == []
    refused = await refusal(world, APPLY, id=proposal.id, version=2)
    assert refused["code"] == "CONFLICT"
    assert refused["items"][0]["itemId"] == item["id"]
    how = [{"field": "targetId", "keep": "PROPOSED"}]
    resolving = {"item": item["id"], "version": item["version"], "how": how}
    assert await world.code("editor", RESOLVE, **resolving) == "INVALID"
    resolved = await proposal.resolve(item, "targetId", "CURRENT")
    assert resolved["items"] == []
    assert (await proposal.read())["items"]["totalCount"] == 0


async def test_a_deleted_link_is_restored_and_a_changed_one_conflicts(world):
    first, second = await requirements(world, 2)
    made = await link(world, first, second)
    remove, proposal = await Proposal.begin(world), await Proposal.begin(world)
    await remove.edit({"traceLinkDelete": about(made["id"])})
    await world.ask("admin", UPDATE, id=made["id"], input={"linkType": "REFINES"})
    (conflict,) = (await remove.item())["conflicts"]
    assert (conflict["field"], conflict["current"]) == ("linkType", "REFINES")
    await remove.resolve(await remove.item(), "linkType", "PROPOSED")
    await remove.apply()
    assert await links_of(world, first) == ([], [])
    await proposal.edit({"traceLinkRestore": about(made["id"], 3)})
    assert [one["id"] for one in await proposed(world, proposal, first)] == [made["id"]]
    await proposal.apply()
    assert [one["id"] for one in (await links_of(world, first))[0]] == [made["id"]]


async def test_a_proposed_link_is_checked_as_if_it_were_made(world):
    first, second = await requirements(world, 2)
    _, document = await elsewhere(world)
    (other,) = await requirements(world, 1, document)
    made = await link(world, first, second)
    proposal = await Proposal.begin(world)

    async def refused(item):
        return await refusal(world, EDIT, id=proposal.id, items=[item])

    twice = await refused(new(first, second))
    assert (twice["code"], twice["field"][:3]) == (
        "ALREADY_EXISTS",
        ["items", 0, "traceLinkCreate"],
    )
    nothing = await refused(new(first, world.organization))
    assert (nothing["code"], nothing["field"][-1]) == ("NOT_FOUND", "targetId")
    far = await refused(new(other, first))
    assert (far["code"], far["field"][-1]) == ("INVALID", "sourceId")
    assert (await refused(new(first, first)))["code"] == "INVALID"
    same = await proposal.edit(new(first, other))  # the target may be in another project
    assert same[0]["action"] == "CREATE"
    await proposal.edit({"traceLinkDelete": about(made["id"])})
    await proposal.apply()
    assert [one["target"]["entityId"] for one in (await links_of(world, first))[0]] == [other]
    await edit(world, other, name="Changed there")
    assert [one["suspect"] for one in (await links_of(world, first))[0]] == [True]


async def test_a_link_is_proposed_once_and_again_when_the_other_makes_room(world):
    first, second = await requirements(world, 2)
    live = await link(world, first, second, linkType="REFINES")
    proposal = await Proposal.begin(world)
    await proposal.edit(new(first, second, linkType="SATISFIES"))

    async def refused(edit):
        found = await refusal(world, EDIT, id=proposal.id, items=[edit])
        return found["code"], found["field"][:3]

    again = new(first, second, linkType="SATISFIES")
    assert await refused(again) == ("ALREADY_EXISTS", ["items", 0, "traceLinkCreate"])
    same = {"traceLinkUpdate": about(live["id"], input={"linkType": "SATISFIES"})}
    assert await refused(same) == ("ALREADY_EXISTS", ["items", 0, "traceLinkUpdate"])

    await proposal.edit(
        {"traceLinkDelete": about(live["id"])}, new(first, second, linkType="REFINES")
    )
    assert await refused(new(first, second, linkType="REFINES")) == (
        "ALREADY_EXISTS",
        ["items", 0, "traceLinkCreate"],
    )
    await proposal.apply()
    applied, _ = await links_of(world, first)
    assert {one["linkType"] for one in applied} == {"SATISFIES", "REFINES"}
    assert live["id"] not in {one["id"] for one in applied}
