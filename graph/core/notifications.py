"""Notifications: what a person is told, read by them alone, and followed by them as it comes."""

from collections.abc import AsyncGenerator
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from auth.policy import require_signed_in, require_token_scope
from auth.session import Transaction
from auth.session.refusal import missing
from db.core import notifications as db
from db.core.notifications import NotificationType
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from graph.core.changes import After, ChangeEvent, row_told
from graph.core.organizations import Organization
from graph.core.people import Profile, Viewer
from graph.core.projects import Project
from graph.kit.bulk import MOST_ITEMS
from graph.kit.connection import Direction, connection
from graph.kit.context import Context, Info
from graph.kit.fields import described, extend_type, to_one
from graph.kit.filters import (
    BooleanFilter,
    DateTimeFilter,
    Filter,
    StringFilter,
    UUIDFilter,
    named,
)
from graph.kit.mutations import Id, Payload, answer, writing
from graph.kit.node import NODES, Node
from graph.kit.scopes import SCOPE
from graph.kit.stream import Stream

strawberry.enum(NotificationType, description="The tone of a notification, or what it is about.")
SHOWN = {SCOPE: "organizations:read"}


@strawberry.type(description="What one person is told; nobody else sees that it is there.")
class Notification(Node):
    model = db.Notification

    type: NotificationType = described("Its tone, or what it is about.")
    title: str = described("What has happened, in a line.")
    message: str | None = described("More of it.")
    unread: bool = described("Whether it is still to be read.")
    read_at: datetime | None = described("When it was read.")
    metadata_: JSON = described(
        "Of what it tells, for programs: `event`, `entityType` and `entityId`.", name="metadata"
    )
    organization_id: UUID = described("The organization it comes from.")
    project_id: UUID | None = described("The project it is about, if it is about one.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization it comes from."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project it is about; null where it is not shown."
    )
    actor: Profile | None = to_one(
        "created_by", ProfileRow, Profile, "Who did what it tells of; null for the gateway itself."
    )

    @strawberry.field(description="What it is about; null when that is gone, or is not shown.")
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        try:
            id = UUID(str(root.metadata_.get("entityId")))
        except ValueError:
            return None
        (row,) = await info.context.nodes([id], list(NODES))
        return row  # type: ignore[return-value]


@strawberry.input
class NotificationFilter:
    id: UUIDFilter | None = UNSET
    type: Filter[NotificationType] | None = UNSET
    title: StringFilter | None = UNSET
    unread: BooleanFilter | None = UNSET
    organization_id: UUIDFilter | None = UNSET
    project_id: UUIDFilter | None = UNSET
    created_by: UUIDFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    read_at: DateTimeFilter | None = UNSET
    and_: list["NotificationFilter"] | None = named("and")
    or_: list["NotificationFilter"] | None = named("or")
    not_: "NotificationFilter | None" = named("not")


@strawberry.enum
class NotificationSort(Enum):
    TYPE = "type"
    CREATED_AT = "created_at"
    READ_AT = "read_at"


@strawberry.input
class NotificationOrder:
    by: NotificationSort
    direction: Direction = Direction.ASC


async def _unread(context: Context) -> int:
    return await context.session.count(db.Notification, db.Notification.unread.is_(True))


@strawberry.field(description="How many of them are unread.", metadata=SHOWN)
async def unread_notifications(info: Info) -> int:
    return await _unread(info.context)


extend_type(
    Viewer,
    notifications=connection(
        db.Notification,
        Notification,
        NotificationFilter,
        NotificationOrder,
        "What the viewer was told, the newest first unless asked otherwise.",
        newest_first=True,
    ),
    unread_notifications=unread_notifications,
)


@strawberry.type
class NotificationPayload(Payload):
    notification: Notification


@strawberry.type(description="What became of many notifications.")
class NotificationsPayload:
    notifications: list[Notification] = described("Those that were asked for, as they are now.")

    @strawberry.field(description="How many are still unread.", metadata=SHOWN)
    async def unread_count(self, info: Info) -> int:
        return await _unread(info.context)


Read = Annotated[bool, strawberry.argument(description="False has it count as unread again.")]
Ids = Annotated[
    list[UUID] | None,
    strawberry.argument(
        description=f"Which ones, up to {MOST_ITEMS}; unless given, all that are unread, the oldest"
        f" {MOST_ITEMS} of them at a time."
    ),
]


def _mark(transaction: Transaction, row: db.Notification, *, read: bool) -> None:
    """Leave it as it was when it says so already.

    There is no version to expect: it is one's own, and what was said last counts.
    """
    if row.unread is read:
        read_at = transaction.now if read else None
        transaction.change(row, None, unread=not read, read_at=read_at)


async def notification_read(info: Info, id: Id, read: Read = True) -> NotificationPayload | None:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Notification, id)
        _mark(transaction, row, read=read)
    return answer(NotificationPayload, row)  # type: ignore[no-any-return]


async def notifications_read(info: Info, ids: Ids = None) -> NotificationsPayload | None:
    if ids is not None and not 0 < len(ids) <= MOST_ITEMS:
        raise Problem("INVALID", f"Name 1 to {MOST_ITEMS}, or none.", field=["ids"])
    async with writing(info, None) as transaction:
        if ids is None:
            unread = db.Notification.unread.is_(True)
            rows = await transaction.find_all(db.Notification, unread, limit=MOST_ITEMS)
        else:
            found = await transaction.find_by_id(db.Notification, ids)
            if lost := [place for place, id in enumerate(ids) if id not in found]:
                message = missing(db.Notification).message
                raise Problem("NOT_FOUND", message, field=["ids", lost[0]])
            rows = [found[id] for id in dict.fromkeys(ids)]
        for row in rows:
            _mark(transaction, row, read=True)
    return NotificationsPayload(notifications=cast("list[Notification]", rows))


async def notification_delete(info: Info, id: Id) -> NotificationPayload | None:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Notification, id)
        transaction.hide(row, row.version, ())
    return answer(NotificationPayload, row)  # type: ignore[no-any-return]


@strawberry.type
class Mutation:
    notification_read = strawberry.mutation(
        notification_read, description="Mark a notification of one's own as read."
    )
    notifications_read = strawberry.mutation(
        notifications_read, description="Mark many of them as read, or all."
    )
    notification_delete = strawberry.mutation(
        notification_delete, description="Remove a notification of one's own."
    )


@strawberry.type(description="What has happened to somebody's notifications.")
class NotificationEvent(ChangeEvent):
    @strawberry.field(
        description="The notification; null when it was removed, and where the stream speaks of"
        " itself."
    )
    async def notification(root: strawberry.Parent[Any], info: Info) -> Notification | None:  # noqa: N805
        return await row_told(root.event, info.context)  # type: ignore[return-value]

    @strawberry.field(description="How many are unread now.", metadata=SHOWN)
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
    @strawberry.subscription(description="The viewer's new notifications.", metadata=SHOWN)
    async def notification_received(
        self, info: Info, after: After = None
    ) -> AsyncGenerator[NotificationEvent, None]:
        return _own(info, after, frozenset({"create"}))

    @strawberry.subscription(
        description="All that happens to the viewer's notifications: that there are new ones, and"
        " that some were read or removed, here or in another window.",
        metadata=SHOWN,
    )
    async def notification_changed(
        self, info: Info, after: After = None
    ) -> AsyncGenerator[NotificationEvent, None]:
        return _own(info, after)
