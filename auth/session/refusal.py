"""What a write is refused for, as the Problem a client can act on."""

from collections.abc import Sequence

import asyncpg
from sqlalchemy.exc import DBAPIError

from auth.session.merge import Change, Overlap
from db.base import Entity
from db.constraints import explain
from db.problem import Problem

REFUSALS = {
    "23502": ("INVALID", "A value is missing."),
    "22001": ("INVALID", "A value is too long."),
    "22003": ("INVALID", "A number is out of range."),
    "22P02": ("INVALID", "A value is not valid."),
    "22021": ("INVALID", "Text may not contain NUL characters."),
    "54000": ("INVALID", "A text is too long to be searched."),
    "22P05": ("INVALID", "Text may not contain NUL characters."),
    "23505": ("ALREADY_EXISTS", "This exists already."),
    "23503": ("NOT_FOUND", "Something this refers to does not exist."),
    "40001": ("BUSY", "Others are writing to the same rows; try again."),
    "40P01": ("BUSY", "Others are writing to the same rows; try again."),
    "55P03": ("BUSY", "Others are writing to the same rows; try again."),
    "57014": ("TIMEOUT", "The database took too long."),
}
"""By SQLSTATE (PostgreSQL documentation, appendix A): the code, and what to say by default."""

UNAVAILABLE = ("08", "53", "57P")
"""Classes of SQLSTATE in which the server, not the statement, is at fault."""


def refusal(error: DBAPIError | asyncpg.PostgresError) -> Exception:
    """The Problem behind a database error, or the error itself when it is a defect of ours."""
    cause = getattr(error.orig, "__cause__", None) if isinstance(error, DBAPIError) else error
    state: str = getattr(cause, "sqlstate", None) or ""
    column: str | None = getattr(cause, "column_name", None)
    violation = explain(getattr(cause, "constraint_name", None) or "")
    if violation:
        code, _ = REFUSALS.get(state, ("INVALID", ""))
        return Problem(code, violation.message, field=[violation.column])
    if state in REFUSALS:
        return Problem(*REFUSALS[state], field=[column] if column else [])
    if getattr(error, "connection_invalidated", False) or state.startswith(UNAVAILABLE):
        return Problem("BUSY", "The database is not available; try again.")
    return error


def no_connection() -> Problem:
    """Every connection is in use, and none was given back in time."""
    return Problem("BUSY", "The database has no connection to spare.")


def missing(model: type[Entity], field: Sequence[str] = ()) -> Problem:
    """The one answer for rows that are not there and for rows that may not be seen."""
    return Problem("NOT_FOUND", f"There is no such {model.__name__}.", field=field)


def forbidden(model: type[Entity]) -> Problem:
    """The row may be read and not changed."""
    return Problem("FORBIDDEN", f"You may not change this {model.__name__}.")


def stale(row: Entity | None = None, overlaps: Sequence[Overlap] = ()) -> Problem:
    """The row has moved on since the version the client has seen, in these fields."""
    version = row.version if row is not None else None
    message = "Someone has changed this since; reload it first."
    conflicts = [overlap.told() for overlap in overlaps]
    return Problem("CONFLICT", message, currentVersion=version, conflicts=conflicts)


def by_people(row: Entity, version: int, since: Sequence[Change]) -> list[Change]:
    """The changes since the version that somebody meant; that a move has renumbered a row is none.

    `since` holds what is recorded of the row after the version. INVALID when the row never had it;
    CONFLICT when the record does not reach back so far, so that nothing can be compared.
    """
    if not 0 < version <= row.version:
        message = f"There is no such version; the latest is {row.version}."
        raise Problem("INVALID", message, field=["expected_version"])
    if [change.version for change in since] != list(range(version + 1, row.version + 1)):
        raise stale(row)
    return [change for change in since if not change.renumbered]
