"""Changes of the schema are computed, and announced before they break clients."""

import re
from pathlib import Path

import pytest

from graph.commands.schema_changes import schema_changes
from graph.schema import schema

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "tests" / "golden" / "released.graphql"
BEFORE = """
type Query { one(id: ID!): One other: String }
type One { id: ID! name: String! }
enum Kind { A }
"""
REASON = re.compile(r"Use `.+`\. Removed after \d{4}-\d{2}-\d{2}\.")


@pytest.mark.slow
def test_the_page_of_changes_is_the_one_since_the_release():
    """After a change: `gateway schema --since`, as CONTRIBUTING says."""
    page = (ROOT / "docs" / "schema-changes.md").read_text()
    assert page == schema_changes(RELEASED.read_text(), schema.as_str())


def test_a_directive_of_the_specification_is_no_change():
    assert "None." in schema_changes(BEFORE, BEFORE + "directive @oneOf on INPUT_OBJECT")


@pytest.mark.parametrize(
    ("after", "section", "change"),
    [
        (BEFORE.replace(" other: String", ""), "Breaking", "Query.other"),
        (BEFORE.replace("id: ID!)", "id: ID!, by: ID!)"), "Breaking", "Query.one(by:)"),
        (BEFORE.replace("{ A }", "{ A B }"), "Dangerous", "Kind.B"),
        (BEFORE.replace("name: String!", "name: String! size: String"), "Safe", "One.size"),
    ],
)
def test_a_change_is_listed_by_what_it_means(after, section, change):
    page = schema_changes(BEFORE, after)
    (title, listed) = re.findall(r"^## (\w+)|^\* (.+)$", page, re.MULTILINE)
    assert title[0] == section
    assert change in listed[1]


def test_nothing_changed_says_so():
    assert schema_changes(BEFORE, BEFORE).endswith("\nNone.\n")


def test_what_is_deprecated_names_its_replacement_and_the_day_it_goes():
    reasons = {}
    for name, type_ in schema._schema.type_map.items():
        if name.startswith("__"):
            continue
        members = {**getattr(type_, "fields", {}), **getattr(type_, "values", {})}
        for member, value in members.items():
            reasons[f"{name}.{member}"] = value.deprecation_reason
            for argument, taken in getattr(value, "args", {}).items():
                reasons[f"{name}.{member}({argument}:)"] = taken.deprecation_reason
    given = {place: reason for place, reason in reasons.items() if reason is not None}
    assert [place for place, reason in given.items() if not REASON.fullmatch(reason)] == []
