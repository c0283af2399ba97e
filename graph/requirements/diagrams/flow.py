"""Diagrams of React Flow: the shape of nodes and edges, and the merge of concurrent changes.

Nodes and edges are merged by ID, and within one of them by field, as in a JSON Merge Patch (RFC
7396): changes of different fields do not affect each other. Of two changes of the same field the
one that arrives last counts. An edge always has both of its ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from auth.session.write.patch import merge_patch
from graph.kit.mutations import Place
from graph.requirements.diagrams.shapes import (
    MAX_ELEMENTS,
    invalid,
    require_distinct,
    require_id,
    require_list,
    require_numbers,
    require_object,
    require_size,
)

Part = dict[str, Any]
"""A node or an edge."""
ENDS = ("source", "target")
SIZES = ("width", "height", "zIndex")
NO_NODE = "The diagram has no node with this ID."


class SkipReason(Enum):
    """The reason why a part of a patch has no effect: somebody has removed something meanwhile."""

    ELEMENT_REMOVED = "element_removed"
    END_REMOVED = "end_removed"


@dataclass(frozen=True)
class Changes:
    """The changes of one kind of parts: new ones, fields of others, and the IDs of removed ones."""

    added: Sequence[Part] = ()
    changed: Sequence[Part] = ()
    removed: Sequence[str] = ()


@dataclass
class Merged:
    """A diagram with a patch applied."""

    nodes: list[Part]
    edges: list[Part]
    skipped: list[tuple[str, SkipReason]] = field(default_factory=list)


def require_nodes(value: Any, place: Place) -> list[Part]:
    """Return nodes with ID and position. Raises INVALID with the path at fault."""
    nodes = _parts(value, place)
    for index, node in enumerate(nodes):
        require_node(node, (*place, index))
    return nodes


def require_edges(value: Any, place: Place) -> list[Part]:
    """Return edges with ID, source and target. Raises INVALID with the path at fault."""
    edges = _parts(value, place)
    for index, edge in enumerate(edges):
        require_edge(edge, (*place, index))
    return edges


def require_ends(nodes: Sequence[Part], edges: Sequence[Part], at: tuple[Place, Place]) -> None:
    """Raise INVALID for an edge without one of its ends, or a node without its parent.

    `at` are the paths of nodes and edges.
    """
    known = {node["id"] for node in nodes}
    for index, node in enumerate(nodes):
        parent = node.get("parentId")
        if parent is not None and parent not in known:
            raise invalid(NO_NODE, (*at[0], index, "parentId"))
    for index, edge in enumerate(edges):
        for end in ENDS:
            if edge[end] not in known:
                raise invalid(NO_NODE, (*at[1], index, end))


def _parts(value: Any, place: Place) -> list[Part]:
    parts = require_list(value, place)
    require_size(parts, place)
    for index, part in enumerate(parts):
        require_id(require_object(part, (*place, index)).get("id"), (*place, index, "id"))
    require_distinct((part["id"], (*place, index)) for index, part in enumerate(parts))
    return parts


def require_node(node: Part, place: Place) -> None:
    """Raise INVALID for a node without a position, or with members of other types."""
    position = require_object(node.get("position"), (*place, "position"))
    require_numbers(position, ("x", "y"), (*place, "position"))
    require_numbers(node, SIZES, place, required=False)
    if node.get("data") is not None:
        require_object(node["data"], (*place, "data"))
    if node.get("parentId") is not None:
        require_id(node["parentId"], (*place, "parentId"))
        if node["parentId"] == node["id"]:
            raise invalid("A node is not its own parent.", (*place, "parentId"))
    if node.get("type") is not None:
        require_id(node["type"], (*place, "type"))


def require_edge(edge: Part, place: Place) -> None:
    """Raise INVALID for an edge without ends, or with members of other types."""
    for end in ENDS:
        require_id(edge.get(end), (*place, end))
    if edge.get("data") is not None:
        require_object(edge["data"], (*place, "data"))
    if edge.get("type") is not None:
        require_id(edge["type"], (*place, "type"))


def changes_of(value: Any, place: Place, *, edges: bool) -> Changes:
    """Return the changes of an input, of edges or of nodes. Raises INVALID with the path."""
    require = require_edges if edges else require_nodes
    added = require(value.added or [], (*place, "added"))
    changed = _parts(value.changed or [], (*place, "changed"))
    removed = require_list(value.removed or [], (*place, "removed"))
    for index, id in enumerate(removed):
        require_id(id, (*place, "removed", index))
    return Changes(added, changed, removed)


def merged(
    nodes: Iterable[Part], edges: Iterable[Part], of_nodes: Changes, of_edges: Changes, at: Place
) -> Merged:
    """Return a stored diagram with a patch applied.

    What another person has removed stays removed: changes of it are skipped, and edges to it. The
    edges of a removed node are removed, and the nodes within it come out of it. `at` is the path of
    the patch; raises INVALID for a change that leaves a part without what it needs.
    """
    skipped: list[tuple[str, SkipReason]] = []
    all_nodes = _applied(nodes, of_nodes, skipped)
    all_edges = _applied(edges, of_edges, skipped)
    gone = set(of_nodes.removed)
    for index, change in enumerate(of_nodes.changed):
        if change["id"] in all_nodes:
            require_node(all_nodes[change["id"]], (*at, "nodes", "changed", index))
    for index, change in enumerate(of_edges.changed):
        if change["id"] in all_edges:
            require_edge(all_edges[change["id"]], (*at, "edges", "changed", index))
    for id, node in all_nodes.items():
        parent = node.get("parentId")
        if parent is not None and parent not in all_nodes:
            all_nodes[id] = {key: node[key] for key in node if key not in ("parentId", "extent")}
    touched = {edge["id"] for edge in (*of_edges.added, *of_edges.changed)}
    kept = {}
    for id, edge in all_edges.items():
        missing = [edge.get(end) for end in ENDS if edge.get(end) not in all_nodes]
        if not missing:
            kept[id] = edge
        elif id in touched and not gone.issuperset(missing):
            skipped.append((id, SkipReason.END_REMOVED))
    return Merged([*all_nodes.values()], [*kept.values()], skipped)


def _applied(
    current: Iterable[Part], changes: Changes, skipped: list[tuple[str, SkipReason]]
) -> dict[str, Part]:
    """Return parts by ID with these changes; one that is added twice is changed the second time."""
    found = {part["id"]: part for part in current}
    for part in changes.added:
        known = found.get(part["id"])
        found[part["id"]] = merge_patch(known, part) if known else part
    for part in changes.changed:
        if part["id"] in found:
            found[part["id"]] = merge_patch(found[part["id"]], part)
        elif part["id"] not in changes.removed:
            skipped.append((part["id"], SkipReason.ELEMENT_REMOVED))
    for id in changes.removed:
        found.pop(id, None)
    return found


def require_bounds(nodes: Sequence[Part], edges: Sequence[Part], place: Place) -> None:
    """Raise INVALID for a diagram with too many nodes and edges, or too many bytes."""
    if (count := len(nodes) + len(edges)) > MAX_ELEMENTS:
        message = f"The diagram would have {count} nodes and edges; at most {MAX_ELEMENTS}."
        raise invalid(message, place)
    require_size([nodes, edges], place)
