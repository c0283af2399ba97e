"""Files to import: our own small ones, generated ones, and the public samples."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from db.problem import Problem
from graph.requirements.exchange import Draft, ImportOptions, Limits, Source, load, read

LIFT = Path(__file__).parent / "files" / "lift.reqif"
SAMPLES = Path(
    os.environ.get("GATEWAY_SAMPLE_DATA") or Path(__file__).parents[3] / "shared" / "data"
)


def sample(name: str) -> Path:
    """Return a public file by its path in the folder of samples, which a checkout may lack."""
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"There is no {name} in GATEWAY_SAMPLE_DATA ({SAMPLES}).")
    return path


def drafted(path: Path, **options: object) -> Draft:
    """Return the draft of a file on disk."""
    return read(load(path, Limits()), ImportOptions(**options))


def drafted_from(data: str | bytes, name: str = "table.csv", **options: object) -> Draft:
    """Return the draft of these bytes, as a file of this name."""
    data = data.encode() if isinstance(data, str) else data
    return read(Source(name, data), ImportOptions(**options))


def refusal(data: str | bytes, name: str = "table.csv", **options: object) -> str:
    """Return the sentence with which these bytes are refused."""
    with pytest.raises(Problem) as caught:
        drafted_from(data, name, **options)
    assert caught.value.code == "INVALID"
    return caught.value.message


def answer(data: str | bytes, name: str = "table.csv") -> str:
    """Return None when these bytes are read, or the refusal; any other error is a defect."""
    try:
        drafted_from(data, name)
    except Problem as problem:
        return f"{problem.code} {problem.message}"
    return ""


def lift(**replaced):
    """Return the text of our own file, with some of its words replaced."""
    text = LIFT.read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def archive(**members):
    """Return a zip archive of these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return data.getvalue()
