"""The engine takes the operations of the explorer, of the pages and of the documentation."""

import re
from pathlib import Path

import pytest
from graphql import GraphQLSyntaxError, OperationDefinitionNode, parse, validate
from graphql.execution.values import VariableValues

from graph.engine.collect import conditions
from graph.engine.compile import Compiler
from graph.explorer.examples import DIRECTORY
from graph.schema import schema

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "graph/editor/static").glob("*.js"))
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OPERATIONS = {"explorer": 20, "pages": 5, "documentation": 20}
"""The least number of operations that are found in each, so that the search is known to work."""


def written(where: str) -> list[str]:
    """Return the documents of the explorer's examples, the pages' code or the documentation."""
    if where == "explorer":
        return [file.read_text() for file in sorted(DIRECTORY.glob("*.graphql"))]
    if where == "pages":
        return [text for file in PAGES for text in re.findall(r"`([^`]*)`", file.read_text())]
    pattern = re.compile(r"^ *```graphql\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
    return [text for file in DOCS for text in pattern.findall(file.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("where", OPERATIONS)
def test_every_operation_has_a_plan(where: str):
    planned = 0
    for text in written(where):
        try:
            document = parse(text)
        except GraphQLSyntaxError:  # other texts of a page, and parts of documents
            continue
        if validate(schema._schema, document):
            continue
        named = {getattr(one, "name", None) and one.name.value: one for one in document.definitions}
        fragments = {
            name: one for name, one in named.items() if name and one.kind == "fragment_definition"
        }
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                chosen = dict.fromkeys(conditions(operation, fragments), True)
                Compiler(schema, operation, fragments, VariableValues({}, chosen)).compile()
                planned += 1
    assert planned >= OPERATIONS[where]
