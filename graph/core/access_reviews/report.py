"""The report of a closed access review: canonical JSON, its digest, and the head of the chain."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from auth.session import Transaction
from auth.session.write.audit import recorded
from db.audit.chain import genesis
from db.core.access_reviews import AccessReview, AccessReviewItem, chain_head
from graph.kit.canonical import canonical

FORMAT = "gateway access review 1"
REVIEW = (
    "id",
    "organization_id",
    "project_id",
    "name",
    "description",
    "created_at",
    "created_by",
    "due_date",
    "reviewer_ids",
    "ends_by",
    "closed_at",
    "closed_by",
)
ITEM = (
    "id",
    "user_id",
    "kind",
    "grant_id",
    "grant_version",
    "role",
    "object_type",
    "object_id",
    "granted_at",
    "granted_by",
    "expires_at",
    "last_used_at",
    "decision",
    "decided_at",
    "decided_by",
    "comment",
)


class Head(NamedTuple):
    """The number and the hash of the latest event in a chain."""

    seq: int
    hash: bytes


async def head_of(transaction: Transaction, organization_id: UUID) -> Head:
    """Return the head of the audit chain; before its first event, the hash that it begins with."""
    head: Any = await transaction.call(chain_head(organization_id))
    hash = bytes.fromhex(head["hash"]) if head["hash"] else genesis(organization_id)
    return Head(head["seq"], hash)


def report_of(
    review: AccessReview, items: Sequence[AccessReviewItem], head: Head
) -> dict[str, Any]:
    """Return the columns of the report of a review, with what has been set in it and its items.

    People are named by their IDs, so that a report does not tell who they were once their account
    is erased.
    """
    listed = [_values(item, ITEM) for item in sorted(items, key=lambda item: item.id)]
    text = canonical(
        {
            "format": FORMAT,
            "review": _values(review, REVIEW),
            "counts": Counter(item["decision"] for item in listed),
            "items": listed,
        }
    )
    return {
        "report": text,
        "report_hash": sha256(text.encode()).digest(),
        "chain_seq": head.seq,
        "chain_hash": head.hash,
    }


def _values(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: recorded(getattr(row, name)) for name in names}
