"""Confirming and revoking the grants of an access review."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.session import Transaction
from auth.viewer import Role
from db.base import SCOPES
from db.core import access_reviews as db
from db.core.access_reviews import AccessDecision
from db.core.organizations import UserRoleType as OrganizationRole
from db.problem import Problem
from graph.core.access_reviews.closing import require_open
from graph.core.access_reviews.ending import end_grants, find_grants
from graph.core.access_reviews.types import AccessReview, AccessReviewItem
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.mutations import Place, require_storable, writing
from graph.kit.scalars import BigInt

MAX_DECISIONS = 100
"""The most decisions of one request: each revocation costs a few statements."""
FINAL = "The grant was revoked, which is final."
GONE = "The grant has ended."
CHANGED = "The grant has changed since the review began. Read it again, and send its version."
OWN = "You cannot confirm your own access. Another reviewer has to."
ABOVE_OWN = "You cannot confirm a role above your own."


@strawberry.enum(description="The decision of a reviewer on a grant.")
class AccessVerdict(Enum):
    CONFIRM = strawberry.enum_value("confirm", description="The user needs the access.")
    REVOKE = strawberry.enum_value(
        "revoke", description="The user does not need the access. It ends at once."
    )


@strawberry.input(description="A decision on one item of an access review.")
class AccessDecisionInput:
    item_id: UUID = strawberry.field(description="The ID of the item.")
    verdict: AccessVerdict = strawberry.field(description="The decision.")
    grant_version: BigInt | None = strawberry.field(
        default=None,
        description="The version of the membership or role that the viewer has seen. Required to"
        " confirm one that has changed since the item's `grantVersion`.",
    )
    comment: str | None = strawberry.field(
        default=UNSET,
        description=f"The comment, at most {db.MAX_COMMENT} characters. It replaces an earlier"
        " one.",
    )


@strawberry.type(description="The result of deciding on items of an access review.")
class AccessReviewDecidePayload:
    access_review: AccessReview = described("The access review.")
    items: list[AccessReviewItem] = strawberry.field(
        description="The items that were decided, in the order of the request.",
        metadata={"largest_page": MAX_DECISIONS},
    )


Decisions = Annotated[
    list[AccessDecisionInput],
    strawberry.argument(description=f"The decisions, at most {MAX_DECISIONS}."),
]


async def access_review_decide(info: Info, id: Id, decisions: Decisions) -> Any:
    if not 0 < len(decisions) <= MAX_DECISIONS:
        raise Problem("INVALID", f"Must have 1 to {MAX_DECISIONS} items.", field=["decisions"])
    async with writing(info, None) as transaction:
        review = await transaction.find(db.AccessReview, id)
        transaction.rights.require("update", review)
        items = await _items(transaction, review, decisions)
        _require_reviewer(transaction, review)
        revoked = [items[d.item_id] for d in decisions if d.verdict is AccessVerdict.REVOKE]
        grants = await find_grants(transaction, revoked, lock=True)
        grants |= await find_grants(
            transaction, [i for i in items.values() if i not in revoked], lock=False
        )
        for index, one in enumerate(decisions):
            _require_decidable(transaction, items[one.item_id], one, grants, index)
        ended = await end_grants(transaction, revoked, grants)
        for index, one in enumerate(decisions):
            if problem := ended.refused.get(one.item_id):
                problem.extensions["field"] = ["decisions", index, "verdict"]
                raise problem
            _store(transaction, items[one.item_id], one, grants[items[one.item_id].grant_id])
    rows = [items[one.item_id] for one in decisions]
    return AccessReviewDecidePayload(access_review=review, items=rows)  # type: ignore[arg-type]


def _require_reviewer(transaction: Transaction, review: db.AccessReview) -> None:
    """Raise FORBIDDEN unless the viewer is a reviewer and a person, INVALID once it is over."""
    if transaction.viewer.is_service or transaction.person not in review.reviewer_ids:
        raise Problem("FORBIDDEN", "You are not a reviewer of this access review.")
    require_open(review)
    if review.due_date <= transaction.now:
        raise Problem("INVALID", "The due date of the access review has passed.", field=["id"])


async def _items(
    transaction: Transaction, review: db.AccessReview, decisions: Sequence[AccessDecisionInput]
) -> dict[UUID, db.AccessReviewItem]:
    ids = [one.item_id for one in decisions]
    found = await transaction.find_by_id(db.AccessReviewItem, ids)
    seen: set[UUID] = set()
    for index, id in enumerate(ids):
        field: Place = ("decisions", index, "itemId")
        if id not in found or found[id].access_review_id != review.id:
            message = "There is no such item in the access review."
            raise Problem("NOT_FOUND", message, field=field)
        if id in seen:
            raise Problem("INVALID", "The item is given twice.", field=field)
        seen.add(id)
    return found


def _require_decidable(
    transaction: Transaction,
    item: db.AccessReviewItem,
    one: AccessDecisionInput,
    grants: Mapping[UUID, Any],
    index: int,
) -> None:
    """Raise INVALID, CONFLICT and FORBIDDEN, with the path of the decision."""
    place: Place = ("decisions", index)
    if item.decision not in (AccessDecision.PENDING, AccessDecision.CONFIRMED):
        raise Problem("INVALID", FINAL, field=(*place, "itemId"))
    grant = grants.get(item.grant_id)
    if grant is None:
        raise Problem("CONFLICT", GONE, field=(*place, "itemId"))
    if one.comment:
        require_storable(one.comment, (*place, "comment"))
    if one.verdict is AccessVerdict.REVOKE:
        return
    if item.user_id == transaction.person:
        raise Problem("FORBIDDEN", OWN, field=(*place, "verdict"))
    seen = item.grant_version if one.grant_version is None else one.grant_version
    if grant.version != seen:
        raise Problem(
            "CONFLICT", CHANGED, field=(*place, "grantVersion"), currentVersion=grant.version
        )
    scopes = [id for key in SCOPES if (id := getattr(grant, key, None))]
    if not transaction.rights.require_role(Role[grant.role.name], *scopes):
        raise Problem("FORBIDDEN", ABOVE_OWN, field=(*place, "verdict"))


def _store(
    transaction: Transaction, item: db.AccessReviewItem, one: AccessDecisionInput, grant: Any
) -> None:
    values: dict[str, Any] = {} if one.comment is UNSET else {"comment": one.comment}
    if one.verdict is AccessVerdict.CONFIRM:
        values |= {
            "decision": AccessDecision.CONFIRMED,
            "role": OrganizationRole[grant.role.name],
            "grant_version": grant.version,
            "expires_at": getattr(grant, "expires_at", None),
        }
    else:
        values["decision"] = AccessDecision.REVOKED
    transaction.change(
        item, None, decided_at=transaction.now, decided_by=transaction.person, **values
    )
