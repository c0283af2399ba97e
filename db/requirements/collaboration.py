"""Collaboration: assignments and trace links."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InProject, member_key, project_key
from db.constraints import check, positive, trash_index, unique_live
from db.fields import any_key, choice, labels, number
from db.requirements.requirements import RequirementStatus
from db.text import Lines
from db.traits import ResourceType, Traits, Trash


class EntityType(StrEnum):
    """The kind of an assignment's entity, or of an end of a trace link."""

    PROJECT = "project"
    DOCUMENT = "document"
    BLOCK = "block"
    REQUIREMENT = "requirement"
    TEST = "test"
    TEST_EXECUTION = "test_execution"
    EXCALIDRAW_DIAGRAM = "excalidraw_diagram"
    REACT_FLOW_DIAGRAM = "react_flow_diagram"
    EXTERNAL_DOCUMENT = "external_document"

    @property
    def entity(self) -> str:
        """Return the name of the model of such rows."""
        name = "test_case" if self is EntityType.TEST else self.value
        return "".join(word.title() for word in name.split("_"))


class AssignmentRole(StrEnum):
    """The role of the person assigned."""

    ASSIGNEE = "assignee"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    OBSERVER = "observer"


class TraceLinkType(StrEnum):
    """The relation of a link's source to its target."""

    DERIVED_FROM = "derived_from"
    SATISFIES = "satisfies"
    VERIFIES = "verifies"
    REFINES = "refines"
    IMPLEMENTS = "implements"
    DEPENDS_ON = "depends_on"
    CONFLICTS_WITH = "conflicts_with"
    DUPLICATES = "duplicates"
    PARENT_OF = "parent_of"
    RELATES_TO = "relates_to"


class Assignment(InProject, kw_only=True):
    """A member's task at an entity, which has no foreign key because it may be of any type."""

    __tablename__ = "assignments"
    traits = Traits(ResourceType.ASSIGNMENT, node="Assignment", named_by=None)

    entity_id: Mapped[UUID] = any_key()
    entity_type: Mapped[EntityType] = mapped_column(labels(EntityType))
    assignee_id: Mapped[UUID]
    role: Mapped[AssignmentRole] = choice(AssignmentRole.ASSIGNEE)
    status: Mapped[RequirementStatus] = choice(RequirementStatus.DRAFT)
    comment: Mapped[Lines | None] = mapped_column(default=None)
    due_date: Mapped[datetime | None] = mapped_column(default=None)
    completed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        member_key("assignee_id"),
        unique_live(
            "assignments",
            "organization_id",
            "entity_id",
            "role",
            "assignee_id",
            message="This person has been assigned in this role already.",
        ),
        Index(None, "entity_id", "created_at", "id"),
        Index(None, "assignee_id", "due_date"),
        Index(
            "ix_assignments_due",
            "due_date",
            postgresql_where=text(
                "due_date IS NOT NULL AND completed_at IS NULL AND deleted_at IS NULL"
            ),
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class TraceLink(InProject, kw_only=True):
    """A relation of two entities of one organization, kept in the project of its source.

    The link was made or last confirmed at the versions `source_version` and `target_version` of its
    ends. An end whose content has changed since makes it suspect.
    """

    __tablename__ = "trace_links"
    traits = Traits(
        ResourceType.TRACE_LINK,
        node="TraceLink",
        named_by=None,
        trash=Trash.PURGED,
        pointers=(("source_id", "source_type"), ("target_id", "target_type")),
    )

    source_id: Mapped[UUID] = any_key()
    source_type: Mapped[EntityType] = mapped_column(labels(EntityType))
    target_id: Mapped[UUID] = any_key()
    target_type: Mapped[EntityType] = mapped_column(labels(EntityType))
    link_type: Mapped[TraceLinkType] = choice(TraceLinkType.RELATES_TO)
    description: Mapped[Lines | None] = mapped_column(default=None)
    source_version: Mapped[int] = number(1, BigInteger)
    target_version: Mapped[int] = number(1, BigInteger)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    confirmed_by: Mapped[UUID | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        positive("source_version"),
        positive("target_version"),
        check("target_id", "other", "target_id <> source_id", "A link joins two different things."),
        unique_live(
            "trace_links",
            "organization_id",
            "source_id",
            "link_type",
            "target_id",
            message="There is such a link already.",
        ),
        Index(None, "source_id", "created_at", "id"),
        Index(None, "target_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("trace_links"),
    )
