"""Files of 10,000 and 100,000 requirements in each format, written and read without a database.

Each step runs in a process of its own: a draft is written anew, read, and written into the file
that it was imported from after one requirement in a hundred was changed. The memory is the most
that the process has held, less what it held before the step with its libraries loaded; the draft
that an export gathers is a part of it.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from bench.exchanging import FORMATS, SIZES, drafted
from bench.stand import Stand
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.spill import content_of
from graph.requirements.exchange.model.draft import Draft, Limits, StoredAs
from graph.requirements.exchange.model.versions import KeptImport, Versions
from graph.requirements.exchange.registry import read_as, write


class Cost(NamedTuple):
    """The cost of a step: seconds, and megabytes at most."""

    seconds: float
    memory: float


async def measure(_: Stand) -> None:
    """Print a line for each format and size."""
    report()


def report(sizes: tuple[int, ...] = SIZES, formats: tuple[str, ...] = FORMATS) -> None:
    """Print a line for each format and size."""
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            for format in formats:
                print(_line(format, size, Path(folder)), flush=True)


def _line(format: str, size: int, folder: Path) -> str:
    file = folder / f"{format}-{size}"
    steps = {"written": _written, "read": _read, "written back": _written_back}
    parts: list[str] = []
    for name, step in steps.items():
        with get_context("spawn").Pool(1) as pool:
            cost = pool.apply(_measured, (step, format, size, file))
        rate = size / cost.seconds
        parts.append(f"{name} {cost.seconds:.0f} s ({rate:,.0f}/s) {cost.memory:.0f} MB")
    return f"{size:>7,} {format:9} {file.stat().st_size / 1e6:5.1f} MB: " + "; ".join(parts)


Step = Callable[[str, int, Path], None]


def _measured(step: Step, format: str, size: int, file: Path) -> Cost:
    small = file.with_suffix(".small")
    for one in (_written, step) if step is not _written else (step,):
        one(format, 10, small)  # which loads the libraries
    before, start = _status("VmRSS:"), time.monotonic()
    step(format, size, file)
    return Cost(time.monotonic() - start, _status("VmHWM:") - before)


def _status(name: str) -> float:
    """Return a number of megabytes of this process (Linux)."""
    text = Path("/proc/self/status").read_text()
    return int(text.rpartition(name)[2].split()[0]) / 1024


def _written(format: str, size: int, file: Path) -> None:
    written = write(_draft(format, size), format, "Bench")
    file.with_suffix(".ending").write_text(written.ending)
    shutil.copy(written.path, file)


def _source(file: Path) -> Source:
    with file.open("rb") as opened:
        content = content_of(iter(lambda: opened.read(1 << 20), b""))
    return Source(f"file{file.with_suffix('.ending').read_text()}", content)


def _read(format: str, size: int, file: Path) -> None:
    draft = read_as(format, _source(file), chosen={}, limits=Limits())
    assert sum(len(each.requirements) for each in draft.documents) == size


def _written_back(format: str, size: int, file: Path) -> None:
    draft = _draft(format, size)
    versions = Versions.of_export(draft)
    for each in draft.documents[0].requirements[::100]:
        assert each.stored is not None
        each.name += " (changed)"
        each.stored = StoredAs(each.stored.id, 2)
    kept = KeptImport(UUID(int=0), _source(file), format, {}, versions)
    assert write(draft, format, "Bench", [kept]).size > file.stat().st_size


def _draft(format: str, size: int) -> Draft:
    """Return a draft as it is gathered for an export."""
    draft = drafted(size, with_details=format != "reqif")
    number = 0
    for document in draft.documents:
        document.stored = StoredAs(UUID(int=2**100), 1)
        document.id = document.stored.id
        for part in document.parts:
            number += 1
            part.stored = StoredAs(UUID(int=number), 1)
    for link in draft.links:
        number += 1
        link.stored = StoredAs(UUID(int=number), 1)
    return draft
