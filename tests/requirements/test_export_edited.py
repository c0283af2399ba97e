"""Exports of imported files of any format: after random edits, exactly those attributes differ."""

import copy
import io
import json
import zipfile
from dataclasses import replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from db.requirements.requirements import RequirementStatus
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.importing import ImportOptions, read
from graph.requirements.exchange.model.draft import StoredAs
from graph.requirements.exchange.model.versions import KeptImport, Versions
from graph.requirements.exchange.registry import format_of, write
from tests.requirements.drafts import drafts
from tests.requirements.import_files import SAMPLES, archive, sample
from tests.requirements.originals import stored
from tests.requirements.workbooks import workbook

QUICK = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    phases=[Phase.generate],
)
TEXTS = ["The car stops.", "a\nb", 'He said "so", then; left', "=1+1", "é ü", "- item\n- other"]


class Imported:
    """A file that was imported without a database, and the draft that is gathered of its rows."""

    def __init__(self, data, name, format=None):
        self.source, self.number = Source(name, data), 0
        self.format = format_of(name, format)
        self.options = ImportOptions(format=self.format)
        self.draft = stored(read(self.source, self.options), self.row)
        self.kept = KeptImport(
            UUID(int=1), self.source, self.format, {}, Versions.of_export(self.draft)
        )

    def row(self):
        self.number += 1
        return StoredAs(UUID(int=self.number), 1)

    def written(self, draft):
        return write(draft, self.format, "Title", [self.kept]).data

    def again(self, data):
        """Return the requirements of a file by their external IDs."""
        draft = stored(read(Source(self.source.name, data), self.options), self.row)
        return values(draft)


def values(draft):
    return {
        (number, each.external_id): {
            "name": each.name,
            "description": each.description,
            "status": each.status,
            "tags": sorted(each.tags),
            "block": each.block,
            **{f"property {key}": str(value) for key, value in each.properties.items()},
        }
        for number, document in enumerate(draft.documents)
        for each in document.requirements
    }


KINDS = ("text", "name", "status", "property")


def edited(imported, random, count, kinds=KINDS):
    """Return a draft after some edits of attributes, and what they are."""
    draft = copy.deepcopy(imported.draft)
    rows = [(n, each) for n, one in enumerate(draft.documents) for each in one.requirements]
    for _ in range(count):
        _, each = random.choice(rows)
        each.stored = StoredAs(each.stored.id, each.stored.version + 1)
        kind = random.choice(kinds)
        if kind == "text":
            each.description = random.choice(TEXTS)
        elif kind == "name":
            each.name = f"Name {random.randrange(99)} <&>"
        elif kind == "status":
            each.status = random.choice(list(RequirementStatus))
        elif each.properties:
            key = random.choice(sorted(each.properties))
            each.properties[key] = f"value {random.randrange(99)}"
    return draft


def kept_lines(before, after):
    """Return the share of the lines of a file that are in another one."""
    lines = set(before.splitlines())
    return len(lines & set(after.splitlines())) / len(lines)


EVERY = sorted(
    str(path.relative_to(SAMPLES))
    for path in SAMPLES.rglob("*")
    if path.suffix in (".csv", ".sdoc", ".reqif")
)


@pytest.mark.parametrize("name", EVERY or ["any file"])
def test_after_100_edits_of_a_public_file_exactly_those_attributes_differ(name):
    path = sample(name)
    imported = Imported(path.read_bytes(), path.name)
    assert imported.written(imported.draft) == path.read_bytes()
    if not any(each.requirements for each in imported.draft.documents):
        return
    draft = edited(imported, Random(1), 100)
    assert imported.again(imported.written(draft)) == values(draft)
    draft = edited(imported, Random(2), 5, ("text", "name"))
    assert kept_lines(path.read_bytes(), imported.written(draft)) > 0.7


@QUICK
@given(
    draft=drafts(),
    format=st.sampled_from(["csv", "xlsx", "needs", "doorstop", "sdoc", "markdown"]),
    seed=st.integers(0, 10**6),
    number=st.sampled_from([1, 10, 100]),
)
def test_after_random_edits_of_any_file_exactly_those_attributes_differ(
    draft, format, seed, number
):
    if format == "csv":
        draft.documents = draft.documents[:1]
        draft.links = []
    assume(all(one.requirements for one in draft.documents))
    made = write(draft, format, "Title")
    imported = Imported(made.data, f"file{made.ending}", format)
    changed = edited(imported, Random(seed), number)
    assert imported.again(imported.written(changed)) == values(changed)


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return {name: found.read(name) for name in found.namelist()}


def test_a_workbook_keeps_its_styles_formulas_and_other_sheets():
    imported = Imported(workbook(), "brakes.xlsx")
    draft = edited(imported, Random(1), 20)
    first = draft.documents[0].requirements
    gone = first.pop(3)
    new = replace(first[0], external_id="B77", name="New", stored=imported.row())
    first.insert(1, new)
    data = imported.written(draft)
    assert imported.again(data) == values(draft)
    before, after = members(imported.source.data), members(data)
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"}
    sheet = load_workbook(io.BytesIO(data))["Brakes"]
    assert (sheet["B3"].font.bold, sheet.column_dimensions["C"].width) == (True, 60)
    assert (sheet["A6"].value, sheet["G3"].value, sheet["A32"].value) == (None, "=F3*2", "B77")
    assert gone.external_id == "B4"


NEEDS = """{
  "current_version": "1.0",
  "project": "é",
  "versions": {"1.0": {"needs_amount": 2, "filters": {"kept": 1}, "needs": {
    "R1": {"id": "R1", "title": "Stops", "content": "Text", "status": "Accepted", "lineno": 7},
    "R2": {"id": "R2", "title": "Holds", "links": ["R1"], "docname": "index", "layout": "x"}}}}
}
"""


def test_a_needs_json_keeps_its_members_and_form():
    imported = Imported(NEEDS.encode(), "needs.json")
    draft = copy.deepcopy(imported.draft)
    row = draft.documents[0].requirements[0]
    row.name, row.stored = "Stops soon", StoredAs(row.stored.id, 2)
    again = json.loads(imported.written(draft))
    expected = json.loads(NEEDS)
    expected["versions"]["1.0"]["needs"]["R1"]["title"] = "Stops soon"
    assert again == expected
    assert '\n  "current_version"' in imported.written(draft).decode()


ITEM = """active: true
derived: false   # as decided
header: 'Stops'
level: 1.1
links:
- SYS1: abc
normative: true
effort: "8"
reviewed: hash=
text: |
  The car stops.

  Soon.
"""


def test_an_item_of_doorstop_keeps_all_other_lines():
    files = {
        "REQ/.doorstop.yml": "settings:\n  digits: 3\n  prefix: REQ\n",
        "REQ/REQ1.yml": ITEM,
        "REQ/notes.txt": "kept",
    }
    imported = Imported(archive(**files), "req.zip", "doorstop")
    draft = copy.deepcopy(imported.draft)
    row = draft.documents[0].requirements[0]
    row.description, row.stored = "The car stops.\nNow.", StoredAs(row.stored.id, 2)
    row.properties["effort"] = "9"
    after = members(imported.written(draft))
    changed = ITEM.replace('"8"', "'9'")
    changed = changed[: changed.index("text:")] + "text: |-\n  The car stops.\n  Now.\n"
    assert after == {name: text.encode() for name, text in files.items()} | {
        "REQ/REQ1.yml": changed.encode()
    }


MARKDOWN = """---
title: ignored
---
# Brakes

Words before.

## Emergency

### `BRK-1` Stop within 40 m ###

| Attribute | Value     |
|:----------|-----------|
| Status    | Accepted  |
| Effort    | 8         |

The **car** stops.


* kept as it is

### BRK-2: Hold
Setext-free text
"""


def test_a_markdown_document_keeps_all_other_lines():
    imported = Imported(MARKDOWN.replace("\n", "\r\n").encode(), "brakes.md")
    draft = copy.deepcopy(imported.draft)
    first, second = draft.documents[0].requirements
    first.name, first.properties["Effort"] = "Stop *soon*", "9"
    first.properties["Owner"] = "Ann"
    second.description = "Text\nof two lines"
    for each in (first, second):
        each.stored = StoredAs(each.stored.id, 2)
    expected = MARKDOWN.replace("Stop within 40 m", "Stop \\*soon\\*").replace(
        "| Effort    | 8         |", "| Effort    | 9 |\n| Owner | Ann |"
    )
    expected = expected.replace("Setext-free text", "Text\nof two lines")
    assert imported.written(draft).decode() == expected.replace("\n", "\r\n")


def test_requirements_of_markdown_are_added_and_removed_in_their_place():
    imported = Imported(MARKDOWN.encode(), "brakes.md")
    draft = copy.deepcopy(imported.draft)
    here = draft.documents[0].requirements
    here.insert(1, replace(here[0], external_id="BRK-3", name="New", stored=imported.row()))
    del here[2]
    written = imported.written(draft).decode()
    assert written.startswith(MARKDOWN[: MARKDOWN.index("### BRK-2")])
    assert "### `BRK-3` New\n" in written
    assert "BRK-2" not in written
    assert imported.again(written.encode()) == values(draft)
