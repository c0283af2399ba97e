"""Links from the elements of diagrams to the requirements that they stand for."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.problem import Problem
from db.requirements import diagrams as db
from db.requirements.collaboration import EntityType as EntityLabel
from db.requirements.requirements import Requirement as RequirementRow
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import bulk, deletes
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Item, unrefused
from graph.kit.json_items import stored_as
from graph.kit.mutations import (
    Input,
    Place,
    delete,
    given,
    mutation,
    restore,
    update,
    writing,
)
from graph.kit.node import Node
from graph.kit.payloads import answer, bulk_payload_of, payload_of
from graph.requirements.any_type import find_any
from graph.requirements.diagrams.drawings import ExcalidrawDiagram
from graph.requirements.diagrams.flows import MAX_SETTINGS_BYTES, ReactFlowDiagram
from graph.requirements.diagrams.shapes import identified, require_object, require_size
from graph.requirements.requirements import Requirement
from graph.requirements.sql.diagram_elements import DiagramElements, Element
from graph.requirements.trace_links import TraceLinkEnd, TraceLinkEndState

KEYS: dict[type[Any], str] = {
    db.ExcalidrawDiagram: "diagram_id",
    db.ReactFlowDiagram: "flow_id",
}
"""The models of diagrams, and the column of a link that names each."""
NO_ELEMENT = "The diagram has no element with this ID."
BROKEN = ("requirement_id", *KEYS.values(), "element_id")


async def _elements(context: Context, asked: list[Element]) -> list[Any]:
    found = await DiagramElements(context.session).existing(asked)
    return [found.get(key) for key in asked]


async def _element(root: Any, info: Info) -> Any:
    """Return the element of a link as it is now; None if it was deleted."""
    context = info.context
    diagram_id = root.diagram_id or root.flow_id
    load: Any = context.loader("diagram elements", partial(_elements, context)).load
    return await load((diagram_id, root.element_id))


async def _requirement_state(root: Any, info: Info) -> TraceLinkEndState:
    end = TraceLinkEnd(
        type_=EntityLabel.REQUIREMENT, row_id=root.requirement_id, since=0, past=None
    )
    state: TraceLinkEndState = await end.current_state(info)
    return state


@strawberry.type(
    description="A link from an element of a diagram to the requirement that it stands for. It is"
    " kept when the element or the requirement is deleted, and is then broken."
)
class DiagramElementLink(Authored, Node):
    model = db.DiagramElementLink

    element_id: str = described(
        "The ID of the element: of an element of a drawing, or of a node or an edge."
    )
    link_type: str | None = described("The type of the link, in the words of the project.")
    metadata_: JSON = described("Further data about the link.", name="metadata")
    requirement_id: UUID = described("The ID of the requirement.")
    organization_id: UUID = described("The ID of the organization of the link.")
    project_id: UUID = described("The ID of the project of the diagram.")
    requirement: Requirement | None = to_one(
        "requirement_id",
        RequirementRow,
        Requirement,
        "The requirement; null if it was deleted or the viewer cannot read it.",
    )
    excalidraw_diagram: ExcalidrawDiagram | None = to_one(
        "diagram_id",
        db.ExcalidrawDiagram,
        ExcalidrawDiagram,
        "The drawing of the element; null if the element is part of another diagram.",
    )
    react_flow_diagram: ReactFlowDiagram | None = to_one(
        "flow_id",
        db.ReactFlowDiagram,
        ReactFlowDiagram,
        "The diagram of nodes and edges of the element; null if it is part of a drawing.",
    )

    @computed(*KEYS.values(), text="The ID of the diagram.")
    def diagram_id(root: strawberry.Parent[Any]) -> UUID:  # noqa: N805
        id: UUID = root.diagram_id or root.flow_id
        return id

    @computed(
        *KEYS.values(),
        "element_id",
        text="The element in the current state of the diagram; null if it was deleted.",
    )
    async def element(root: strawberry.Parent[Any], info: Info) -> JSON | None:  # noqa: N805
        element: JSON | None = await _element(root, info)
        return element

    @computed("requirement_id", text="Whether the requirement can be read now.")
    async def requirement_state(
        root: strawberry.Parent[Any],  # noqa: N805
        info: Info,
    ) -> TraceLinkEndState:
        return await _requirement_state(root, info)

    @computed(
        *BROKEN,
        text="Whether the link is broken now: the element or the requirement was deleted.",
    )
    async def is_broken(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        if await _element(root, info) is None:
            return True
        return await _requirement_state(root, info) is TraceLinkEndState.DELETED


COLUMNS = {
    "diagram_id": ("excalidrawDiagramId", "The ID of the drawing of the element."),
    "flow_id": (
        "reactFlowDiagramId",
        "The ID of the diagram of nodes and edges of the element.",
    ),
}
DiagramElementLinkFilterInput = filter_input(
    DiagramElementLink,
    "id",
    "project_id",
    "requirement_id",
    "diagram_id",
    "flow_id",
    "element_id",
    "link_type",
    "created_at",
    "updated_at",
    texts=COLUMNS,
)
DiagramElementLinkOrderInput = order_input(
    DiagramElementLink, "element_id", "link_type", "created_at", "updated_at"
)


def _metadata(value: Any, place: Place) -> dict[str, Any]:
    metadata: dict[str, Any] = require_object(value, place)
    require_size(metadata, place, MAX_SETTINGS_BYTES)
    return metadata


@input_for(DiagramElementLink, "A link from an element of a diagram to a requirement to create.")
class DiagramElementLinkCreateInput:
    diagram_id: UUID = strawberry.field(
        description="The ID of the diagram: a drawing, or a diagram of nodes and edges."
    )
    element_id: str
    requirement_id: UUID = strawberry.field(
        description="The ID of the requirement, in the same organization."
    )
    link_type: str | None = UNSET
    metadata_: JSON | None = stored_as(_metadata, default=UNSET, name="metadata")


@input_for(DiagramElementLink, "The fields of a link of an element to change.")
class DiagramElementLinkUpdateInput:
    link_type: Maybe[str | None]
    metadata_: Maybe[JSON] = stored_as(_metadata, name="metadata")


async def create_links(transaction: Transaction, items: Sequence[Item]) -> None:
    """Create the links of the items, not sent yet.

    Refuses diagrams and requirements that the viewer may not read, and elements that do not exist.
    """
    open_ = unrefused(items)
    diagrams = await find_any(
        transaction, KEYS, {item.values["diagram_id"] for item in open_}, db.DiagramElementLink
    )
    requirements = await transaction.find_by_id(
        RequirementRow,
        {item.values["requirement_id"] for item in open_},
        lock=False,
        to_create=db.DiagramElementLink,
    )
    known = {id: ids_in(diagram) for id, diagram in diagrams.items()}
    for item in open_:
        values = dict(item.values)
        id = values.pop("diagram_id")
        diagram, requirement = diagrams.get(id), requirements.get(values["requirement_id"])
        if diagram is None:
            item.refuse(Problem("NOT_FOUND", "There is no such diagram.", field=["diagram_id"]))
        elif requirement is None:
            message = "There is no such requirement."
            item.refuse(Problem("NOT_FOUND", message, field=["requirement_id"]))
        elif requirement.organization_id != diagram.organization_id:
            message = "The requirement is in another organization."
            item.refuse(Problem("INVALID", message, field=["requirement_id"]))
        elif values["element_id"] not in known[id]:
            item.refuse(Problem("INVALID", NO_ELEMENT, field=["element_id"]))
        else:
            place: Any = scopes_beneath(type(diagram), diagram)
            try:
                item.row = db.DiagramElementLink(
                    organization_id=place["organization_id"],
                    project_id=place["project_id"],
                    **{KEYS[type(diagram)]: id},
                    **values,
                )
            except Problem as problem:  # a type that is no name
                item.refuse(problem)


def ids_in(diagram: Any) -> set[str]:
    """Return the IDs of the elements of a diagram, without deleted ones."""
    if isinstance(diagram, db.ReactFlowDiagram):
        return {part["id"] for part in identified([*diagram.nodes, *diagram.edges])}
    elements = identified(diagram.diagram_data.get("elements"))
    return {element["id"] for element in elements if not element.get("isDeleted")}


async def diagram_element_link_create(
    info: Info, input: Input[DiagramElementLinkCreateInput]
) -> Any:
    item = Item(given(input))
    async with writing(info) as transaction:
        await create_links(transaction, [item])
        transaction.add(item.require())
    return answer(payload_of(DiagramElementLink), item.row)


def _links(key: str | None, text: str) -> Any:
    return connection(
        db.DiagramElementLink,
        DiagramElementLink,
        DiagramElementLinkFilterInput,
        DiagramElementLinkOrderInput,
        text,
        key=key,
    )


extend_type(
    ExcalidrawDiagram,
    element_links=_links("diagram_id", "The links of elements of the drawing to requirements."),
)
extend_type(
    ReactFlowDiagram,
    element_links=_links("flow_id", "The links of nodes and edges of the diagram to requirements."),
)
extend_type(
    Requirement,
    diagram_elements=_links(
        "requirement_id", "The links to elements of diagrams that stand for the requirement."
    ),
)
extend_type(
    Project,
    diagram_element_links=_links(
        "project_id", "The links of elements of the diagrams of the project to requirements."
    ),
)


def _read(input: Any, place: Place) -> Item:
    return Item(given(input, place))


@strawberry.type
class Query:
    diagram_element_link = by_id(
        db.DiagramElementLink, DiagramElementLink, "Look up a link of an element by its ID."
    )


@strawberry.type
class Mutation:
    diagram_element_link_create = mutation(
        diagram_element_link_create,
        payload_of(DiagramElementLink),
        "Link an element of a diagram to a requirement. The viewer must be able to read both, and"
        " to edit the project of the diagram.",
    )
    diagram_element_link_update = update(
        DiagramElementLink, DiagramElementLinkUpdateInput, "Update a link of an element."
    )
    diagram_element_link_delete = delete(
        DiagramElementLink, "Delete a link of an element. It can be restored."
    )
    diagram_element_link_restore = restore(
        DiagramElementLink, "Restore a deleted link of an element."
    )
    diagram_element_links_create = bulk(
        bulk_payload_of(DiagramElementLink),
        DiagramElementLinkCreateInput,
        "Create up to 500 links of elements to requirements.",
        _read,
        create_links,
    )
    diagram_element_links_delete = deletes(
        DiagramElementLink, "Delete up to 500 links of elements. They can be restored."
    )
