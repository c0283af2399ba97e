"""Drawings in the format of Excalidraw, which several people can change at the same time."""

from typing import Any, cast
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session.write.patch import merge_patch
from db.core.projects import Project as ProjectRow
from db.requirements import diagrams as db
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.json_items import stored_as
from graph.kit.mutations import Input, create, delete, mutation, restore, update, writing
from graph.kit.node import Node
from graph.requirements.diagrams import scene
from graph.requirements.diagrams.addresses import svg_url
from graph.requirements.diagrams.shapes import (
    MAX_BYTES,
    MAX_ELEMENTS,
    identified,
    require_id,
    require_list,
)
from graph.requirements.diagrams.thumbnails import address_of, require_thumbnails, thumbnail

DATA = (
    f"The drawing, as Excalidraw loads it: `elements` and `appState`. At most {MAX_ELEMENTS}"
    f" elements, and {MAX_BYTES} bytes of JSON. The contents of images are not stored."
)
THUMBNAIL = (
    "An http or https URL, or `file:` and the ID of a stored image of the same project; null for"
    " none."
)


@strawberry.type(description="A drawing in the format of Excalidraw.")
class ExcalidrawDiagram(Authored, Node):
    model = db.ExcalidrawDiagram

    name: str | None = described("The name of the drawing.")
    organization_id: UUID = described("The ID of the organization of the drawing.")
    project_id: UUID = described("The ID of the project of the drawing.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the drawing."
    )

    @computed("diagram_data", text=f"{DATA} Deleted elements are left out.")
    def diagram_data(root: strawberry.Parent[Any]) -> JSON:  # noqa: N805
        return cast(JSON, scene.shown(root.diagram_data))

    @computed("diagram_data", text="The number of elements, without deleted ones.")
    def element_count(root: strawberry.Parent[Any]) -> int:  # noqa: N805
        return len(scene.shown(root.diagram_data)["elements"])

    @computed(
        "thumbnail_url",
        text="The URL of the thumbnail. That of a stored file expires after an hour. Null if there"
        " is none, or the viewer cannot read the file.",
    )
    async def thumbnail_url(root: strawberry.Parent[Any], info: Info) -> str | None:  # noqa: N805
        return await address_of(root, info)

    @computed("id", text="The path of the drawing as SVG, for people who are signed in.")
    def svg_url(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return svg_url(root.id)


ExcalidrawDiagramFilterInput = filter_input(
    ExcalidrawDiagram, "id", "project_id", "name", "created_by", "created_at", "updated_at"
)
ExcalidrawDiagramOrderInput = order_input(ExcalidrawDiagram, "name", "created_at", "updated_at")


@input_for(ExcalidrawDiagram, "A drawing to create in a project.")
class ExcalidrawDiagramCreateInput:
    project_id: UUID
    name: str | None = UNSET
    diagram_data: JSON | None = stored_as(scene.scene_of, default=UNSET, description=DATA)
    thumbnail_url: str | None = stored_as(thumbnail, default=UNSET, description=THUMBNAIL)


@input_for(
    ExcalidrawDiagram,
    "The fields of a drawing to change. `excalidrawDiagramPatch` changes its elements.",
)
class ExcalidrawDiagramUpdateInput:
    name: Maybe[str | None]
    thumbnail_url: Maybe[str | None] = stored_as(thumbnail, description=THUMBNAIL)


@strawberry.input(description="Elements of a drawing that were added, changed or deleted.")
class ExcalidrawDiagramPatchInput:
    elements: list[JSON] = strawberry.field(
        default_factory=list,
        description="The elements that were added or changed, each whole with its `version` and"
        " `versionNonce`. Elements with `isDeleted` are deleted. A client may send all elements.",
    )
    removed: list[str] = strawberry.field(
        default_factory=list,
        description="The IDs of elements to delete, whatever their version.",
    )
    app_state: JSON | None = strawberry.field(
        default=UNSET,
        description="A JSON Merge Patch (RFC 7396) of `appState`.",
    )


@strawberry.type(description="The result of a change of the elements of a drawing.")
class ExcalidrawDiagramPatchPayload:
    excalidraw_diagram: ExcalidrawDiagram = described("The drawing after the mutation.")
    applied: list[str] = described("The IDs of the elements of the request that were stored.")
    newer: list[JSON] = described(
        "The stored elements that are newer than those of the request, which were not stored."
    )


async def excalidraw_diagram_patch(
    info: Info, id: Id, input: Input[ExcalidrawDiagramPatchInput]
) -> Any:
    place = ("input", "elements")
    elements = scene.elements_of(input.elements, place)
    removed = require_list(input.removed, ("input", "removed"))
    for index, element_id in enumerate(removed):
        require_id(element_id, ("input", "removed", index))
    state = scene.state_of(input.app_state or {}, ("input", "appState"))
    async with writing(info) as transaction:
        row = await transaction.find(db.ExcalidrawDiagram, id)
        transaction.require_update(row, {})
        current = identified(row.diagram_data.get("elements"))
        named = set(removed)
        deletions = [
            scene.deletion_of(scene.UNVERSIONED | element)
            for element in current
            if element["id"] in named and not element.get("isDeleted")
        ]
        result = scene.merged(current, [*elements, *deletions])
        data = {
            "elements": result.elements,
            "appState": merge_patch(row.diagram_data.get("appState"), state),
        }
        scene.require_bounds(data, ("input",))
        transaction.change(row, None, diagram_data=data)
    return ExcalidrawDiagramPatchPayload(
        excalidraw_diagram=row,  # type: ignore[arg-type]
        applied=list(dict.fromkeys(result.applied)),
        newer=cast("list[JSON]", result.newer),
    )


def _drawings(key: str | None, text: str) -> Any:
    return connection(
        db.ExcalidrawDiagram,
        ExcalidrawDiagram,
        ExcalidrawDiagramFilterInput,
        ExcalidrawDiagramOrderInput,
        text,
        key=key,
    )


extend_type(Project, excalidraw_diagrams=_drawings("project_id", "The drawings of the project."))


@strawberry.type
class Query:
    excalidraw_diagram = by_id(
        db.ExcalidrawDiagram, ExcalidrawDiagram, "Look up a drawing by its ID."
    )
    excalidraw_diagrams = _drawings(None, "List drawings that the viewer can read.")


@strawberry.type
class Mutation:
    excalidraw_diagram_create = create(
        ExcalidrawDiagram,
        ExcalidrawDiagramCreateInput,
        "Create a drawing in a project.",
        within=(ProjectRow, "project_id"),
        prepare=require_thumbnails,
    )
    excalidraw_diagram_update = update(
        ExcalidrawDiagram,
        ExcalidrawDiagramUpdateInput,
        "Update the name or the thumbnail of a drawing.",
        prepare=require_thumbnails,
    )
    excalidraw_diagram_patch = mutation(
        excalidraw_diagram_patch,
        ExcalidrawDiagramPatchPayload,
        "Add, change and delete elements of a drawing. Changes of others are kept: of two states of"
        " an element the one with the higher `version` is stored, and of equal versions the one"
        " with the lower `versionNonce`, in whatever order they arrive.",
    )
    excalidraw_diagram_delete = delete(
        ExcalidrawDiagram, "Delete a drawing with its element links. It can be restored."
    )
    excalidraw_diagram_restore = restore(
        ExcalidrawDiagram, "Restore a deleted drawing with its element links."
    )
    excalidraw_diagrams_create = creates(
        ExcalidrawDiagram,
        ExcalidrawDiagramCreateInput,
        "Create up to 500 drawings, in the order of the items.",
        within=(ProjectRow, "project_id"),
        prepare=require_thumbnails,
    )
    excalidraw_diagrams_update = updates(
        ExcalidrawDiagram,
        ExcalidrawDiagramUpdateInput,
        "Update the names or thumbnails of up to 500 drawings.",
        prepare=require_thumbnails,
    )
    excalidraw_diagrams_delete = deletes(
        ExcalidrawDiagram, "Delete up to 500 drawings. They can be restored."
    )
