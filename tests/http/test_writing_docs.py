"""docs/writing.md shows operations that the gateway takes."""

import re
from pathlib import Path

import pytest

from graph.http.documents import Documents
from graph.http.limits import Limits
from graph.schema import schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "writing.md").read_text()
EXAMPLES = re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_valid(example):
    assert Documents(schema._schema, Limits(), 0).get(example).errors == ()
