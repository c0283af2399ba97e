"""Diagrams as the tests write and read them."""

from typing import Any

from tests.world import World

DRAWING = "id version name projectId diagramData elementCount thumbnailUrl svgUrl"
FLOW = """id version name nodes edges viewport diagramType settings metadata nodeCount edgeCount
  svgUrl"""
LINK = """id version elementId linkType metadata requirementId isBroken requirementState element
  diagramId requirement { id } excalidrawDiagram { id } reactFlowDiagram { id }"""
CREATE = f"""mutation ($input: ExcalidrawDiagramCreateInput!) {{
  excalidrawDiagramCreate(input: $input) {{ excalidrawDiagram {{ {DRAWING} }} }} }}"""
PATCH = f"""mutation ($id: UUID!, $input: ExcalidrawDiagramPatchInput!) {{
  excalidrawDiagramPatch(id: $id, input: $input) {{
    applied newer excalidrawDiagram {{ {DRAWING} }} }} }}"""
READ = f"query ($id: UUID!) {{ excalidrawDiagram(id: $id) {{ {DRAWING} }} }}"
CREATE_FLOW = f"""mutation ($input: ReactFlowDiagramCreateInput!) {{
  reactFlowDiagramCreate(input: $input) {{ reactFlowDiagram {{ {FLOW} }} }} }}"""
PATCH_FLOW = f"""mutation ($id: UUID!, $input: ReactFlowDiagramPatchInput!) {{
  reactFlowDiagramPatch(id: $id, input: $input) {{
    skipped {{ id reason }} reactFlowDiagram {{ {FLOW} }} }} }}"""
CREATE_LINK = f"""mutation ($input: DiagramElementLinkCreateInput!) {{
  diagramElementLinkCreate(input: $input) {{ diagramElementLink {{ {LINK} }} }} }}"""
READ_LINK = f"query ($id: UUID!) {{ diagramElementLink(id: $id) {{ {LINK} }} }}"


def box(id: str, **more: Any) -> dict[str, Any]:
    """Return a rectangle of Excalidraw."""
    place = {"x": 10, "y": 20.5, "width": 100, "height": 50, "version": 1, "versionNonce": 7}
    return {"id": id, "type": "rectangle", "index": f"a{id}"} | place | more


def node(id: str, **more: Any) -> dict[str, Any]:
    """Return a node of React Flow."""
    return {"id": id, "position": {"x": 0, "y": 0}, "data": {"label": id.upper()}} | more


def edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    """Return an edge of React Flow, called by its ends."""
    return {"id": f"{source}-{target}", "source": source, "target": target} | more


async def draw(world: World, *elements: Any, by: str = "editor", **input: Any) -> Any:
    """Create a drawing; return it."""
    data = {"type": "excalidraw", "version": 2, "elements": elements, "appState": {}, "files": {}}
    given = {"projectId": world.project, "name": "Brakes", "diagramData": data} | input
    return (await world.ask(by, CREATE, input=given))["excalidrawDiagram"]


async def patch(world: World, id: Any, *elements: Any, by: str = "editor", **input: Any) -> Any:
    """Change elements of a drawing."""
    return await world.ask(by, PATCH, id=id, input={"elements": elements} | input)


async def flow(world: World, nodes: Any, edges: Any, by: str = "editor", **input: Any) -> Any:
    """Create a diagram of nodes and edges; return it."""
    given = {"projectId": world.project, "name": "Flow", "nodes": nodes, "edges": edges} | input
    return (await world.ask(by, CREATE_FLOW, input=given))["reactFlowDiagram"]


async def patch_flow(world: World, id: Any, by: str = "editor", **input: Any) -> Any:
    """Change nodes and edges of a diagram."""
    return await world.ask(by, PATCH_FLOW, id=id, input=input)


async def link_element(world: World, diagram: Any, element: str, **input: Any) -> Any:
    """Link an element to a requirement; return the link."""
    given = {"diagramId": diagram, "elementId": element, "requirementId": world.requirement}
    made = await world.ask(input.pop("by", "editor"), CREATE_LINK, input=given | input)
    return made["diagramElementLink"]
