"""The content that a signature signs, as canonical JSON."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

from auth.session import Transaction
from auth.session.write.audit import recorded
from db.base import Entity
from db.problem import Problem
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet
from db.requirements.documents import Document
from db.requirements.requirements import Requirement
from db.requirements.reviews import Review, ReviewItem, ReviewState, ReviewVerdict
from db.requirements.signatures import Signature
from graph.kit.canonical import canonical
from graph.requirements.any_type import find_any
from graph.requirements.reviews.pinning import content_of, items_of_change_sets
from graph.requirements.sql.review_pins import existing_pins

SIGNABLE: tuple[type[Entity], ...] = (
    Requirement,
    Document,
    Baseline,
    ChangeSet,
    Review,
    ReviewVerdict,
)
"""The models whose rows can be signed."""
MAX_LENGTH = 1_000_000
"""Characters of the content of one signature, at most."""


async def signable(transaction: Transaction, id: UUID) -> Any:
    """Return the object with this ID that can be signed. Raises NOT_FOUND."""
    row = (await find_any(transaction, SIGNABLE, [id], Signature)).get(id)
    if row is None:
        message = "There is no such object that can be signed."
        raise Problem("NOT_FOUND", message, field=["entity_id"])
    return row


async def signed_content(transaction: Transaction, row: Any) -> str:
    """Return the content of an object, as it is signed. Raises INVALID and FORBIDDEN."""
    match row:
        case Review():
            content = await _review(transaction, row)
        case ReviewVerdict():
            content = await _verdict(transaction, row)
        case _:
            content = await _pinned(transaction, row)
    about = {"type": type(row).__name__, "id": str(row.id), "version": row.version}
    text = canonical({"entity": about, **content})
    if len(text) > MAX_LENGTH:
        message = f"The content to sign has more than {MAX_LENGTH:,} characters."
        raise Problem("INVALID", message, field=["entity_id"])
    return text


async def _pinned(transaction: Transaction, row: Any) -> Mapping[str, Any]:
    pins = await existing_pins(transaction, type(row), [row.id])
    items = await items_of_change_sets(transaction, {row.id: row}, Signature)
    return {"pin": pins.get(row.id), "content": content_of(row, items.get(row.id, ()))}


async def _review(transaction: Transaction, review: Review) -> Mapping[str, Any]:
    """Return a closed review with its items and verdicts, which do not change any more."""
    if review.state is not ReviewState.CLOSED:
        message = "Only a closed review can be signed. Sign a verdict, or close the review."
        raise Problem("INVALID", message, field=["entity_id"])
    mine: Any = {"lock": False, "to_create": Signature}
    items = await transaction.find_all(ReviewItem, ReviewItem.review_id == review.id, **mine)
    verdicts = await transaction.find_all(
        ReviewVerdict, ReviewVerdict.review_id == review.id, **mine
    )
    return {
        "name": review.name,
        "quorum": review.quorum,
        "items": [_item(item) for item in items],
        "verdicts": [
            _given(verdict) for verdict in sorted(verdicts, key=lambda verdict: verdict.id)
        ],
    }


async def _verdict(transaction: Transaction, verdict: ReviewVerdict) -> Mapping[str, Any]:
    """Return one's own verdict, with the item that it is on."""
    if verdict.reviewer_id != transaction.person:
        message = "Only the reviewer can sign their verdict."
        raise Problem("FORBIDDEN", message, field=["entity_id"])
    item = await transaction.find(ReviewItem, verdict.item_id, lock=False, to_create=Signature)
    return {"verdict": _given(verdict), "item": _item(item), "content": item.content}


def _item(item: ReviewItem) -> dict[str, Any]:
    return {
        "id": str(item.id),
        "entity": {
            "type": item.entity_type,
            "id": str(item.entity_id),
            "version": item.entity_version,
        },
        "pin": item.pin,
        "contentHash": sha256(canonical(item.content).encode()).hexdigest(),
    }


def _given(verdict: ReviewVerdict) -> dict[str, Any]:
    return {
        "item": str(verdict.item_id),
        "reviewer": str(verdict.reviewer_id),
        "verdict": recorded(verdict.verdict),
        "comment": verdict.comment,
    }
