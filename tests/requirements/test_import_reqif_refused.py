"""ReqIF files and archives that are hostile or broken, each refused with one sentence."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.requirements.exchange import Limits
from tests.requirements.import_files import answer, archive, lift, refusal

BOMB = """<?xml version="1.0"?><!DOCTYPE REQ-IF [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;">]><REQ-IF>&c;</REQ-IF>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE REQ-IF [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<REQ-IF>&x;</REQ-IF>"""
REMOTE = '<!DOCTYPE REQ-IF SYSTEM "http://127.0.0.1/reqif.dtd"><REQ-IF/>'
DECLARES = "x.reqif: the file declares a document type or entities, which ReqIF does not have."

REFUSED = {
    "an entity bomb": (BOMB, DECLARES),
    "an external entity": (OUTSIDE, DECLARES),
    "a remote document type": (REMOTE, DECLARES),
    "an unknown encoding": (
        '<?xml version="1.0" encoding="klingon"?><REQ-IF/>',
        "x.reqif: the file's encoding cannot be read: unknown encoding: klingon.",
    ),
    "other XML": ("<html/>", "x.reqif: this is not ReqIF: its root element is <html>."),
    "nothing inside": (
        "<REQ-IF/>",
        "x.reqif: the file has no <CORE-CONTENT> with a <REQ-IF-CONTENT>.",
    ),
    "no header": (
        "<REQ-IF><THE-HEADER/></REQ-IF>",
        "x.reqif: line 1: <THE-HEADER> has no REQ-IF-HEADER.",
    ),
    "an object without a type": (
        lift(**{"<TYPE><SPEC-OBJECT-TYPE-REF>type-note</SPEC-OBJECT-TYPE-REF></TYPE>": ""}),
        "x.reqif: line 75: <SPEC-OBJECT> has no TYPE with a SPEC-OBJECT-TYPE-REF.",
    ),
    "a relation without a source": (
        lift(**{"<SOURCE><SPEC-OBJECT-REF>h-doors</SPEC-OBJECT-REF></SOURCE>": ""}),
        "x.reqif: line 143: <SPEC-RELATION> has no SOURCE with a SPEC-OBJECT-REF.",
    ),
    "an object without an identifier": (
        lift(**{' IDENTIFIER="r-close"': ""}),
        "x.reqif: line 116: <SPEC-OBJECT> has no IDENTIFIER.",
    ),
    "two objects of one identifier": (
        lift(**{'IDENTIFIER="r-close"': 'IDENTIFIER="r-load"'}),
        "x.reqif: lines 89 and 116 have the same IDENTIFIER 'r-load'.",
    ),
    "a value without a value": (
        lift(**{'STRING THE-VALUE="Load"': "STRING"}),
        "x.reqif: line 91: <ATTRIBUTE-VALUE-STRING> has no THE-VALUE.",
    ),
    "an enormous identifier": (
        lift(**{'IDENTIFIER="r-close"': f'IDENTIFIER="{"r" * 501}"'}),
        "x.reqif: line 116: an IDENTIFIER has more than 500 characters.",
    ),
    "an enormous text": (
        lift(**{"Doors close": "Doors close " * 12_000}),
        "x.reqif: ReqIF.Text of 'r-close' has more than 131,072 characters.",
    ),
    "a type of nothing known": (
        lift(**{"<SPEC-RELATION-TYPE ": "<SPEC-FEELING-TYPE "}),
        "x.reqif: this is not ReqIF that can be read; the reader stopped at <SPEC-FEELING-TYPE>.",
    ),
}

MALFORMED = {
    "truncated": (lift()[:9000], 106),
    "other bytes than declared": (lift(**{"one &lt;": "größer &lt;"}).encode("latin-1"), 94),
    "no XML": ("Name,Text\n", 1),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", 1),
    "a NUL": (lift(Load="Lo\0ad"), 91),
    "nested too deep": ("<REQ-IF>" + "<CHILDREN>" * 300 + "</CHILDREN>" * 300 + "</REQ-IF>", 1),
}
"""Files that are not XML, and the line of the fault; the parser writes the rest of the sentence."""


@pytest.mark.parametrize(("data", "line"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_xml_is_refused_where_it_ceases_to_be(data, line):
    sentence = refusal(data, "x.reqif")
    assert re.fullmatch(rf"x\.reqif: line {line}, column \d+: this is not XML: .+\.", sentence)


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_hostile_or_broken_is_refused(data, sentence):
    assert refusal(data, "x.reqif") == sentence


ARCHIVES = {
    "no zip": (b"PK\x03\x04rubbish", "this is not a zip archive: File is not a zip file."),
    "nothing in it": (archive(), "the archive holds no file that ends in .reqif."),
    "a way out": (
        archive(**{"../../etc/cron.d/x.reqif": "x"}),
        "the name '../../etc/cron.d/x.reqif' leads out of the archive.",
    ),
    "an absolute name": (
        archive(**{"/etc/x.reqif": "x"}),
        "the name '/etc/x.reqif' leads out of the archive.",
    ),
    "a drive": (
        archive(**{"C:\\x.reqif": "x"}),
        "the name 'C:\\\\x.reqif' leads out of the archive.",
    ),
    "a bomb": (
        archive(**{"a.reqif": " " * 3_000_000, "b.reqif": " " * 3_000_000}),
        "it unpacks to more than the limit of 5,000,000 bytes.",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_that_attacks_is_refused(data, sentence):
    limits = Limits(size=1_000_000)
    assert refusal(data, "x.reqifz", limits=limits) == f"x.reqifz: {sentence}"


def test_an_archive_that_lies_about_its_size_is_refused():
    data = archive(**{"a.reqif": " " * 2_000_000}).replace(
        (2_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    )
    assert refusal(data, "x.reqifz").startswith("x.reqifz: 'a.reqif' cannot be unpacked: Bad CRC")


def test_a_broken_member_is_refused():
    data = bytearray(archive(**{"a.reqif": lift()}))
    data[60] ^= 0xFF
    assert refusal(bytes(data), "x.reqifz").startswith("x.reqifz: 'a.reqif' cannot be unpacked: ")


def test_the_identity_of_an_object_is_not_for_choice():
    assert refusal(lift(), "x.reqif", columns={"ReqIF.ForeignID": "external_id"}) == (
        "x.reqif: the external id is always the object's IDENTIFIER; nothing else can be."
    )


def test_a_missing_attribute_is_named():
    assert refusal(lift(), "x.reqif", columns={"Weight": "name"}) == (
        "x.reqif: there is no attribute 'Weight'."
    )


def test_one_name_cannot_do_for_two_documents():
    assert refusal(lift(), "x.reqif", document="Lift") == (
        "x.reqif: one document cannot take all of the 2 in the file."
    )


def test_more_objects_than_the_limit_are_refused():
    assert refusal(lift(), "x.reqif", limits=Limits(items=3)) == (
        "x.reqif: there are more than 6 objects."
    )
    assert refusal(lift(), "x.reqif", limits=Limits(items=4)) == (
        "x.reqif: there are more than 4 requirements."
    )


LINES = lift().splitlines(keepends=True)
PLACES = st.integers(0, len(LINES) - 1)


@pytest.mark.slow
@given(PLACES, PLACES, st.sampled_from(("drop", "double", "swap")))
def test_no_damage_gets_out_as_anything_but_a_refusal(one, other, damage):
    lines = list(LINES)
    match damage:
        case "drop":
            del lines[one]
        case "double":
            lines.insert(one, lines[one])
        case "swap":
            lines[one], lines[other] = lines[other], lines[one]
    assert re.fullmatch(r"|INVALID x\.reqif: .+\.", answer("".join(lines), "x.reqif"))
