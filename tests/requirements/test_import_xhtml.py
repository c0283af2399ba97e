"""The markup of ReqIF as plain text."""

from xml.sax.saxutils import escape

import pytest
from lxml import etree

from graph.requirements.exchange.formats.reqif.xhtml import plain_text

MARKUP = {
    "paragraphs": ("<p>one</p><p>two</p>", "one\ntwo"),
    "a break": ("one<br/>two", "one\ntwo"),
    "white space": ("<div>\n  one\n  <b>two </b>\n  three\n</div>", "one two three"),
    "a list in a list": (
        "<ol><li>one<ul><li>in it</li></ul></li><li>two</li></ol>",
        "1. one\n  - in it\n2. two",
    ),
    "a table": (
        "<table><tr><th>a</th><th>b</th></tr><tr><td/><td><p>c</p><p>d</p></td></tr></table>",
        "a\tb\n\tc d",
    ),
    "text as it stands": ("<pre>one\n  two\n</pre>", "one\n  two"),
    "an object": ('see <object data="files/plan.png" type="image/png"/>', "see [files/plan.png]"),
    "an object with a text": ('<object data="x.png">a plan</object>', "a plan [x.png]"),
    "a picture": ('<img src="x.png" alt="the plan"/>', "[the plan]"),
    "characters": (escape("a < b & c"), "a < b & c"),
    "nothing": ("<div> </div>", ""),
}


@pytest.mark.parametrize(("markup", "text"), MARKUP.values(), ids=MARKUP)
def test_markup_is_read_as_lines_of_text(markup, text):
    assert plain_text(etree.fromstring(f"<THE-VALUE>{markup}</THE-VALUE>")) == text
