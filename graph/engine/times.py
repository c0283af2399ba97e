"""Times in answers: as PostgreSQL writes them, with the fraction that Python would write."""

from datetime import datetime

LENGTH = len("2026-11-30T20:14:02.123456+00:00")
"""Characters of a time that is written as it is read: PostgreSQL leaves out zeros at the end."""


def time_code(place: int) -> str:
    """Return the code of a time in a record, which was read in the form `time`."""
    column = f"c{place}"
    return f"({column} if {column} is None or len({column}) == {LENGTH} else whole({column}))"


def whole(text: str) -> str:
    """Return a time with six digits of a fraction, or none. Raises ValueError for no such time."""
    return datetime.fromisoformat(text).isoformat()
