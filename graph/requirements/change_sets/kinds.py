"""The models whose rows change sets change, and the columns that place them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from auth.session.ancestry import Ordering, ordering
from db.requirements.change_sets import PROPOSABLE


@dataclass(frozen=True)
class Kind:
    """One model, and the order in which its rows stand."""

    model: Any

    @cached_property
    def order(self) -> Ordering:
        """Return the order."""
        return ordering(self.model)

    @cached_property
    def place_columns(self) -> tuple[str, ...]:
        """Return the columns that place a row."""
        inside = (self.order.inside,) if self.order.inside else ()
        return (self.order.key, *inside, "position")


KINDS = {model.__name__: Kind(model) for model in PROPOSABLE}
"""The kinds, containers first, by the name of the model."""
