"""The operations in docs/writing.md are accepted."""

import re
from pathlib import Path

import pytest

from db.core.plans import PLANS
from graph.http.operation.documents import Documents
from graph.http.operation.limits import Limits
from graph.schema import schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "writing.md").read_text()
EXAMPLES = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_valid(example):
    assert Documents(schema._schema, Limits(), 0).get(example).errors == ()


def test_the_table_of_plans_is_that_of_the_code():
    def told(limit: int | None, otherwise: str) -> str:
        return f"{limit:,}" if limit else otherwise

    for plan, most in PLANS.items():
        row = (
            f"| `{plan.name}` | {told(most.members, 'as agreed')} | {told(most.projects, 'any')}"
            f" | {told(most.monthly_requests, 'as agreed')} |"
        )
        assert row in DOCUMENT
