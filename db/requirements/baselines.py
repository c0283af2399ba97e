"""Baselines: what a document or a project held at one moment, frozen and never changed."""

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

FROZEN: tuple[type[Entity], ...] = (
    Document,
    Block,
    Requirement,
    TestCase,
    TestExecution,
    TraceLink,
)
"""What a baseline holds, by the names of the models in `baseline_items.entity_type`."""


class Baseline(InProject, kw_only=True):
    """What a document, or without one a whole project, held when the baseline was made.

    Deleting one hides it. Neither it nor its items are ever changed: triggers refuse that to
    everybody. `content_hash` is the SHA-256 of its items' lines, see docs/writing.md.
    """

    __tablename__ = "baselines"

    document_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
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
    """One row as it was: `data` holds its columns at `version`. Only added, with its baseline.

    What it froze may change and be purged, and so has no key to it. `document_id`, `parent_id` (the
    block it stands in) and `position` repeat what `data` says, for indexes.
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
