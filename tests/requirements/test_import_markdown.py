"""Markdown that people write, and what is read of it."""

from tests.requirements.import_files import archive, drafted_from, refusal

WRITTEN = """---
title: "Brakes"
---
Of the car.

# Emergency

## REQ-1: Stop within 40 m

| Property | Value |
|----------|-------|
| Status   | Approved |
| Risk     | a \\| *b* |
| Satisfied by | `REQ-2` |

The car stops.

```
## not a heading
```

### Rationale

Because.

## `REQ-2` Sound *the* horn_2

# Other
Text of the heading.
"""


def test_headings_with_identifiers_are_requirements():
    draft = drafted_from(WRITTEN.encode(), "car.md")
    (document,) = draft.documents
    assert (document.name, document.description) == ("Brakes", "Of the car.")
    assert [(each.name, each.parent, each.content) for each in document.blocks] == [
        ("Emergency", None, {}),
        ("Other", None, {"text": "Text of the heading."}),
    ]
    first, second = document.requirements
    assert (first.external_id, first.name, first.block) == (
        "REQ-1",
        "Stop within 40 m",
        "md:Brakes/Emergency",
    )
    assert first.status == "approved"
    assert first.properties == {"Risk": "a | b"}
    assert first.description == (
        "The car stops.\n\n```\n## not a heading\n```\n\n### Rationale\n\nBecause."
    )
    assert (second.external_id, second.name) == ("REQ-2", "Sound the horn_2")
    assert [(each.source, each.type, each.target) for each in draft.links] == [
        ("REQ-2", "satisfies", "REQ-1")
    ]


def test_a_fault_in_markdown_is_said_with_its_place():
    twice = b"# `A` one\n\n## `A` two\n"
    assert refusal(twice, "a.md") == "a.md: line 3: the ID 'A' is used twice."
    for more in ("{", "[1]", '{"links":[["a","b","nothing",null]]}', '{"links":5}'):
        text = f"# Title\n<!-- gateway {more} -->\n"
        data = text.encode() if more.startswith("{") and len(more) > 1 else b""
        if data:
            message = "a.md: line 2: the comment of the gateway cannot be read."
            assert refusal(data, "a.md") == message
    assert "line 2" in refusal(b"# T\n<!-- gateway {1} -->\n", "a.md")


def test_files_of_an_archive_are_documents():
    files = archive(**{"a.md": "# A\n\n## `R` r\n", "b/c.md": "no heading", "x.txt": ""})
    draft = drafted_from(files, "all.zip", format="markdown")
    assert [(each.name, each.description) for each in draft.documents] == [
        ("A", None),
        ("c", "no heading"),
    ]
    assert len(draft.documents[0].requirements) == 1
