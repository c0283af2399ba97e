"""Broken and hostile files of every format: one sentence that says what and where, or a reading."""

import io
import zipfile
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from db.problem import Problem
from db.requirements.requirements import RequirementStatus
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.importing import ImportOptions, read
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftRequirement,
    Limits,
)
from graph.requirements.exchange.registry import write, written_formats
from tests.requirements.import_files import archive

FORMATS = written_formats()
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    phases=[Phase.generate],
)
TEXTS = ("csv", "sdoc", "needs", "markdown", "reqif")
"""The formats of which one document is a file of text."""
ARCHIVES = {"sdoc": "a.sdoc", "markdown": "a.md", "doorstop": "REQ/R1.yml", "reqif": "a.reqif"}
"""The formats that are read from archives, and the name of a file in one."""
MEMORY = 1_000_000


@cache
def made(format, documents=1):
    """Return a small file of a format, and its ending."""
    rows = [
        DraftRequirement(
            "Stops", "R-1", "B", "Stops at caf\u00e9.\nSoon.", properties={"Effort": 8}
        ),
        DraftRequirement("Holds", "R-2", None, "Holds."),
    ]
    parts = [
        DraftDocument(f"Brakes {n}", f"d{n}", "About", [DraftBlock("B", "Heading")], list(rows))
        for n in range(documents)
    ]
    written = write(Draft(parts, structured=True), format, "Title")
    return written.data, written.ending


def outcome(data, format, ending, **limits):
    """Return the draft of a file, or the sentence with which it is refused."""
    options = ImportOptions(format=format, limits=Limits(**limits))
    problem = None
    try:
        return read(Source(f"x{ending}", data), options)
    except Problem as found:
        problem = found
    assert problem.code == "INVALID"
    assert problem.message.startswith(f"x{ending}")
    assert "\n" not in problem.message
    return problem.message


def told(draft):
    """Return the requirements of a draft by their IDs."""
    assert isinstance(draft, Draft), draft
    return {
        each.external_id: (each.name, each.description)
        for document in draft.documents
        for each in document.requirements
    }


@pytest.mark.parametrize("format", FORMATS)
@QUICK
@given(data=st.data())
def test_a_truncated_or_damaged_file_is_read_or_refused_with_one_sentence(format, data):
    content, ending = made(format, 1 if format == "csv" else data.draw(st.integers(1, 2)))
    end = data.draw(st.integers(0, len(content)))
    start = data.draw(st.integers(0, end))
    junk = data.draw(st.binary(max_size=4))
    damaged = content[:start] + junk + content[end:] if data.draw(st.booleans()) else content[:end]
    outcome(damaged, format, ending)


@pytest.mark.parametrize("format", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_unicode_with_a_byte_order_mark_is_read(format, encoding):
    content, ending = made(format)
    name = encoding.removesuffix("-sig")
    text = content.decode("utf-8-sig").replace("encoding='utf-8'", f"encoding='{name}'")
    assert told(outcome(text.encode(encoding), format, ending)) == told(
        outcome(content, format, ending)
    )


@pytest.mark.parametrize("format", TEXTS)
def test_another_encoding_is_refused_with_the_byte(format):
    content, ending = made(format)
    said = outcome(content.decode("utf-8-sig").encode("latin-1"), format, ending)
    assert isinstance(said, str)
    assert "line" in said
    assert "UTF-8" in said or "not XML" in said


@pytest.mark.parametrize("format", [each for each in TEXTS if each != "csv"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_mixed_line_ends_are_read_as_lines(format, end):
    content, ending = made(format)
    lines = content.decode().split("\n")
    ends = [end, "\n" if end == "\r\n" else end]  # of which no two are one line end together
    mixed = "".join(f"{line}{ends[n % 2]}" for n, line in enumerate(lines[:-1]))
    expected = told(outcome(content, format, ending))
    assert told(outcome((mixed + lines[-1]).encode(), format, ending)) == expected


def archive_with(content, ending, **members):
    """Return an archive of a document with other members."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return archive(**{f"first{ending}": content}, **members)
    data = io.BytesIO(content)
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return data.getvalue()


@pytest.mark.parametrize("format", ARCHIVES)
@pytest.mark.parametrize("path", ["../{}", "/{}", "..\\{}", "C:\\{}"])
def test_an_archive_whose_names_lead_out_of_it_is_refused(format, path):
    name = path.format(ARCHIVES[format])
    content, ending = made(format)
    said = outcome(archive_with(content, ending, **{name: "x"}), format, ".zip")
    assert said == f"x.zip: the name {name!r} leads out of the archive."


@pytest.mark.parametrize("format", ARCHIVES)
def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(format):
    content, ending = made(format)
    bomb = archive_with(content, ending, **{ARCHIVES[format]: " " * 6 * MEMORY})
    assert len(bomb) < MEMORY / 10
    said = outcome(bomb, format, ".zip", size=MEMORY)
    assert isinstance(said, str)
    assert "unpacks to more than the limit of" in said


@pytest.mark.parametrize("format", FORMATS)
def test_more_requirements_than_the_limit_are_refused(format):
    content, ending = made(format)
    said = outcome(content, format, ending, items=1)
    assert isinstance(said, str)
    assert "more than" in said or "limit" in said


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def test_entities_are_refused_before_they_are_expanded():
    content, ending = made("reqif")
    head, mark, rest = content.decode().partition("?>")
    said = outcome(f"{head}{mark}{ENTITIES}{rest}".encode(), "reqif", ending)
    fault = "the file declares a document type or entities, which ReqIF does not have."
    assert said == f"x{ending}: {fault}"


WORDS = {
    "needs": '"status": "draft"',
    "sdoc": "STATUS: draft",
    "markdown": "| Status | draft |",
    "csv": ",draft,",
}


@pytest.mark.parametrize("format", WORDS)
def test_a_value_that_no_enumeration_has_is_kept_and_noted(format):
    row = DraftRequirement("Stops", "R-1", None, "x", status=RequirementStatus.DRAFT)
    document = DraftDocument("D", "d", None, [], [row])
    written = write(Draft([document], structured=True), format, "Title")
    text, word = written.data.decode(), WORDS[format]
    assert word in text
    text = text.replace(word, word.replace("draft", "Galactic"))
    draft = outcome(text.encode(), format, written.ending)
    (found,) = draft.documents[0].requirements
    assert (found.status, "Galactic" in found.properties.values()) == (None, True)
    assert any("Galactic" in note for note in draft.notes)


TWICE = {
    "csv": "ID,Name\nR-1,Stops\nR-1,Holds\n",
    "sdoc": "[DOCUMENT]\nTITLE: D\n" + 2 * "\n[REQUIREMENT]\nUID: R-1\nTITLE: Stops\n",
    "markdown": "# D\n" + 2 * "\n## `R-1` Stops\n",
    "needs": '{"versions": {"1": {"needs": {"R-1": {"title": "a"}, "R-1": {"title": "b"}}}}}',
    "other keys": '{"versions": {"1": {"needs": {"a": {"id": "R-1"}, "b": {"id": "R-1"}}}}}',
}


@pytest.mark.parametrize(("format", "text"), TWICE.items(), ids=TWICE)
def test_an_id_that_is_there_twice_is_refused_with_the_id(format, text):
    format = format if format in FORMATS else "needs"
    said = outcome(text.encode(), format, f".{format}")
    assert isinstance(said, str)
    assert "R-1" in said
    assert any(word in said for word in ("same", "twice", "also"))
