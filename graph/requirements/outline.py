"""The rows of the documents that moves concern, in memory: their order, and what stands in what.

Moves are made here one after the other, so that a later one may name what an earlier one has moved.
What has become different in the end is what is to be written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from auth.session.refusal import missing
from db.problem import Problem
from db.requirements.documents import Block
from db.requirements.requirements import Requirement
from graph.requirements.ordering import INSIDE, PLACE, Place, elsewhere
from graph.requirements.positions import Line, spaced


@dataclass(frozen=True)
class Standing:
    """Where a row stands. `shown` when it is neither deleted nor beneath what is."""

    position: float
    document_id: UUID
    inside: UUID | None
    shown: bool


class Outline:
    """Where rows stand, as they were found, and as the moves so far have left them.

    Unless it is `complete` it holds the neighbours of one place alone.
    """

    def __init__(
        self,
        model: type[Block | Requirement],
        found: Mapping[UUID, Standing],
        blocks: Mapping[UUID, UUID],
        *,
        complete: bool = True,
    ) -> None:
        self.model, self.found, self.now = model, found, dict(found)
        self.movers: dict[UUID, UUID] = {}
        """Which row's move has taken each row along to another document, or itself."""
        self.blocks = blocks
        """The documents of blocks that may be named besides those found."""
        rows: dict[UUID, list[tuple[UUID, float]]] = defaultdict(list)
        self.children: dict[UUID | None, set[UUID]] = defaultdict(set)
        for id, at in found.items():
            rows[at.document_id].append((id, at.position))
            self.children[at.inside].add(id)
        self.complete = complete
        self.lines = {document: Line(each, complete=complete) for document, each in rows.items()}

    def move(self, id: UUID, document_id: UUID, to: Place) -> None:
        """Move a row, with the blocks beneath it when it goes to another document.

        INVALID and NOT_FOUND as the client has to be told; then nothing is moved.
        """
        at = self.now[id]
        crosses = at.document_id != document_id
        inside = to.inside if to.inside_given or crosses else at.inside
        if to.inside_given and inside:
            self._require_inside(id, document_id, inside)
        if to.beside:
            self._require_beside(id, document_id, to)
        ids = self._beneath(id) if crosses else [id]
        self._line(at.document_id).take(*ids)
        line = self._line(document_id)
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
            self.now[moved] = replace(self.now[moved], document_id=document_id)
            self.movers[moved] = id
        for other, position in positions.items():
            self.now[other] = replace(self.now[other], position=position)

    def changed(self) -> dict[UUID, Standing]:
        """The rows that stand elsewhere than they were found, and where."""
        return {id: at for id, at in self.now.items() if at != self.found[id]}

    def crossed(self, ids: Iterable[UUID]) -> dict[UUID, UUID]:
        """Those that are in another document than they were found, and in which."""
        return {
            id: self.now[id].document_id
            for id in ids
            if self.now[id].document_id != self.found[id].document_id
        }

    def _line(self, document_id: UUID) -> Line:
        return self.lines.setdefault(document_id, Line((), complete=self.complete))

    def _beneath(self, id: UUID) -> list[UUID]:
        """The row itself, then all blocks in it at any depth, in their order."""
        found: set[UUID] = set()
        level = {id} if self.model is Block else set()
        while level:
            level = {child for block in level for child in self.children[block]} - found
            found |= level
        return [id, *sorted(found - {id}, key=lambda other: (self.now[other].position, other))]

    def _require_inside(self, id: UUID, document_id: UUID, inside: UUID) -> None:
        field = [*PLACE, INSIDE[self.model]]
        at = self.now.get(inside) if self.model is Block else None
        if not (at and at.shown) and inside not in self.blocks:
            raise missing(Block, field)
        if (at.document_id if at else self.blocks[inside]) != document_id:
            raise elsewhere(field)
        above: UUID | None = inside
        while at and above:
            if above == id:
                message = "A block stands in another block, not in itself."
                raise Problem("INVALID", message, field=field)
            above = self.now[above].inside

    def _require_beside(self, id: UUID, document_id: UUID, to: Place) -> None:
        at = self.now.get(to.beside) if to.beside else None
        if at is None or to.beside == id or not at.shown or at.document_id != document_id:
            message = "The neighbour is not in this document."
            raise Problem("INVALID", message, field=to.beside_field)
        if to.inside_given and at.inside != to.inside:
            message = "The neighbour is not in this block."
            raise Problem("INVALID", message, field=to.beside_field)


def place_in(line: Line, to: Place) -> int:
    """How many rows come before the place."""
    if to.after:
        return line.place_of(to.after) + 1
    if to.before:
        return line.place_of(to.before)
    return 0 if to.first else len(line.keys)


def _fits(low: float | None, position: float, high: float | None) -> bool:
    return spaced(low, position, 0) is not None and spaced(position, high, 0) is not None
