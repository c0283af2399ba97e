"""The rows of the containers that moves concern, in memory: their order and nesting.

Moves are made one after the other, so that a later one may refer to what an earlier one has moved.
Only the difference between the first and the last state is written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from auth.session.ancestry import Ordering
from auth.session.write.db_errors import missing
from db.problem import Problem
from graph.kit.ordering import PLACE, Place, elsewhere
from graph.kit.positions import Line, spaced
from graph.kit.words import spoken


@dataclass(frozen=True)
class Standing:
    """The place of a row. `shown` is false for a deleted row, and for one in a deleted one."""

    position: float
    container_id: UUID
    inside: UUID | None
    shown: bool


class Outline:
    """The places of rows, as found and after the moves so far.

    Unless `complete`, it holds only the neighbours of one place.
    """

    def __init__(
        self,
        order: Ordering,
        found: Mapping[UUID, Standing],
        holders: Mapping[UUID, UUID],
        *,
        complete: bool = True,
    ) -> None:
        self.order, self.found, self.now = order, found, dict(found)
        self.movers: dict[UUID, UUID] = {}
        """The row whose move took each row to another container; a moved row maps to itself."""
        self.holders = holders
        """The containers of rows that moves may go inside of, besides those in `found`."""
        rows: dict[UUID, list[tuple[UUID, float]]] = defaultdict(list)
        self.children: dict[UUID | None, set[UUID]] = defaultdict(set)
        for id, at in found.items():
            rows[at.container_id].append((id, at.position))
            self.children[at.inside].add(id)
        self.complete = complete
        self.lines = {container: Line(each, complete=complete) for container, each in rows.items()}

    def move(self, id: UUID, container_id: UUID, to: Place) -> None:
        """Move a row, with the rows inside it when it goes to another container.

        Raises INVALID and NOT_FOUND for the client; then nothing is moved.
        """
        at = self.now[id]
        crosses = at.container_id != container_id
        inside = to.inside if to.inside_given or crosses else at.inside
        if to.inside_given and inside:
            self._require_inside(id, container_id, inside)
        if to.beside:
            self._require_beside(id, container_id, to)
        ids = self._beneath(id) if crosses else [id]
        self._line(at.container_id).take(*ids)
        line = self._line(container_id)
        place = place_in(line, to)
        low, high = line.around(place)
        if not crosses and _fits(low, at.position, high):
            line.put_back(id, at.position)
            positions = {}
        else:
            positions = line.put(ids, place)
        self.children[at.inside].discard(id)
        self.children[inside].add(id)
        self.now[id] = replace(at, inside=inside)
        for moved in ids:
            self.now[moved] = replace(self.now[moved], container_id=container_id)
            self.movers[moved] = id
        for other, position in positions.items():
            self.now[other] = replace(self.now[other], position=position)

    def changed(self) -> dict[UUID, Standing]:
        """Return the rows whose place has changed, with the new one."""
        return {id: at for id, at in self.now.items() if at != self.found[id]}

    def crossed(self, ids: Iterable[UUID]) -> dict[UUID, UUID]:
        """Return those of the rows whose container has changed, with the new one."""
        return {
            id: self.now[id].container_id
            for id in ids
            if self.now[id].container_id != self.found[id].container_id
        }

    def _line(self, container_id: UUID) -> Line:
        return self.lines.setdefault(container_id, Line((), complete=self.complete))

    def _beneath(self, id: UUID) -> list[UUID]:
        """Return the row itself, then all rows inside it at any depth, in their order."""
        found: set[UUID] = set()
        level = {id} if self.order.nests else set()
        while level:
            level = {child for holder in level for child in self.children[holder]} - found
            found |= level
        return [id, *sorted(found - {id}, key=lambda other: (self.now[other].position, other))]

    def _require_inside(self, id: UUID, container_id: UUID, inside: UUID) -> None:
        order, field = self.order, [*PLACE, str(self.order.inside)]
        model = order.inside_model
        assert model is not None  # noqa: S101 (a place inside was given)
        at = self.now.get(inside) if self.order.nests else None
        if not (at and at.shown) and inside not in self.holders:
            raise missing(model, field)
        if (at.container_id if at else self.holders[inside]) != container_id:
            raise elsewhere(model, order.container, field)
        above: UUID | None = inside
        while at and above:
            if above == id:
                message = f"The parent is the {spoken(model.__name__)} itself, or in it."
                raise Problem("INVALID", message, field=field)
            above = self.now[above].inside

    def _require_beside(self, id: UUID, container_id: UUID, to: Place) -> None:
        at = self.now.get(to.beside) if to.beside else None
        if at is None or to.beside == id or not at.shown or at.container_id != container_id:
            message = f"The neighbour is not in this {spoken(self.order.container.__name__)}."
            raise Problem("INVALID", message, field=to.beside_field)
        if to.inside_given and at.inside != to.inside:
            holder = spoken(self.order.inside_model.__name__) if self.order.inside_model else ""
            message = f"The neighbour is not in this {holder}."
            raise Problem("INVALID", message, field=to.beside_field)


def place_in(line: Line, to: Place) -> int:
    """Return the number of rows before the place."""
    if to.after:
        return line.place_of(to.after) + 1
    if to.before:
        return line.place_of(to.before)
    return 0 if to.first else len(line.keys)


def _fits(low: float | None, position: float, high: float | None) -> bool:
    return spaced(low, position, 0) is not None and spaced(position, high, 0) is not None
