"""Diagrams as SVG: what is drawn, who may see it, and input that means harm."""

import time
from math import inf, nan
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.requirements.diagrams.drawing_picture import SHAPES, drawing_svg
from graph.requirements.diagrams.flow_picture import flow_svg
from graph.requirements.diagrams.picture import MAX_DRAWN, MAX_POINTS
from tests.requirements.drawing import box, draw, edge, flow, node

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"rect", "ellipse", "polygon", "polyline", "text", "tspan", "g", "svg", "title", "desc"}
ALLOWED = {f"{SVG}{name}" for name in DRAWN | {"defs", "marker", "path"}}


@pytest.fixture
async def get(client, world, settings):
    async def get(person, path):
        async with world.database.auth.lend(NOBODY) as lent:
            session = await start(lent, world.people[person], Origin(None, None, None), settings)
        return await client.get(path, headers={"Cookie": f"gateway={session.secret}"})

    return get


def read(svg):
    """Return the document as XML, without anything that could run or be loaded."""
    root = ET.fromstring(svg)
    for element in root.iter():
        assert element.tag in ALLOWED
        assert not [name for name in element.attrib if name.startswith("on") or "href" in name]
    return root


def groups(root):
    return {group.get("data-element"): group for group in root.iter(f"{SVG}g")}


def scene(*elements, **state):
    return {"elements": list(elements), "appState": state}


async def test_a_drawing_is_shown_to_those_who_may_read_it(world, other_world, get, client):
    text = box("t", type="text", text="Brake <b>&amp;</b>\nForce", fontSize=20, textAlign="center")
    drawing = await draw(world, box("1"), text, box("2", type="ellipse"), name="A & B")
    answer = await get("viewer", drawing["svgUrl"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    root = read(answer.text)
    assert root.find(f"{SVG}title").text == "A & B"
    found = groups(root)
    assert found.keys() == {"1", "2", "t"}
    spans = [span.text for span in found["t"].iter(f"{SVG}tspan")]
    assert spans == ["Brake <b>&amp;</b>", "Force"]
    for person in ("document_editor", "outsider"):
        assert (await get(person, drawing["svgUrl"])).status_code == 404
    assert (await get("owner", f"/diagrams/{uuid4()}.svg")).status_code == 404
    theirs = await draw(other_world, box("1"))
    assert (await get("owner", theirs["svgUrl"])).status_code == 404
    assert (await client.get(drawing["svgUrl"])).status_code in (303, 401)
    assert (await get("viewer", f"{drawing['svgUrl']}?size=9")).status_code == 400


async def test_a_diagram_of_nodes_and_edges_is_shown(world, get):
    nodes = [node("a"), node("b", position={"x": 300, "y": 0}), node("c", parentId="b")]
    made = await flow(world, nodes, [edge("a", "b", label="feeds"), edge("b", "c")])
    root = read((await get("viewer", made["svgUrl"])).text)
    assert groups(root).keys() == {"a", "b", "c", "a-b", "b-c"}
    line = groups(root)["a-b"].find(f"{SVG}polyline")
    assert line.get("points") == "150,20 300,20"  # from border to border
    rect = groups(root)["c"].find(f"{SVG}rect")
    assert (rect.get("x"), rect.get("y")) == ("300", "0")  # relative to the node around it


def test_every_shape_is_drawn_at_its_place():
    shapes = [
        box(name, type=name, points=[[0, 0], [40, 30]], text="Text", name="Frame", angle=1)
        for name in SHAPES
    ]
    root = read(drawing_svg("All", scene(*shapes, box("gone", isDeleted=True))))
    found = groups(root)
    assert found.keys() == SHAPES.keys()
    assert all(len(group) for group in found.values())
    assert len(found["arrow"]) == 2  # with its head
    assert found["line"].find(f"{SVG}polyline").get("points") == "10,20.5 50,50.5"
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (left < 10, top < 20.5) == (True, True)
    assert (left + width > 110, top + height > 70.5) == (True, True)


NUMBERS = ("x", "y", "width", "height", "rx", "ry", "points", "stroke-width", "font-size")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "' onload='alert(1)",
    "&xxe; <!ENTITY xxe SYSTEM 'file:///etc/passwd'>",
    "]]><![CDATA[<script/>",
    "url(https://evil.example/x)",
    "red;background:url(javascript:alert(1))",
    "\x00\x0b\ufffe\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text):
    names = ("id", "text", "strokeColor", "backgroundColor", "strokeStyle", "textAlign", "name")
    element = box("1", points=[[0, 0], [1, 1]]) | dict.fromkeys(names, text)
    elements = [element | {"type": name} for name in SHAPES]
    for svg in (
        drawing_svg(text, scene(*elements, viewBackgroundColor=text)),
        flow_svg(
            text,
            [
                node(text, data={"label": text}, type=text, style={"background": text}),
                node("b", position={"x": 500, "y": 0}, style={"color": text}),
            ],
            [edge(text, "b", label=text, style={"stroke": text})],
        ),
    ):
        root = read(svg)
        for part in root.iter():
            for name in ("fill", "stroke", "stroke-dasharray", "text-anchor"):
                assert "(" not in part.get(name, "")


@pytest.mark.parametrize("value", [nan, inf, -inf, 1e308, -1e308, 2**70, "1", None, True, [], {}])
def test_values_that_are_no_coordinates_leave_a_picture_of_bounded_size(value):
    names = ("x", "y", "width", "height", "angle", "strokeWidth", "opacity", "fontSize")
    element = box("1", points=[[value, value], [value], value], lineHeight=value)
    elements = [
        element | {"type": name, "text": "x"} | dict.fromkeys(names, value) for name in SHAPES
    ]
    place = {"x": value, "y": value}
    nodes = [node("a", position=place, width=value), node("b", position=value, style=value)]
    for svg in (drawing_svg("x", scene(*elements)), flow_svg("x", nodes, [edge("a", "b")])):
        root = read(svg)
        numbers = [float(part) for part in root.get("viewBox").split()]
        assert all(abs(number) <= 5e7 for number in numbers)
        values = [part.get(name, "") for part in root.iter() for name in NUMBERS]
        assert not [text for text in values if set(text) - set("0123456789.-, ")]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "x", "type", "points", "position"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
SHAPE = st.fixed_dictionaries(
    {"type": st.sampled_from([*SHAPES])},
    optional=dict.fromkeys(["id", "x", "y", "width", "points", "text", "angle", "name"], ANYTHING),
)


@given(ANYTHING, st.lists(SHAPE | ANYTHING, max_size=4))
def test_whatever_is_stored_is_drawn_as_xml(anything, elements):
    read(drawing_svg(None, {"elements": elements, "appState": anything}))
    read(drawing_svg("x", {"elements": anything}))
    read(flow_svg("x", elements, elements))


def test_the_work_for_a_picture_is_bounded():
    endless = box("l", type="freedraw", points=[[i, i] for i in range(3 * MAX_POINTS)])
    many = [box(str(i), type="text", text="x\n" * 1_000) for i in range(2 * MAX_DRAWN)]
    ring = [node(str(i), parentId=str((i + 1) % 500)) for i in range(500)]
    began = time.thread_time()
    svg = drawing_svg("Large", scene(endless, endless | {"id": "m"}, *many))
    read(flow_svg("Ring", ring, []))
    assert time.thread_time() - began < 2
    root = read(svg)
    assert len(groups(root)) == MAX_DRAWN
    points = sum(len(line.get("points").split()) for line in root.iter(f"{SVG}polyline"))
    assert points == MAX_POINTS
    assert len(svg) < 5_000_000
