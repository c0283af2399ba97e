"""The codes and messages for errors of PostgreSQL, in one table by SQLSTATE.

PostgreSQL documentation, appendix A. The first two characters of a state are its class; the longest
prefix in the table counts. None is a defect of ours: it is masked and logged.
"""

from collections.abc import Iterator

from db.problem import Problem

Meaning = tuple[str, str]
"""A code of `db.problem.CODES`, and the message."""

LENGTH = 5
"""Characters of a state."""
MAX_CHAIN_LENGTH = 5
POOL_EXHAUSTED = "3o7r"
"""SQLAlchemy's own number of "no connection within pool_timeout"; it has no SQL state."""
CONSTRAINTS = "23"
"""The class of constraint violations, which writes explain; elsewhere they are a defect."""

TOO_LONG: Meaning = ("TIMEOUT", "The database took too long.")
UNREACHABLE: Meaning = ("BUSY", "The database cannot be reached.")
NO_CAPACITY: Meaning = ("BUSY", "The database has no capacity left.")
NO_WRITES: Meaning = ("BUSY", "The database takes no writes.")
SAME_ROWS: Meaning = ("BUSY", "Someone else is changing the same rows.")
NO_SUCH_CHARACTER: Meaning = ("INVALID", "A text holds a character that cannot be stored.")

STATES: dict[str, Meaning | None] = {
    "00": None,
    "01": None,
    "02": None,
    "03": None,
    "08": UNREACHABLE,
    "09": None,
    "0A": None,
    "0B": None,
    "0F": None,
    "0L": None,
    "0P": None,
    "0Z": None,
    "10": None,
    "20": None,
    "21": None,
    "22": None,
    "22001": ("INVALID", "A text is too long."),
    "22003": ("INVALID", "A number is out of range."),
    "22008": ("INVALID", "A date is out of range."),
    "22021": NO_SUCH_CHARACTER,
    "22P02": ("INVALID", "A value is not valid."),
    "22P05": NO_SUCH_CHARACTER,
    "23": None,
    "23502": ("INVALID", "A value is missing."),
    "23503": ("NOT_FOUND", "Something this refers to does not exist."),
    "23505": ("ALREADY_EXISTS", "This exists already."),
    "23514": ("INVALID", "A value is not valid."),
    "23P01": ("CONFLICT", "This is in the way of something else."),
    "24": None,
    "25": None,
    "25006": NO_WRITES,
    "25P03": ("TIMEOUT", "The transaction took too long."),
    "25P04": ("TIMEOUT", "The transaction took too long."),
    "26": None,
    "27": None,
    "28": ("BUSY", "The database does not let the gateway in."),
    "2B": None,
    "2D": None,
    "2F": None,
    "2F002": NO_WRITES,
    "34": None,
    "38": None,
    "39": None,
    "3B": None,
    "3D": UNREACHABLE,
    "3F": None,
    "40": ("BUSY", "Someone else has changed the same rows meanwhile."),
    "42": None,
    "44": None,
    "53": NO_CAPACITY,
    "54": ("QUERY_TOO_COMPLEX", "The operation is too complex for the database."),
    "54000": ("INVALID", "A text is too long to be searched."),
    "55": None,
    "55006": SAME_ROWS,
    "55P03": SAME_ROWS,
    "57": ("BUSY", "The database has been interrupted."),
    "57014": TOO_LONG,
    "57P": ("BUSY", "The database is restarting."),
    "57P05": UNREACHABLE,
    "58": ("BUSY", "The database has a fault of its own."),
    "72": ("BUSY", "The database has forgotten what the operation was reading."),
    "F0": ("BUSY", "The database has a fault of its own."),
    "HV": None,
    "P0": None,
    "XX": None,
}
"""By the state or a prefix of it."""


def meaning(state: str) -> Meaning | None:
    """Return the code and message for a state; None for a defect of ours or an unknown state."""
    for length in (5, 3, 2):
        if state[:length] in STATES:
            return STATES[state[:length]]
    return None


def problem_of(error: BaseException) -> Problem | None:
    """Return the problem to report for an exception of a driver, or for its cause."""
    for link in chain(error):
        state = getattr(link, "sqlstate", None)
        if isinstance(state, str) and len(state) == LENGTH:
            found = None if state.startswith(CONSTRAINTS) else meaning(state)
            return Problem(*found) if found else None
        if getattr(link, "code", None) == POOL_EXHAUSTED:
            return Problem(*NO_CAPACITY)
        if getattr(link, "connection_invalidated", False):  # it was closed before it was asked
            return Problem(*UNREACHABLE)
    if isinstance(error, TimeoutError):
        return Problem(*TOO_LONG)
    return Problem(*UNREACHABLE) if isinstance(error, ConnectionError) else None


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and its causes, nearest first."""
    link: BaseException | None = error
    for _ in range(MAX_CHAIN_LENGTH):
        if link is None:
            return
        yield link
        link = getattr(link, "orig", None) or link.__cause__
