"""The types of access reviews, their items and reports."""

import asyncio
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import strawberry

from db.core import access_reviews as db
from db.core.access_reviews import AccessDecision, AccessReviewState, GrantKind
from db.core.organizations import Organization as OrganizationRow
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from graph.core.access_reviews.ending import MODELS
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import NODES, Node
from graph.kit.scalars import BigInt

MAX_PAGE = 500
"""The most items on one page."""

describe_enum(
    AccessReviewState,
    "The state of an access review.",
    {
        "OPEN": "Reviewers can confirm and revoke access.",
        "CLOSED": "The review is finished and has a report.",
        "CANCELLED": "The review was cancelled. It has no report.",
    },
)
describe_enum(
    GrantKind,
    "The kind of grant that gives access.",
    {
        "MEMBERSHIP": "The membership of the organization.",
        "PROJECT_MEMBERSHIP": "The membership of a project.",
        "ROLE": "An additional role, granted by `roleGrant`.",
    },
)
describe_enum(
    AccessDecision,
    "The outcome of an access review for one grant.",
    {
        "PENDING": "No reviewer has confirmed or revoked the grant yet.",
        "CONFIRMED": "A reviewer has confirmed the grant.",
        "REVOKED": "A reviewer has revoked the grant.",
        "ENDED": "No reviewer confirmed the grant, and it ended on the due date.",
        "UNCONFIRMED": "No reviewer confirmed the grant before the review was closed. It is"
        " unchanged: the review does not end grants, the grant is above the role of the user who"
        " ends them, or it is that of the last owner.",
        "GONE": "The grant ended otherwise before the review was closed.",
    },
)


@strawberry.type(
    description="The report of a closed access review. It is never changed or deleted."
)
class AccessReviewReport:
    content: str = strawberry.field(
        description="The review and its items with their outcome, as canonical JSON. Users are"
        " named by their IDs."
    )
    content_hash: str = strawberry.field(
        description="The SHA-256 hash of `content` in UTF-8, in hexadecimal."
    )
    chain_seq: BigInt = strawberry.field(
        description="The number of the latest event in the hash chain of the organization's audit"
        " log when the review was closed."
    )
    chain_hash: str = strawberry.field(
        description="The hash of that event in the chain, in hexadecimal."
    )
    is_intact: bool = strawberry.field(
        description="Whether `contentHash` is the hash of `content`."
    )


@strawberry.type(
    description="A review of who has access to an organization or project. Reviewers confirm or"
    " revoke each grant until the due date."
)
class AccessReview(Authored, Node):
    model = db.AccessReview

    name: str = described("The name of the access review.")
    description: str | None = described("The description of the access review, for its reviewers.")
    state: AccessReviewState = described("The state of the access review.")
    due_date: datetime = described(
        "The date and time when the access review is closed, with what was decided until then."
    )
    closed_at: datetime | None = described(
        "The date and time when the access review was closed or cancelled; null while it is open."
    )
    organization_id: UUID = described("The ID of the organization of the access review.")
    project_id: UUID | None = described(
        "The ID of the project that is reviewed; null if it is the organization."
    )
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the access review."
    )
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project that is reviewed; null if it is the organization.",
    )
    closed_by: Profile | None = to_one(
        "closed_by",
        ProfileRow,
        Profile,
        "The user who closed or cancelled the access review; null if it was closed on the due"
        " date.",
    )
    ends_by: Profile | None = to_one(
        "ends_by",
        ProfileRow,
        Profile,
        "The user with whose permissions grants that are not confirmed end on the due date; null"
        " if they do not end.",
    )

    @computed("ends_by", text="Whether grants that no reviewer has confirmed end on the due date.")
    def ends_unconfirmed(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.ends_by is not None

    @computed(
        "reviewer_ids",
        text="The reviewers, at most 50. Users who have left the organization are left out.",
        metadata={"largest_page": db.MAX_REVIEWERS},
    )
    async def reviewers(root: strawberry.Parent[Any], info: Info) -> list[Profile]:  # noqa: N805
        people = (info.context.one(ProfileRow, UUID(str(id))) for id in root.reviewer_ids)
        found = await asyncio.gather(*people)
        return [one for one in found if one is not None]  # type: ignore[misc]

    @computed(
        "report",
        "report_hash",
        "chain_seq",
        "chain_hash",
        text="The report; null unless the access review is closed.",
    )
    def report(root: strawberry.Parent[Any]) -> AccessReviewReport | None:  # noqa: N805
        if root.report is None:
            return None
        return AccessReviewReport(
            content=root.report,
            content_hash=root.report_hash.hex(),
            chain_seq=BigInt(root.chain_seq),
            chain_hash=root.chain_hash.hex(),
            is_intact=sha256(root.report.encode()).digest() == root.report_hash,
        )


@strawberry.type(description="One grant under review: a role of a user at an object.")
class AccessReviewItem(Authored, Node):
    model = db.AccessReviewItem

    access_review_id: UUID = described("The ID of the access review.")
    user_id: UUID = described("The ID of the user or service account that has the role.")
    kind: GrantKind = described("The kind of the grant.")
    grant_id: UUID = described("The ID of the membership or role.")
    grant_version: BigInt = described(
        "The version of the membership or role that is under review: the one when the review was"
        " created, or that a reviewer has confirmed."
    )
    role: OrganizationRole = described("The role that the grant gives.")
    object_type: EntityType = described("The type of the object at which the role is granted.")
    object_id: UUID = described("The ID of the object at which the role is granted.")
    granted_at: datetime = described("The date and time when the membership or role was created.")
    expires_at: datetime | None = described(
        "The date and time when the role ends; null if it does not end by itself."
    )
    last_used_at: datetime | None = described(
        "The date and time, exact to an hour, when the user last opened the project, for a"
        " membership of a project, or last used the API in the organization, for other grants;"
        " null if the user has not."
    )
    decision: AccessDecision = described("The outcome for the grant.")
    decided_at: datetime | None = described("The date and time of the outcome.")
    comment: str | None = described("The comment of the reviewer.")
    access_review: AccessReview | None = to_one(
        "access_review_id", db.AccessReview, AccessReview, "The access review."
    )
    user: Profile | None = to_one(
        "user_id",
        ProfileRow,
        Profile,
        "The user or service account that has the role; null if it has left the organization.",
    )
    granted_by: Profile | None = to_one(
        "granted_by", ProfileRow, Profile, "The user who created the membership or role, if known."
    )
    decided_by: Profile | None = to_one(
        "decided_by",
        ProfileRow,
        Profile,
        "The reviewer who confirmed or revoked the grant; null for other outcomes.",
    )

    @computed(
        "kind",
        "grant_id",
        "grant_version",
        text="Whether the membership or role has been changed since `grantVersion`, or has ended.",
    )
    async def is_stale(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        row = await info.context.one(MODELS[GrantKind(root.kind)], root.grant_id)
        return row is None or bool(row.version != root.grant_version)

    @computed("object_id", text="The object; null if it was deleted.")
    async def object(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        (row,) = await info.context.nodes([root.object_id], list(NODES))
        return row  # type: ignore[return-value]


AccessReviewFilterInput = filter_input(
    AccessReview,
    "id",
    "project_id",
    "name",
    "state",
    "due_date",
    "created_by",
    "created_at",
)
AccessReviewOrderInput = order_input(AccessReview, "name", "due_date", "created_at", "updated_at")
AccessReviewItemFilterInput = filter_input(
    AccessReviewItem,
    "id",
    "user_id",
    "kind",
    "grant_id",
    "role",
    "object_id",
    "granted_at",
    "last_used_at",
    "decision",
    "decided_by",
    "created_at",
)
AccessReviewItemOrderInput = order_input(
    AccessReviewItem, "role", "granted_at", "last_used_at", "decision", "created_at"
)


def _reviews(key: str, text: str) -> Any:
    return connection(
        db.AccessReview,
        AccessReview,
        AccessReviewFilterInput,
        AccessReviewOrderInput,
        text,
        key=key,
    )


extend_type(
    Organization,
    access_reviews=_reviews(
        "organization_id",
        "The access reviews of the organization and of projects in it; for viewers who are not"
        " administrators of the organization, only those of projects that they administrate.",
    ),
)
extend_type(
    Project,
    access_reviews=_reviews(
        "project_id",
        "The access reviews of the project; empty for viewers who are not its administrators.",
    ),
)
extend_type(
    AccessReview,
    items=connection(
        db.AccessReviewItem,
        AccessReviewItem,
        AccessReviewItemFilterInput,
        AccessReviewItemOrderInput,
        "The grants under review.",
        key="access_review_id",
        largest=MAX_PAGE,
    ),
)


@strawberry.type
class Query:
    access_review = by_id(db.AccessReview, AccessReview, "Look up an access review by its ID.")
