"""People: their profile, and what proves that it is them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Entity
from db.constraints import email_format, json_objects, not_blank, unique_live
from db.fields import choice, flag, json_object


class UserStatus(StrEnum):
    """The state of an account, and of a membership."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    PENDING = "pending"


class Profile(Entity, kw_only=True):
    """A person. Belongs to no tenant: one account works in many organizations."""

    __tablename__ = "profiles"

    email: Mapped[str]
    full_name: Mapped[str | None] = mapped_column(default=None)
    personal_organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", use_alter=True), index=True, default=None
    )
    current_organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", use_alter=True), index=True, default=None
    )
    job_title: Mapped[str | None] = mapped_column(default=None)
    preferences: Mapped[dict[str, Any]] = json_object()
    status: Mapped[UserStatus] = choice(UserStatus.ACTIVE)
    is_approved: Mapped[bool] = flag(default=False)

    __table_args__ = (
        email_format(),
        *not_blank("full_name"),
        *not_blank("job_title"),
        *json_objects("preferences"),
        unique_live("profiles", "lower(email)"),
    )


class ProfileCredential(Base, kw_only=True):
    """A person's password and its last use. Only the role gateway_auth reads it."""

    __tablename__ = "profile_credentials"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"), primary_key=True)
    password_hash: Mapped[str]
    password_changed_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    last_sign_in_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
