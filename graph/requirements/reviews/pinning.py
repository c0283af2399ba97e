"""Adding objects to a review: each is pinned to its content, of which the item holds a copy."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from auth.session import Transaction
from auth.session.write.audit import recorded
from db.base import Entity
from db.problem import Problem
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet, ChangeSetItem, ChangeSetState
from db.requirements.documents import Document
from db.requirements.requirements import Requirement
from db.requirements.reviews import REVIEWABLE, Review, ReviewItem
from graph.requirements.sql.review_pins import existing_pins

MAX_REVIEW_ITEMS = 2_000
"""The most items of a review."""
COPIED = ("external_id", *Requirement.traits.content)
"""The columns of a requirement of which an item has a copy."""


async def add_items(
    transaction: Transaction, review: Review, ids: Sequence[UUID], field: Sequence[str]
) -> None:
    """Add these objects, and the requirements of documents among them.

    An object whose content has changed since it was added is added anew, without verdicts. Raises
    NOT_FOUND and INVALID with the path, which begins with `field`, and LIMIT_REACHED.
    """
    rows = await _find(transaction, review, ids, field)
    documents = [id for id, row in rows.items() if isinstance(row, Document)]
    if documents:
        inside = await transaction.find_by_id(
            Requirement, documents, lock=False, key="document_id", to_create=ReviewItem
        )
        rows |= inside
    known = {
        item.entity_id: item
        for item in await transaction.find_all(
            ReviewItem, ReviewItem.review_id == review.id, to_create=ReviewItem
        )
    }
    total = len(known.keys() | rows.keys())
    if total > MAX_REVIEW_ITEMS:
        message = f"A review has at most {MAX_REVIEW_ITEMS:,} items."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_REVIEW_ITEMS, current=total)
    for model in REVIEWABLE:
        mine = {id: row for id, row in rows.items() if type(row) is model}
        if mine:
            await _add(transaction, review, model, mine, known)


async def _find(
    transaction: Transaction, review: Review, ids: Sequence[UUID], field: Sequence[str]
) -> dict[UUID, Any]:
    found: dict[UUID, Any] = {}
    for model in REVIEWABLE:
        wanted = [id for id in ids if id not in found]
        found |= await transaction.find_by_id(model, wanted, lock=False, to_create=ReviewItem)
    for index, id in enumerate(ids):
        row = found.get(id)
        if row is None:
            message = "There is no such object that can be reviewed."
            raise Problem("NOT_FOUND", message, field=[*field, index])
        if row.project_id != review.project_id:
            message = "The object is in another project."
            raise Problem("INVALID", message, field=[*field, index])
        if isinstance(row, ChangeSet) and row.state is not ChangeSetState.OPEN:
            message = f"The change set is {row.state.value}."
            raise Problem("INVALID", message, field=[*field, index])
    return found


async def _add(
    transaction: Transaction,
    review: Review,
    model: type[Entity],
    rows: Mapping[UUID, Any],
    known: Mapping[UUID, ReviewItem],
) -> None:
    """Add rows of one model. Pins are read first, so that a newer content makes them stale."""
    pins = await existing_pins(transaction, model, [*rows])
    latest = await transaction.find_by_id(model, [*rows], lock=False, to_create=ReviewItem)
    authors = await _authors(transaction, latest, pins)
    items = await items_of_change_sets(transaction, latest)
    added = []
    for id, row in latest.items():
        former = known.get(id)
        if former is not None and former.pin == pins.get(id):
            continue
        if id not in pins:
            continue  # it was deleted meanwhile
        if former is not None:
            person = transaction.viewer.id
            transaction.change(former, None, deleted_at=transaction.now, deleted_by=person)
        added.append(
            ReviewItem(
                organization_id=review.organization_id,
                project_id=review.project_id,
                review_id=review.id,
                entity_type=model.__name__,
                entity_id=id,
                entity_version=row.version,
                pin=pins[id],
                content=content_of(row, items.get(id, ())),
                author_id=authors.get(id),
            )
        )
    await transaction.flush()  # the former ones give way first
    transaction.add(*added)


async def _authors(
    transaction: Transaction, rows: Mapping[UUID, Any], pins: Mapping[UUID, str]
) -> dict[UUID, UUID | None]:
    """Return who wrote the content of each row: who made the version that is its pin."""
    authors = {id: row.created_by for id, row in rows.items()}
    written = {
        id: int(pins[id]) for id, row in rows.items() if type(row) is Requirement and id in pins
    }
    seen = [(rows[id], version - 1) for id, version in written.items() if version > 1]
    for id, changes in (await transaction.changes_since(seen)).items():
        made = (change.actor_id for change in changes if change.version == written[id])
        authors[id] = next(made, authors[id])
    return authors


async def items_of_change_sets(
    transaction: Transaction, rows: Mapping[UUID, Any], to_create: type[Entity] = ReviewItem
) -> dict[UUID, list[Any]]:
    """Return the items of the change sets among these rows, by the ID of the change set."""
    ids = [id for id, row in rows.items() if type(row) is ChangeSet]
    found: dict[UUID, list[Any]] = {id: [] for id in ids}
    items = await transaction.find_by_id(
        ChangeSetItem, ids, lock=False, key="change_set_id", to_create=to_create
    )
    for item in items.values():
        found[item.change_set_id].append(item)
    return found


def content_of(row: Any, items: Sequence[Any]) -> dict[str, Any]:
    """Return the copy of the content, by the names of columns."""
    match row:
        case Requirement():
            return {name: recorded(getattr(row, name)) for name in COPIED}
        case Baseline():
            return {
                "name": row.name,
                "description": row.description,
                "content_hash": row.content_hash.hex(),
                "item_counts": row.item_counts,
            }
        case ChangeSet():
            proposed = [
                [str(item.entity_id), item.action.value, item.base, item.proposed, item.place]
                for item in sorted(items, key=lambda item: item.entity_id)
            ]
            digest = sha256(orjson.dumps(proposed, option=orjson.OPT_SORT_KEYS)).hexdigest()
            return {
                "name": row.name,
                "description": row.description,
                "items": len(items),
                "items_hash": digest,
            }
        case _:
            return {"name": row.name, "description": row.description}
