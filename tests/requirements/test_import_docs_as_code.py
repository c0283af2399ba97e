"""StrictDoc, `needs.json` and Doorstop of other tools are read, or refused in one sentence."""

import json

import pytest

from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import RequirementStatus
from tests.requirements.import_files import archive, drafted_from, refusal

SDOC = """[DOCUMENT]
TITLE: Brakes
UID: BR
OPTIONS:
  ENABLE_MID: On

[GRAMMAR]
ELEMENTS:
- TAG: REQUIREMENT
  FIELDS:
  - TITLE: UID
    TYPE: String

[TEXT]
STATEMENT: >>>
Read me.
Twice.
<<<

[[SECTION]]
TITLE: Parking

[REQUIREMENT]
UID: B-1
STATUS: Draft
TITLE: Hold
STATEMENT: >>>
The brake holds.
  Always.
<<<
COMMENT: one
COMMENT: two
RELATIONS:
- TYPE: Parent
  VALUE: B-2
  ROLE: Satisfies
- TYPE: Parent
  VALUE: ELSEWHERE
- TYPE: File
  VALUE: brake.c

[[/SECTION]]

[[COMPOSITE_REQUIREMENT]]
UID: B-2
STATEMENT: It stops.

[REQUIREMENT]
UID: B-3
TITLE: Stop soon
TAGS: a, b
RELATIONS:
- TYPE: Parent
  VALUE: B-2

[[/COMPOSITE_REQUIREMENT]]
"""
NEEDS = {
    "current_version": "2.0",
    "versions": {
        "1.0": {"needs": {}},
        "2.0": {
            "needs": {
                "R1": {
                    "id": "R1",
                    "title": "Stop",
                    "content": "The car stops.",
                    "status": "open",
                    "type": "req",
                    "docname": "brakes",
                    "sections": ["Parking", "Brakes"],
                    "links": ["R2"],
                    "implements": ["R2"],
                    "links_back": ["R3"],
                    "tags": ["a"],
                    "effort": 3,
                    "lineno": 7,
                },
                "R2": {"id": "R2", "title": "Hold", "docname": "brakes", "type": "spec"},
            }
        },
    },
}

UNREADABLE = "the member 'gateway' cannot be read."


def test_a_strictdoc_document_is_read():
    draft = drafted_from(SDOC, "brakes.sdoc")
    (document,) = draft.documents
    assert (document.name, document.external_id) == ("Brakes", "BR")
    assert [(each.name, each.type, each.external_id) for each in document.blocks] == [
        ("Read me.", "text", "BR/text-1"),
        ("Parking", None, "BR/Parking"),
        ("It stops.", None, "B-2"),
    ]
    assert document.blocks[0].content == {"text": "Read me.\nTwice."}
    hold, composite, soon = document.requirements
    assert (hold.description, hold.status) == (
        "The brake holds.\n  Always.",
        RequirementStatus.DRAFT,
    )
    assert hold.properties["COMMENT"] == ["one", "two"]
    assert (hold.block, composite.block, soon.block) == ("BR/Parking", "B-2", "B-2")
    assert soon.tags == ["a", "b"]
    assert [(each.source, each.type, each.target) for each in draft.links] == [
        ("B-1", TraceLinkType.SATISFIES, "B-2"),
        ("B-3", TraceLinkType.DERIVED_FROM, "B-2"),
    ]
    assert draft.notes == [
        "Relations to what is not in the file are not imported (places: 1).",
        "Relations to files are not imported (places: 1).",
    ]


def test_the_documents_of_an_archive_are_read_together():
    other = SDOC.replace("B-", "C-").replace("UID: BR", "UID: CR").replace("ELSEWHERE", "B-1")
    draft = drafted_from(archive(**{"a.sdoc": SDOC, "sub/c.sdoc": other}), "all.zip")
    assert [each.external_id for each in draft.documents] == ["BR", "CR"]
    assert ("C-1", "B-1") in [(each.source, each.target) for each in draft.links]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[DOCUMENT]", "TITLE", "line 1: a document begins with [DOCUMENT]."),
        ("<<<\n\n[[S", "\n\n[[S", None),
        ("[[/SECTION]]", "", "a section is not closed at the end of the file."),
        ("[[SECTION]]\nTITLE: Parking", "", "line 41: nothing ends here."),
        ("UID: B-2", "UID: B-1", "line 44: the UID 'B-1' is also at brakes.sdoc, line 23."),
        ("COMMENT: one", "what?", "line 31: this is no field of [REQUIREMENT]."),
    ],
)
def test_a_broken_strictdoc_document_is_refused_with_the_line(old, new, message):
    assert old in SDOC
    found = refusal(SDOC.replace(old, new), "brakes.sdoc")
    assert message is None or found == f"brakes.sdoc: {message}"


def test_a_text_that_is_never_closed_is_refused():
    text = "[DOCUMENT]\nTITLE: A\n\n[TEXT]\nSTATEMENT: >>>\nno end\n"
    message = "a.sdoc: line 5: the text that begins here is never closed by <<<."
    assert refusal(text, "a.sdoc") == message


def test_the_current_version_of_needs_is_read():
    draft = drafted_from(json.dumps(NEEDS), "needs.json")
    (document,) = draft.documents
    assert [(each.name, each.parent) for each in document.blocks] == [
        ("Brakes", None),
        ("Parking", "needs:brakes/Brakes"),
    ]
    stop, hold = document.requirements
    assert (stop.name, stop.description, stop.tags) == ("Stop", "The car stops.", ["a"])
    assert (stop.block, hold.block) == ("needs:brakes/Brakes/Parking", None)
    assert stop.properties == {"type": "req", "effort": 3}
    assert [(each.source, each.type, each.target) for each in draft.links] == [
        ("R1", TraceLinkType.RELATES_TO, "R2"),
        ("R1", TraceLinkType.IMPLEMENTS, "R2"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"versions":\n', "line 2: this is not JSON."),
        ("[" * 100_000, "this is not JSON."),
        ("[]", "this is no needs.json: it has no object `versions`."),
        ('{"versions": {"1": 5}}', "the current version is no object."),
        ('{"versions": {"1": {}}}', "the current version has no object `needs`."),
        ('{"versions": {"1": {"needs": {"a": 5}}}}', "the need 'a' is no object."),
        ('{"versions": {"1": {"needs": {}, "gateway": {"documents": [5]}}}}', None),
    ],
)
def test_broken_needs_are_refused(text, message):
    found = refusal(text, "needs.json")
    assert found == f"needs.json: {message or UNREADABLE}"


ITEM = """active: true
derived: false
header: |
  Hold
level: 1.2
links:
- SYS1: null
- SYS9: null
normative: true
ref: ''
reviewed: null
owner: Ann
text: |
  The brake holds.
  Always.
"""
DOORSTOP = {
    "req/.doorstop.yml": "settings:\n  digits: 3\n  prefix: REQ\n  sep: ''\n",
    "req/REQ001.yml": "active: true\nlevel: 1.0\nnormative: false\ntext: |\n  Parking\n",
    "req/REQ002.yml": ITEM,
    "req/REQ003.yml": "active: true\nlevel: 1.10\ntext: |\n  It stops.\n",
    "req/REQ004.yml": "active: false\nlevel: 2\ntext: gone\n",
    "sys/.doorstop.yml": "settings:\n  prefix: SYS\n",
    "sys/SYS1.yml": "level: 1\ntext: The system.\n",
    "sys/notes.txt": "no item",
}


def test_the_folders_of_doorstop_are_read():
    draft = drafted_from(archive(**DOORSTOP), "all.zip", format="doorstop")
    req, sys = draft.documents
    assert [(each.name, each.external_id) for each in (req, sys)] == [
        ("REQ", "doorstop:REQ"),
        ("SYS", "doorstop:SYS"),
    ]
    assert [(each.name, each.external_id) for each in req.blocks] == [("Parking", "REQ001")]
    hold, stop = req.requirements
    assert (hold.name, hold.description) == ("Hold", "The brake holds.\nAlways.\n")
    assert (hold.block, stop.block, stop.name) == ("REQ001", "REQ001", "It stops.")
    assert hold.properties == {"owner": "Ann"}
    (link,) = draft.links
    assert (link.source, link.type, link.target) == ("REQ002", TraceLinkType.DERIVED_FROM, "SYS1")
    assert draft.notes == [
        "1 other files of the archive are not imported.",
        "Links to what is not in the archive are not imported (places: 1).",
        "Items that are not active are not imported (places: 1).",
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("req/REQ002.yml", "a: [", "this is not YAML."),
        ("req/REQ002.yml", "a: &x 1\nb: *x\n", "the file has an alias, which Doorstop does not"),
        ("req/REQ002.yml", "- 1\n", "this is no mapping in YAML."),
        ("req/REQ002.yml", "level: high\n", "'high' is no level, such as 1.2."),
        ("req/REQ002.yml", "a: !!python/object/apply:os.system [ls]\n", None),
        ("../REQ002.yml", "level: 1\n", "the name '../REQ002.yml' leads out of the archive."),
    ],
)
def test_a_broken_or_hostile_folder_is_refused(name, text, message):
    data = archive(**(DOORSTOP | {name: text}))
    if message is None:
        assert drafted_from(data, "all.zip", format="doorstop").documents
    else:
        assert message in refusal(data, "all.zip", format="doorstop")


def test_an_archive_without_a_folder_of_doorstop_is_refused():
    message = "all.zip: no folder of the archive has a .doorstop.yml."
    assert refusal(archive(**{"a/b.yml": "x: 1\n"}), "all.zip", format="doorstop") == message
