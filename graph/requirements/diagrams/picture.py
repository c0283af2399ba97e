"""Pictures of diagrams as SVG: the frame, shapes of bounded numbers, and escaped text.

The values of elements come from clients, and rows can be older than the checks: each value is read
by `number`, `colour` or `escaped`, which never fail.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Any

MAX_DRAWN = 5_000
"""Elements of a picture, at most; further ones are left out."""
MAX_POINTS = 20_000
"""Points of all lines of a picture, at most."""
MAX_CHARACTERS = 100_000
"""Characters of all texts of a picture, at most."""
MAX_LINES = 200
"""Lines of one text, at most."""
LIMIT = 10_000_000.0
MARGIN = 16
EMPTY = (0.0, 0.0, 240.0, 120.0)
INVISIBLE = re.compile(
    "[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
"""The characters that XML 1.0 does not allow, or discourages."""
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,30}|(?:rgb|hsl)a?\([0-9., %]{5,40}\)")

Point = tuple[float, float]


def number(value: Any, default: float = 0.0) -> float:
    """Return a finite number within the limits; another value as the default."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return default
    return max(-LIMIT, min(LIMIT, float(value)))


def colour(value: Any, default: str) -> str:
    """Return a colour of CSS; anything else as the default."""
    is_colour = isinstance(value, str) and COLOUR.fullmatch(value)
    return str(value) if is_colour else default


def escaped(text: Any) -> str:
    """Return text of a document or attribute in XML."""
    return escape(INVISIBLE.sub("\ufffd", text)) if isinstance(text, str) else ""


def shown(value: float) -> str:
    """Return a number with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass
class Picture:
    """A picture that is being drawn: its parts, and what it may still have."""

    points_left: int = MAX_POINTS
    characters_left: int = MAX_CHARACTERS
    box: tuple[float, float, float, float] | None = None
    """The least and greatest coordinates so far: left, top, right, bottom."""

    def include(self, points: Iterable[Point]) -> None:
        """Make the picture large enough for these points."""
        for x, y in points:
            left, top, right, bottom = self.box or (x, y, x, y)
            self.box = (min(left, x), min(top, y), max(right, x), max(bottom, y))

    def points(self, given: Any) -> list[Point]:
        """Return the points of a line, as many as the picture may still have."""
        if not isinstance(given, list):
            return []
        found = [
            (number(point[0]), number(point[1]))
            for point in given[: self.points_left]
            if isinstance(point, list) and len(point) > 1
        ]
        self.points_left -= len(found)
        return found

    def lines(self, text: Any) -> list[str]:
        """Return the lines of a text, as many characters as the picture may still have."""
        if not isinstance(text, str):
            return []
        kept = text[: self.characters_left]
        self.characters_left -= len(kept)
        return kept.splitlines()[:MAX_LINES]

    def document(
        self, title: str, description: str, parts: Sequence[str], background: str, defs: str = ""
    ) -> str:
        """Return the SVG document, without scripts, styles or anything from elsewhere."""
        left, top, right, bottom = self.box or EMPTY
        x, y = left - MARGIN, top - MARGIN
        width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
        frame = " ".join(map(shown, (x, y, width, height)))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{frame}" role="img"'
            f' width="{shown(width)}" height="{shown(height)}"'
            ' aria-labelledby="title description" font-family="sans-serif">'
            f'<title id="title">{escaped(title)}</title>'
            f'<desc id="description">{escaped(description)}</desc>{defs}'
            f'<rect x="{shown(x)}" y="{shown(y)}" width="{shown(width)}" height="{shown(height)}"'
            f' fill="{background}"/>{"".join(parts)}</svg>'
        )


def texts(
    lines: Sequence[str], x: float, y: float, size: float, height: float, fill: str, anchor: str
) -> str:
    """Return lines of text beneath each other; `y` is the middle of the first line."""
    spans = "".join(
        f'<tspan x="{shown(x)}" y="{shown(y + index * height)}">{escaped(line)}</tspan>'
        for index, line in enumerate(lines)
    )
    return (
        f'<text font-size="{shown(size)}" fill="{fill}" text-anchor="{anchor}"'
        f' dominant-baseline="central" xml:space="preserve">{spans}</text>'
    )


def polyline(points: Iterable[Point]) -> str:
    """Return the value of `points` of a line."""
    return " ".join(f"{shown(x)},{shown(y)}" for x, y in points)


def member(value: Any, name: str) -> Any:
    """Return a member of a JSON object; None of any other value."""
    return value.get(name) if isinstance(value, Mapping) else None
