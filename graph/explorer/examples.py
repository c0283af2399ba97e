"""The explorer's examples: one operation per file in `examples/`, in the order of their names.

A file begins with two comment lines, a title and one sentence. A file of the same name that ends in
`.json` holds the variables; one that reads "$documents.nodes.0.id" stands for that value in the
answer to `lookup.graphql`, so that an example is about something its reader can see.
"""

from pathlib import Path
from typing import TypedDict

from graphql import OperationDefinitionNode, parse

DIRECTORY = Path(__file__).parent / "examples"


class Example(TypedDict):
    """One example, as the explorer's panel shows it."""

    title: str
    summary: str
    kind: str  # query, mutation or subscription
    query: str
    variables: str  # JSON, or nothing


class Examples(TypedDict):
    """All examples, and the query whose answer fills their variables."""

    lookup: str
    examples: list[Example]


def read_examples() -> Examples:
    """Return the examples on disk. Raises ValueError with the name of a malformed file."""
    files = sorted(DIRECTORY.glob("[0-9]*.graphql"))
    lookup = (DIRECTORY / "lookup.graphql").read_text(encoding="utf-8")
    return Examples(lookup=lookup, examples=[_read(file) for file in files])


def _read(file: Path) -> Example:
    text = file.read_text(encoding="utf-8")
    title, summary, query = text.split("\n", 2)
    operation = parse(text).definitions[0]
    titled = title.startswith("# ") and summary.startswith("# ")
    if not (titled and isinstance(operation, OperationDefinitionNode)):
        raise ValueError(f"{file.name} is not a title, a sentence and an operation.")
    variables = file.with_suffix(".json")
    return Example(
        title=title.removeprefix("# "),
        summary=summary.removeprefix("# "),
        kind=operation.operation.value,
        query=query.rstrip(),
        variables=variables.read_text(encoding="utf-8").rstrip() if variables.exists() else "",
    )
