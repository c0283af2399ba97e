"""Frameworks: what documents are assessed against, kept by the operator for all organizations."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity
from db.constraints import json_objects, not_blank, positive, unique
from db.fields import flag, json_object, number, order_of
from db.text import Identifier, Lines, Name
from db.traits import ResourceType, Traits

MAX_DESCRIPTION_LENGTH = 5_000


class Framework(Entity, kw_only=True):
    """A framework, such as SOC 2: the newest revision of its requirements.

    It belongs to no organization, and is never deleted, only no longer `active`. `definition` is
    checked by `graph.compliance.definitions`.
    """

    __tablename__ = "frameworks"
    traits = Traits(ResourceType.FRAMEWORK, node="Framework")

    code: Mapped[Identifier]
    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    definition: Mapped[dict[str, Any]] = json_object()
    active: Mapped[bool] = flag(default=True)
    revision: Mapped[int] = number(1)

    __table_args__ = (
        *not_blank(),
        *not_blank("code", 50),
        *not_blank("description", MAX_DESCRIPTION_LENGTH),
        *json_objects("definition"),
        positive("revision"),
        unique("code", message="There is a framework of this code already."),
        order_of("name"),
        Index("ix_frameworks_active_by_name", "name_order", "id", postgresql_where=text("active")),
        Index(None, "created_at", "id"),
    )


class FrameworkRevision(Entity, kw_only=True):
    """One revision of a framework, which never changes: what assessments were run against."""

    __tablename__ = "framework_revisions"
    traits = Traits(ResourceType.FRAMEWORK, node="FrameworkRevision", owned_by=("framework_id",))

    framework_id: Mapped[UUID]
    revision: Mapped[int]
    name: Mapped[Name]
    definition: Mapped[dict[str, Any]] = json_object()

    __table_args__ = (
        ForeignKeyConstraint(["framework_id"], ["frameworks.id"], ondelete="RESTRICT"),
        *not_blank(),
        *json_objects("definition"),
        positive("revision"),
        unique("framework_id", "revision"),
    )
