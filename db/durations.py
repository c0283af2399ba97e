"""Durations as text in ISO 8601, from weeks to microseconds."""

import re
from datetime import timedelta

_PARTS = ("weeks", "days", "hours", "minutes", "seconds", "microseconds")
_NUMBER = r"(\d{1,6})"
_FORM = re.compile(
    f"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    f"(?:T(?=\\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}(?:[.,]{_NUMBER})?S)?)?",
    re.ASCII,
)


def duration_of(text: str) -> timedelta:
    """Return the duration of a text such as `PT1H30M`. Raises ValueError.

    Years and months have no fixed length, and are refused.
    """
    found = _FORM.fullmatch(text)
    if found is None or text == "P":
        raise ValueError(text)
    numbers = [int(part or 0) for part in found.groups()]
    numbers[-1] = int((found[len(_PARTS)] or "").ljust(6, "0") or 0)
    return timedelta(**dict(zip(_PARTS, numbers, strict=True)))


def duration_text(duration: timedelta) -> str:
    """Return a duration in ISO 8601: days, hours, minutes and seconds."""
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    exact = f"{seconds}.{duration.microseconds:06}".rstrip("0").rstrip(".")
    day = f"{duration.days}D" if duration.days else ""
    numbers = ((str(hours), "H"), (str(minutes), "M"), (exact, "S"))
    time = "".join(f"{number}{unit}" for number, unit in numbers if number != "0")
    return f"P{day}T{time}" if time else f"P{day or 'T0S'}"
