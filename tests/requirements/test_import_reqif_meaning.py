"""The meaning of ReqIF beyond its text: defaults, markup, and references to other files."""

import pytest
from lxml import etree

from graph.requirements.exchange import Limits
from graph.requirements.exchange.formats.reqif.xhtml import plain_text
from tests.requirements.import_files import LIFT, archive, drafted_from, lift, refusal

SPEED = '<ATTRIBUTE-DEFINITION-REAL IDENTIFIER="a-speed" LONG-NAME="Speed">'
METHOD = (
    '<ATTRIBUTE-DEFINITION-ENUMERATION IDENTIFIER="a-method" LONG-NAME="Verified by"'
    ' MULTI-VALUED="true">'
)
SPEED_DEFAULT = (
    '<DEFAULT-VALUE><ATTRIBUTE-VALUE-REAL THE-VALUE="2.5"><DEFINITION>'
    "<ATTRIBUTE-DEFINITION-REAL-REF>a-speed</ATTRIBUTE-DEFINITION-REAL-REF></DEFINITION>"
    "</ATTRIBUTE-VALUE-REAL></DEFAULT-VALUE>"
)
METHOD_DEFAULT = (
    "<DEFAULT-VALUE><ATTRIBUTE-VALUE-ENUMERATION><VALUES><ENUM-VALUE-REF>method-review"
    "</ENUM-VALUE-REF></VALUES></ATTRIBUTE-VALUE-ENUMERATION></DEFAULT-VALUE>"
)
DEFAULTS = {SPEED: SPEED + SPEED_DEFAULT, METHOD: METHOD + METHOD_DEFAULT}


def objects(draft):
    return {each.external_id: each for doc in draft.documents for each in doc.requirements}


def test_what_an_object_does_not_give_has_the_default_of_its_definition():
    found = objects(drafted_from(lift(**DEFAULTS), "lift.reqif"))
    assert found["r-close"].properties["Speed"] == 2.5
    assert found["r-close"].properties["Verified by"] == ["Review"]
    assert found["r-load"].properties["Speed"] == 1.6
    assert found["r-load"].properties["Verified by"] == ["Test", "Review"]


def test_defaults_that_make_a_file_too_large_are_refused():
    text = lift(**DEFAULTS)
    limits = Limits(size=len(SPEED_DEFAULT) + len(METHOD_DEFAULT))
    message = refusal(text, "lift.reqif", limits=limits)
    assert message == (
        f"lift.reqif: its default values make more than the limit of {limits.size:,} bytes."
    )


MARKUP = {
    "a power": ("10<sup>6</sup> cycles, 10<sup>-3</sup> m", "10⁶ cycles, 10⁻³ m"),
    "an index": ("H<sub>2</sub>O, x<sub>i</sub>", "H₂O, x_i"),
    "a superscript of words": ("x<sup>a + b</sup>", "x^(a + b)"),
    "deleted and inserted": ("within <del>40</del> <ins>35</ins> m", "within [deleted: 40] 35 m"),
    "struck out": (
        '<span style="color: red; text-decoration: line-through">old</span> new',
        "[deleted: old] new",
    ),
    "a link": (
        '<a href="https://example.org/spec">the spec</a>',
        "the spec (https://example.org/spec)",
    ),
    "a link that is its address": (
        '<a href="https://example.org">https://example.org</a>',
        "https://example.org",
    ),
    "a list that goes on": ('<ol start="3"><li>c</li><li>d</li></ol>', "3. c\n4. d"),
    "an item with a number": ('<ol><li>a</li><li value="7">g</li></ol>', "1. a\n7. g"),
    "an item with paragraphs": ("<ul><li><p>b</p><p>c</p></li></ul>", "- b\nc"),
    "an embedded file": (
        '<object data="files/fig1.png">Figure</object>',
        "Figure [files/fig1.png]",
    ),
    "a formula": (
        "<math><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>",
        "mc²",
    ),
    "a fraction": (
        "<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>",
        "a/(b+1)",
    ),
}


@pytest.mark.parametrize(("markup", "text"), MARKUP.values(), ids=MARKUP)
def test_markup_that_carries_meaning_is_written_out(markup, text):
    assert plain_text(etree.fromstring(f"<THE-VALUE>{markup}</THE-VALUE>")) == text


def test_markup_that_is_not_known_keeps_its_text_and_is_noted():
    bold = "<xhtml:b>eight</xhtml:b>"
    draft = drafted_from(lift(**{bold: "<xhtml:ruby>eight</xhtml:ruby>"}), "lift.reqif")
    assert "carries eight persons" in objects(draft)["r-load"].description
    assert "Of <ruby> only the text is taken over (places: 1)." in draft.notes


def test_relations_and_specifications_reach_objects_in_other_files_of_an_archive():
    text = LIFT.read_text()
    start, end = text.index("<SPEC-RELATIONS>"), text.index("</SPEC-RELATIONS>")
    relations = text[start:end]
    without = text.replace(relations, "<SPEC-RELATIONS>")
    first, last = text.index("<SPEC-OBJECTS>"), text.index("</SPEC-OBJECTS>")
    bare = text.replace(text[first:last], "<SPEC-OBJECTS>").replace("spec-lift", "spec-other")
    whole = drafted_from(text, "lift.reqif")
    draft = drafted_from(archive(**{"a.reqif": without, "b.reqif": bare}), "lift.reqifz")
    assert [link.source for link in draft.links] == [link.source for link in whole.links]
    other = next(each for each in draft.documents if each.external_id == "spec-other")
    assert [each.external_id for each in other.requirements] == [
        each.external_id for each in whole.documents[0].requirements
    ]
    assert not [note for note in draft.notes if "not there" in note]
