"""A bulk allows for each item the same as the policy's table for the single mutation."""

import pytest

from db.requirements.documents import Block
from db.requirements.requirements import Requirement
from tests.policy.attempts import code_of, new, prepare
from tests.policy.house import PEOPLE

pytestmark = pytest.mark.exhaustive


def document(model, action):
    many = f"{model.__name__.lower()}s{action.title()}"
    item = {
        "create": f"{model.__name__}CreateInput",
        "update": f"{model.__name__}sUpdateItemInput",
        "delete": "DeleteItemInput",
    }[action]
    return (
        f"mutation ($items: [{item}!]!, $onError: OnError!) {{"
        f" {many}(items: $items, onError: $onError) {{ results {{ error {{ code }} }} }} }}"
    )


def item_of(house, model, action, version):
    if action == "create":
        return new(house, model)
    item = {"id": house.rows[model].id, "expectedVersion": version}
    return item | {"input": {"name": f"Version {version}"}} if action == "update" else item


@pytest.mark.parametrize("action", ["create", "update", "delete"])
@pytest.mark.parametrize("model", [Block, Requirement])
async def test_everybody_may_do_to_each_item_what_the_table_says(tidy, writes, model, action):
    query = document(model, action)
    told, expected = {}, {}
    for person in PEOPLE:
        version = await prepare(tidy, model, action)
        await writes.take()
        items = [item_of(tidy, model, action, version)]
        stopped = await tidy.post(person, query, items=items, onError="ABORT")
        if code_of(stopped):
            answer = await tidy.post(person, query, items=items, onError="CONTINUE")
            (root,) = (answer.json().get("data") or {"": None}).values()
            each = root["results"][0]["error"]["code"] if root else code_of(answer)
            assert each == code_of(stopped)
            assert await writes.take() == set(), f"{person} was refused and left a trace"
        told[person], expected[person] = code_of(stopped), tidy.expected(person, action, model)
    assert told == expected
