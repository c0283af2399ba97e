"""Moving rows within their container, and to another one where their entity allows it.

A move locks the containers on both sides first, then the rows, each in the order of their IDs, so
that moves take turns and never deadlock. A container that may not be read, such as the project of a
document that is shared alone, is not locked: then two rows that are moved to one place at once may
get one position, and stand in the order of their IDs. Moves are tried in memory, on an outline of
the containers; refused ones are left out, and the others are tried again.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

import strawberry

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.ancestry import Ordering, ordering
from auth.session.write.db_errors import by_people, missing, stale
from auth.session.write.merge import Change, moved_by_others
from db.base import SCOPES, Entity
from db.fields import among
from db.problem import Problem
from graph.kit.bulk import bulk, item_input
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.items import Item, send_items, unrefused
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.mutations import Place as Path
from graph.kit.ordering import PLACE, Place, place_input, place_of
from graph.kit.outline import Outline, Standing
from graph.kit.payloads import answer, bulk_payload_of, payload_of
from graph.kit.positions import Crowded
from graph.kit.words import plural, spoken, with_article

PLACE_TEXT = "The place to move it to."


class Followers(Protocol):
    """Rows that go along with moved ones to other containers."""

    def change(self, transaction: Transaction, moved: Collection[UUID]) -> None:
        """Change the rows that follow one of those that have been moved."""


Scopes = Callable[[UUID], Mapping[str, UUID]]
"""A function that returns the scopes of a row in a container, by the ID of the container."""

Follow = Callable[[Transaction, Any, Mapping[UUID, UUID], Scopes, bool], Awaitable[Followers]]
"""A function that finds the rows that go along with others to other containers, and locks them.

It is passed the model of the moved rows, the new container of each by its ID, the scopes there, and
whether more than one project is concerned.
"""


@dataclass
class Moves:
    """The state of one call: the moves, the containers concerned, and the rows locked so far."""

    transaction: Transaction
    order: Ordering
    follow: Follow | None = None
    """None means that rows stay in their container."""
    places: dict[Item, Place] = field(default_factory=dict)
    containers: dict[UUID, Any] = field(default_factory=dict)
    found: dict[UUID, Standing] = field(default_factory=dict)
    complete: bool = True
    """True if `found` holds all rows of the containers, not only the neighbours of one place."""
    holders: dict[UUID, UUID] = field(default_factory=dict)
    rows: dict[UUID, Any] = field(default_factory=dict)
    since: dict[UUID, list[Change]] = field(default_factory=dict)

    @property
    def model(self) -> type[Any]:
        """Return the model of the rows that are moved."""
        return self.order.model

    @property
    def key(self) -> Any:
        """Return the column that names the container."""
        return getattr(self.model, self.order.key)

    @property
    def to_create(self) -> type[Entity] | None:
        """Return the model whose scope opens containers that no row leaves: that of the rows."""
        return None if self.follow else self.model

    def items(self) -> list[Item]:
        """Return the items that are not refused so far."""
        return unrefused(list(self.places))

    def targets(self) -> set[UUID]:
        """Return the containers that the places name."""
        return {place.container_id for place in self.places.values() if place.container_id}

    def scopes(self, container_id: UUID) -> dict[str, UUID]:
        """Return the scopes of a row in this container."""
        return scopes_beneath(self.order.container, self.containers[container_id])

    def placed(self, at: Standing) -> dict[str, Any]:
        """Return the columns that place a row: scopes, the row it is inside of, and position."""
        place: dict[str, Any] = {"position": at.position}
        if self.order.inside:
            place[self.order.inside] = at.inside
        return (self.scopes(at.container_id) if self.follow else {}) | place


async def move_rows(
    transaction: Transaction,
    model: type[Entity],
    items: Sequence[Item],
    follow: Follow | None = None,
) -> None:
    """Move the rows of the items, in their order; `place_at` of each is the input of a move.

    Items that cannot be moved are refused, and the others are moved as if those did not exist.
    """
    moves = Moves(transaction, ordering(model), follow)
    for item in unrefused(items):
        moves.places[item] = place_of(moves.order, item.values["place_at"])
    with transaction.unsent():
        if moves.places:
            await _look(moves)
        if moves.items():
            await _write(moves, await _try(moves))


async def _look(moves: Moves) -> None:
    """Lock the containers and read where their rows stand; refuse missing ones."""
    order, transaction = moves.order, moves.transaction
    if len(moves.places) == 1 and not order.nests:
        await _look_around(moves)
    else:
        container = order.container
        ids = order.containers_of([_id(item) for item in moves.places])
        either = container.id.in_(ids) | among(container.id, moves.targets())
        found = await transaction.find_all(container, either, to_create=moves.to_create)
        moves.containers = {row.id: row for row in found}
        await _look_everywhere(moves)
    if order.inside_model:
        places = moves.places.values()
        named = {place.inside for place in places if place.inside} - moves.found.keys()
        holders = await transaction.find_by_id(order.inside_model, named, lock=False)
        moves.holders = {row.id: order.container_of(row) for row in holders.values()}


async def _look_everywhere(moves: Moves) -> None:
    """Read where all rows of the containers stand."""
    ids = [_id(item) for item in moves.places]
    if moves.follow:
        beneath = among(moves.key, moves.containers)
    else:
        beneath = moves.key.in_(moves.order.containers_of(ids))
    moves.found, moves.complete = await _standing(moves, beneath), True
    await _refuse_lost(moves)


async def _look_around(moves: Moves) -> None:
    """Read only the neighbours of the place of one row, if there is room there."""
    ((item, to),) = moves.places.items()
    transaction, order, model, id = moves.transaction, moves.order, moves.model, _id(item)
    row = (await transaction.find_by_id(model, [id], lock=False)).get(id)
    if row is None:
        item.refuse(missing(model))
        return
    current = order.container_of(row)
    moves.containers = await transaction.find_by_id(
        order.container, moves.targets() | {current}, to_create=moves.to_create
    )
    beside = to.beside
    others = [moves.key == (to.container_id or current), model.id != id]
    downwards = bool(to.before) or not (beside or to.first)
    if beside:
        here = order.position_of(beside)
        others.append(model.position <= here if downwards else model.position >= here)
    by: tuple[Any, ...] = (model.position, model.id)
    if downwards:
        by = (model.position.desc(), model.id.desc())
    near = await _standing(moves, *others, order=by, limit=2 if beside else 1)
    if beside and next(iter(near), None) != beside:
        await _look_everywhere(moves)  # others stand at its position, or it is not there
    else:
        inside = getattr(row, order.inside) if order.inside else None
        at = Standing(row.position, current, inside, shown=True)
        moves.found, moves.complete = near | {id: at}, False
        await _refuse_lost(moves)


async def _standing(moves: Moves, *where: Any, **how: Any) -> dict[UUID, Standing]:
    columns = ["id", "position", moves.order.key]
    if moves.order.inside:
        columns.append(moves.order.inside)
    rows = await moves.transaction.values(
        moves.model, columns, *where, deleted=None, tell_shown=True, **how
    )
    found = {}
    for id, position, container, *inside, shown in rows:
        found[id] = Standing(position, container, inside[0] if inside else None, shown)
    return found


async def _refuse_lost(moves: Moves) -> None:
    """Refuse rows and containers that do not exist or cannot be written.

    A row in a container that is not locked has been moved by another request.
    """
    transaction, containers = moves.transaction, moves.containers
    there = {
        id
        for id, at in moves.found.items()
        if at.shown and (at.container_id in containers or not moves.follow)
    }
    lost = {_id(item) for item in moves.items()} - there
    away = await transaction.find_by_id(moves.model, lost)
    gone = lost - away.keys()
    rows = await transaction.why_not_found(moves.model, gone) if gone else {}
    rows |= {id: stale(row) for id, row in away.items()}
    closed = moves.targets() - containers.keys()
    container = moves.order.container
    problems = await transaction.why_not_found(container, closed) if closed else {}
    for item, place in moves.places.items():
        if problem := rows.get(_id(item)):
            item.refuse(problem)
        elif place.container_id and (problem := problems.get(place.container_id)):
            at = [*PLACE, moves.order.key]
            item.refuse(Problem(problem.code, problem.message, field=at))


async def _try(moves: Moves) -> Outline:
    """Return the places of all rows after the moves that are not refused; lock the changed rows."""
    while True:
        outline = Outline(moves.order, moves.found, moves.holders, complete=moves.complete)
        try:
            problems = _moved(moves, outline)
        except Crowded:
            await _look_everywhere(moves)
            continue
        left = [item for item in moves.items() if item not in problems]
        fresh = {_id(item) for item in left} | outline.changed().keys() - moves.rows.keys()
        moves.rows |= await moves.transaction.find_by_id(moves.model, fresh, deleted=None)
        if not moves.complete and _has_moved(moves, outline, left):
            await _look_everywhere(moves)
        elif await _all_allowed(moves, outline, left):
            for item, problem in problems.items():
                item.refuse(problem)
            return outline


def _moved(moves: Moves, outline: Outline) -> dict[Item, Problem]:
    """Make all moves in memory; return the problems of those that cannot be made."""
    problems = {}
    for item in moves.items():
        to, id = moves.places[item], _id(item)
        source = outline.now[id].container_id
        target = to.container_id or source
        if target != source and _organization(moves, target) != _organization(moves, source):
            message = f"{with_article(moves.model.__name__)} stays in its organization."
            problems[item] = Problem("INVALID", message, field=[*PLACE, moves.order.key])
            continue
        try:
            outline.move(id, target, to)
        except Problem as problem:
            problems[item] = problem
    return problems


def _organization(moves: Moves, container_id: UUID) -> UUID:
    id: UUID = moves.containers[container_id].organization_id
    return id


def _has_moved(moves: Moves, outline: Outline, items: Iterable[Item]) -> bool:
    """Return whether a row has changed between the reading and the locking of it."""
    for item in items:
        row, at = moves.rows.get(_id(item)), moves.found[_id(item)]
        stays = outline.now[_id(item)].position == at.position
        inside = getattr(row, moves.order.inside) if row and moves.order.inside else None
        if row and (inside != at.inside or (stays and row.position != at.position)):
            return True
    return False


async def _all_allowed(moves: Moves, outline: Outline, items: Sequence[Item]) -> bool:
    """Refuse rows that are gone or were moved by others since the expected version."""
    transaction = moves.transaction
    for item in items:
        item.row = moves.rows.get(_id(item))
        if item.row is None or item.row.deleted_at is not None:
            item.row = None
            item.refuse(missing(moves.model))
        elif moves.order.container_of(item.row) != moves.found[_id(item)].container_id:
            item.refuse(stale(item.row))
    open_ = unrefused(items)
    since = await transaction.changes_since((item.row, item.expected_version) for item in open_)
    for item in open_:
        placed = moves.placed(outline.now[_id(item)])
        try:
            transaction.require_update(item.row, placed)
            changes = by_people(item.row, item.expected_version, since.get(item.row.id, ()))
            current = {name: getattr(item.row, name) for name in placed}
            if overlaps := moved_by_others(placed, current, changes):
                raise stale(item.row, overlaps)
        except Problem as problem:
            item.refuse(problem)
    moves.since |= since
    return not any(item.problem for item in items)


async def _write(moves: Moves, outline: Outline) -> None:
    """Change the moved rows, those that follow them, and those that made room for them."""
    transaction, items = moves.transaction, moves.items()
    changed = outline.changed()
    crossed = outline.crossed(changed)
    # All is read before anything is sent: a block takes its parts along by their keys.
    along = None
    if crossed and moves.follow:
        projects = {moves.scopes(id)[SCOPES[1]] for id in moves.containers}
        along = await moves.follow(
            transaction, moves.model, crossed, moves.scopes, len(projects) > 1
        )
    for item in items:
        version, since = item.expected_version, moves.since.get(item.row.id, ())
        await transaction.edits.revise(
            item.row, version, moves.placed(outline.now[item.row.id]), since
        )
    moved = {item.row.id for item in items}
    for id in changed.keys() - moved - crossed.keys():
        transaction.renumber(moves.rows[id], changed[id].position)
    if along is None:
        await transaction.flush(last=True)
        return
    await send_items(transaction, items)
    stopped = {item.row.id for item in items if item.problem}
    left = {id: mover for id, mover in outline.movers.items() if mover not in stopped}
    for id in crossed.keys() - moved & left.keys():
        transaction.change(moves.rows[id], None, **moves.placed(changed[id]))
    along.change(transaction, left)


T = TypeVar("T")
To = Annotated[T, strawberry.argument(description=PLACE_TEXT)]


def move(type_: Any, text: str, *, place: Any = None, follow: Follow | None = None) -> Any:
    """Return the mutation that moves one row of `type_` to a place.

    `place` is an input with a field `at`, and fields named as the columns of the container and of
    the row inside, where rows go to others; by default they stay. `follow` finds what goes along.
    """
    place_, payload = place or place_input(type_), payload_of(type_, merges=True)

    async def resolve(
        info: Info, id: Id, expected_version: ExpectedVersion, place_at: To[place_]
    ) -> Any:
        async with writing(info, None) as transaction:
            item = Item({"place_at": place_at}, id, expected_version)
            await move_rows(transaction, type_.model, [item], follow)
            row = item.require()
        return answer(payload, row, transaction.edits.merged.get(id, ()))

    return mutation(resolve, payload, text)


def moves(type_: Any, text: str, *, place: Any = None, follow: Follow | None = None) -> Any:
    """Return the mutation that moves many rows of `type_` as `move` does one."""
    name = type_.__name__
    place_at = strawberry.field(description=PLACE_TEXT)
    text_ = f"The move of one {spoken(name)}."
    place_ = place or place_input(type_)
    item_ = item_input(f"{plural(name)}MoveItemInput", text_, {"place_at": (place_, place_at)})

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await move_rows(transaction, type_.model, items, follow)

    def item(input: Any, _: Path) -> Item:
        return Item({"place_at": input.place_at}, input.id, input.expected_version)

    return bulk(bulk_payload_of(type_, merges=True), item_, text, item, write)


def _id(item: Item) -> UUID:
    assert item.id is not None  # noqa: S101 (whoever moves says what)
    return item.id
