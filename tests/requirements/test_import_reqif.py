"""ReqIF files as drafts: hierarchy, values and relations, and refusals before reading."""

import pytest
from lxml import etree

from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import RequirementPriority, RequirementStatus
from tests.requirements.import_files import (
    LIFT,
    archive,
    drafted,
    drafted_from,
    lift,
    sample,
)

DOORS = "reqif/Doors_02_example_from_a_user/sample.reqif"
POLARION = "reqif/Polarion_01_anonimized_example/sample.reqif"
REFERENCE = "reqif/ci.eclipse.org_TC1800_E0000_S10_Reference_20210122_1256_jenkins/sample.reqif"

NOTHING = {"Agreed on", "Persons", "Priority", "ReqIF.ForeignID", "Safety", "Speed", "Verified by"}


def tree(document):
    """Return the document's blocks and requirements as indented names."""
    depth = {None: -1}
    lines = []
    for block in document.blocks:
        depth[block.external_id] = depth[block.parent] + 1
        lines.append("  " * depth[block.external_id] + block.name)
        lines += [
            "  " * (depth[block.external_id] + 1) + f"- {requirement.external_id}"
            for requirement in document.requirements
            if requirement.block == block.external_id
        ]
    return lines


def test_headings_are_blocks_and_nest():
    document, _ = drafted(LIFT).documents
    assert (document.external_id, document.name) == ("spec-lift", "Lift specification")
    assert document.description == "What the lift does"
    assert tree(document) == [
        "The cabin",
        "  - r-load",
        "  - r-overload",
        "  Doors",
        "    Closing",
        "      - r-close",
        "      - r-reopen",
    ]
    assert [each.external_id for each in document.requirements] == [
        "r-load",
        "r-overload",
        "r-close",
        "r-reopen",
    ]
    assert document.blocks[0].content == {"properties": {"ReqIF.ForeignID": "1"}}


def test_values_keep_their_types():
    load = drafted(LIFT).documents[0].requirements[0]
    assert load.name == "Load"
    assert load.description == (
        "The cabin carries eight persons, that is:\n- 630 kg\n- one <wheelchair>"
    )
    assert load.priority is RequirementPriority.CRITICAL
    assert load.properties == {
        "ReqIF.ForeignID": "LIFT-7",
        "Priority": None,
        "Verified by": ["Test", "Review"],
        "Persons": 8,
        "Speed": 1.6,
        "Safety": True,
        "Agreed on": "2026-02-28T12:00:00+00:00",
    }


def test_an_absent_value_is_said_to_be_empty():
    overload = drafted(LIFT).documents[0].requirements[1]
    assert overload.name == "An overloaded cabin stays where it is."
    assert overload.priority is None
    assert overload.properties == dict.fromkeys(NOTHING) | {"Priority": "Some day"}


def test_relations_are_links_told_our_way_round():
    links = [(each.source, each.type, each.target) for each in drafted(LIFT).links]
    assert links == [
        ("r-reopen", TraceLinkType.REFINES, "r-close"),
        ("r-overload", TraceLinkType.SATISFIES, "r-load"),
        ("h-doors", TraceLinkType.RELATES_TO, "r-load"),
    ]
    assert [each.description for each in drafted(LIFT).links] == [
        "refines",
        "Satisfied by",
        "Rhymes with",
    ]


def test_what_stands_in_no_specification_gets_a_document():
    draft = drafted(LIFT)
    loose = draft.documents[1]
    assert loose.name == "Lift (outside of specifications)"
    assert loose.external_id is None
    assert [each.name for each in loose.requirements] == ["Nowhere yet"]


def test_everything_is_counted_and_what_has_no_place_is_noted():
    draft = drafted(LIFT)
    assert draft.counts == {"specifications": 1, "objects": 7, "relations": 3}
    assert draft.notes == [
        "Lift specification: a document has no place for ReqIF.Prefix.",
        "Priority has no equivalent for 'Some day' (objects: 1); it is kept as a property.",
    ]


def test_the_file_of_doors_is_read_in_full():
    draft = drafted(sample(DOORS))
    (document,) = draft.documents
    assert draft.counts == {"specifications": 1, "objects": 3, "relations": 0}
    assert document.name == "AMR Standards Documents"
    assert document.description == "References to external governance standards"
    assert tree(document) == ["Carbon Trust Standard", "CRC and CCA", "Picture or Whitepaper"]
    assert document.requirements == []
    assert document.blocks[0].content["properties"] == {
        "ReqIF.ForeignID": 1,
        "ReqIF.ForeignCreatedBy": "susan",
        "ReqIF.ForeignCreatedThru": "Manual Input",  # the default of its definition
        "ReqIF.ForeignCreatedOn": "2011-07-01T00:00:00",
        "ReqIF.ForeignModifiedBy": "susan",
        "ReqIF.ForeignModifiedOn": "2011-07-01T00:00:00",
    }


def test_the_file_of_polarion_is_read_in_full():
    draft = drafted(sample(POLARION))
    (document,) = draft.documents
    assert draft.counts == {"specifications": 1, "objects": 101, "relations": 0}
    assert document.name == "Software Requirements Specifications"
    assert len(document.blocks) == 43
    assert len(document.requirements) == 58
    blocks = {block.external_id: block for block in document.blocks}
    block = blocks[document.requirements[0].block]
    depth = 0
    while block.parent:
        block, depth = blocks[block.parent], depth + 1
    assert depth == 1
    assert {requirement.description for requirement in document.requirements} == {
        "aaa",
        "Anonymized",
    }


def test_the_reference_case_is_read_in_full():
    draft = drafted(sample(REFERENCE))
    first, second = draft.documents
    assert draft.counts == {"specifications": 2, "objects": 6, "relations": 0}
    assert (first.name, second.name) == ("Spec1", "Spec2")
    names = [requirement.name for requirement in first.requirements]
    assert names == ["Obj-01", "Obj-03", "Obj-06", "Obj-07", "Obj-08", "Obj-09"]
    assert first.requirements[0].properties == {"A1": "no change", "A2": "no change", "E1": "one"}
    assert second.requirements == []


def test_an_attribute_can_be_mapped():
    columns = {"ReqIF.ForeignID": "name", "Persons": "ignore", "Verified by": "tags"}
    load = drafted(LIFT, columns=columns).documents[0].requirements[0]
    assert load.name == "LIFT-7"
    assert load.tags == ["Test", "Review"]
    assert load.properties.keys() == {
        "ReqIF.Name",
        "Priority",
        "Speed",
        "Safety",
        "Agreed on",
    }


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1"])
def test_the_encoding_a_file_declares_is_believed(encoding):
    text = lift(**{'encoding="UTF-8"': f'encoding="{encoding}"', "one &lt;": "größer als &lt;"})
    document = drafted_from(text.encode(encoding), "lift.reqif").documents[0]
    assert document.requirements[0].description.endswith("- größer als <wheelchair>")


def test_a_prefix_for_the_elements_of_reqif_changes_nothing():
    root = etree.fromstring(LIFT.read_bytes())
    space = etree.QName(root).namespace
    prefixed = etree.Element(root.tag, nsmap={"rif": space, "xhtml": root.nsmap["xhtml"]})
    prefixed.extend(list(root))
    data = etree.tostring(prefixed)
    assert b"<rif:SPEC-OBJECT " in data
    assert drafted_from(data, "lift.reqif").documents == drafted(LIFT).documents


def test_states_are_understood_under_their_own_names():
    text = lift(**{'LONG-NAME="Priority" MULTI': 'LONG-NAME="Status" MULTI', "Must": "Released"})
    load = drafted_from(text, "lift.reqif").documents[0].requirements[0]
    assert load.status is RequirementStatus.APPROVED


def test_dangling_and_circular_references_are_noted():
    text = lift(
        **{
            "<SPEC-OBJECT-REF>r-overload</SPEC-OBJECT-REF></OBJECT>": (
                "<SPEC-OBJECT-REF>gone</SPEC-OBJECT-REF></OBJECT>"
            ),
            "<SOURCE><SPEC-OBJECT-REF>r-reopen": "<SOURCE><SPEC-OBJECT-REF>r-close",
            "<SOURCE><SPEC-OBJECT-REF>h-doors": "<SOURCE><SPEC-OBJECT-REF>lost",
        }
    )
    draft = drafted_from(text, "lift.reqif")
    assert "Lift specification refers to 'gone', which is not there." in draft.notes
    assert "Relation 'l-1' joins an object with itself." in draft.notes
    assert "Relation 'l-3' refers to 'lost', which is not there." in draft.notes
    assert [link.source for link in draft.links] == ["r-overload"]


def test_an_archive_is_read_in_memory():
    other = lift(**{"spec-lift": "spec-2", "Lift specification": "Second", "Nowhere": "Still"})
    data = archive(**{"a.reqif": LIFT.read_text(), "b/b.REQIF": other, "b/picture.png": "PNG"})
    draft = drafted_from(data, "lift.reqifz")
    assert draft.counts == {"specifications": 2, "objects": 14, "relations": 6}
    assert [document.name for document in draft.documents][:2] == ["Lift specification", "Second"]
    assert draft.notes[0] == "1 attached files of the archive are not imported."
