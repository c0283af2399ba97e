"""Diagrams in the format of React Flow, which several people can change at the same time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import diagrams as db
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.json_items import stored_as
from graph.kit.mutations import (
    Input,
    Place,
    create,
    delete,
    mutation,
    patch,
    restore,
    update,
    writing,
)
from graph.kit.node import Node
from graph.requirements.diagrams import flow
from graph.requirements.diagrams.addresses import svg_url
from graph.requirements.diagrams.shapes import (
    MAX_BYTES,
    MAX_ELEMENTS,
    identified,
    require_object,
    require_size,
)

MAX_SETTINGS_BYTES = 20_000
"""Bytes of JSON of the viewport, of settings and of metadata, at most."""
BOUNDS = f"At most {MAX_ELEMENTS} nodes and edges, and {MAX_BYTES} bytes of JSON."

describe_enum(
    flow.SkipReason,
    "The reason why a part of a patch had no effect.",
    {
        "ELEMENT_REMOVED": "The node or edge was removed before.",
        "END_REMOVED": "The source or the target of the edge was removed before.",
    },
    name="ReactFlowSkipReason",
)


@strawberry.type(description="A diagram of nodes and edges in the format of React Flow.")
class ReactFlowDiagram(Authored, Node):
    model = db.ReactFlowDiagram

    name: str = described("The name of the diagram.")
    description: str | None = described("The description of the diagram.")
    nodes: list[JSON] = described("The nodes, as React Flow loads them.")
    edges: list[JSON] = described("The edges, as React Flow loads them.")
    viewport: JSON = described("The part of the diagram that is shown first: `x`, `y`, `zoom`.")
    diagram_type: str | None = described("The type of the diagram, such as `data-flow`.")
    layout_algorithm: str | None = described("The name of the algorithm that arranges the nodes.")
    theme: str | None = described("The name of the theme.")
    settings: JSON = described("The settings of the diagram.")
    metadata_: JSON = described("Further data about the diagram.", name="metadata")
    organization_id: UUID = described("The ID of the organization of the diagram.")
    project_id: UUID = described("The ID of the project of the diagram.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the diagram."
    )

    @computed("nodes", text="The number of nodes.")
    def node_count(root: strawberry.Parent[Any]) -> int:  # noqa: N805
        return len(root.nodes)

    @computed("edges", text="The number of edges.")
    def edge_count(root: strawberry.Parent[Any]) -> int:  # noqa: N805
        return len(root.edges)

    @computed("id", text="The path of the diagram as SVG, for people who are signed in.")
    def svg_url(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return svg_url(root.id)


ReactFlowDiagramFilterInput = filter_input(
    ReactFlowDiagram,
    "id",
    "project_id",
    "name",
    "description",
    "diagram_type",
    "created_by",
    "created_at",
    "updated_at",
)
ReactFlowDiagramOrderInput = order_input(
    ReactFlowDiagram, "name", "diagram_type", "created_at", "updated_at"
)


def _settings(value: Any, place: Place) -> dict[str, Any]:
    require_size(require_object(value, place), place, MAX_SETTINGS_BYTES)
    settings: dict[str, Any] = value
    return settings


def _of_size(**options: Any) -> Any:
    return stored_as(_settings, **options)


@input_for(ReactFlowDiagram, "A diagram of nodes and edges to create in a project.")
class ReactFlowDiagramCreateInput:
    project_id: UUID
    name: str
    description: str | None = UNSET
    nodes: list[JSON] | None = stored_as(
        flow.require_nodes,
        default=UNSET,
        description=f"The nodes, each with `id` and `position`. {BOUNDS}",
    )
    edges: list[JSON] | None = stored_as(
        flow.require_edges,
        default=UNSET,
        description="The edges, each with `id`, and the IDs of nodes as `source` and `target`.",
    )
    viewport: JSON | None = _of_size(default=UNSET)
    diagram_type: str | None = UNSET
    layout_algorithm: str | None = UNSET
    theme: str | None = UNSET
    settings: JSON | None = _of_size(default=UNSET)
    metadata_: JSON | None = _of_size(default=UNSET, name="metadata")


@input_for(
    ReactFlowDiagram,
    "The fields of a diagram to change. `reactFlowDiagramPatch` changes its nodes and edges.",
)
class ReactFlowDiagramUpdateInput:
    name: Maybe[str]
    description: Maybe[str | None]
    viewport: Maybe[JSON] = _of_size()
    diagram_type: Maybe[str | None]
    layout_algorithm: Maybe[str | None]
    theme: Maybe[str | None]
    settings: Maybe[JSON] = _of_size()
    settings_patch: Maybe[JSON] = patch("settings")
    metadata_: Maybe[JSON] = _of_size(name="metadata")


@strawberry.input(description="Nodes of a diagram that were added, changed or removed.")
class ReactFlowNodesPatchInput:
    added: list[JSON] | None = strawberry.field(
        default=UNSET, description="New nodes, each with `id` and `position`."
    )
    changed: list[JSON] | None = strawberry.field(
        default=UNSET,
        description="Changes of nodes: of each the `id`, and a JSON Merge Patch (RFC 7396) of its"
        " other members. Lists are replaced whole.",
    )
    removed: list[str] | None = strawberry.field(
        default=UNSET, description="The IDs of nodes to remove, with their edges."
    )


@strawberry.input(description="Edges of a diagram that were added, changed or removed.")
class ReactFlowEdgesPatchInput:
    added: list[JSON] | None = strawberry.field(
        default=UNSET, description="New edges, each with `id`, `source` and `target`."
    )
    changed: list[JSON] | None = strawberry.field(
        default=UNSET,
        description="Changes of edges: of each the `id`, and a JSON Merge Patch (RFC 7396) of its"
        " other members. Lists are replaced whole.",
    )
    removed: list[str] | None = strawberry.field(
        default=UNSET, description="The IDs of edges to remove."
    )


@strawberry.input(description="Changes of the nodes and edges of a diagram.")
class ReactFlowDiagramPatchInput:
    nodes: ReactFlowNodesPatchInput | None = strawberry.field(
        default=UNSET, description="Changes of nodes."
    )
    edges: ReactFlowEdgesPatchInput | None = strawberry.field(
        default=UNSET, description="Changes of edges."
    )


@strawberry.type(description="A part of a patch that had no effect.")
class ReactFlowSkippedChange:
    id: str = described("The ID of the node or edge.")
    reason: flow.SkipReason = described("The reason.")


@strawberry.type(description="The result of a change of the nodes and edges of a diagram.")
class ReactFlowDiagramPatchPayload:
    react_flow_diagram: ReactFlowDiagram = described("The diagram after the mutation.")
    skipped: list[ReactFlowSkippedChange] = described(
        "Changes that had no effect, because others had removed a node or edge before."
    )


def _changes(value: Any, name: str) -> flow.Changes:
    if not value:
        return flow.Changes()
    return flow.changes_of(value, ("input", name), edges=name == "edges")


async def react_flow_diagram_patch(
    info: Info, id: Id, input: Input[ReactFlowDiagramPatchInput]
) -> Any:
    nodes, edges = _changes(input.nodes, "nodes"), _changes(input.edges, "edges")
    async with writing(info) as transaction:
        row = await transaction.find(db.ReactFlowDiagram, id)
        transaction.require_update(row, {})
        result = flow.merged(identified(row.nodes), identified(row.edges), nodes, edges, ("input",))
        flow.require_bounds(result.nodes, result.edges, ("input",))
        transaction.change(row, None, nodes=result.nodes, edges=result.edges)
    skipped = [ReactFlowSkippedChange(id=id, reason=reason) for id, reason in result.skipped]
    return ReactFlowDiagramPatchPayload(react_flow_diagram=row, skipped=skipped)  # type: ignore[arg-type]


async def _require_whole(_: Transaction, items: Sequence[Item], __: Found) -> None:
    """Refuse new diagrams with edges whose ends are missing, or that are too large."""
    for item in unrefused(items):
        try:
            flow.require_ends(item.row.nodes, item.row.edges, (("nodes",), ("edges",)))
            flow.require_bounds(item.row.nodes, item.row.edges, ("nodes",))
        except Problem as problem:
            item.refuse(problem)


def _diagrams(key: str | None, text: str) -> Any:
    return connection(
        db.ReactFlowDiagram,
        ReactFlowDiagram,
        ReactFlowDiagramFilterInput,
        ReactFlowDiagramOrderInput,
        text,
        key=key,
    )


extend_type(
    Project,
    react_flow_diagrams=_diagrams("project_id", "The diagrams of nodes and edges of the project."),
)


@strawberry.type
class Query:
    react_flow_diagram = by_id(
        db.ReactFlowDiagram, ReactFlowDiagram, "Look up a diagram of nodes and edges by its ID."
    )
    react_flow_diagrams = _diagrams(
        None, "List diagrams of nodes and edges that the viewer can read."
    )


@strawberry.type
class Mutation:
    react_flow_diagram_create = create(
        ReactFlowDiagram,
        ReactFlowDiagramCreateInput,
        "Create a diagram of nodes and edges in a project.",
        within=(ProjectRow, "project_id"),
        prepare=_require_whole,
    )
    react_flow_diagram_update = update(
        ReactFlowDiagram,
        ReactFlowDiagramUpdateInput,
        "Update a diagram of nodes and edges, except these.",
    )
    react_flow_diagram_patch = mutation(
        react_flow_diagram_patch,
        ReactFlowDiagramPatchPayload,
        "Add, change and remove nodes and edges of a diagram. Changes of others are kept: nodes and"
        " edges are merged by ID, and within one by field. Of two changes of the same field the"
        " one that arrives last is stored.",
    )
    react_flow_diagram_delete = delete(
        ReactFlowDiagram,
        "Delete a diagram of nodes and edges with its element links. It can be restored.",
    )
    react_flow_diagram_restore = restore(
        ReactFlowDiagram, "Restore a deleted diagram of nodes and edges with its element links."
    )
    react_flow_diagrams_create = creates(
        ReactFlowDiagram,
        ReactFlowDiagramCreateInput,
        "Create up to 500 diagrams of nodes and edges, in the order of the items.",
        within=(ProjectRow, "project_id"),
        prepare=_require_whole,
    )
    react_flow_diagrams_update = updates(
        ReactFlowDiagram,
        ReactFlowDiagramUpdateInput,
        "Update up to 500 diagrams of nodes and edges, except these.",
    )
    react_flow_diagrams_delete = deletes(
        ReactFlowDiagram,
        "Delete up to 500 diagrams of nodes and edges. They can be restored.",
    )
