"""Following a diagram: events that have only the elements that changed."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, cast

import strawberry
from strawberry.scalars import JSON

from db.requirements.diagrams import ExcalidrawDiagram as DrawingRow
from db.requirements.diagrams import ReactFlowDiagram as FlowRow
from graph.core.changes import After, ChangeEvent, stream
from graph.core.feed import followable
from graph.kit.context import Context, Info
from graph.kit.fields import Id, described
from graph.requirements.diagrams import drawings, flows
from graph.requirements.sql.diagram_elements import Changed, DiagramElements, Version

ELEMENTS = 20
"""The number of changed elements that an operation's cost assumes."""
DIAGRAMS = (DrawingRow, FlowRow)


@strawberry.type(description="The elements of one kind that a change of a diagram affected.")
class DiagramElementChanges:
    changed: list[JSON] = described(
        "The elements that are new or changed, each whole. Deleted elements of drawings are among"
        " them, with `isDeleted`: `reconcileElements` of Excalidraw takes them."
    )
    removed: list[str] = described("The IDs of the elements that are gone.")


async def _changes(context: Context, asked: list[Version]) -> list[dict[str, Changed]]:
    found = await DiagramElements(context.session).changes(asked)
    return [found.get(version, {}) for version in asked]


async def _changed(root: Any, info: Info, kind: str) -> DiagramElementChanges | None:
    if root.event is None or root.event.version is None:
        return None
    context = info.context
    load: Any = context.loader("diagram changes", partial(_changes, context)).load
    found = (await load((root.event.entity_id, root.event.version))).get(kind)
    if found is None or not (found.elements or found.removed):
        return None
    return DiagramElementChanges(changed=found.elements, removed=sorted(found.removed))


@strawberry.type(description="A change of a diagram, as a subscription delivers it.")
class DiagramChangeEvent(ChangeEvent):
    @strawberry.field(
        description="The elements of a drawing that changed; null if none did. Null for viewers"
        " outside of the organization, who read the drawing again.",
        metadata={"largest_page": ELEMENTS},
    )
    async def elements(root: strawberry.Parent[Any], info: Info) -> DiagramElementChanges | None:  # noqa: N805
        return await _changed(root, info, "elements")

    @strawberry.field(
        description="The nodes that changed; null if none did. Null for viewers outside of the"
        " organization, who read the diagram again.",
        metadata={"largest_page": ELEMENTS},
    )
    async def nodes(root: strawberry.Parent[Any], info: Info) -> DiagramElementChanges | None:  # noqa: N805
        return await _changed(root, info, "nodes")

    @strawberry.field(
        description="The edges that changed; null if none did. Null for viewers outside of the"
        " organization, who read the diagram again.",
        metadata={"largest_page": ELEMENTS},
    )
    async def edges(root: strawberry.Parent[Any], info: Info) -> DiagramElementChanges | None:  # noqa: N805
        return await _changed(root, info, "edges")


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="The changes of a drawing, or of a diagram of nodes and edges."
    )
    async def diagram_changed(
        self, info: Info, id: Id, after: After = None
    ) -> AsyncGenerator[DiagramChangeEvent, None]:
        row = await info.context.node(id, DIAGRAMS)
        return cast("AsyncGenerator[DiagramChangeEvent, None]", stream("entity", row, after))


followable("entity", drawings.ExcalidrawDiagram)
followable("entity", flows.ReactFlowDiagram)
