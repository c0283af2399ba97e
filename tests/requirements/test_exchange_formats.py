"""Drafts of any content are read back from each format as they were written."""

from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.importing import ImportOptions, read
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftRequirement
from graph.requirements.exchange.registry import write, written_formats
from graph.requirements.exchange.tables.cells import as_stored
from tests.requirements.drafts import drafts

QUICK = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    phases=[Phase.generate],
)
TABLES = ["csv", "xlsx"]
WHOLE = sorted({*written_formats()} - {*TABLES})


def read_back(draft, format):
    written = write(draft, format, "Title")
    return read(Source(f"file{written.ending}", written.data), ImportOptions(format=format))


def plain(draft):
    """Return the content of a draft as it would be stored."""
    found = []
    for document in draft.documents:
        values = asdict(document) | {"id": None, "description": document.description or None}
        for each in values["requirements"]:
            each["description"] = each["description"] or None
            each["tags"] = sorted(each["tags"] or ())
            filled = each["properties"].items()
            each["properties"] = {key: value for key, value in filled if value is not None}
            if "Due" in each["properties"]:  # its property makes it a day
                each["properties"]["Due"] = each["properties"]["Due"].removesuffix("T00:00:00")
        found.append(values)
    return found


@pytest.mark.parametrize("format", WHOLE)
@QUICK
@given(draft=drafts())
def test_a_draft_is_read_back_as_it_was_written(format, draft):
    found = read_back(draft, format)
    assert plain(found) == plain(draft)
    assert sorted(map(str, found.links)) == sorted(map(str, draft.links))


@pytest.mark.parametrize("format", TABLES)
@QUICK
@given(draft=drafts(documents=1))
def test_the_requirements_of_a_table_are_read_back_as_they_were_written(format, draft):
    (document,) = draft.documents
    if not document.requirements:
        return
    (found,) = read_back(draft, format).documents
    assert len(found.requirements) == len(document.requirements)
    for one, other in zip(document.requirements, found.requirements, strict=True):
        for name in ("name", "external_id", "status", "priority", "level", "format"):
            assert getattr(one, name) == getattr(other, name)
        assert (one.description or "") == (other.description or "")
        assert sorted(one.tags) == sorted(other.tags)
        same = one.properties | as_stored(one.properties, other.properties)
        for key, value in one.properties.items():
            lists = isinstance(value, list) and key == "Sides"  # its property makes it a list
            assert lists or same[key] == value, key


def test_a_number_of_17_digits_is_kept_in_a_spreadsheet():
    mass = {"Mass": -277017333.08686185}
    requirement = DraftRequirement("Mass", "R1", None, "", properties=mass)
    draft = Draft(documents=[DraftDocument("Ship", "D", requirements=[requirement])])
    (found,) = read_back(draft, "xlsx").documents
    assert as_stored(mass, found.requirements[0].properties)["Mass"] == mass["Mass"]
