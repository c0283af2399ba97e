"""Notifications to people."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text, true
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, organization_key, project_key
from db.constraints import json_objects, not_blank
from db.fields import choice, flag, json_object, labels
from db.text import Name
from db.traits import ResourceType, Traits


class NotificationType(StrEnum):
    """The kind of a notification."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    INVITATION = "invitation"
    ASSIGNMENT = "assignment"
    MENTION = "mention"
    COMMENT = "comment"


class NotificationKind(StrEnum):
    """A group of events for which a person has one preference."""

    ASSIGNMENTS = "assignments"
    COMMENTS = "comments"
    REVIEWS = "reviews"
    ROLES = "roles"
    BILLING = "billing"
    SECURITY = "security"
    SYSTEM = "system"


class NotificationMail(StrEnum):
    """When a notification is mailed."""

    OFF = "off"
    AT_ONCE = "at_once"
    DAILY = "daily"


class Notification(InOrganization, kw_only=True):
    """A message to one person, from within an organization, perhaps about a project.

    A trigger sets `in_app` and `mail` by the preferences of the person. What is not shown in the
    app has no event in the feed, and row level security hides it.
    """

    __tablename__ = "notifications"
    traits = Traits(ResourceType.NOTIFICATION, node="Notification", named_by="title")

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    type: Mapped[NotificationType] = choice(NotificationType.INFO)
    title: Mapped[Name]
    message: Mapped[str | None] = mapped_column(default=None)
    unread: Mapped[bool] = flag(default=True)
    metadata_: Mapped[dict[str, Any]] = json_object("metadata")
    read_at: Mapped[datetime | None] = mapped_column(default=None)
    kind: Mapped[NotificationKind] = choice(NotificationKind.SYSTEM)
    in_app: Mapped[bool] = mapped_column(init=False, server_default=true())
    mail: Mapped[NotificationMail] = mapped_column(
        labels(NotificationMail), init=False, server_default="off"
    )
    mailed_at: Mapped[datetime | None] = mapped_column(init=False, default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        *not_blank("title"),
        *json_objects("metadata"),
        Index(None, "user_id", "created_at", "id"),
        Index(
            "ix_notifications_unread",
            "user_id",
            postgresql_where=text("unread AND deleted_at IS NULL"),
        ),
        Index(None, "project_id"),
        Index(None, "organization_id", "created_at"),
        Index(
            "ix_notifications_to_mail",
            "mail",
            "user_id",
            "created_at",
            postgresql_where=text(
                "mail <> 'off' AND mailed_at IS NULL AND unread AND deleted_at IS NULL"
            ),
        ),
        Index(
            "ix_notifications_mailed",
            "user_id",
            "mail",
            "mailed_at",
            postgresql_where=text("mailed_at IS NOT NULL"),
        ),
        Index(None, "created_at"),
        Index(None, "read_at", postgresql_where=text("read_at IS NOT NULL")),
    )
