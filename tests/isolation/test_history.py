"""The history and the past of every row are visible to its readers in its tenant alone."""

import pytest

from graph.kit.node import NODES
from tests.isolation.questions import ALIASES, ROOT, TYPES
from tests.isolation.world import OF_EVERYBODY, OF_PEOPLE

pytestmark = pytest.mark.exhaustive

MODELS = {model.__tablename__: model.__name__ for model in NODES}
RECORD = """
    INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, version, actor_id,
        changed_fields, old_data, new_data)
    SELECT $1, $2, $3, 'update', 7, NULL, ARRAY['name'], jsonb_build_object('name', $4::text),
        jsonb_build_object('name', $4::text)
    WHERE NOT EXISTS (SELECT FROM audit_logs WHERE entity_id = $2 AND version = 7)"""
HISTORIES = """query ($ids: [ID!]!) { nodes(ids: $ids) { id history(first: 50) {
    totalCount edges { cursor } nodes { changes { old } } } } }"""


def tenant_of(row):
    """Return the organization of a row; None for one of no tenant."""
    if row.table in OF_EVERYBODY:
        return None
    return row.values["id" if row.table == "organizations" else "organization_id"]


@pytest.fixture
async def recorded(canaries):
    """Return every row that the API shows, with a change of its own in the record."""
    rows = [r for r in canaries.rows() if r.table in TYPES and r.table not in OF_PEOPLE]
    for row in rows:
        type_ = MODELS[row.table]
        said = f"said of {row.id}"
        await canaries.superuser.execute(RECORD, tenant_of(row), row.id, type_, said)
    return rows


@pytest.mark.parametrize("person", ["owner", "member", "guest", "contractor", "outsider", "former"])
async def test_a_history_is_for_readers_within_the_tenant(canaries, recorded, person):
    for i in range(0, len(recorded), 100):
        some = recorded[i : i + 100]
        nodes = await canaries.ask(person, HISTORIES, ids=[str(row.id) for row in some])
        for row, node in zip(some, nodes, strict=True):
            assert (node is not None) == canaries.may_read(person, row), row
            if node is None:
                continue
            inside = row.tenant in canaries.persons[person].roles
            history = node["history"]
            told = [change["old"] for e in history["nodes"] for change in e["changes"]]
            told = [old for old in told if old is not None]  # the creation of a job is recorded
            assert told == ([f"said of {row.id}"] if inside else []), row
            assert history["totalCount"] == len(history["nodes"])


@pytest.mark.parametrize("person", ["owner", "member", "guest", "contractor", "outsider", "former"])
async def test_the_past_is_for_readers_within_the_tenant(canaries, person):
    now = (await canaries.superuser.fetchval("SELECT clock_timestamp()")).isoformat()
    for table, type_ in TYPES.items():
        root = type_[0].lower() + type_[1:]
        if root not in ROOT.fields or "asOf" not in ROOT.fields[root].args:
            continue
        rows = canaries.rows(table=table)
        for i in range(0, len(rows), ALIASES):
            some = rows[i : i + ALIASES]
            asked = (
                f'a{n}: {root}(id: "{row.id}", asOf: "{now}") {{ id }}'
                for n, row in enumerate(some)
            )
            answer = await canaries.answer(person, f"{{ {' '.join(asked)} }}")
            for row, found in zip(some, answer["data"].values(), strict=True):
                inside = row.tenant in canaries.persons[person].roles or table in OF_EVERYBODY
                assert (found is not None) == (inside and canaries.may_read(person, row)), row
