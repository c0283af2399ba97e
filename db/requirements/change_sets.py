"""Change sets: proposals of changes to the objects of a project, applied all at once."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InProject, project_key, tenant_key
from db.constraints import check, json_objects, not_blank, unique, unique_live
from db.fields import choice, json_object
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.text import Lines, Name
from db.traits import ResourceType, Traits

PROPOSABLE: tuple[type[Entity], ...] = (Document, Block, Requirement, TraceLink)
"""The models whose rows a change set can change: containers first, and links last."""


class ChangeSetState(StrEnum):
    """The state of a change set; APPLIED and WITHDRAWN are final."""

    OPEN = "open"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"


class ChangeSetAction(StrEnum):
    """The proposed change of one object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class ChangeSet(InProject, kw_only=True):
    """A proposal of changes. `edited_at` changes with its items, so its version covers them.

    The changes that applying it makes have its ID as their correlation ID.
    """

    __tablename__ = "change_sets"
    traits = Traits(ResourceType.CHANGE_SET, node="ChangeSet")

    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    state: Mapped[ChangeSetState] = choice(ChangeSetState.OPEN)
    edited_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[UUID | None] = mapped_column(default=None)
    reverses_id: Mapped[UUID | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        tenant_key("change_sets", "project_id", "reverses_id"),
        unique("organization_id", "project_id", "id"),
        *not_blank(),
        check(
            "closed_at",
            "final",
            "state = 'open' OR closed_at IS NOT NULL",
            "A change set that was applied or withdrawn has the time of that.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "reverses_id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class ChangeSetItem(InProject, kw_only=True):
    """The proposed change of one object, which need not exist yet.

    `proposed` holds the proposed values of columns, and `base` the values on which they are based,
    as the record of changes has them. The `base` of a deletion has all columns that it compares.
    `place` holds the proposed place; then `base` has the columns of the place, too.
    """

    __tablename__ = "change_set_items"
    traits = Traits(
        ResourceType.CHANGE_SET,
        node="ChangeSetItem",
        named_by=None,
        owned_by=("change_set_id",),
    )

    change_set_id: Mapped[UUID]
    entity_type: Mapped[str]
    entity_id: Mapped[UUID]
    action: Mapped[ChangeSetAction] = choice(ChangeSetAction.UPDATE)
    base_version: Mapped[int | None] = mapped_column(BigInteger, default=None)
    base: Mapped[dict[str, Any]] = json_object()
    proposed: Mapped[dict[str, Any]] = json_object()
    place: Mapped[dict[str, Any] | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        tenant_key("change_sets", "project_id", "change_set_id", ondelete="CASCADE"),
        *not_blank("entity_type"),
        *json_objects("base", "proposed", "place"),
        unique_live("change_set_items", "organization_id", "change_set_id", "entity_id"),
        Index(None, "change_set_id", "created_at", "id"),
        Index(None, "entity_id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )
