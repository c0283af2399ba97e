"""Every action under a key takes effect once, and has the same response twice."""

from uuid import uuid4

import pytest

from tests.policy.attempts import ATTEMPTS, attempt, code_of, prepare

pytestmark = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("model", "action"),
    [(model, action) for model, action in ATTEMPTS if action != "read"],
    ids=lambda part: getattr(part, "__name__", part),
)
@pytest.mark.parametrize("person", ["owner", "viewer"])
async def test_every_mutation_is_done_once_under_a_key(
    tidy, writes, monkeypatch, person, model, action
):
    monkeypatch.setitem(tidy.client.headers, "Idempotency-Key", uuid4().hex)
    name = uuid4()
    monkeypatch.setattr("tests.policy.attempts.uuid4", lambda: name)
    version = await prepare(tidy, model, action)
    tried = (tidy, person, model, action, tidy.rows[model].id, version)
    first = await attempt(*tried)
    await writes.take()
    again = await attempt(*tried)
    assert code_of(first) == tidy.expected(person, action, model)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert await writes.take() == set()
