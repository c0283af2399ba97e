"""Imports and exports of 10,000 and 100,000 requirements in each format: speed and memory.

A command imports a file that another process has written, and exports it again: as it is, and after
one requirement in a hundred was changed. The memory is the most that the process has held, less
that of an import of one requirement; PostgreSQL runs beside it.
"""

import tempfile
from multiprocessing import get_context
from pathlib import Path

from uuid_utils.compat import uuid7

from bench.commands import Commands
from bench.stand import TEXT, Stand
from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftRequirement,
)
from graph.requirements.exchange.registry import write

SIZES = (10_000, 100_000)
FORMATS = ("csv", "xlsx", "reqif", "sdoc", "needs", "doorstop", "markdown")
BENEATH = 100
"""Requirements beneath a heading; one of ten has a trace link."""
EDIT = """UPDATE requirements SET name = name || ' (changed)', version = version + 1
    WHERE project_id = $1 AND substr(external_id, 3)::int % 100 = 0"""


async def measure(stand: Stand) -> None:
    """Print a line for each format and size."""
    commands = Commands(stand)
    with tempfile.TemporaryDirectory() as folder:
        first = _made("csv", 1, Path(folder))
        commands.idle = commands.run("import", str(first), "--project", await _project(stand))[1]
        print(f"an import of one requirement: {commands.idle:.0f} MB; more than that:")
        for size in SIZES:
            for format in FORMATS:
                print(await _measured(commands, format, size, Path(folder)), flush=True)


async def _measured(commands: Commands, format: str, size: int, folder: Path) -> str:
    file = _made(format, size, folder)
    project = await _project(commands.stand)
    here = ("--project", project, "--format", format)
    done = [commands.run("import", str(file), *here)]
    for number in range(2):
        target = folder / f"out-{format}-{size}-{number}{file.suffix}"
        done.append(commands.run("export", str(target), *here))
        target.unlink()
        await commands.stand.superuser.execute(EDIT, project)
    names = ("import", "export unchanged", "export changed")
    parts = [
        f"{name} {each.seconds:.0f} s ({size / each.seconds:,.0f}/s) {each.memory:.0f} MB"
        for name, each in zip(names, done, strict=True)
    ]
    megabytes = file.stat().st_size / 1e6
    return f"{size:>7,} {format:9} {megabytes:5.1f} MB: " + "; ".join(parts)


async def _project(stand: Stand) -> str:
    return str(await stand.project(0, 0, 0))


def _made(format: str, size: int, folder: Path) -> Path:
    """Write a file in another process, so that this one stays small; return its path."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_write, (format, size, folder))


def _write(format: str, size: int, folder: Path) -> Path:
    written = write(drafted(size, with_details=format != "reqif"), format, "Bench")
    path = folder / f"{uuid7().hex}{written.ending}"
    path.write_bytes(written.path.read_bytes())
    return path


def drafted(size: int, *, with_details: bool = True) -> Draft:
    """Return a document with this many requirements; `with_details` with fields and properties."""
    document = DraftDocument("Document", "document")
    draft = Draft([document], structured=True)
    for number in range(size):
        if number % BENEATH == 0:
            block = DraftBlock(f"B-{number}", f"Heading {number}")
            document.blocks.append(block)
        requirement = DraftRequirement(
            f"Requirement {number}", f"R-{number}", block.external_id, f"{TEXT[:62]}{number}"
        )
        if with_details:
            requirement.status, requirement.priority = (
                RequirementStatus.APPROVED,
                RequirementPriority.HIGH,
            )
            requirement.level = RequirementLevel.SYSTEM
            requirement.format = RequirementFormat.NATURAL_LANGUAGE
            requirement.tags = ["brakes", "safety"]
            requirement.properties = {"Effort": number, "Note": f"Note {number}"}
        document.requirements.append(requirement)
        if number % 10 == 1:
            ends = (f"R-{number}", f"R-{number - 1}")
            draft.links.append(DraftLink(*ends, TraceLinkType.DERIVED_FROM))
    return draft
