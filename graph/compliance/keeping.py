"""Frameworks as the operator keeps them: added from files, deactivated, listed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from db.pool import NOBODY, Database
from db.problem import Problem
from graph.compliance.definitions import CATALOGUE, MAX_FILE_SIZE, FrameworkFile, read_framework

ADD = """
SELECT f.code, f.name, f.revision, f.active, jsonb_array_length(f.definition -> 'requirements')
    AS requirements
FROM ctx.add_framework($1, $2, $3, $4::jsonb) AS f
"""
DEACTIVATE = """
SELECT f.code, f.name, f.revision, f.active, jsonb_array_length(f.definition -> 'requirements')
    AS requirements
FROM ctx.deactivate_framework($1) AS f WHERE f.id IS NOT NULL
"""
LIST = """
SELECT f.code, f.name, f.revision, f.active, jsonb_array_length(f.definition -> 'requirements')
    AS requirements
FROM frameworks AS f ORDER BY f.code
"""


class Kept(NamedTuple):
    """A framework, with the number of its requirements."""

    code: str
    name: str
    revision: int
    active: bool
    requirements: int

    def __str__(self) -> str:
        state = "" if self.active else ", not active"
        return (
            f"{self.code}  {self.name}: revision {self.revision}, {self.requirements}"
            f" requirements{state}"
        )


def file_of(name: str) -> FrameworkFile:
    """Return the framework of a file, or the one with this code that comes with the gateway.

    Raises INVALID for a file that is none, and NOT_FOUND.
    """
    included = CATALOGUE / f"{name}.json"
    path = included if name.isalnum() and included.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CATALOGUE.glob("*.json")))
        message = f"There is no file {name}. The gateway comes with {known}."
        raise Problem("NOT_FOUND", message)
    with path.open("rb") as file:
        return read_framework(file.read(MAX_FILE_SIZE + 1))


async def add(database: Database, file: FrameworkFile) -> Kept:
    """Add a framework, or a new revision of it if anything was changed."""
    definition = orjson.dumps(file.definition.model_dump(mode="json", exclude_unset=True)).decode()
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(ADD, file.code, file.name, file.description, definition)
    assert row is not None  # noqa: S101 (the function returns the framework)
    return Kept(*row)


async def deactivate(database: Database, code: str) -> Kept:
    """End new assessments against a framework. Raises NOT_FOUND."""
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(DEACTIVATE, code)
    if row is None:
        raise Problem("NOT_FOUND", f"There is no framework {code}.")
    return Kept(*row)


async def listed(database: Database) -> Sequence[Kept]:
    """Return all frameworks by their codes."""
    async with database.auth.lend(NOBODY) as lent:
        return [Kept(*row) for row in await lent.fetch(LIST)]
