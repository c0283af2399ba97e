"""Everybody tries everything through the API, and is told what the table of the policy says."""

from uuid import uuid4

import pytest

from tests.policy.attempts import ATTEMPTS, attempt, code_of, prepare, said, traces, type_of
from tests.policy.house import ENTITIES, PARENTS, PEOPLE

pytestmark = pytest.mark.exhaustive

CAN = """query ($id: UUID!, $type: String!) { node(id: $id) {
    viewerCan { update delete create(type: $type) } } }"""


@pytest.mark.parametrize(
    ("model", "action"), ATTEMPTS, ids=lambda part: getattr(part, "__name__", part)
)
async def test_everybody_may_do_what_the_table_says(tidy, model, action):
    told, expected = {}, {}
    for person in PEOPLE:
        version = await prepare(tidy, model, action)
        before = await traces(tidy, model)
        response = await attempt(tidy, person, model, action, tidy.rows[model].id, version)
        told[person], expected[person] = code_of(response), tidy.expected(person, action, model)
        if told[person]:
            assert await traces(tidy, model) == before, f"{person} was refused and left a trace"
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
    children = {model: child for child, model in PARENTS.items()}
    pairs = [*PARENTS.items(), *((None, model) for model in ENTITIES if model not in children)]
    for child, model in pairs:
        if tidy.expected(person, "read", model) is None:
            type_ = type_of(child or model)
            can = await tidy.ask(person, CAN, id=tidy.rows[model].id, type=type_)
            for action in ("update", "delete"):
                allowed = tidy.expected(person, action, model) is None
                assert can["viewerCan"][action] == allowed, (action, model)
            if child:
                allowed = tidy.expected(person, "create", child) is None
                assert can["viewerCan"]["create"] == allowed, child
