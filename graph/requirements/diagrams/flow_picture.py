"""The picture of a diagram of React Flow: nodes as boxes with their labels, edges as arrows."""

from collections.abc import Mapping
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

INK, PAPER, BORDER = "#1e1e1e", "#ffffff", "#5b6b7c"
WIDTH, HEIGHT = 150, 40
"""The size of a node that has none."""
MAX_NESTING = 50
"""Nodes around a node, at most: those of diagrams that are nested in a circle end there."""
SIZE, LINE = 12, 15
CHARACTER = 6.5
"""The width of a character of a label, about; longer lines are shortened."""
MARKER = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="8"'
    ' markerHeight="8" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"'
    f' fill="{BORDER}"/></marker></defs>'
)

Box = tuple[float, float, float, float]
"""The left, the top, the width and the height of a node."""


def flow_svg(name: str, nodes: list[Any], edges: list[Any]) -> str:
    """Return a stored diagram as SVG."""
    picture = Picture()
    known = {
        str(node.get("id")): node
        for node in nodes
        if isinstance(node, Mapping) and not node.get("hidden")
    }
    boxes = {id: _box(node, known) for id, node in [*known.items()][:MAX_DRAWN]}
    for x, y, width, height in boxes.values():
        picture.include([(x, y), (x + width, y + height)])
    order = sorted(boxes, key=lambda id: _depth(known[id], known))  # a container behind its nodes
    drawn = [_node(picture, id, known[id], boxes[id]) for id in order]
    lines = [_edge(picture, edge, boxes) for edge in edges[:MAX_DRAWN]]
    labels = ", ".join(filter(None, (_label(node) for node in known.values())))
    description = f"A diagram of {len(known)} nodes and {len(edges)} edges. {labels}"
    return picture.document(name, description[:2_000], [*drawn, *lines], PAPER, MARKER)


def _around(node: Mapping[str, Any], known: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes around a node, the innermost first."""
    found: list[Mapping[str, Any]] = []
    parent = known.get(str(node.get("parentId")))
    while parent is not None and len(found) < MAX_NESTING:
        found.append(parent)
        parent = known.get(str(parent.get("parentId")))
    return found


def _depth(node: Mapping[str, Any], known: Mapping[str, Any]) -> int:
    return len(_around(node, known))


def _box(node: Mapping[str, Any], known: Mapping[str, Any]) -> Box:
    """Return the box of a node; its position is relative to the node around it."""
    inside = [node, *_around(node, known)]
    x, y = (
        number(sum(number(member(one.get("position"), axis)) for one in inside)) for axis in "xy"
    )
    return x, y, _length(node, "width", WIDTH), _length(node, "height", HEIGHT)


def _length(node: Mapping[str, Any], name: str, default: float) -> float:
    """Return the width or height of a node: as it was measured, as it is set, or the default."""
    for value in (
        member(node.get("measured"), name),
        node.get(name),
        member(node.get("style"), name),
    ):
        if (found := number(value)) > 0:
            return found
    return default


def _label(node: Mapping[str, Any]) -> str:
    label = member(node.get("data"), "label")
    return label if isinstance(label, str) else ""


def _node(picture: Picture, id: str, node: Mapping[str, Any], box: Box) -> str:
    x, y, width, height = box
    style = node.get("style")
    fill = colour(member(style, "backgroundColor") or member(style, "background"), PAPER)
    ink = colour(member(style, "color"), INK)
    is_group = node.get("type") == "group"
    lines = picture.lines(_label(node))[: max(1, int(height // LINE))]
    longest = max(1, int(width / CHARACTER))
    lines = [line if len(line) <= longest else f"{line[: longest - 1]}…" for line in lines]
    top = y + LINE / 2 + 4 if is_group else y + height / 2 - (len(lines) - 1) * LINE / 2
    dashed = ' stroke-dasharray="5 4"' if is_group else ""
    return (
        f'<g data-element="{escaped(id)}"><rect x="{shown(x)}" y="{shown(y)}"'
        f' width="{shown(width)}" height="{shown(height)}" rx="4" fill="{fill}"'
        f' stroke="{BORDER}"{dashed}/>'
        f"{texts(lines, x + width / 2, top, SIZE, LINE, ink, 'middle')}</g>"
    )


def _edge(picture: Picture, edge: Any, boxes: Mapping[str, Box]) -> str:
    """Return the arrow between the boxes of both ends; nothing without one of them."""
    source, target = (boxes.get(str(member(edge, end))) for end in ("source", "target"))
    if source is None or target is None or member(edge, "hidden"):
        return ""
    start, end = _border(source, _middle(target)), _border(target, _middle(source))
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    stroke = colour(member(member(edge, "style"), "stroke"), BORDER)
    dashed = ' stroke-dasharray="5 4"' if member(edge, "animated") else ""
    label = texts(
        picture.lines(member(edge, "label"))[:1], middle[0], middle[1], SIZE, LINE, INK, "middle"
    )
    return (
        f'<g data-element="{escaped(str(member(edge, "id")))}">'
        f'<polyline points="{polyline((start, end))}" fill="none" stroke="{stroke}"'
        f' stroke-width="1.5" marker-end="url(#arrow)"{dashed}/>{label}</g>'
    )


def _middle(box: Box) -> Point:
    x, y, width, height = box
    return x + width / 2, y + height / 2


def _border(box: Box, towards: Point) -> Point:
    """Return the point at which the line from the middle of a box to a point leaves the box."""
    x, y = _middle(box)
    away_x, away_y = towards[0] - x, towards[1] - y
    if not away_x and not away_y:
        return x, y
    scale = min(
        box[2] / 2 / abs(away_x) if away_x else float("inf"),
        box[3] / 2 / abs(away_y) if away_y else float("inf"),
        1.0,
    )
    return x + away_x * scale, y + away_y * scale
