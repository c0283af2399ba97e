"""Failures that whoever typed a command can mend, in one sentence each."""

from pydantic import ValidationError

from db.audit.chain import ChainBrokenError
from db.embedded_programs import EmbeddedError
from db.problem import Problem
from db.server import UnreachableError
from graph.commands.database import NotMigratedError
from graph.commands.server import ServeError
from graph.settings import SettingsError

MENDABLE = (
    UnreachableError,
    EmbeddedError,
    NotMigratedError,
    ServeError,
    SettingsError,
    ChainBrokenError,
)


def sentence(error: Exception) -> str | None:
    """What to tell the person; None when the failure is a defect and needs its traceback."""
    if isinstance(error, Problem):
        return error.message
    if isinstance(error, ValidationError) and error.title == "Settings":
        return " ".join(
            f"{str(part['loc'][0]).upper() if part['loc'] else 'Settings'}: {part['msg']}."
            for part in error.errors()
        )
    return str(error) if isinstance(error, MENDABLE) else None
