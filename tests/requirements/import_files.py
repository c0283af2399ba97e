"""Files to import: our own small ones, those made on the spot, and the public ones beside us."""

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
    """A public file by its path in the folder of samples, which a checkout may do without."""
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"There is no {name} in GATEWAY_SAMPLE_DATA ({SAMPLES}).")
    return path


def drafted(path: Path, **options: object) -> Draft:
    """What a file on disk says."""
    return read(load(path, Limits()), ImportOptions(**options))


def drafted_from(data: str | bytes, name: str = "table.csv", **options: object) -> Draft:
    """What these bytes say, as a file of this name."""
    data = data.encode() if isinstance(data, str) else data
    return read(Source(name, data), ImportOptions(**options))


def refusal(data: str | bytes, name: str = "table.csv", **options: object) -> str:
    """Why these bytes are refused: one sentence."""
    with pytest.raises(Problem) as caught:
        drafted_from(data, name, **options)
    assert caught.value.code == "INVALID"
    return caught.value.message


def answer(data: str | bytes, name: str = "table.csv") -> str:
    """Nothing when these bytes are read, or why they are refused; any other end is a defect."""
    try:
        drafted_from(data, name)
    except Problem as problem:
        return f"{problem.code} {problem.message}"
    return ""


def lift(**replaced):
    """The text of our own file, with some of its words replaced."""
    text = LIFT.read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def archive(**members):
    """A zip archive of these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return data.getvalue()
