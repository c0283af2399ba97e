"""The types of reviews, their items, reviewers and verdicts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from auth.viewer import Role
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.core.projects import ProjectRole
from db.requirements import reviews as db
from db.requirements.reviews import ReviewDecision, ReviewState
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum, enum_of
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.filters import ConditionInput, EntityTypeFilterInput, operator
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import NODES, Node
from graph.kit.scalars import BigInt
from graph.requirements.baselines import spelled
from graph.requirements.requirements import Requirement
from graph.requirements.sql.approvals import (
    Tally,
    last_approvals,
    reviews_of,
    tallies,
    waits_for,
)
from graph.requirements.sql.review_pins import readable_pins
from graph.requirements.workflows.transitions import ROLES

MAX_PAGE = 500
"""The most items or verdicts on one page."""

describe_enum(
    ReviewState,
    "The state of a review.",
    {
        "OPEN": "Reviewers can give verdicts.",
        "CLOSED": "The review is finished. Its approvals hold.",
        "CANCELLED": "The review was cancelled. Its approvals do not count.",
    },
)
describe_enum(
    ReviewDecision,
    "The verdict of a reviewer.",
    {
        "APPROVE": "The reviewer approves the content.",
        "REJECT": "The reviewer rejects the content. One rejection rejects the item.",
        "ABSTAIN": "The reviewer has no objection, and does not count towards the quorum.",
    },
)
ReviewOutcome: Any = enum_of(
    "ReviewOutcome",
    {"PENDING": "pending", "APPROVED": "approved", "REJECTED": "rejected"},
    "The outcome of the verdicts on an item.",
    {
        "PENDING": "There are not enough verdicts yet.",
        "APPROVED": "At least as many reviewers as the quorum approve, and none rejects.",
        "REJECTED": "A reviewer rejects.",
    },
)


@strawberry.type(
    description="A review of objects of a project: requirements, documents, baselines and change"
    " sets. Its approvals hold for the content that was reviewed."
)
class Review(Authored, Node):
    model = db.Review

    name: str = described("The name of the review.")
    description: str | None = described("The description of the review, for its reviewers.")
    state: ReviewState = described("The state of the review.")
    quorum: int = described(
        "The number of reviewers who must approve an item, from 1 to 50, for it to be approved."
    )
    due_date: datetime | None = described("The date and time when the verdicts are due.")
    edited_at: datetime | None = described(
        "The date and time when its items or reviewers were last changed."
    )
    last_verdict_at: datetime | None = described(
        "The date and time when a verdict was last given or changed."
    )
    closed_at: datetime | None = described(
        "The date and time when the review was closed or cancelled; null while it is open."
    )
    organization_id: UUID = described("The ID of the organization of the review.")
    project_id: UUID = described("The ID of the project of the review.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the review."
    )
    closed_by: Profile | None = to_one(
        "closed_by", ProfileRow, Profile, "The user who closed or cancelled the review."
    )

    @computed(
        "id",
        "organization_id",
        "project_id",
        "created_by",
        text="Whether the viewer is a reviewer, by name or by role, who can give verdicts while the"
        " review is open.",
    )
    async def viewer_is_reviewer(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        context = info.context
        viewer = context.viewer
        if viewer.is_service or viewer.id is None:
            return False
        scopes = (root.organization_id, root.project_id)
        held = max(viewer.grants.get(scope, Role.ANYONE) for scope in scopes)
        reviewers = await context.loader("reviewers", partial(_reviewers, context)).load(root.id)
        if any(one.reviewer_id == viewer.id for one in reviewers):
            return True
        by_role = any(one.role and held >= ROLES[one.role] for one in reviewers)
        return by_role and root.created_by != viewer.id


@strawberry.type(description="One object under review, pinned to its content.")
class ReviewItem(Authored, Node):
    model = db.ReviewItem

    review_id: UUID = described("The ID of the review.")
    entity_type: EntityType = described("The type of the object.")
    entity_id: UUID = described("The ID of the object.")
    entity_version: BigInt = described("The version of the object when it was added.")
    review: Review | None = to_one("review_id", db.Review, Review, "The review of the item.")
    author: Profile | None = to_one(
        "author_id", ProfileRow, Profile, "The user who wrote the content, if known."
    )

    @computed(
        "entity_type",
        "content",
        text="The content of the object when it was added, by the names of its fields.",
    )
    def content(root: strawberry.Parent[Any]) -> JSON:  # noqa: N805
        return spelled(root.entity_type, root.content, people=True)  # type: ignore[no-any-return]

    @computed("entity_id", text="The object; null if it was deleted or the viewer cannot read it.")
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        (row,) = await info.context.nodes([root.entity_id], list(NODES))
        return row  # type: ignore[return-value]

    @computed(
        "entity_type",
        "entity_id",
        "pin",
        text="Whether the content of the object has changed since it was added, so that the"
        " verdicts do not count any more. Also true if the object was deleted.",
    )
    async def is_stale(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        return bool(await pin_of(info.context, root.entity_type, root.entity_id) != root.pin)

    @computed("id", "review_id", text="The outcome of the verdicts.")
    async def outcome(root: strawberry.Parent[Any], info: Info) -> ReviewOutcome:  # noqa: N805
        review = await info.context.one(db.Review, root.review_id)
        return outcome_of(await _tally(info.context, root.id), review.quorum if review else 0)

    @computed("id", text="The number of reviewers who approve.")
    async def approvals(root: strawberry.Parent[Any], info: Info) -> int:  # noqa: N805
        return (await _tally(info.context, root.id)).approvals

    @computed("id", text="The number of reviewers who reject.")
    async def rejections(root: strawberry.Parent[Any], info: Info) -> int:  # noqa: N805
        return (await _tally(info.context, root.id)).rejections


@strawberry.type(description="A user, or a role in the project, who reviews.")
class Reviewer(Authored, Node):
    model = db.Reviewer

    review_id: UUID = described("The ID of the review.")
    role: ProjectRole | None = described(
        "The role: every user with it or a higher one can give verdicts, except the author of the"
        " review. Null for a user."
    )
    reviewer: Profile | None = to_one(
        "reviewer_id", ProfileRow, Profile, "The user; null for a role."
    )


@strawberry.type(description="The verdict of one reviewer on one item.")
class ReviewVerdict(Authored, Node):
    model = db.ReviewVerdict

    review_id: UUID = described("The ID of the review.")
    item_id: UUID = described("The ID of the item.")
    verdict: ReviewDecision = described("The verdict.")
    comment: str | None = described("The comment of the reviewer.")
    reviewer: Profile | None = to_one(
        "reviewer_id", ProfileRow, Profile, "The user who gave the verdict."
    )
    item: ReviewItem | None = to_one(
        "item_id", db.ReviewItem, ReviewItem, "The item that the verdict is on."
    )


@strawberry.type(description="The latest approval of an object by a review.")
class Approval:
    item: ReviewItem = described("The item of the review by which the object was approved.")
    approved_at: datetime = described("The date and time of the last verdict.")
    is_stale: bool = described(
        "Whether the content has changed since, so that the approval does not hold any more."
    )


def outcome_of(tally: Tally, quorum: int) -> Any:
    """Return the outcome of the verdicts on an item."""
    if tally.rejections:
        return ReviewOutcome.REJECTED
    return ReviewOutcome.APPROVED if 0 < quorum <= tally.approvals else ReviewOutcome.PENDING


async def _reviewers(context: Context, review_ids: list[UUID]) -> list[Any]:
    pages = await context.session.pages(db.Reviewer, "review_id", review_ids)
    return [pages.get(id, ()) for id in review_ids]


async def _tally(context: Context, item_id: UUID) -> Tally:
    async def load(ids: list[UUID]) -> list[Tally]:
        found = await tallies(context.session, ids)
        return [found.get(id, Tally()) for id in ids]

    tally: Tally = await context.loader("verdicts", load).load(item_id)
    return tally


async def pin_of(context: Context, entity_type: str, id: UUID) -> str | None:
    """Return the pin of an object's present content; None if there is none; batched by type."""
    model = next((model for model in db.REVIEWABLE if model.__name__ == entity_type), None)
    if model is None:
        return None
    pin: str | None = await context.loader(("pins", model), partial(_pins, context, model)).load(id)
    return pin


async def _pins(context: Context, model: Any, ids: list[UUID]) -> list[str | None]:
    found = await readable_pins(context.session, model, ids)
    return [found.get(id) for id in ids]


@computed(
    "id",
    text="The latest approval of the requirement by a review that the viewer can read; null if it"
    " was never approved, and in a past state.",
)
async def _approval(root: strawberry.Parent[Any], info: Info) -> Approval | None:
    context = info.context
    if context.viewer.shared or context.past_of(root):
        return None

    async def load(ids: list[UUID]) -> list[Any]:
        found = await last_approvals(context.session, ids)
        return [found.get(id) for id in ids]

    found = await context.loader("approvals", load).load(root.id)
    item = await context.one(db.ReviewItem, found.item_id) if found else None
    if found is None or item is None:
        return None
    pin = await pin_of(context, "Requirement", root.id)
    return Approval(item=item, approved_at=found.approved_at, is_stale=pin != found.pin)  # type: ignore[arg-type]


@strawberry.input(
    description="Selects reviews by a user who is one of their reviewers by name, such as the"
    " viewer."
)
class ReviewerFilterInput(ConditionInput):
    weight = 20

    user_id: UUID = strawberry.field(description="The ID of the user.")
    has_pending_items: bool | None = operator("Whether the user has items without a verdict.")

    def conditions(self, model: Any, _: Sequence[str | int]) -> Iterator[Any]:
        """Yield the condition."""
        pending = self.has_pending_items
        known = pending if isinstance(pending, bool) else None
        yield waits_for(model, self.user_id, pending=known)


@strawberry.input(description="Selects reviews by an object that is under review.")
class ReviewedFilterInput(ConditionInput):
    weight = 20

    entity_id: UUID = strawberry.field(
        description="The ID of the object. Reviews of requirements in a document are also reviews"
        " of the document."
    )

    def conditions(self, model: Any, _: Sequence[str | int]) -> Iterator[Any]:
        """Yield the condition."""
        yield reviews_of(model, self.entity_id)


ReviewFilterInput = filter_input(
    Review,
    "id",
    "project_id",
    "name",
    "state",
    "due_date",
    "created_by",
    "created_at",
    "updated_at",
    more={
        "reviewer": (ReviewerFilterInput, "Filters by reviewers. All must match."),
        "reviewed": (ReviewedFilterInput, "Filters by objects under review. All must match."),
    },
)
ReviewOrderInput = order_input(Review, "name", "state", "due_date", "created_at", "updated_at")
ReviewItemFilterInput = filter_input(
    ReviewItem,
    "id",
    "entity_type",
    "entity_id",
    "created_at",
    comparisons={"entity_type": EntityTypeFilterInput},
)
ReviewItemOrderInput = order_input(ReviewItem, "created_at")
ReviewerFilter = filter_input(Reviewer, "id", "role", "created_at", name="ReviewReviewer")
ReviewerOrderInput = order_input(Reviewer, "created_at")
ReviewVerdictFilterInput = filter_input(
    ReviewVerdict, "id", "item_id", "reviewer_id", "verdict", "created_at", "updated_at"
)
ReviewVerdictOrderInput = order_input(ReviewVerdict, "created_at", "updated_at")


def _reviews(key: str | None, text: str) -> Any:
    return connection(db.Review, Review, ReviewFilterInput, ReviewOrderInput, text, key=key)


def _verdicts(key: str, text: str) -> Any:
    return connection(
        db.ReviewVerdict,
        ReviewVerdict,
        ReviewVerdictFilterInput,
        ReviewVerdictOrderInput,
        text,
        key=key,
        largest=MAX_PAGE,
    )


extend_type(Project, reviews=_reviews("project_id", "The reviews of the project."))
extend_type(Requirement, approval=_approval)
extend_type(
    Review,
    items=connection(
        db.ReviewItem,
        ReviewItem,
        ReviewItemFilterInput,
        ReviewItemOrderInput,
        "The objects under review.",
        key="review_id",
        largest=MAX_PAGE,
    ),
    reviewers=connection(
        db.Reviewer,
        Reviewer,
        ReviewerFilter,
        ReviewerOrderInput,
        "The reviewers.",
        key="review_id",
    ),
    verdicts=_verdicts("review_id", "The verdicts on all items."),
)
extend_type(ReviewItem, verdicts=_verdicts("item_id", "The verdicts on the item."))


@strawberry.type
class Query:
    review = by_id(db.Review, Review, "Look up a review by its ID.")
    reviews = _reviews(
        None,
        "List reviews that the viewer can read. Those that wait for a user are found by"
        " `filter: {state: {eq: OPEN}, reviewer: [{userId: ..., hasPendingItems: true}]}`.",
    )
