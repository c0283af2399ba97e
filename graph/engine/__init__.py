"""Run operations by plan: compiled once, executed level by level, one statement an edge and level.

It has the same answers as graphql-core, which runs what the engine does not take, and what it ends
with an error beneath the root.
"""

from graph.engine.again import Again, Resolved
from graph.engine.execute import Engine
from graph.engine.plan import Plans
from graph.engine.traced import TracedEngine
from graph.engine.unplanned import Unplanned

__all__ = ["Again", "Engine", "Plans", "Resolved", "TracedEngine", "Unplanned"]
