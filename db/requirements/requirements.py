"""Requirements: the verifiable statements of a document."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InDocument, document_key, tenant_key
from db.constraints import (
    deleted_index,
    finite,
    json_objects,
    not_blank,
    trash_index,
    unique,
    unique_live,
)
from db.fields import (
    Searchable,
    choice,
    content_version,
    json_object,
    number,
    order_of,
    search_of,
    words,
)
from db.gin import gin_index
from db.requirements.documents import WITHIN_DOCUMENT
from db.text import Identifier, Lines, Name, Names
from db.traits import ResourceType, Traits, Trash


class RequirementStatus(StrEnum):
    """The status of a requirement, or of the work on an assignment."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    IN_PROGRESS = "in_progress"
    IMPLEMENTED = "implemented"
    VERIFIED = "verified"
    DEPRECATED = "deprecated"


class RequirementFormat(StrEnum):
    """The format in which a requirement is worded."""

    NATURAL_LANGUAGE = "natural_language"
    STRUCTURED = "structured"
    FORMAL = "formal"
    EARS = "ears"
    GHERKIN = "gherkin"


class RequirementPriority(StrEnum):
    """The priority of a requirement, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    BLOCKER = "blocker"


class RequirementLevel(StrEnum):
    """The level of the product that a requirement concerns, widest first."""

    BUSINESS = "business"
    SYSTEM = "system"
    SUBSYSTEM = "subsystem"
    COMPONENT = "component"
    FEATURE = "feature"
    USER_STORY = "user_story"


ANALYZED = "(content_version::text || ' ' || document_id::text || ' ' || project_id::text)"
"""SQL of what an analysis is of: the content of a requirement, at its place."""
STALE = f"""CASE WHEN deleted_at IS NULL THEN (ai_analysis ->> 'of') IS DISTINCT FROM {ANALYZED}
    ELSE ai_analysis <> '{{}}'::jsonb END"""
"""SQL of whether a requirement has to be analyzed: it has changed since, or is deleted."""


class Requirement(Searchable, InDocument, kw_only=True):
    """One statement that can be verified. `external_id` is its name in another system."""

    __tablename__ = "requirements"
    traits = Traits(
        ResourceType.REQUIREMENT,
        node="Requirement",
        parents=("block_id",),
        trash=Trash.PURGED,
        ordered_in="document_id",
        derived=("enhancement", "enhanced_requirement"),
        content=("name", "description", "format", "level", "original_requirement", "properties"),
    )

    block_id: Mapped[UUID | None] = mapped_column(default=None)
    external_id: Mapped[Identifier | None] = mapped_column(default=None)
    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    status: Mapped[RequirementStatus] = choice(RequirementStatus.DRAFT)
    format: Mapped[RequirementFormat] = choice(RequirementFormat.NATURAL_LANGUAGE)
    priority: Mapped[RequirementPriority] = choice(RequirementPriority.MEDIUM)
    level: Mapped[RequirementLevel] = choice(RequirementLevel.SYSTEM)
    position: Mapped[float] = number(0.0)
    tags: Mapped[Names] = words()
    original_requirement: Mapped[Lines | None] = mapped_column(default=None)
    enhanced_requirement: Mapped[str | None] = mapped_column(default=None)
    ai_analysis: Mapped[dict[str, Any]] = json_object()
    enhancement: Mapped[dict[str, Any]] = json_object()
    """The state and origin of the proposal in `enhanced_requirement`; empty for none."""
    properties: Mapped[dict[str, Any]] = json_object()

    __table_args__ = (
        search_of(
            external_id="A",
            name="A",
            description="B",
            original_requirement="C",
            enhanced_requirement="C",
        ),
        content_version(),
        Column("finding_keys", ARRAY(Text), server_default=text("'{}'::text[]"), nullable=False),
        order_of("name"),
        order_of("external_id"),
        document_key(),
        tenant_key("blocks", "project_id", "document_id", "block_id", **WITHIN_DOCUMENT),
        unique("organization_id", "id"),
        *not_blank(),
        *not_blank("external_id"),
        finite(),
        *json_objects("ai_analysis", "enhancement", "properties"),
        unique_live(
            "requirements",
            "organization_id",
            "document_id",
            "external_id",
            where="external_id IS NOT NULL",
        ),
        Index(None, "document_id", "position", "id"),
        Index(None, "block_id", "position", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "external_id"),
        Index(None, "project_id", "name_order", "id"),
        Index(None, "project_id", "external_id_order", "id"),
        deleted_index("requirements"),
        trash_index("requirements"),
        gin_index("requirements", "search"),
        gin_index("requirements", "tags"),
        gin_index("requirements", "finding_keys"),
        Index("ix_requirements_stale", "document_id", postgresql_where=text(STALE)),
        gin_index("requirements", "properties", postgresql_ops={"properties": "jsonb_path_ops"}),
    )
