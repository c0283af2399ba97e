"""Files on disk: refusals before a byte is read, whatever the format."""

import os
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from db.problem import Problem
from graph.cli import app
from graph.requirements.exchange import ImportOptions, Limits, Source, load, read
from tests.requirements.import_files import drafted

TABLE = "ID,Name\nR1,Stops\n"


def refused(path, limits=None):
    with pytest.raises(Problem) as caught:
        load(path, limits or Limits())
    assert caught.value.code == "INVALID"
    return caught.value.message


@contextmanager
def as_nobody():
    """Run without root, whom no permission stops."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_is_not_there(tmp_path):
    assert refused(tmp_path / "x.csv") == "x.csv: there is no such file."


def test_a_directory(tmp_path):
    (tmp_path / "x.csv").mkdir()
    assert refused(tmp_path / "x.csv") == "x.csv: this is a directory, not a file."


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    assert refused(tmp_path / "x.csv") == "x.csv: this is not an ordinary file."


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    assert refused(tmp_path / "x.csv") == "x.csv: the file is empty."


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(TABLE)
    path.chmod(0)
    with as_nobody():
        assert refused(path) == "x.csv: there is no permission to read this file."


def test_a_file_too_large_is_not_opened(tmp_path):
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.truncate(101 * 1024 * 1024)  # a hole: no such size on disk, nor to be read
    sentence = "x.csv: 105,906,176 bytes are more than the limit of 104,857,600."
    assert refused(path) == sentence


def test_the_limit_can_be_set(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(TABLE)
    assert refused(path, Limits(size=10)) == "x.csv: 17 bytes are more than the limit of 10."


def test_an_unknown_ending_is_no_format(tmp_path):
    path = tmp_path / "x.docx"
    path.write_text(TABLE)
    with pytest.raises(Problem) as caught:
        drafted(path)
    assert caught.value.message == (
        "x.docx: the format cannot be told from the ending; the formats are csv (.csv, .tsv, .txt),"
        " markdown (.md, .markdown), reqif (.reqif, .reqifz, .xml), needs (.json), sdoc (.sdoc,"
        " .zip) and xlsx (.xlsx, .xlsm)."
    )
    draft = read(load(path, Limits()), ImportOptions(format="csv"))
    assert draft.documents[0].name == "x"


@pytest.mark.parametrize(
    ("name", "content", "option"),
    [
        ("x.csv", TABLE, ("--create-tests",)),
        ("x.csv", TABLE, ("--product-version", "1")),
        ("x.csv", TABLE, ("--environment", "bench")),
        ("x.xml", "<testsuite/>", ("--map", "Name=name")),
        ("x.xml", "<testsuite/>", ("--document", "x")),
        ("x.xml", "<testsuite/>", ("--delimiter", ";")),
        ("x.xml", "<testsuite/>", ("--encoding", "cp1252")),
    ],
)
def test_an_option_that_does_nothing_for_the_file_is_refused(tmp_path, name, content, option):
    (tmp_path / name).write_text(content)
    arguments = ["import", str(tmp_path / name), "--project", "p", *option]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, Problem)
    assert error.message.startswith(f"{option[0]} cannot be used with ")


@pytest.mark.parametrize("option", [{"delimiter": ";"}, {"encoding": "cp1252"}])
def test_reqif_has_no_delimiter_and_no_encoding_of_ones_choice(option):
    with pytest.raises(Problem, match="those of a CSV file"):
        read(Source("x.reqif", b"<REQ-IF/>"), ImportOptions(**option))
