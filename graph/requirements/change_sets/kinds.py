"""The models whose rows change sets change, and the columns that place or join them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from auth.session.ancestry import Ordering, ordering
from db.requirements.change_sets import PROPOSABLE


@dataclass(frozen=True)
class Kind:
    """One model, and the order in which its rows stand, if they have one."""

    model: Any

    @property
    def is_ordered(self) -> bool:
        """Return whether the rows stand in the order of a container: links do not."""
        return self.model.traits.ordered_in is not None

    @property
    def ends(self) -> tuple[str, ...]:
        """Return the columns of the objects that a link joins; none of other rows."""
        return tuple(key for key, _ in self.model.traits.pointers)

    @cached_property
    def order(self) -> Ordering:
        """Return the order. Raises TypeError if there is none."""
        return ordering(self.model)

    @cached_property
    def place_columns(self) -> tuple[str, ...]:
        """Return the columns that place a row."""
        if not self.is_ordered:
            return ()
        inside = (self.order.inside,) if self.order.inside else ()
        return (self.order.key, *inside, "position")


KINDS = {model.__name__: Kind(model) for model in PROPOSABLE}
"""The kinds, containers first and links last, by the name of the model."""
