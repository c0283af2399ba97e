"""The operations in docs/statistics.md run as written."""

import re
from pathlib import Path

import pytest

from graph.http.operation.documents import Documents
from graph.http.operation.limits import Limits
from graph.schema import schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
EXAMPLES = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("example", [one for one in EXAMPLES if "subscription" not in one])
async def test_an_operation_runs_as_written(world, example):
    answer = await world.answer("admin", example, project=world.project)
    assert "errors" not in answer
    assert None not in answer["data"].values()


def test_every_subscription_is_valid():
    for example in EXAMPLES:
        assert Documents(schema._schema, Limits(), 0).get(example).errors == ()
