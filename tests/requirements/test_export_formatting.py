"""Texts of an imported ReqIF file that are edited: what did not change keeps its formatting."""

import copy
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.importing import ImportOptions, read
from graph.requirements.exchange.model.draft import StoredAs
from tests.requirements.import_files import lift
from tests.requirements.originals import Kept

DIVISION = re.compile(r"<xhtml:div>.*?<xhtml:b>eight.*?</xhtml:div>", re.DOTALL)
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    phases=[Phase.generate],
)


class Formatted:
    """A requirement with this XHTML in an imported file."""

    def __init__(self, markup):
        self.before, (found,) = lift(), DIVISION.findall(lift())
        self.kept = Kept(self.before.replace(found, markup).encode())
        (self.number,) = [
            n for n, each in enumerate(self._rows(self.kept.draft)) if each.external_id == ROW
        ]

    def _rows(self, draft):
        return [each for document in draft.documents for each in document.requirements]

    @property
    def text(self):
        return self._rows(self.kept.draft)[self.number].description

    def written(self, text):
        """Return the XHTML after an edit, and the text that it is read as."""
        draft = copy.deepcopy(self.kept.draft)
        row = self._rows(draft)[self.number]
        row.description, row.stored = text, StoredAs(row.stored.id, 2)
        data = self.kept.written(draft)
        again = self._rows(read(Source("again.reqif", data), ImportOptions()))[self.number]
        element = data.decode().partition(f'IDENTIFIER="{ROW}"')[2].partition("</SPEC-OBJECT>")[0]
        return element.partition("<THE-VALUE>")[2].partition("</THE-VALUE>")[0].strip(), again


ROW = "r-load"
PAGE = """<xhtml:div>
  <xhtml:p class="a">The <xhtml:b>car</xhtml:b> stops &#8212; soon.</xhtml:p>
  <xhtml:ul><xhtml:li>first <xhtml:i>item</xhtml:i></xhtml:li><xhtml:li>second</xhtml:li></xhtml:ul>
  <xhtml:p>It holds <xhtml:sub>2</xhtml:sub> people.</xhtml:p>
</xhtml:div>"""
EDITS = {
    "a word keeps the formatting of those around it": (
        ("stops", "halts"),
        ("stops &#8212;", "halts \u2014"),
    ),
    "a bold word is replaced in bold": (
        ("car", "train"),
        ("car</xhtml:b> stops &#8212;", "train</xhtml:b> stops \u2014"),
    ),
    "an item of a list": (("second", "third one"), (">second<", ">third one<")),
    "a paragraph is added": (
        ("\nIt holds", "\nIt is new.\nIt holds"),
        ("\n  <xhtml:p>It holds", "\n  <xhtml:p>It is new.</xhtml:p>\n  <xhtml:p>It holds"),
    ),
    "a paragraph is removed": (
        ("The car stops \u2014 soon.\n", ""),
        ('\n  <xhtml:p class="a">The <xhtml:b>car</xhtml:b> stops &#8212; soon.</xhtml:p>', ""),
    ),
}


@pytest.mark.parametrize(("edit", "differs"), EDITS.values(), ids=EDITS)
def test_an_edit_of_a_formatted_text_changes(edit, differs):
    formatted = Formatted(PAGE)
    assert edit[0] in formatted.text
    text = formatted.text.replace(*edit)
    markup, again = formatted.written(text)
    assert again.description == text
    assert markup == PAGE.replace(*differs)


def test_a_text_in_one_line_keeps_what_is_bold():
    formatted = Formatted("<xhtml:div>The <xhtml:b>big car</xhtml:b> <xhtml:br/>stops.</xhtml:div>")
    markup, again = formatted.written("The big red car\nstops now.")
    assert again.description == "The big red car\nstops now."
    assert markup == (
        "<xhtml:div>The <xhtml:b>big red car</xhtml:b> <xhtml:br/>stops now.</xhtml:div>"
    )


def test_a_text_that_its_formatting_cannot_say_is_written_plainly():
    formatted = Formatted(PAGE)
    text = "Two  spaces\nand <xhtml:b>no</xhtml:b> markup"
    markup, again = formatted.written(text)
    assert again.description == text
    assert "<xhtml:b>" not in markup


WORDS = st.sampled_from(["car", "stops", "&amp;", "8", "now.", "\u00e9"])
INLINE = st.one_of(
    WORDS, st.builds("<xhtml:{1}>{0}</xhtml:{1}>".format, WORDS, st.sampled_from("biu"))
)
LINE = st.lists(INLINE, min_size=1, max_size=6).map(" ".join)
BLOCK = st.one_of(
    LINE.map("<xhtml:p>{}</xhtml:p>".format),
    LINE.map("<xhtml:div>{}</xhtml:div>".format),
    st.lists(LINE, min_size=1, max_size=3).map(
        lambda items: (
            f"<xhtml:ul>{''.join(f'<xhtml:li>{one}</xhtml:li>' for one in items)}</xhtml:ul>"
        )
    ),
)


@QUICK
@given(
    blocks=st.lists(BLOCK, min_size=2, max_size=5),
    place=st.integers(0, 30),
    word=st.sampled_from(["new", "a < b", "x\ny", ""]),
)
def test_any_edit_is_read_as_it_was_made_and_leaves_other_blocks_alone(blocks, place, word):
    formatted = Formatted(f"<xhtml:div>{''.join(blocks)}</xhtml:div>")
    lines = formatted.text.split("\n")
    at = place % len(lines)
    lines[at] = f"{lines[at]} {word}" if word else lines[at][:-1].rstrip() or "x"
    text = "\n".join(lines)
    markup, again = formatted.written(text)
    assert again.description == text
    kept = sum(block in markup for block in blocks)
    assert kept >= len(blocks) - 1 or "-" in lines[at][:1] or "\n" in word
