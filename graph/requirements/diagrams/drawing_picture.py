"""The picture of a drawing of Excalidraw: its shapes with plain strokes, in their order.

Of images the frame is drawn: their contents are not stored.
"""

from collections.abc import Callable, Mapping, Sequence
from math import atan2, cos, degrees, pi, sin
from typing import Any

from graph.requirements.diagrams.picture import (
    MAX_DRAWN,
    Picture,
    Point,
    colour,
    escaped,
    member,
    number,
    polyline,
    shown,
    texts,
)

INK, PAPER = "#1e1e1e", "#ffffff"
DASHES = {"dashed": "8 6", "dotted": "2 5"}
ROUNDED = 12
"""The radius of rounded corners, in pixels."""
HEAD = 12
"""The length of the head of an arrow, in pixels."""
ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def drawing_svg(name: str | None, data: Mapping[str, Any]) -> str:
    """Return a stored drawing as SVG."""
    picture, parts = Picture(), []
    elements = data.get("elements")
    living = [
        element
        for element in (elements if isinstance(elements, list) else [])
        if isinstance(element, Mapping) and not element.get("isDeleted")
    ]
    for element in living[:MAX_DRAWN]:
        draw = SHAPES.get(str(element.get("type")))
        if draw is not None:
            parts.append(_placed(element, draw(picture, element)))
    background = colour(member(data.get("appState"), "viewBackgroundColor"), PAPER)
    said = ", ".join(picture_texts(living))
    description = f"A drawing of {len(living)} elements. {said}"
    return picture.document(name or "Drawing", description[:2_000], parts, background)


def picture_texts(elements: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the first texts of a drawing, for its description."""
    found = (element.get("text") for element in elements if element.get("type") == "text")
    return [text for text in found if isinstance(text, str)][:50]


def _placed(element: Mapping[str, Any], shape: str) -> str:
    """Return a shape in a group that names its element, turned by its angle."""
    x, y, width, height = _frame(element)
    turned = ""
    if angle := number(element.get("angle")):
        middle = f"{shown(x + width / 2)} {shown(y + height / 2)}"
        turned = f' transform="rotate({shown(degrees(angle) % 360)} {middle})"'
    opacity = max(0.0, min(1.0, number(element.get("opacity"), 100) / 100))
    seen = f' opacity="{shown(opacity)}"' if opacity < 1 else ""
    return f'<g data-element="{escaped(element.get("id"))}"{turned}{seen}>{shape}</g>'


def _frame(element: Mapping[str, Any]) -> tuple[float, float, float, float]:
    x, y, width, height = (number(element.get(name)) for name in ("x", "y", "width", "height"))
    return x, y, width, height


def _corners(element: Mapping[str, Any]) -> list[Point]:
    """Return the corners of an element, turned by its angle."""
    x, y, width, height = _frame(element)
    angle = number(element.get("angle")) % (2 * pi)
    middle_x, middle_y = x + width / 2, y + height / 2
    found = []
    for corner_x, corner_y in ((x, y), (x + width, y), (x, y + height), (x + width, y + height)):
        away_x, away_y = corner_x - middle_x, corner_y - middle_y
        found.append(
            (
                middle_x + away_x * cos(angle) - away_y * sin(angle),
                middle_y + away_x * sin(angle) + away_y * cos(angle),
            )
        )
    return found


def _style(element: Mapping[str, Any], *, filled: bool = True) -> str:
    stroke = colour(element.get("strokeColor"), INK)
    width = max(0.5, min(100.0, number(element.get("strokeWidth"), 1)))
    fill = colour(element.get("backgroundColor"), "none") if filled else "none"
    fill = "none" if fill == "transparent" else fill
    dashes = DASHES.get(str(element.get("strokeStyle")))
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{stroke}" stroke-width="{shown(width)}" fill="{fill}"{dashed}'


def _rectangle(picture: Picture, element: Mapping[str, Any]) -> str:
    picture.include(_corners(element))
    x, y, width, height = _frame(element)
    x, width = (x + width, -width) if width < 0 else (x, width)
    y, height = (y + height, -height) if height < 0 else (y, height)
    radius = min(ROUNDED, width / 4, height / 4) if element.get("roundness") else 0
    return (
        f'<rect x="{shown(x)}" y="{shown(y)}" width="{shown(width)}" height="{shown(height)}"'
        f' rx="{shown(radius)}" {_style(element)}/>'
    )


def _ellipse(picture: Picture, element: Mapping[str, Any]) -> str:
    picture.include(_corners(element))
    x, y, width, height = _frame(element)
    return (
        f'<ellipse cx="{shown(x + width / 2)}" cy="{shown(y + height / 2)}"'
        f' rx="{shown(abs(width) / 2)}" ry="{shown(abs(height) / 2)}" {_style(element)}/>'
    )


def _diamond(picture: Picture, element: Mapping[str, Any]) -> str:
    picture.include(_corners(element))
    x, y, width, height = _frame(element)
    points = (
        (x + width / 2, y),
        (x + width, y + height / 2),
        (x + width / 2, y + height),
        (x, y + height / 2),
    )
    return f'<polygon points="{polyline(points)}" {_style(element)}/>'


def _line(picture: Picture, element: Mapping[str, Any]) -> str:
    x, y, *_ = _frame(element)
    points = [(x + dx, y + dy) for dx, dy in picture.points(element.get("points"))]
    picture.include(points)
    closed = len(points) > 2 and points[0] == points[-1]  # noqa: PLR2004 (a triangle)
    drawn = (
        f'<polyline points="{polyline(points)}" {_style(element, filled=closed)}'
        ' stroke-linecap="round" stroke-linejoin="round"/>'
    )
    if element.get("type") == "arrow" and len(points) > 1:
        if element.get("endArrowhead", "arrow"):
            drawn += _head(element, points[-2], points[-1])
        if element.get("startArrowhead"):
            drawn += _head(element, points[1], points[0])
    return drawn


def _head(element: Mapping[str, Any], before: Point, tip: Point) -> str:
    """Return the head of an arrow: two strokes that meet in its tip."""
    direction = atan2(tip[1] - before[1], tip[0] - before[0])
    ends = [
        (tip[0] - HEAD * cos(direction + turn), tip[1] - HEAD * sin(direction + turn))
        for turn in (pi / 7, -pi / 7)
    ]
    points = polyline((ends[0], tip, ends[1]))
    return f'<polyline points="{points}" {_style(element, filled=False)}/>'


def _text(picture: Picture, element: Mapping[str, Any]) -> str:
    picture.include(_corners(element))
    x, y, width, _ = _frame(element)
    size = max(1.0, min(1_000.0, number(element.get("fontSize"), 20)))
    height = size * max(0.5, min(5.0, number(element.get("lineHeight"), 1.25)))
    anchor = ANCHORS.get(str(element.get("textAlign")), "start")
    x += {"start": 0, "middle": width / 2, "end": width}[anchor]
    fill = colour(element.get("strokeColor"), INK)
    lines = picture.lines(element.get("text"))
    return texts(lines, x, y + height / 2, size, height, fill, anchor)


def _named_frame(picture: Picture, element: Mapping[str, Any]) -> str:
    x, y, *_ = _frame(element)
    picture.include([(x, y - 20)])
    name = picture.lines(element.get("name"))[:1]
    frame = {**element, "backgroundColor": "none", "strokeColor": "#8a8a8a", "strokeWidth": 1}
    return _rectangle(picture, frame) + texts(name, x, y - 10, 12, 15, "#5c5c5c", "start")


def _missing_image(picture: Picture, element: Mapping[str, Any]) -> str:
    frame = {**element, "backgroundColor": "#f1f1f1", "strokeColor": "#8a8a8a"}
    return _rectangle(picture, frame | {"strokeStyle": "dashed"})


SHAPES: dict[str, Callable[[Picture, Mapping[str, Any]], str]] = {
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "diamond": _diamond,
    "arrow": _line,
    "line": _line,
    "freedraw": _line,
    "text": _text,
    "frame": _named_frame,
    "magicframe": _named_frame,
    "image": _missing_image,
    "iframe": _missing_image,
    "embeddable": _missing_image,
}
