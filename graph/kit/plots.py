"""Plots as SVG, drawn on the server: lines over days, readable without colours and by voice.

A plot has a title and a description, which screen readers say, and a table with the same numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 40, 36
"""Margins around the lines, in pixels: for numbers, names and days."""
TICKS = 4
"""Horizontal lines of the grid, at most."""
STYLES = (("#1f5fa8", ""), ("#b3421f", "6 4"), ("#2f7d4f", "2 3"), ("#6b4fa0", "10 3 2 3"))
"""The colour and the dashes of each line, so that lines differ without colours."""


@dataclass(frozen=True)
class Series:
    """One line: its name, and a number for each day."""

    name: str
    values: Sequence[int]


@dataclass(frozen=True)
class Plot:
    """Lines over the same days, which are texts in ISO 8601 format."""

    title: str
    days: Sequence[str]
    series: Sequence[Series]

    @property
    def description(self) -> str:
        """Return a sentence with the first, the last and the largest number of each line."""
        told = (
            f"{one.name}: {one.values[0]} at first, {one.values[-1]} at last,"
            f" {max(one.values)} at most."
            for one in self.series
        )
        return f"From {self.days[0]} to {self.days[-1]}. {' '.join(told)}"


def svg(plot: Plot) -> str:
    """Return the plot as an SVG document, without scripts, styles or anything from elsewhere."""
    title, description = escape(plot.title), escape(plot.description)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-labelledby="plot-title plot-description" font-family="sans-serif" font-size="12">'
        f'<title id="plot-title">{title}</title>'
        f'<desc id="plot-description">{description}</desc>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f"{''.join(_drawn(plot))}</svg>"
    )


def table(plot: Plot) -> str:
    """Return the same numbers as an HTML table, the latest day first."""
    names = "".join(f'<th scope="col">{escape(one.name)}</th>' for one in plot.series)
    rows = [
        f'<tr><th scope="row">{day}</th>'
        + "".join(f"<td>{one.values[place]}</td>" for one in plot.series)
        + "</tr>"
        for place, day in reversed(list(enumerate(plot.days)))
    ]
    return (
        f"<table><caption>{escape(plot.title)}</caption>"
        f'<thead><tr><th scope="col">Day</th>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _drawn(plot: Plot) -> Iterator[str]:
    step = _step(max((max(one.values) for one in plot.series), default=0))
    top = step * TICKS
    for tick in range(TICKS + 1):
        y = _y(tick * step, top)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#d5d9de"/>'
        yield (
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444c56">'
            f"{tick * step}</text>"
        )
    for x, anchor, day in (
        (LEFT, "start", plot.days[0]),
        (WIDTH - RIGHT, "end", plot.days[-1]),
    ):
        yield (
            f'<text x="{x}" y="{HEIGHT - 12}" text-anchor="{anchor}" fill="#444c56">{day}</text>'
        )
    for place, one in enumerate(plot.series):
        colour, dashes = STYLES[place % len(STYLES)]
        points = " ".join(
            f"{_x(i, len(plot.days)):.1f},{_y(value, top):.1f}"
            for i, value in enumerate(one.values)
        )
        line = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"'
        yield f'<polyline points="{points}" {line}/>'
        x = LEFT + place * 160
        yield f'<path d="M{x} 20H{x + 28}" {line}/>'
        yield f'<text x="{x + 34}" y="24" fill="#1c2128">{escape(one.name)}</text>'


def _step(largest: int) -> int:
    """Return the distance of the grid's lines: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * TICKS >= largest:
                return factor * power
        power *= 10


def _x(place: int, number: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (place / (number - 1) if number > 1 else 0.5)


def _y(value: int, top: int) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)
