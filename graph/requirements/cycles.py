"""Cycles in a directed graph: its strongly connected components, and a shortest cycle of each."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)
Graph = Mapping[N, Sequence[N]]
"""The nodes to which edges lead, by the node from which they lead."""


def graph_of(edges: Iterable[tuple[N, N]]) -> dict[N, list[N]]:
    """Return the graph of these edges."""
    found: dict[N, list[N]] = defaultdict(list)
    for source, target in edges:
        found[source].append(target)
    return found


def components(graph: Graph[N]) -> list[list[N]]:
    """Return the sets of nodes that reach each other, of two nodes at least (Kosaraju, 1978)."""
    backwards = graph_of((target, source) for source in graph for target in graph[source])
    seen: set[N] = set()
    order = [node for root in graph for node in _visited(graph, root, seen)]
    seen.clear()
    found = (_visited(backwards, root, seen) for root in reversed(order))
    return [component for component in found if len(component) > 1]


def _visited(graph: Graph[N], root: N, seen: set[N]) -> list[N]:
    """Return the nodes not seen yet that are reached from a root, each after those beyond it."""
    found: list[N] = []
    if root in seen:
        return found
    seen.add(root)
    path = [(root, iter(graph.get(root, ())))]
    while path:
        node, successors = path[-1]
        next_ = next((each for each in successors if each not in seen), None)
        if next_ is None:
            found.append(node)
            path.pop()
        else:
            seen.add(next_)
            path.append((next_, iter(graph.get(next_, ()))))
    return found


def shortest_cycle(graph: Graph[N], component: Sequence[N]) -> list[N]:
    """Return a shortest cycle through the first node of a component, beginning with that node."""
    start, inside = component[0], set(component)
    before: dict[N, N] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for next_ in graph.get(node, ()):
            if next_ == start:
                cycle = [node]
                while cycle[-1] != start:
                    cycle.append(before[cycle[-1]])
                return cycle[::-1]
            if next_ in inside and next_ not in before:
                before[next_] = node
                queue.append(next_)
    raise ValueError(f"{start} is in no cycle.")
