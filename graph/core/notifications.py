"""Notifications of a person: read by them alone, and followed as they arrive."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from auth.accounts.notify import ALWAYS_TOLD
from auth.policy import ENTITIES, require_signed_in, require_token_scope
from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.core import notifications as db
from db.core.notifications import NotificationKind, NotificationType
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from graph.core.changes import After, ChangeEvent, row_told
from graph.core.organizations import Organization
from graph.core.people import Profile, Viewer
from graph.core.projects import Project
from graph.kit.bulk import MAX_ITEMS
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.entity_types import label_of
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.mutations import mutation, writing
from graph.kit.node import NODES, Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scopes import SCOPE
from graph.kit.stream import Stream

describe_enum(
    NotificationType,
    "The type of a notification.",
    {
        "INFO": "Information.",
        "SUCCESS": "Something has succeeded.",
        "WARNING": "Something needs attention.",
        "ERROR": "Something has failed.",
        "INVITATION": "An invitation.",
        "ASSIGNMENT": "An assignment of the user to an object.",
        "MENTION": "A mention of the user in a comment.",
        "COMMENT": "A comment in a thread that the user takes part in, or on an object that is"
        " assigned to the user; or the resolution of a thread of the user.",
    },
)
describe_enum(
    NotificationKind,
    "A kind of notifications, for which a user has one preference.",
    {
        "ASSIGNMENTS": "Assignments of the user to objects, and their due dates.",
        "COMMENTS": "Comments, mentions of the user, and the resolution of threads.",
        "REVIEWS": "Reviews that wait for the user, and verdicts in reviews of the user.",
        "ROLES": "Roles and memberships of the user, and answers to their invitations.",
        "BILLING": "Failed payments, ends of trials and subscriptions, and limits of the plan.",
        "SECURITY": "Security alerts, for administrators of an organization.",
        "SYSTEM": "Messages of the gateway, such as that a webhook endpoint was disabled.",
    },
)
SHOWN = {SCOPE: "organizations:read"}
HIDDEN = "A notification about an object that you cannot read."
"""The title in place of that of a notification whose object its reader cannot read."""


async def cause_of(context: Context, metadata: Mapping[str, Any]) -> Any:
    """Return the object of a notification; None if it was deleted or the viewer cannot read it."""
    try:
        id = UUID(str(metadata.get("entityId")))
    except ValueError:
        return None
    (row,) = await context.nodes([id], list(NODES))
    return row


async def is_told(context: Context, metadata: Mapping[str, Any]) -> bool:
    """Return whether the viewer may read the text of a notification: if they can read its object.

    The look-ups of all notifications of a request are those of `cause_of`, together.
    """
    if "entityId" not in metadata or metadata.get("event") in ALWAYS_TOLD:
        return True
    try:
        return await cause_of(context, metadata) is not None
    except Problem as problem:  # the scopes of the token do not reach it
        if problem.code != "FORBIDDEN":
            raise
        return False


@strawberry.type(description="A message to one user, which only that user can read.")
class Notification(Node):
    model = db.Notification

    type: NotificationType = described("The type of the notification.")
    kind: NotificationKind = described("The kind of the notification.")
    unread: bool = described("Whether the notification is unread.")
    read_at: datetime | None = described("The date and time when the notification was read.")
    organization_id: UUID = described("The ID of the organization of the notification.")
    project_id: UUID | None = described("The ID of the project of the notification, if any.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the notification."
    )
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project of the notification; null if there is none or the viewer cannot read it.",
    )
    actor: Profile | None = to_one(
        "created_by",
        ProfileRow,
        Profile,
        "The user who caused the notification; null for the system.",
    )

    @computed(
        "metadata_",
        "title",
        text="The title of the notification; a neutral one if the viewer cannot read its object.",
    )
    async def title(root: strawberry.Parent[Any], info: Info) -> str:  # noqa: N805
        return root.title if await is_told(info.context, root.metadata_) else HIDDEN

    @computed(
        "metadata_",
        "message",
        text="The text of the notification; null if there is none or the viewer cannot read its"
        " object.",
    )
    async def message(root: strawberry.Parent[Any], info: Info) -> str | None:  # noqa: N805
        if root.message is None or not await is_told(info.context, root.metadata_):
            return None
        return root.message  # type: ignore[no-any-return]

    @computed(
        "metadata_",
        text="The cause of the notification, for programs: `event`, `entityType` and `entityId`.",
    )
    def metadata(root: strawberry.Parent[Any]) -> JSON:  # noqa: N805
        recorded = root.metadata_
        if model := ENTITIES.get(recorded.get("entityType", "")):
            return {**recorded, "entityType": label_of(model)}  # type: ignore[return-value]
        return recorded  # type: ignore[no-any-return]

    @computed(
        "metadata_",
        text="The object that the notification is about; null if it was deleted or"
        " the viewer cannot read it.",
    )
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        return await cause_of(info.context, root.metadata_)  # type: ignore[no-any-return]


async def _unread(context: Context) -> int:
    return await context.session.count(db.Notification, db.Notification.unread.is_(True))


@strawberry.field(description="The number of unread notifications.", metadata=SHOWN)
async def unread_notifications(info: Info) -> int:
    return await _unread(info.context)


extend_type(
    Viewer,
    notifications=connection(
        db.Notification,
        Notification,
        filter_input(
            Notification,
            "id",
            "type",
            "kind",
            "unread",
            "organization_id",
            "project_id",
            "created_by",
            "created_at",
            "read_at",
        ),
        order_input(Notification, "type", "created_at", "read_at"),
        "The notifications of the viewer, by default the newest first.",
        newest_first=True,
    ),
    unread_notifications=unread_notifications,
)


@strawberry.type(description="The result of marking notifications as read.")
class NotificationsPayload:
    notifications: list[Notification] = described("The notifications after the mutation.")

    @strawberry.field(description="The number of unread notifications that remain.", metadata=SHOWN)
    async def unread_count(self, info: Info) -> int:
        return await _unread(info.context)


Read = Annotated[bool, strawberry.argument(description="Whether to mark it as read, or as unread.")]
Ids = Annotated[
    list[UUID] | None,
    strawberry.argument(
        description=f"The IDs of the notifications, at most {MAX_ITEMS}. The default is the oldest"
        f" {MAX_ITEMS} unread ones."
    ),
]


def _mark(transaction: Transaction, row: db.Notification, *, read: bool) -> None:
    """Set whether the notification is read; one that is in this state already stays unchanged.

    No version is expected: only its owner changes it, and the last request wins.
    """
    if row.unread is read:
        read_at = transaction.now if read else None
        transaction.change(row, None, unread=not read, read_at=read_at)


async def notification_read(info: Info, id: Id, read: Read = True) -> Any:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Notification, id)
        _mark(transaction, row, read=read)
    return answer(payload_of(Notification), row)


async def notifications_read(info: Info, ids: Ids = None) -> NotificationsPayload | None:
    if ids is not None and not 0 < len(ids) <= MAX_ITEMS:
        raise Problem(
            "INVALID", f"Must have 1 to {MAX_ITEMS} items, or be left out.", field=["ids"]
        )
    async with writing(info, None) as transaction:
        if ids is None:
            unread = db.Notification.unread.is_(True)
            rows = await transaction.find_all(db.Notification, unread, limit=MAX_ITEMS)
        else:
            found = await transaction.find_by_id(db.Notification, ids)
            if lost := [place for place, id in enumerate(ids) if id not in found]:
                message = missing(db.Notification).message
                raise Problem("NOT_FOUND", message, field=["ids", lost[0]])
            rows = [found[id] for id in dict.fromkeys(ids)]
        for row in rows:
            _mark(transaction, row, read=True)
    return NotificationsPayload(notifications=cast("list[Notification]", rows))


async def notification_delete(info: Info, id: Id) -> Any:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Notification, id)
        transaction.edits.hide(row, row.version, ())
    return answer(payload_of(Notification), row)


@strawberry.type
class Mutation:
    notification_read = mutation(
        notification_read,
        payload_of(Notification),
        "Mark a notification of the viewer as read or unread.",
    )
    notifications_read = mutation(
        notifications_read, NotificationsPayload, "Mark notifications of the viewer as read."
    )
    notification_delete = mutation(
        notification_delete,
        payload_of(Notification),
        "Delete a notification of the viewer permanently.",
    )


@strawberry.type(description="A change of the notifications of the viewer.")
class NotificationEvent(ChangeEvent):
    @strawberry.field(
        description="The notification; null if it was deleted, and for READY and RESYNC."
    )
    async def notification(root: strawberry.Parent[Any], info: Info) -> Notification | None:  # noqa: N805
        return await row_told(root.event, info.context)  # type: ignore[return-value]

    @strawberry.field(description="The number of unread notifications.", metadata=SHOWN)
    async def unread_count(root: strawberry.Parent[Any], info: Info) -> int:  # noqa: N805
        return await _unread(info.context)


def _own(
    info: Info, after: str | None, actions: frozenset[str] | None = None
) -> AsyncGenerator[NotificationEvent, None]:
    viewer = info.context.viewer
    require_signed_in(viewer)
    require_token_scope(viewer, "read", db.Notification)
    assert viewer.id is not None  # noqa: S101 (it was asked for)
    followed = Stream("person", viewer.id, None, after, actions=actions)
    return cast("AsyncGenerator[NotificationEvent, None]", followed)


@strawberry.type
class Subscription:
    @strawberry.subscription(description="New notifications of the viewer.", metadata=SHOWN)
    async def notification_received(
        self, info: Info, after: After = None
    ) -> AsyncGenerator[NotificationEvent, None]:
        return _own(info, after, frozenset({"create"}))

    @strawberry.subscription(
        description="Changes of the notifications of the viewer: new, read and deleted ones.",
        metadata=SHOWN,
    )
    async def notification_changed(
        self, info: Info, after: After = None
    ) -> AsyncGenerator[NotificationEvent, None]:
        return _own(info, after)
