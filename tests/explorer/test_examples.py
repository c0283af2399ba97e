"""Every example of the explorer runs on the demo data, for the person the explorer proposes."""

import json
import re
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from auth.credentials import tokens
from db.pool import Database
from graph.explorer.examples import Example, read_examples
from graph.explorer.page import DEMO

EXAMPLES = read_examples()


@pytest.fixture(scope="module")
async def ask(client, database: Database, demo):
    token = await tokens.issue(database, DEMO, timedelta(hours=1))

    async def ask(query: str, variables: Any = None) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        headers = {"Authorization": f"Bearer {token}"}
        return (await client.post("/graphql", json=body, headers=headers)).json()

    return ask


def filled(variables: Any, found: Any) -> Any:
    """Return the variables with their references resolved, as the explorer's panel does."""
    match variables:
        case dict():
            return {key: filled(value, found) for key, value in variables.items()}
        case list():
            return [filled(value, found) for value in variables]
        case str() if variables.startswith("$"):
            path = [int(step) if step.isdigit() else step for step in variables[1:].split(".")]
            return reduce(lambda value, step: value[step], path, found)
        case _:
            return variables


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES["examples"], ids=lambda example: example["title"])
async def test_an_example_runs_on_the_demo_data(ask, example: Example):
    found = (await ask(EXAMPLES["lookup"]))["data"]
    variables = filled(json.loads(example["variables"] or "{}"), found)

    answer = await ask(example["query"], variables)

    assert answer.get("errors") is None
    assert None not in answer["data"].values()
    assert not re.search(r'"(nodes|edges)": \[\]', json.dumps(answer["data"]))


def test_examples_have_titles_of_their_own_and_full_sentences():
    titles = [example["title"] for example in EXAMPLES["examples"]]
    assert len(titles) == len(set(titles))
    for example in EXAMPLES["examples"]:
        assert example["summary"].endswith("."), example["title"]
        assert len(example["summary"]) <= 90, example["title"]
    assert {example["kind"] for example in EXAMPLES["examples"]} == {"query", "mutation"}
