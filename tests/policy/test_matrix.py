"""Everybody tries everything through the API, and gets the code in the policy's table."""

from uuid import uuid4

import pytest

from graph.kit.entity_types import label_of
from tests.policy.attempts import ATTEMPTS, attempt, code_of, prepare, said
from tests.policy.house import ENTITIES, PARENTS, PEOPLE

pytestmark = pytest.mark.exhaustive

CAN = """query ($id: ID!, $type: EntityType!) { node(id: $id) {
    viewerCan { update delete create(type: $type) } } }"""


@pytest.mark.parametrize(
    ("model", "action"), ATTEMPTS, ids=lambda part: getattr(part, "__name__", part)
)
async def test_everybody_may_do_what_the_table_says(tidy, writes, model, action):
    told, expected = {}, {}
    for person in PEOPLE:
        version = await prepare(tidy, model, action)
        await writes.take()
        response = await attempt(tidy, person, model, action, tidy.rows[model].id, version)
        told[person], expected[person] = code_of(response), tidy.expected(person, action, model)
        if told[person]:
            assert await writes.take() == set(), f"{person} was refused and left a trace"
    assert told == expected


@pytest.mark.parametrize("model", ENTITIES)
@pytest.mark.parametrize("person", ["member", "outsider", "document_editor"])
async def test_what_somebody_does_not_see_is_answered_like_what_is_not_there(tidy, model, person):
    for action in ("read", "update", "delete", "restore"):
        if (model, action) in ATTEMPTS and tidy.expected(person, action, model) == "NOT_FOUND":
            version = await prepare(tidy, model, action)
            there = await attempt(tidy, person, model, action, tidy.rows[model].id, version)
            not_there = await attempt(tidy, person, model, action, uuid4(), version)
            assert said(there) == said(not_there)


@pytest.mark.parametrize("person", [person for person in PEOPLE if person])
async def test_a_button_is_grey_when_the_mutation_would_be_refused(tidy, person):
    childless = set(ENTITIES) - set(PARENTS.values())
    pairs = [*PARENTS.items(), *((None, model) for model in childless)]
    for child, model in pairs:
        if tidy.expected(person, "read", model) is None:
            type_ = label_of(child or model)
            can = await tidy.ask(person, CAN, id=tidy.rows[model].id, type=type_)
            for action in ("update", "delete"):
                allowed = tidy.expected(person, action, model) is None
                assert can["viewerCan"][action] == allowed, (action, model)
            if child:
                allowed = tidy.expected(person, "create", child) is None
                assert can["viewerCan"]["create"] == allowed, child
