"""Diagrams: drawn by hand or as nodes and edges, and linked to requirements."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InProject, project_key, tenant_key
from db.constraints import (
    check,
    json_arrays,
    json_objects,
    not_blank,
    trash_index,
    unique,
    unique_live,
)
from db.fields import content_version, json_list, json_object
from db.text import Identifier, Lines, Name
from db.traits import ResourceType, Traits, Trash

ONE_DIAGRAM = "An element link belongs to one diagram."
LINKED_ALREADY = "The element stands for this requirement already."


class ExcalidrawDiagram(InProject, kw_only=True):
    """A drawing, in the format of Excalidraw.

    `diagram_data` has the elements in the order in which they are drawn, deleted ones too, and the
    state of the application.
    """

    __tablename__ = "excalidraw_diagrams"
    traits = Traits(
        ResourceType.DIAGRAM,
        node="ExcalidrawDiagram",
        trash=Trash.PURGED,
        content=("name", "diagram_data"),
    )

    name: Mapped[Name | None] = mapped_column(default=None)
    diagram_data: Mapped[dict[str, Any]] = json_object()
    thumbnail_url: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        content_version(),
        project_key(),
        unique("organization_id", "project_id", "id"),
        *not_blank(),
        *json_objects("diagram_data"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at"),
        trash_index("excalidraw_diagrams"),
    )


class DiagramElementLink(InProject, kw_only=True):
    """A link from an element of a diagram to a requirement, which outlives both.

    `diagram_id` is a drawing; the link of a node has the `flow_id` instead.
    """

    __tablename__ = "diagram_element_links"
    traits = Traits(
        ResourceType.DIAGRAM,
        node="DiagramElementLink",
        named_by="element_id",
        owned_by=("diagram_id", "flow_id"),
        trash=Trash.PURGED,
    )

    diagram_id: Mapped[UUID | None] = mapped_column(default=None)
    flow_id: Mapped[UUID | None] = mapped_column(default=None)
    requirement_id: Mapped[UUID]
    element_id: Mapped[Identifier]
    link_type: Mapped[Name | None] = mapped_column(default=None)
    metadata_: Mapped[dict[str, Any]] = json_object("metadata")

    __table_args__ = (
        project_key(),
        tenant_key("excalidraw_diagrams", "project_id", "diagram_id", onupdate="CASCADE"),
        tenant_key("react_flow_diagrams", "project_id", "flow_id", onupdate="CASCADE"),
        tenant_key("requirements", "requirement_id"),
        check(
            "diagram_id",
            "one",
            "num_nonnulls(diagram_id, flow_id) = 1",
            ONE_DIAGRAM,
        ),
        *not_blank("element_id"),
        *json_objects("metadata"),
        unique_live(
            "diagram_element_links",
            "organization_id",
            "diagram_id",
            "requirement_id",
            "element_id",
            message=LINKED_ALREADY,
        ),
        unique_live(
            "diagram_element_links",
            "organization_id",
            "flow_id",
            "requirement_id",
            "element_id",
            message=LINKED_ALREADY,
        ),
        Index(None, "diagram_id", "created_at", "id"),
        Index(None, "flow_id", "created_at", "id"),
        Index(None, "requirement_id", "created_at", "id"),
        Index(None, "project_id"),
        Index(None, "organization_id", "created_at"),
        trash_index("diagram_element_links"),
    )


class ReactFlowDiagram(InProject, kw_only=True):
    """A diagram of nodes and edges, in the format of React Flow."""

    __tablename__ = "react_flow_diagrams"
    traits = Traits(
        ResourceType.DIAGRAM,
        node="ReactFlowDiagram",
        trash=Trash.PURGED,
        content=("name", "description", "nodes", "edges"),
    )

    name: Mapped[Name]
    description: Mapped[Lines | None] = mapped_column(default=None)
    nodes: Mapped[list[Any]] = json_list()
    edges: Mapped[list[Any]] = json_list()
    viewport: Mapped[dict[str, Any]] = json_object()
    diagram_type: Mapped[Name | None] = mapped_column(default=None)
    layout_algorithm: Mapped[Name | None] = mapped_column(default=None)
    theme: Mapped[Name | None] = mapped_column(default=None)
    settings: Mapped[dict[str, Any]] = json_object()
    metadata_: Mapped[dict[str, Any]] = json_object("metadata")

    __table_args__ = (
        content_version(),
        project_key(),
        unique("organization_id", "project_id", "id"),
        *not_blank(),
        *json_arrays("nodes", "edges"),
        *json_objects("viewport", "settings", "metadata"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at"),
        trash_index("react_flow_diagrams"),
    )
