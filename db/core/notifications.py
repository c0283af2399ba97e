"""Notifications to people."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, organization_key, project_key
from db.constraints import json_objects, not_blank
from db.fields import choice, flag, json_object
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


class Notification(InOrganization, kw_only=True):
    """A message to one person, from within an organization, perhaps about a project."""

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
    )
