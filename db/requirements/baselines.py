"""Baselines: snapshots of a document or a project, never changed."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, InProject, Part, tenant_key
from db.constraints import check, json_objects, not_blank, trash_index, unique
from db.fields import json_object
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase, TestExecution
from db.text import Lines, Name
from db.traits import ResourceType, Traits, Trash

FROZEN: tuple[type[Entity], ...] = (
    Document,
    Block,
    Requirement,
    TestCase,
    TestExecution,
    TraceLink,
)
"""The models whose rows a baseline holds, named in `baseline_items.entity_type`."""


class Baseline(InProject, kw_only=True):
    """A snapshot of a document, or without one of a whole project.

    Deleting one hides it. Neither it nor its items are ever changed: triggers refuse that to
    everybody. `content_hash` is the SHA-256 of its items' lines, see docs/writing.md.
    """

    __tablename__ = "baselines"
    traits = Traits(
        ResourceType.BASELINE, node="Baseline", trash=Trash.PURGED, scope_key="baseline_id"
    )

    document_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    item_counts: Mapped[dict[str, Any]] = json_object()

    __table_args__ = (
        tenant_key("projects", "project_id", ondelete="CASCADE"),
        tenant_key(
            "documents", "project_id", "document_id", onupdate="CASCADE", ondelete="CASCADE"
        ),
        unique("organization_id", "project_id", "id"),
        *not_blank(),
        *json_objects("item_counts"),
        check(
            "content_hash",
            "digest",
            "octet_length(content_hash) = 32",
            "This is not a SHA-256 digest.",
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("baselines"),
    )


class BaselineItem(Part, kw_only=True):
    """One row of a snapshot: `data` holds its columns at `version`. Only added, with its baseline.

    The row itself may change and be purged, so there is no foreign key to it. `document_id`,
    `parent_id` (its block) and `position` repeat values in `data`, for indexes.
    """

    __tablename__ = "baseline_items"
    whole: ClassVar[type[Entity]] = Baseline
    whole_key: ClassVar[str] = "baseline_id"

    project_id: Mapped[UUID]
    baseline_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column("entity_id", primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    parent_id: Mapped[UUID | None] = mapped_column(default=None)
    position: Mapped[float | None] = mapped_column(default=None)
    data: Mapped[dict[str, Any]] = json_object()
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        # Items come before their baseline, whose hash is made of them: see the trigger.
        ForeignKeyConstraint(
            ["organization_id", "project_id", "baseline_id"],
            ["baselines.organization_id", "baselines.project_id", "baselines.id"],
            onupdate="CASCADE",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        *not_blank("entity_type"),
        *json_objects("data"),
        check(
            "content_hash",
            "digest",
            "octet_length(content_hash) = 32",
            "This is not a SHA-256 digest.",
        ),
        *(
            Index(
                f"ix_baseline_items_{place}_position",
                *("baseline_id", "entity_type", place, "position", "entity_id"),
            )
            for place in ("document_id", "parent_id")
        ),
    )
