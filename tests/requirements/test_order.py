"""The order of a document's requirements: moved between neighbours, always total."""

import asyncio
import random

import pytest

from tests.requirements.places import place_input

CREATE = """mutation ($input: RequirementCreateInput!) { requirementCreate(input: $input) {
    requirement { id position } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {
    requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {
        requirement { id version position } } }"""
ORDER = """query ($id: UUID!) { document(id: $id) {
    requirements(first: 100) { nodes { name position version } totalCount } } }"""
IN_BLOCK = """query ($id: UUID!) { block(id: $id) {
    requirements(first: 100) { nodes { name } } } }"""
DOCUMENT = """mutation ($id: UUID!, $name: String!) { documentCreate(
    input: {projectId: $id, name: $name, slug: $name}) { document { id } } }"""
BLOCK = """mutation ($id: UUID!) { blockCreate(
    input: {documentId: $id, name: "Block"}) { block { id } } }"""
DELETE = """mutation ($id: UUID!) {
    requirementDelete(id: $id, expectedVersion: 1) { requirement { id } } }"""

LARGEST = 1.7976931348623157e308


class Shelf:
    """A document of its own, its requirements called by single letters."""

    def __init__(self, world, id):
        self.world, self.id, self.ids, self.versions = world, id, {}, {}

    async def add(self, name, **input):
        input = {"documentId": self.id, "name": name} | input
        made = await self.world.ask("editor", CREATE, input=input)
        self.ids[name], self.versions[name] = made["requirement"]["id"], 1

    def place(self, to):
        named = {key: self.ids.get(name, name) for key, name in to.items() if key != "blockId"}
        return to | named

    async def move(self, name, **to):
        """Move a row, with neighbours by name; return the whole answer."""
        move = {
            "id": self.ids[name],
            "version": self.versions[name],
            "to": place_input(self.place(to)),
        }
        answer = await self.world.answer("editor", MOVE, **move)
        if "errors" not in answer:
            moved = answer["data"]["requirementMove"]["requirement"]
            self.versions[name] = moved["version"]
        return answer

    async def nodes(self):
        listed = (await self.world.ask("viewer", ORDER, id=self.id))["requirements"]
        assert listed["totalCount"] == len(listed["nodes"])
        return listed["nodes"]

    async def order(self):
        return "".join(node["name"] for node in await self.nodes())


@pytest.fixture
def shelf(world):
    """Return a new document with these requirements, in this order."""

    async def shelf(letters="", name="shelf"):
        made = await world.ask("editor", DOCUMENT, id=world.project, name=name)
        shelf = Shelf(world, made["document"]["id"])
        for letter in letters:
            await shelf.add(letter)
        return shelf

    return shelf


async def test_new_requirements_come_last(shelf):
    letters = await shelf("ABC")
    assert await letters.order() == "ABC"
    await letters.add("D", position=1.5)
    await letters.add("E")
    assert await letters.order() == "ADBCE"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moved", "to", "order"),
    [
        ("D", {"after": "A"}, "ADBCE"),
        ("A", {"after": "D"}, "BCDAE"),
        ("A", {"after": "E"}, "BCDEA"),
        ("E", {"before": "A"}, "EABCD"),
        ("B", {"before": "E"}, "ACDBE"),
        ("C", {"after": "B"}, "ABCDE"),
        ("C", {"before": "D"}, "ABCDE"),
        ("C", {"first": True}, "CABDE"),
        ("C", {"last": True}, "ABDEC"),
        ("C", {}, "ABDEC"),
        ("A", {"first": True}, "ABCDE"),
        ("E", {"last": True}, "ABCDE"),
    ],
    ids=str,
)
async def test_a_requirement_goes_where_it_is_put(shelf, moved, to, order):
    letters = await shelf("ABCDE")
    answer = await letters.move(moved, **to)
    assert "errors" not in answer
    assert await letters.order() == order
    untouched = [node["version"] for node in await letters.nodes() if node["name"] != moved]
    assert untouched == [1, 1, 1, 1]


async def test_a_requirement_goes_into_a_block_and_out_of_it(world, shelf):
    letters = await shelf("ABCD")
    block = (await world.ask("editor", BLOCK, id=letters.id))["block"]["id"]

    async def in_block():
        listed = (await world.ask("viewer", IN_BLOCK, id=block))["requirements"]["nodes"]
        return "".join(node["name"] for node in listed)

    await letters.move("C", blockId=block)
    await letters.move("A", blockId=block, before="C")
    await letters.move("D", blockId=block, first=True)
    assert (await in_block(), await letters.order()) == ("DAC", "DBAC")
    await letters.move("A", after="D")  # stays in its block
    assert (await in_block(), await letters.order()) == ("DAC", "DABC")
    await letters.move("A", blockId=None, last=True)
    assert (await in_block(), await letters.order()) == ("DC", "DBCA")


async def test_a_requirement_goes_between_two_of_another_document(shelf):
    letters, others = await shelf("ABC"), await shelf("XYZ", "others")
    others.ids["B"], others.versions["B"] = letters.ids["B"], 1
    assert "errors" not in await others.move("B", documentId=others.id, after="X")
    assert (await letters.order(), await others.order()) == ("AC", "XBYZ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "positions",
    [
        (1.0, 1.0000000000000002),
        (2.0, 2.0),
        (1e16, 1e16 + 2),
        (0.0, 5e-324),
        (-LARGEST, LARGEST),
        (LARGEST, LARGEST),
    ],
    ids=str,
)
async def test_where_no_number_is_left_the_others_are_numbered_anew(shelf, positions):
    letters = await shelf()
    for name, position in zip("AB", positions, strict=True):
        await letters.add(name, position=position)
    await letters.add("C", position=-1e9)
    await letters.move("C", after="A")
    assert await letters.order() == "ACB"
    places = [node["position"] for node in await letters.nodes()]
    assert places[0] < places[1] < places[2]


@pytest.mark.parametrize("position", [1e16, LARGEST])
async def test_both_ends_can_be_reached_from_any_position(shelf, position):
    letters = await shelf("AB")
    await letters.add("Y", position=-position)
    await letters.add("Z", position=position)
    await letters.move("A", last=True)
    assert await letters.order() == "YBZA"
    await letters.move("B", first=True)
    assert await letters.order() == "BYZA"


@pytest.mark.slow
async def test_moves_into_one_gap_never_run_out_of_numbers(shelf):
    letters = await shelf("ABC")
    for moved in "CB" * 30:  # each halves the gap, and renumbering is nobody's edit
        answer = await letters.move(moved, after="A")
        assert "errors" not in answer
    assert await letters.order() == "ABC"


@pytest.mark.parametrize("place", ["after", "before"])
async def test_a_neighbour_is_another_live_requirement_of_the_document(
    world, other_world, shelf, place
):
    letters = await shelf("ABC")
    await world.ask("editor", DELETE, id=letters.ids["C"])
    foreign, block = str(other_world.requirement), str(world.block)
    for neighbour in ("A", "C", str(world.requirement), foreign, block):
        answer = await letters.move("A", **{place: neighbour})
        assert answer["errors"][0]["extensions"]["code"] == "INVALID"
        assert answer["errors"][0]["extensions"]["field"] == ["placeAt", "at", place]
    assert await letters.order() == "AB"


async def test_a_neighbour_stands_in_the_block_that_is_given(world, shelf):
    letters = await shelf("ABC")
    block = (await world.ask("editor", BLOCK, id=letters.id))["block"]["id"]
    await letters.move("A", blockId=block)
    for to in ({"blockId": block, "after": "B"}, {"blockId": None, "after": "A"}):
        answer = await letters.move("C", **to)
        assert answer["errors"][0]["extensions"]["code"] == "INVALID"
        assert answer["errors"][0]["extensions"]["field"] == ["placeAt", "at", "after"]
    assert "errors" not in await letters.move("C", after="A")  # without saying, it keeps its own


@pytest.mark.parametrize("position", ["1e999", "-1e999"])
async def test_a_position_is_a_finite_number(world, position):
    create = CREATE.replace("($input: RequirementCreateInput!)", "($id: UUID!)").replace(
        "$input", f'{{documentId: $id, name: "A", position: {position}}}'
    )
    answer = await world.answer("editor", create, id=world.document)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


@pytest.mark.slow
async def test_random_moves_leave_each_in_its_one_place(shelf):
    letters = await shelf("ABCDEFGH")
    chance = random.Random(20261120)
    expected = list("ABCDEFGH")
    for _ in range(60):
        moved = chance.choice(expected)
        expected.remove(moved)
        at = chance.randint(0, len(expected))
        ways = [{"after": expected[at - 1]}] if at else [{"first": True}]
        ways += [{"before": expected[at]}] if at < len(expected) else [{"last": True}, {}]
        expected.insert(at, moved)
        answer = await letters.move(moved, **chance.choice(ways))
        assert "errors" not in answer
    nodes = await letters.nodes()
    assert [node["name"] for node in nodes] == expected
    assert len({node["position"] for node in nodes}) == len(nodes)


async def test_moves_at_once_take_turns(shelf):
    letters = await shelf("ABCDEF")
    answers = await asyncio.gather(
        *(letters.move(name, after="A") for name in "BCDEF"), letters.move("A", last=True)
    )
    assert not any("errors" in answer for answer in answers)
    nodes = await letters.nodes()
    assert sorted(node["name"] for node in nodes) == list("ABCDEF")
    assert len({node["position"] for node in nodes}) == 6
