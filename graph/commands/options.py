"""Options of a command that do nothing beside others: they are refused."""

from collections.abc import Mapping

from db.problem import Problem


def refuse_options(options: Mapping[str, object], what: str) -> None:
    """Refuse those options that were given. Raises INVALID, which says what makes them idle."""
    if given := [name for name, value in options.items() if value]:
        message = f"{', '.join(given)} cannot be used with {what}; leave out what does nothing."
        raise Problem("INVALID", message)
