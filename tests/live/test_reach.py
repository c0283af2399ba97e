"""A selection that tells of rows at other places is not shared by roles at the event alone."""

import pytest

from graph.http.operation.documents import Documents
from graph.http.operation.limits import Limits
from graph.live.reach import Reach, Reaches
from graph.schema import schema

FOLLOW = """subscription ($id: UUID!%s) {
    documentChanged(id: $id) { entity { ... on Document { %s } ... on TestExecution { %s } } } }"""


@pytest.mark.parametrize(
    ("variable", "selected", "of_runs", "reach"),
    [
        (
            ", $s: RequirementStatus!",
            "requirements(filter: {status: {eq: $s}}) { nodes { name } }",
            "id",
            Reach.SCOPES,
        ),
        (
            ", $f: RequirementFilterInput",
            "requirements(filter: $f) { nodes { name } }",
            "id",
            Reach.ANYWHERE,
        ),
        (
            "",
            "requirements(filter: {coverage: [{state: COVERED}]}) { nodes { id } }",
            "id",
            Reach.ANYWHERE,
        ),
        ("", "name", "executionStatus", Reach.SCOPES),
        ("", "name", "stale", Reach.ANYWHERE),
        ("", "coverage { totalCount }", "id", Reach.ANYWHERE),
    ],
)
def test_what_tells_of_other_places_reaches_anywhere(variable, selected, of_runs, reach):
    documents = Documents(schema._schema, Limits(), 0)
    document = documents.get(FOLLOW % (variable, selected, of_runs))
    assert Reaches(documents.schema).of(document) is reach
