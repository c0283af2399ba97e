"""Failures that the person at the command line can correct, in one sentence each."""

import asyncpg
from pydantic import ValidationError

from db.audit.chain import ChainBrokenError
from db.embedded.programs import EmbeddedError
from db.problem import Problem
from db.server import UnreachableError
from db.sqlstates import chain, meaning
from graph.commands.database import NotMigratedError
from graph.commands.schema_changes import SchemaFileError
from graph.commands.server import ServeError
from graph.settings import SettingsError

NOT_OURS = (
    asyncpg.InsufficientPrivilegeError.sqlstate,
    asyncpg.UndefinedTableError.sqlstate,
    asyncpg.InvalidSchemaNameError.sqlstate,
)
"""Further SQLSTATEs that are no defects: missing privileges, tables or schemas."""
MENDABLE = (
    UnreachableError,
    EmbeddedError,
    NotMigratedError,
    ServeError,
    SettingsError,
    SchemaFileError,
    ChainBrokenError,
)


def sentence(error: Exception) -> str | None:
    """Return the sentence to print, or None for a defect, which needs its traceback."""
    if isinstance(error, Problem):
        return error.message
    if isinstance(error, ValidationError) and error.title == "Settings":
        return " ".join(
            f"{str(part['loc'][0]).upper() if part['loc'] else 'Settings'}:"
            f" {part['msg'].removeprefix('Value error, ')}."
            for part in error.errors()
        )
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error) if isinstance(error, MENDABLE) else _refused(error)


def _refused(error: Exception) -> str | None:
    """Return the sentence for a refusal or a lost connection, or None for a defect of ours."""
    for link in chain(error):
        state = getattr(link, "sqlstate", None)
        if isinstance(link, asyncpg.PostgresError) and isinstance(state, str):
            ours = meaning(state) is None and state not in NOT_OURS
            return None if ours else f"The database refuses: {str(link).partition(chr(10))[0]}."
        if isinstance(link, ConnectionError | TimeoutError | asyncpg.InterfaceError):
            return f"The connection to the database was lost: {link or 'it does not answer'}."
    return None
