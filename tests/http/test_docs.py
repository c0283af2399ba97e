"""The tables in docs/http.md match the code."""

import re
from pathlib import Path

from db.problem import CODES
from graph.http.operation.documents import Documents
from graph.http.operation.limits import Limits
from graph.schema import schema
from graph.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "http.md").read_text()


def rows(first_cell: str) -> list[list[str]]:
    """Return the rows of the table whose first heading this is."""
    table = DOCUMENT.split(f"| {first_cell} |", 1)[1].split("\n\n", 1)[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_codes_is_that_of_the_code():
    expected = [
        [f"`{name}`", str(code.status), "yes" if code.retryable else "no", code.meaning]
        for name, code in CODES.items()
    ]
    assert rows("Code") == expected, "\n".join(f"| {' | '.join(row)} |" for row in expected)


def test_the_limits_are_those_of_the_settings():
    limits = Limits.of(Settings())
    for limit, setting, default, _ in rows("Limit"):
        name = limit.replace(" ", "_")
        assert str(getattr(limits, name)) == default
        assert str(Settings.model_fields[setting.strip("`").lower()].default) == default


def test_settings_that_are_named_exist():
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", DOCUMENT)) - CODES.keys()
    assert named <= {name.upper() for name in Settings.model_fields}


def test_the_example_costs_what_it_says():
    (example,) = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)
    document = Documents(schema._schema, Limits(), 0).get(example)
    assert document.errors == ()
    told = re.findall(r'"requested": (\d+), "limit": (\d+)', DOCUMENT)
    assert told == [(str(document.operation(None).cost.of({})), str(Limits().cost))]
