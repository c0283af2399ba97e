"""The verdicts on items of reviews, counted, and the approvals that they make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on

from auth.session import Transaction, ViewerSession
from auth.session.product_query import CONTENT_VERSION, existing, readable
from db.requirements.requirements import Requirement
from db.requirements.reviews import Review, ReviewDecision, Reviewer, ReviewItem, ReviewVerdict

IDS = bindparam("ids", type_=ARRAY(Uuid))


@dataclass(frozen=True)
class Tally:
    """The verdicts on one item: how many approve and reject, and the last of them."""

    approvals: int = 0
    rejections: int = 0
    abstentions: int = 0
    last_at: Any = None


@dataclass(frozen=True)
class Approval:
    """The item by which an object was approved last, and the time of the last verdict."""

    item_id: UUID
    pin: str
    approved_at: Any


async def tallies(session: ViewerSession, item_ids: Sequence[UUID]) -> Mapping[UUID, Tally]:
    """Return the verdicts on these items; one statement."""
    found: Any = await session.query(_tallies(), {"ids": list(item_ids)})
    return {
        row["item_id"]: Tally(
            row["approvals"], row["rejections"], row["abstentions"], row["last_at"]
        )
        for row in found
    }


async def last_approvals(
    session: ViewerSession, requirement_ids: Sequence[UUID]
) -> Mapping[UUID, Approval]:
    """Return the newest approval of each of these requirements that has one; one statement.

    Approvals in other projects, in which a requirement was before, do not count.
    """
    found: Any = await session.query(_last(), {"ids": list(requirement_ids)})
    return {row["entity_id"]: Approval(row["item_id"], row["pin"], row["last_at"]) for row in found}


async def approved_pins(
    transaction: Transaction, entity_ids: Sequence[UUID], least: int
) -> set[tuple[UUID, str]]:
    """Return the contents of these objects that at least `least` reviewers have approved."""
    rows = await transaction.rules(_approved(), {"ids": list(entity_ids), "least": least})
    return {(row.entity_id, row.pin) for row in rows}


async def approved_now(
    transaction: Transaction, requirement_ids: Sequence[UUID], least: int
) -> set[UUID]:
    """Return the requirements whose present content is approved in their project."""
    if not requirement_ids:
        return set()
    values = {"ids": list(requirement_ids), "least": least}
    return {row.id for row in await transaction.rules(_approved_now(), values)}


@cache
def _tallies() -> Select[Any]:
    verdicts = readable(ReviewVerdict, "item_id", "verdict", "updated_at")
    return (
        select(verdicts.c.item_id, *_counts(verdicts))
        .where(verdicts.c.item_id == any_(IDS))
        .group_by(verdicts.c.item_id)
    )


def _counts(verdicts: Any) -> list[ColumnElement[Any]]:
    def count(decision: ReviewDecision, name: str) -> ColumnElement[Any]:
        bound = bindparam(None, decision, type_=verdicts.c.verdict.type, unique=True)
        return func.count().filter(verdicts.c.verdict == bound).label(name)

    return [
        count(ReviewDecision.APPROVE, "approvals"),
        count(ReviewDecision.REJECT, "rejections"),
        count(ReviewDecision.ABSTAIN, "abstentions"),
        func.max(verdicts.c.updated_at).label("last_at"),
    ]


def _items(rows_of: Callable[..., Any], least: Any) -> Any:
    """Return the approved items of the objects `ids`, of reviews that were not cancelled."""
    names = ("id", "review_id", "entity_id", "pin", "created_at", "organization_id", "project_id")
    items = rows_of(ReviewItem, *names)
    reviews = rows_of(Review, "id", "quorum", "state")
    verdicts = rows_of(ReviewVerdict, "item_id", "verdict", "updated_at")
    counted = (
        select(*_counts(verdicts))
        .where(verdicts.c.item_id == items.c.id)
        .correlate_except(verdicts)
        .lateral("counted")
    )
    return (
        select(
            items.c.entity_id,
            items.c.id.label("item_id"),
            items.c.pin,
            items.c.project_id,
            items.c.created_at,
            counted.c.last_at,
        )
        .select_from(items)
        .join(reviews, reviews.c.id == items.c.review_id)
        .join(counted, true())
        .where(
            items.c.entity_id == any_(IDS),
            cast(reviews.c.state, Text) != bindparam(None, "cancelled", type_=Text, unique=True),
            counted.c.approvals >= func.greatest(reviews.c.quorum, least),
            counted.c.rejections == literal_column("0"),
        )
        .subquery("approved")
    )


@cache
def _last() -> Select[Any]:
    approved = _items(readable, literal_column("1"))
    rows = readable(Requirement, "id", "project_id")
    return (
        select(approved)
        .join(rows, _same_place(rows, approved))
        .ext(distinct_on(approved.c.entity_id))
        .order_by(approved.c.entity_id, approved.c.created_at.desc(), approved.c.item_id.desc())
    )


@cache
def _approved() -> Select[Any]:
    approved = _items(existing, bindparam("least", type_=BigInteger))
    return select(approved.c.entity_id, approved.c.pin)


@cache
def _approved_now() -> Select[Any]:
    approved = _items(existing, bindparam("least", type_=BigInteger))
    rows = existing(Requirement, "id", "project_id", CONTENT_VERSION)
    joined = rows.join(approved, _same_place(rows, approved))
    same_content = approved.c.pin == cast(rows.c[CONTENT_VERSION], Text)
    return select(rows.c.id).select_from(joined).where(same_content).distinct()


def _same_place(rows: Any, approved: Any) -> ColumnElement[bool]:
    """Return the condition that a requirement was approved in the project in which it is."""
    return and_(rows.c.id == approved.c.entity_id, rows.c.project_id == approved.c.project_id)


def reviews_of(review: Any, entity_id: UUID) -> ColumnElement[bool]:
    """Return the condition that an object is under review, or a requirement in it."""
    id: Any = bindparam(None, entity_id, type_=Uuid, unique=True)
    items = readable(ReviewItem, "review_id", "entity_id")
    requirements = readable(Requirement, "id", "document_id")
    inside = items.join(requirements, requirements.c.id == items.c.entity_id)
    found = union_all(
        select(items.c.review_id).where(items.c.entity_id == id),
        select(items.c.review_id).select_from(inside).where(requirements.c.document_id == id),
    )
    condition: ColumnElement[bool] = review.id.in_(found)
    return condition


def waits_for(review: Any, user_id: UUID | None, *, pending: bool | None) -> ColumnElement[bool]:
    """Return the condition that a person is a reviewer by name, and has items without a verdict."""
    person: Any = bindparam(None, user_id, type_=Uuid, unique=True)
    reviewers = readable(Reviewer, "review_id", "reviewer_id")
    named = (
        select(literal_column("1"))
        .select_from(reviewers)
        .where(reviewers.c.review_id == review.id, reviewers.c.reviewer_id == person)
        .correlate_except(reviewers)
        .exists()
    )
    if pending is None:
        return named
    items = readable(ReviewItem, "id", "review_id")
    verdicts = readable(ReviewVerdict, "item_id", "reviewer_id")
    given = (
        select(literal_column("1"))
        .select_from(verdicts)
        .where(verdicts.c.item_id == items.c.id, verdicts.c.reviewer_id == person)
        .correlate_except(verdicts)
        .exists()
    )
    left = (
        select(literal_column("1"))
        .select_from(items)
        .where(items.c.review_id == review.id, ~given)
        .correlate_except(items)
        .exists()
    )
    return named & (left if pending else ~left)
