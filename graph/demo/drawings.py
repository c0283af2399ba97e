"""A drawing and a diagram of the demonstration, whose elements stand for requirements."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auth.session import Transaction
from db.core.projects import Project
from db.requirements.diagrams import DiagramElementLink, ExcalidrawDiagram, ReactFlowDiagram
from db.requirements.requirements import Requirement
from graph.requirements.diagrams import flow, scene

SET = Path(__file__).with_name("drawings.json")


async def add_drawings(
    transaction: Transaction, project: Project, requirements: Mapping[str, Requirement]
) -> None:
    """Add the diagrams of a project, if it has any, with links to requirements by external ID."""
    described = json.loads(SET.read_text()).get(project.slug)
    if described is None:
        return
    place: dict[str, Any] = {
        "organization_id": project.organization_id,
        "project_id": project.id,
    }
    drawn, linked = described["drawing"], described["diagram"]
    drawing = ExcalidrawDiagram(
        **place, name=drawn["name"], diagram_data=scene.scene_of(drawn["data"], ())
    )
    nodes, edges = flow.require_nodes(linked["nodes"], ()), flow.require_edges(linked["edges"], ())
    flow.require_ends(nodes, edges, ((), ()))
    diagram = ReactFlowDiagram(
        **place, name=linked["name"], diagram_type="data-flow", nodes=nodes, edges=edges
    )
    transaction.add(drawing, diagram)
    await transaction.flush()
    ends: tuple[tuple[Any, dict[str, Any]], ...] = (
        (drawn, {"diagram_id": drawing.id}),
        (linked, {"flow_id": diagram.id}),
    )
    for stated, end in ends:
        for element, external_id in stated["links"]:
            transaction.add(
                DiagramElementLink(
                    **place,
                    **end,
                    element_id=element,
                    requirement_id=requirements[external_id].id,
                    link_type="shows",
                )
            )
