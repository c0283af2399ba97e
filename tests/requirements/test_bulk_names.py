"""External IDs that rows of one bulk exchange: only the final state must be unique."""

import pytest

from tests.requirements.bulk import CREATE, UPDATE, UPDATE_BLOCKS, change, codes
from tests.world import Refused

BLOCKS = """mutation ($items: [BlockCreateInput!]!) {
    blocksCreate(items: $items) { results { block { id } } } }"""
KINDS = [
    ("requirements", "requirement", CREATE, UPDATE),
    ("blocks", "block", BLOCKS, UPDATE_BLOCKS),
]


class Named:
    """Rows with the IDs N-1 to N-6, and their later names."""

    def __init__(self, world, table, update, ids):
        self.world, self.table, self.update, self.ids = world, table, update, ids

    async def rename(self, names, person="editor", **options):
        """Give these rows, by their number, these ids."""
        items = [
            change(
                self.ids[number], 1, **(name if isinstance(name, dict) else {"externalId": name})
            )
            for number, name in names.items()
        ]
        return await self.world.ask(person, self.update, items=items, **options)

    async def names(self):
        rows = await self.world.superuser.fetch(
            f"SELECT id::text, external_id, version FROM {self.table} WHERE id::text = ANY($1)",
            list(self.ids.values()),
        )
        found = {row["id"]: (row["external_id"], row["version"]) for row in rows}
        return [found[id] for id in self.ids.values()]


@pytest.fixture(params=KINDS, ids=lambda kind: kind[0])
async def named(request, world):
    table, field, create, update = request.param
    items = [
        {"documentId": world.document, "name": f"N{n}", "externalId": f"N-{n}"} for n in range(1, 7)
    ]
    made = await world.ask("editor", create, items=items)
    ids = [result[field]["id"] for result in made["results"]]
    return Named(world, table, update, dict(enumerate(ids, 1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        {1: "N-2", 2: "N-3", 3: "N-4", 4: "N-5", 5: "N-6", 6: "N-7"},
        {6: "N-5", 5: "N-4", 4: "N-3", 3: "N-2", 2: "N-1", 1: "N-0"},
        {1: "N-2", 2: "N-1"},
        {1: "N-2", 2: "N-3", 3: "N-1"},
        {1: "N-2", 2: None},
        {1: "N-2", 2: {"name": "Else", "externalId": "N-1"}, 3: {"name": "Only its name"}},
    ],
    ids=["up", "down", "swap", "rotate", "take over", "different columns"],
)
async def test_rows_give_their_ids_to_each_other(named, names):
    before = await named.names()
    answer = await named.rename(names)
    assert codes(answer) == [None] * len(names)
    after = await named.names()
    for place, number in enumerate(named.ids):
        name = names.get(number, before[place][0])
        if isinstance(name, dict):
            name = name.get("externalId", before[place][0])
        assert after[place] == (name, before[place][1] + (number in names))
    records = await named.world.records(named.ids[1])
    assert records[-1]["action"] == "update"


@pytest.mark.parametrize("named", KINDS[:1], indirect=True, ids=["requirements"])
async def test_an_id_that_stays_with_its_row_is_taken(named):
    for names in ({1: "N-2"}, {1: "N-2", 2: "N-3"}, {1: "N-9", 2: "N-9"}):
        before = await named.names()
        with pytest.raises(Refused) as refused:
            await named.rename(names)
        assert refused.value.code == "ALREADY_EXISTS"
        assert await named.names() == before


@pytest.mark.parametrize("named", KINDS[:1], indirect=True, ids=["requirements"])
async def test_who_waits_for_a_refused_row_is_refused_and_the_others_are_written(named):
    # 1 cannot have N-6, so it keeps N-1, which 2 cannot have then; 3 and 4 swap.
    names = {1: "N-6", 2: "N-1", 3: "N-4", 4: "N-3"}
    answer = await named.rename(names, onError="CONTINUE")
    assert codes(answer) == ["ALREADY_EXISTS", "ALREADY_EXISTS", None, None]
    assert answer["results"][1]["error"]["field"] == ["items", 1, "input", "externalId"]
    found = [name for name, _ in await named.names()]
    assert found == ["N-1", "N-2", "N-4", "N-3", "N-5", "N-6"]


@pytest.mark.parametrize("named", KINDS[:1], indirect=True, ids=["requirements"])
async def test_a_row_that_is_refused_for_something_else_keeps_its_id(named):
    names = {1: {"externalId": "N-2", "name": " "}, 2: "N-1", 3: "N-4", 4: "N-3"}
    answer = await named.rename(names, onError="CONTINUE")
    assert codes(answer) == ["INVALID", "ALREADY_EXISTS", None, None]
    assert [name for name, _ in await named.names()][:4] == ["N-1", "N-2", "N-4", "N-3"]


async def test_a_dry_run_of_a_shift_writes_nothing(named):
    before = await named.names()
    answer = await named.rename({1: "N-2", 2: "N-1"}, dryRun=True)
    assert codes(answer) == [None, None]
    assert await named.names() == before
