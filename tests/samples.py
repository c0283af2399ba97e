"""The samples of entities for the matrix tests: a row of each, and the input of its mutations.

Each product has its samples beside its tests (`tests/<product>/samples.py`). A type that `node`
finds and that has no sample fails `tests/policy/test_samples.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from db.base import Entity

Input = Callable[[Any, str], dict[str, Any]]
"""Returns the input of a create mutation, from the tenant and a unique word."""
Row = Callable[[Any], dict[str, Any]]
"""Returns the columns of a row besides its ID, from the tenant."""

ACTIONS = ("create", "update", "delete", "restore")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One entity."""

    parent: type[Entity] | None
    """The model whose row contains a new one; None for rows outside of any other."""
    new: Input | None
    """None where no mutation creates it."""
    row: Row | None = None
    """None where the tenant of every test has one, called as the model."""
    changes: Mapping[str, Any] = field(default_factory=lambda: {"name": "Changed"})
    mutations: Mapping[str, str | None] = field(default_factory=dict)
    """By action: the mutation, where it is not the type's name and the action, or None."""
    reset: str = ""
    """Columns to reset, besides `deleted_at`, before another attempt with the row."""
    creator_owns: bool = True
    """True if a new row belongs to whoever creates it; otherwise it is nobody's."""
    before_create: str = ""
    """A statement that makes room for the new row; $1 is the person `newcomer`."""
    is_replaced: bool = False
    """True when a new row takes the place of this one, which is deleted before."""
    for_browsers: frozenset[str] = frozenset()
    """The actions that need a signed-in browser, and that its own tests try for every role."""
    around: str = ""
    """A statement that prepares the rows around the row; $1 is its ID."""

    def mutation(self, model: type[Entity], action: str) -> str | None:
        """Return the name of the mutation, or None where there is none."""
        if action in self.mutations:
            return self.mutations[action]
        name = (model.traits.node or "").replace("OAuth", "Oauth")
        return name[:1].lower() + name[1:] + action.title()
