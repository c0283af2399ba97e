"""The traceability matrix: the requirements of two places, their links, and those without any."""

import asyncio
import csv
import io

import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.editor import downloads
from tests.kit.asking import run, session_of
from tests.requirements.linking import edit, elsewhere, link, requirements
from tests.world import Refused

LINE = """linkCount suspectCount requirement { id }
    cells(first: $cells, requirementIds: $columns) { requirementId requirement { name }
        links { linkType outgoing suspect traceLink { id } } }"""
MATRIX = f"""query ($rows: TraceabilitySideInput!, $of: TraceabilitySideInput!,
    $types: [TraceLinkType!], $holes: Boolean! = false, $first: Int, $after: String,
    $cells: Int! = 100, $columns: [UUID!]) {{
  traceabilityMatrix(rows: $rows, columns: $of, linkTypes: $types) {{
    summary {{ rows columns linkedRows linkedColumns links suspects }}
    rows(first: $first, after: $after, holes: $holes) {{
        totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {LINE} }} }}
    columns(first: $first, holes: $holes) {{ totalCount nodes {{ {LINE} }} }} }} }}"""


@pytest.fixture
async def traced(world):
    """Return two requirements here and three in another project, of which two are linked."""
    project, document = await elsewhere(world)
    here, there = await requirements(world, 2), await requirements(world, 3, document)
    links = [
        await link(world, here[0], there[0], by="owner", linkType="SATISFIES"),
        await link(world, there[0], here[0], by="owner", linkType="CONFLICTS_WITH"),
        await link(world, here[0], there[2], by="owner", linkType="SATISFIES"),
        await link(world, here[0], here[1], by="owner", linkType="REFINES"),
        await link(world, here[1], document, by="owner", linkType="REFINES"),
    ]
    await edit(world, there[2], by="owner", name="=Changed")
    sides = {"rows": {"documentId": str(world.document)}, "of": {"projectId": str(project)}}
    return {"here": here, "there": there, "links": links, "document": document, "sides": sides}


@pytest.mark.slow
async def test_cells_hold_the_links_of_both_directions(world, traced):
    here, there, links = traced["here"], traced["there"], traced["links"]
    found = await world.ask("owner", MATRIX, **traced["sides"])
    assert found["summary"] == {
        "rows": 3,
        "columns": 3,
        "linkedRows": 1,
        "linkedColumns": 2,
        "links": 3,
        "suspects": 1,
    }
    rows = {row["requirement"]["id"]: row for row in found["rows"]["nodes"]}
    assert len(rows) == found["rows"]["totalCount"] == 3
    assert (rows[here[0]]["linkCount"], rows[here[0]]["suspectCount"]) == (3, 1)
    assert rows[here[1]]["cells"] == []
    first, second = rows[here[0]]["cells"]
    assert [cell["requirementId"] for cell in (first, second)] == [there[0], there[2]]
    assert first["links"] == [
        {"linkType": type_, "outgoing": out, "suspect": False, "traceLink": {"id": made["id"]}}
        for type_, out, made in (("SATISFIES", True, links[0]), ("CONFLICTS_WITH", False, links[1]))
    ]
    assert [one["suspect"] for one in second["links"]] == [True]
    columns = {row["requirement"]["id"]: row for row in found["columns"]["nodes"]}
    assert [columns[id]["linkCount"] for id in there] == [2, 0, 1]
    (cell,) = columns[there[2]]["cells"]
    assert (cell["requirementId"], cell["links"][0]["outgoing"]) == (here[0], False)

    found = await world.ask("owner", MATRIX, **traced["sides"], holes=True)
    assert {row["requirement"]["id"] for row in found["rows"]["nodes"]} == {
        here[1],
        str(world.requirement),
    }
    assert [row["requirement"]["id"] for row in found["columns"]["nodes"]] == [there[1]]
    assert (found["rows"]["totalCount"], found["columns"]["totalCount"]) == (2, 1)
    found = await world.ask(
        "owner", MATRIX, **traced["sides"], types=["SATISFIES"], cells=1, columns=[there[2]]
    )
    assert (found["summary"]["links"], found["columns"]["nodes"][0]["linkCount"]) == (2, 1)
    (row,) = [row for row in found["rows"]["nodes"] if row["cells"]]
    assert [cell["requirementId"] for cell in row["cells"]] == [there[2]]
    itself = {side: {"documentId": world.document} for side in ("rows", "of")}
    found = await world.ask("owner", MATRIX, **itself)
    assert (found["summary"]["links"], found["summary"]["linkedRows"]) == (1, 2)


@pytest.mark.slow
async def test_rows_are_paged_and_a_level_is_one_statement(world, traced):
    seen, cursor, numbers = [], None, set()
    while True:
        session = await session_of(world, "owner")
        found = await run(session, MATRIX, **traced["sides"], first=2, after=cursor)
        rows = found["traceabilityMatrix"]["rows"]
        seen += [row["requirement"]["id"] for row in rows["nodes"]]
        numbers.add(session.statements)
        cursor = rows["pageInfo"]["endCursor"]
        if not rows["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 3
    assert max(numbers) <= 16


@pytest.mark.slow
async def test_only_what_can_be_read_is_shown(world, traced):
    assert await world.code("project_viewer", MATRIX, **traced["sides"]) == "NOT_FOUND"
    sides = {"rows": {"projectId": world.project}, "of": {"documentId": world.document}}
    found = await world.ask("project_viewer", MATRIX, **sides)
    assert (found["summary"]["rows"], found["summary"]["links"]) == (3, 1)
    await world.superuser.execute(
        "UPDATE requirements SET deleted_at = now() WHERE id = $1", traced["there"][2]
    )
    found = await world.ask("owner", MATRIX, **traced["sides"])
    assert (found["summary"]["columns"], found["summary"]["links"]) == (2, 2)
    for given, field in (
        ({"types": []}, ["linkTypes"]),
        ({"rows": {"documentId": world.project}}, ["rows", "documentId"]),
    ):
        with pytest.raises(Refused) as refused:
            await world.ask("owner", MATRIX, **(traced["sides"] | given))
        assert refused.value.field == field
    for asked in (
        "rows(first: 201) { totalCount }",
        "rows { nodes { cells(first: -1) { requirementId } } }",
    ):
        query = f"""query ($rows: TraceabilitySideInput!, $of: TraceabilitySideInput!) {{
            traceabilityMatrix(rows: $rows, columns: $of) {{ {asked} }} }}"""
        assert await world.code("owner", query, **traced["sides"]) == "INVALID"
    both = {"documentId": world.document, "projectId": world.project}
    assert await world.code("owner", MATRIX, **(traced["sides"] | {"rows": both})) is not None


@pytest.fixture
async def get(client, world, settings):
    async def get(person, path):
        async with world.database.auth.lend(NOBODY) as lent:
            session = await start(lent, world.people[person], Origin(None, None, None), settings)
        return await client.get(path, headers={"Cookie": f"gateway={session.secret}"})

    return get


@pytest.mark.slow
async def test_the_matrix_is_downloaded_as_csv(world, traced, get, client):
    here, there = traced["here"], traced["there"]
    await world.superuser.execute(
        "UPDATE requirements SET external_id = NULL, name = E'@A, \"b\"' WHERE id = $1", here[1]
    )
    path = f"/downloads/traceability.csv?rows={world.document}&columns={traced['document']}"
    answer = await get("owner", path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="traceability.csv"'
    assert answer.text.endswith("\r\n")
    header, *lines = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["ID", "Requirement", "R-0", "R-1", "R-2"]
    assert ["R-0", "R0", "SATISFIES; CONFLICTS_WITH (incoming)", "", "SATISFIES (suspect)"] in lines
    assert ["", '\'@A, "b"', "", "", ""] in lines
    assert len(lines) == 3
    await world.superuser.execute(
        "UPDATE requirements SET external_id = '=1+1' WHERE id = $1", there[1]
    )
    answer = await get("owner", f"{path}&linkType=CONFLICTS_WITH")
    header, *lines = csv.reader(io.StringIO(answer.text, newline=""))
    assert header[3] == "'=1+1"
    assert {text for line in lines for text in line[2:]} == {"", "CONFLICTS_WITH (incoming)"}
    assert (await get("project_viewer", path)).status_code == 404
    assert (await get("owner", f"{path}&linkType=OTHER")).status_code == 400
    for wrong in ("linktype=SATISFIES", "filter=x", f"rows={world.document}", "linkType=NONE"):
        assert (await get("owner", f"{path}&{wrong}")).status_code == 400, wrong
    assert (await get("owner", "/downloads/traceability.csv?rows=1")).status_code == 400
    assert (await client.get(path)).status_code == 303


@pytest.mark.slow
async def test_pages_of_a_download_follow_each_other(world, traced, get, monkeypatch):
    monkeypatch.setattr(downloads, "PAGE", 2)
    path = f"/downloads/traceability.csv?rows={world.document}&columns={traced['document']}"
    _, *lines = csv.reader(io.StringIO((await get("owner", path)).text))
    assert len(lines) == 3
    begun, going_on, page = asyncio.Event(), asyncio.Event(), downloads._page

    async def wait(*arguments):
        begun.set()
        await going_on.wait()
        return await page(*arguments)

    monkeypatch.setattr(downloads, "_page", wait)
    first = asyncio.create_task(get("owner", path))
    await begun.wait()
    assert (await get("owner", path)).status_code == 429
    going_on.set()
    assert (await first).status_code == 200
    monkeypatch.setattr(downloads, "MAX_COLUMNS", 2)
    answer = await get("owner", path)
    assert (answer.status_code, "the maximum is 2" in answer.text) == (400, True)
