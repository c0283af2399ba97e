"""Moving requirements and blocks within their document, to another one, and to another project.

Whoever moves locks the documents on both sides first, then the rows, each in the order of their
ids, so that moves take turns and never wait for each other in a circle. Moves are tried in memory,
on an outline of the documents; what is refused is left out, and the others are tried again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import strawberry

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.merge import Change, merge
from auth.session.refusal import by_people, missing, stale
from db.problem import Problem
from db.requirements.documents import Block, Document, documents_with
from db.requirements.requirements import Requirement, position_of
from graph.kit.bulk import bulk
from graph.kit.context import Info
from graph.kit.items import Item, send_items, unrefused
from graph.kit.mutations import ExpectedVersion, Id, answer, writing
from graph.kit.mutations import Place as Path
from graph.requirements.following import followers
from graph.requirements.ordering import INSIDE, PLACE, Place, place_of
from graph.requirements.outline import Outline, Standing
from graph.requirements.positions import Crowded

Model = type[Block | Requirement]


@dataclass
class Moves:
    """What is to be moved, what is known of the documents concerned, and the rows locked so far."""

    transaction: Transaction
    model: Model
    places: dict[Item, Place] = field(default_factory=dict)
    documents: dict[UUID, Document] = field(default_factory=dict)
    found: dict[UUID, Standing] = field(default_factory=dict)
    complete: bool = True
    """Whether `found` holds all rows of the documents, and not only the neighbours of one place."""
    blocks: dict[UUID, UUID] = field(default_factory=dict)
    rows: dict[UUID, Any] = field(default_factory=dict)
    since: dict[UUID, list[Change]] = field(default_factory=dict)

    def items(self) -> list[Item]:
        """Those that are not refused so far."""
        return unrefused(list(self.places))

    def scopes(self, document_id: UUID) -> dict[str, UUID]:
        """The scopes of a row in this document."""
        return scopes_beneath(Document, self.documents[document_id])

    def placed(self, at: Standing) -> dict[str, Any]:
        """The columns that say where a row stands."""
        place = {INSIDE[self.model]: at.inside, "position": at.position}
        return self.scopes(at.document_id) | place


async def move_rows(transaction: Transaction, model: Model, items: Sequence[Item]) -> None:
    """Move what the items name, in their order; `place_at` of each is the input of a move.

    Items that cannot be moved are refused, and the others are moved as if those were not there.
    """
    moves = Moves(transaction, model)
    for item in unrefused(items):
        try:
            moves.places[item] = place_of(model, item.values["place_at"])
        except Problem as problem:
            item.refuse(problem)
    with transaction.unsent():
        if moves.places:
            await _look(moves)
        if moves.items():
            await _write(moves, await _try(moves))


async def _look(moves: Moves) -> None:
    """Lock the documents, and read where rows stand in them; refuse what is not there."""
    targets = {place.document_id for place in moves.places.values() if place.document_id}
    if moves.model is Requirement and len(moves.places) == 1:
        await _look_around(moves, targets)
    else:
        ids = documents_with(moves.model, [_id(item) for item in moves.places])
        either = Document.id.in_(ids) | Document.id.in_(targets)
        found = await moves.transaction.find_all(Document, either)
        moves.documents = {document.id: document for document in found}
        await _look_everywhere(moves)
    named = {place.inside for place in moves.places.values() if place.inside} - moves.found.keys()
    blocks = await moves.transaction.find_by_id(Block, named, lock=False)
    moves.blocks = {block.id: block.document_id for block in blocks.values()}


async def _look_everywhere(moves: Moves) -> None:
    """Read where all rows of the documents stand."""
    beneath = moves.model.document_id.in_(moves.documents)
    moves.found, moves.complete = await _standing(moves, beneath), True
    await _refuse_lost(moves)


async def _look_around(moves: Moves, targets: set[UUID]) -> None:
    """The same for one requirement: only its neighbours there are read, if there is room."""
    ((item, to),) = moves.places.items()
    transaction, id = moves.transaction, _id(item)
    row = (await transaction.find_by_id(Requirement, [id], lock=False)).get(id)
    if row is None:
        item.refuse(missing(Requirement))
        return
    moves.documents = await transaction.find_by_id(Document, targets | {row.document_id})
    model, beside = Requirement, to.beside
    others = [model.document_id == (to.document_id or row.document_id), model.id != id]
    downwards = bool(to.before) or not (beside or to.first)
    if beside:
        here = position_of(beside)
        others.append(model.position <= here if downwards else model.position >= here)
    order: tuple[Any, ...] = (model.position, model.id)
    if downwards:
        order = (model.position.desc(), model.id.desc())
    near = await _standing(moves, *others, order=order, limit=2 if beside else 1)
    if beside and next(iter(near), None) != beside:
        await _look_everywhere(moves)  # others stand at its position, or it is not there
    else:
        at = Standing(row.position, row.document_id, row.block_id, shown=True)
        moves.found, moves.complete = near | {id: at}, False
        await _refuse_lost(moves)


async def _standing(moves: Moves, *where: Any, **how: Any) -> dict[UUID, Standing]:
    columns = ("id", "position", "document_id", INSIDE[moves.model])
    rows = await moves.transaction.values(
        moves.model, columns, *where, deleted=None, tell_shown=True, **how
    )
    return {id: Standing(*rest) for id, *rest in rows}


async def _refuse_lost(moves: Moves) -> None:
    """Say of rows and documents that are not there, or not to be written, that they are not.

    A row that has gone to a document which is not locked has been moved by somebody else.
    """
    transaction, documents = moves.transaction, moves.documents
    there = {id for id, at in moves.found.items() if at.shown and at.document_id in documents}
    lost = {_id(item) for item in moves.items()} - there
    away = await transaction.find_by_id(moves.model, lost)
    gone = lost - away.keys()
    rows = await transaction.why_not_found(moves.model, gone) if gone else {}
    rows |= {id: stale(row) for id, row in away.items()}
    targets = {place.document_id for place in moves.places.values() if place.document_id}
    closed = targets - documents.keys()
    problems = await transaction.why_not_found(Document, closed) if closed else {}
    for item, place in moves.places.items():
        if problem := rows.get(_id(item)):
            item.refuse(problem)
        elif place.document_id and (problem := problems.get(place.document_id)):
            at = [*PLACE, "document_id"]
            item.refuse(Problem(problem.code, problem.message, field=at))


async def _try(moves: Moves) -> Outline:
    """Where all rows stand after the moves of all items that are not refused; they are locked."""
    while True:
        outline = Outline(moves.model, moves.found, moves.blocks, complete=moves.complete)
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
    """Move all in memory; what speaks against some of them, as long as the others are moved."""
    problems = {}
    for item in moves.items():
        to, id = moves.places[item], _id(item)
        source = moves.documents[outline.now[id].document_id]
        target = moves.documents[to.document_id] if to.document_id else source
        if target.organization_id != source.organization_id:
            message = f"A {moves.model.__name__.lower()} stays in its organization."
            problems[item] = Problem("INVALID", message, field=[*PLACE, "document_id"])
            continue
        try:
            outline.move(id, target.id, to)
        except Problem as problem:
            problems[item] = problem
    return problems


def _has_moved(moves: Moves, outline: Outline, items: Iterable[Item]) -> bool:
    """Whether what was seen of one of these, before it was locked, has misled the outline."""
    for item in items:
        row, at = moves.rows.get(_id(item)), moves.found[_id(item)]
        stays = outline.now[_id(item)].position == at.position
        if row and (row.block_id != at.inside or (stays and row.position != at.position)):
            return True
    return False


async def _all_allowed(moves: Moves, outline: Outline, items: Sequence[Item]) -> bool:
    """Refuse what may not be moved there, or was moved by others since the version seen."""
    transaction = moves.transaction
    for item in items:
        item.row = moves.rows.get(_id(item))
        if item.row is None or item.row.deleted_at is not None:
            item.row = None
            item.refuse(missing(moves.model))
        elif item.row.document_id != moves.found[_id(item)].document_id:
            item.refuse(stale(item.row))
    open_ = unrefused(items)
    since = await transaction.changes_since((item.row, item.expected_version) for item in open_)
    for item in open_:
        placed = moves.placed(outline.now[_id(item)])
        try:
            transaction.require_update(item.row, placed)
            changes = by_people(item.row, item.expected_version, since.get(item.row.id, ()))
            current = {name: getattr(item.row, name) for name in placed}
            merged, overlaps = merge(placed, current, changes)
            if overlaps or merged != placed:  # two places are not merged into a third
                raise stale(item.row, overlaps)
        except Problem as problem:
            item.refuse(problem)
    moves.since |= since
    return not any(item.problem for item in items)


async def _write(moves: Moves, outline: Outline) -> None:
    """Change the rows that have been moved, what follows them, and what has made room for them."""
    transaction, items = moves.transaction, moves.items()
    changed = outline.changed()
    crossed = outline.crossed(changed)
    # All is read before anything is sent: a block takes its parts along by their keys.
    along = None
    if crossed:
        projects = {document.project_id for document in moves.documents.values()}
        along = await followers(
            transaction, moves.model, crossed, moves.scopes, other_project=len(projects) > 1
        )
    for item in items:
        version, since = item.expected_version, moves.since.get(item.row.id, ())
        transaction.revise(item.row, version, moves.placed(outline.now[item.row.id]), since)
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


def move(model: Model, payload: Any, place_: Any, text: str) -> Any:
    """The mutation that moves one row."""

    async def resolve(
        info: Info, id: Id, expected_version: ExpectedVersion, place_at: place_
    ) -> payload | None:
        async with writing(info, None) as transaction:
            item = Item({"place_at": place_at}, id, expected_version)
            await move_rows(transaction, model, [item])
            row = item.require()
        return answer(payload, row, transaction.merged.get(id, ()))

    return strawberry.mutation(resolve, description=text)


def moves(model: Model, payload: Any, item_: Any, text: str) -> Any:
    """`move` for many; an item has `id`, `expected_version` and `place_at`."""

    async def write(transaction: Transaction, items: Sequence[Item]) -> None:
        await move_rows(transaction, model, items)

    def item(input: Any, _: Path) -> Item:
        return Item({"place_at": input.place_at}, input.id, input.expected_version)

    return bulk(payload, item_, text, item, write)


def _id(item: Item) -> UUID:
    assert item.id is not None  # noqa: S101 (whoever moves says what)
    return item.id
