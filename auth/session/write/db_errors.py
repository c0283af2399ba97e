"""The refusals of writes, as Problems that a client can act on."""

from collections.abc import Sequence

import asyncpg
from sqlalchemy.exc import DBAPIError

from auth.session.write.merge import Change, Overlap
from db.base import Entity
from db.constraints import explain
from db.metering import too_much_read
from db.problem import Problem
from db.sqlstates import UNREACHABLE, meaning


def refusal(error: DBAPIError | asyncpg.PostgresError) -> Exception:
    """Return the Problem of a database error, or the error itself when it is a defect of ours."""
    if problem := too_much_read(error):
        return problem
    cause = getattr(error.orig, "__cause__", None) if isinstance(error, DBAPIError) else error
    state: str = getattr(cause, "sqlstate", None) or ""
    column: str | None = getattr(cause, "column_name", None)
    violation = explain(getattr(cause, "constraint_name", None) or "")
    found = meaning(state)
    if violation:
        return Problem(
            found[0] if found else "INVALID", violation.message, field=[violation.column]
        )
    if found:
        return Problem(*found, field=[column] if column else [])
    if getattr(error, "connection_invalidated", False):
        return Problem(*UNREACHABLE)
    return error


def lost() -> Problem:
    """Return the error of a broken connection, whose uncommitted work is rolled back."""
    return Problem("BUSY", "The connection to the database was lost. Try again.")


def missing(model: type[Entity], field: Sequence[str] = ()) -> Problem:
    """Return the one error for rows that do not exist and for rows that may not be seen."""
    return Problem("NOT_FOUND", f"There is no such {model.__name__}.", field=field)


def forbidden(model: type[Entity]) -> Problem:
    """Return the error for a row that may be read and not changed."""
    return Problem("FORBIDDEN", f"You may not change this {model.__name__}.")


def stale(row: Entity | None = None, overlaps: Sequence[Overlap] = ()) -> Problem:
    """Return the conflict of a row that has changed since the client's version, in these fields."""
    version = row.version if row is not None else None
    message = "The object has been changed since `expectedVersion`. Reload it."
    conflicts = [overlap.told() for overlap in overlaps]
    return Problem("CONFLICT", message, currentVersion=version, conflicts=conflicts)


def by_people(row: Entity, version: int, since: Sequence[Change]) -> list[Change]:
    """Return the changes since the version that people made, without renumbering by moves.

    `since` holds the recorded changes of the row after the version. Raises INVALID when the row
    never had it; CONFLICT when the record does not reach back so far, so that nothing can be
    compared.
    """
    if not 0 < version <= row.version:
        message = f"There is no such version; the latest is {row.version}."
        raise Problem("INVALID", message, field=["expected_version"])
    if [change.version for change in since] != list(range(version + 1, row.version + 1)):
        raise stale(row)
    return [change for change in since if not change.renumbered]
