"""The pages of imports: from a file to its report, and who may use them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from auth.web.multipart import parsed
from db.pool import NOBODY
from db.problem import Problem
from tests.requirements.transferring import Transfers
from tests.storage.uploading import Uploading

CSV = b"ID,Title,Cost <b>,Comment\nB1,Brake,8,=1+1\nB2,Horn,9,\n"
MAPPINGS = """query ($id: UUID!) { project(id: $id) { importMappings(first: 5) {
    nodes { name columns { column field } } } } }"""
FOUND = """SELECT name, properties FROM requirements
    WHERE organization_id = $1 AND external_id IN ('B1', 'B2')"""


@pytest.fixture
def transfers(world, client, app):
    return Transfers(Uploading(world, app.state.storage, client))


@pytest.fixture
async def headers(world, settings):
    """Return a function that returns the headers of a browser of a person."""

    async def of(person):
        async with world.database.auth.lend(NOBODY) as lent:
            session = await start(lent, world.people[person], Origin(None, None, None), settings)
        return {"Cookie": f"gateway={session.secret}", "Origin": "http://localhost"}

    return of


def token_of(page):
    return page.text.split('name="csrf_token" value="')[1].split('"')[0]


async def uploaded(world, headers, content=CSV, name="brakes.csv", **fields):
    """Send the form with a file."""
    page = await world.client.get(f"/import?project={world.project}", headers=headers)
    data = {"csrf_token": token_of(page), "project": str(world.project), **fields}
    file = {"file": (name, content, "text/csv")}
    return await world.client.post("/import", data=data, files=file, headers=headers)


async def test_a_file_is_uploaded_mapped_checked_and_imported(world, transfers, headers):
    client, editor = world.client, await headers("editor")
    page = await client.get("/import", headers=editor)
    assert f"/import?project={world.project}" in page.text
    sent = await uploaded(world, editor, document="Brakes")
    page = await client.get(sent.headers["location"], headers=editor)
    assert "Cost &lt;b&gt;" in page.text
    assert "8 · 9" in page.text
    assert re.search(r'name="c1".*?value="name" selected', page.text, re.DOTALL)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    chosen = {"c0": "external_id", "c1": "name", "c2": "property:number", "c3": "ignore"}
    form = hidden | chosen | {"save": "Supplier"}
    sent = await client.post("/import/columns", data=form, headers=editor)
    report = sent.headers["location"]
    assert "being read" in (await client.get(report, headers=editor)).text
    await transfers.run()
    page = await client.get(report, headers=editor)
    assert "2 created" in page.text
    assert await world.superuser.fetch(FOUND, world.organization) == []
    again = {"csrf_token": token_of(page), "job": report.partition("=")[2]}
    for _ in range(2):  # sent twice, imported once
        sent = await client.post("/import/report", data=again, headers=editor)
    await transfers.run()
    assert (
        "The file is imported" in (await client.get(sent.headers["location"], headers=editor)).text
    )
    rows = await world.superuser.fetch(FOUND, world.organization)
    assert {row["name"] for row in rows} == {"Brake", "Horn"}
    assert not any("Comment" in row["properties"] for row in rows)
    saved = (await world.ask("editor", MAPPINGS, id=world.project))["importMappings"]["nodes"]
    assert saved == [
        {
            "name": "Supplier",
            "columns": [
                {"column": "Cost <b>", "field": "property:number"},
                {"column": "Comment", "field": "ignore"},
            ],
        }
    ]


async def test_a_file_that_is_no_import_is_refused_by_the_form(world, headers):
    editor = await headers("editor")
    for name, content, message in (
        ("brakes.doc", CSV, "the format cannot be told"),
        ("brakes.csv", b"", "Choose a file."),
    ):
        page = await uploaded(world, editor, content, name)
        assert page.status_code == 400
        assert message in page.text
    sent = await uploaded(world, editor, b"PK\x03\x04broken", "brakes.xlsx")
    page = await world.client.get(sent.headers["location"], headers=editor)
    assert page.status_code == 400
    assert "this is not an XLSX workbook" in page.text


async def test_imports_are_for_editors_and_their_own_forms(world, transfers, headers):
    client, editor = world.client, await headers("editor")
    assert (await client.get("/import")).headers["location"].startswith("/sign-in")
    assert (await uploaded(world, await headers("viewer"))).status_code == 403
    sent = await uploaded(world, editor)
    outsider = await headers("outsider")
    for path in (sent.headers["location"], f"/import?project={world.project}"):
        assert (await client.get(path, headers=outsider)).status_code == 404
    page = await client.get(sent.headers["location"], headers=editor)
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    forged = await client.post("/import/columns", data=form | {"csrf_token": "x"}, headers=editor)
    assert forged.status_code == 403
    started = await client.post("/import/columns", data=form, headers=editor)
    report = started.headers["location"]
    assert (await client.get(report, headers=outsider)).status_code == 404
    large = await uploaded(world, editor, b"x" * 20_000_001)
    assert large.status_code == 400


@settings(max_examples=100, deadline=None, database=None)
@given(content=st.binary(max_size=60), cut=st.integers(0, 200))
def test_a_file_in_a_form_is_read_as_it_was_sent_or_the_form_is_refused(content, cut):
    head = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\n'
    head += b'Content-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
    body = head + content + b"\r\n--b--\r\n"
    fields, upload = parsed(body, b"b")
    assert (fields, upload.name) == ({"a": "1"}, "x.csv")
    assert upload.content == content or b"\r\n--b" in content
    with pytest.raises(Problem) as refused:
        parsed(body[: min(cut, len(body) - 4)], b"b")
    assert refused.value.code == "BAD_REQUEST"


def form_of(*parts):
    return b"".join(b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts)


NAMED = b'Content-Disposition: form-data; name="%s"'
FILE = b'Content-Disposition: form-data; name="file"; filename="%s"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form_of((NAMED % b"a", b"1")), "can be read"),
        (form_of((NAMED % b"a", b"1")) * 2 + b"--b--", "duplicate"),
        (form_of((FILE % b"a", b"1"), (FILE % b"b", b"1")) + b"--b--", "duplicate"),
        (form_of(*((NAMED % str(n).encode(), b"") for n in range(21))) + b"--b--", "can be read"),
        (form_of((NAMED % b"a", b"x" * 10_001)) + b"--b--", "at most 10000 bytes"),
        (form_of((NAMED % (b"a" * 3_000), b"1")) + b"--b--", "can be read"),
        (form_of((b"X: y", b"1")) + b"--b--", "can be read"),
        (form_of((NAMED % b"a", b"\xff")) + b"--b--", "not UTF-8"),
        (form_of((FILE % b"\xff", b"")) + b"--b--", "not UTF-8"),
        (b"", "can be read"),
    ],
)
def test_a_form_that_is_no_form_is_refused(body, message):
    with pytest.raises(Problem, match=message):
        parsed(body, b"b")


def test_a_file_keeps_its_name_and_the_form_its_fields():
    body = form_of((NAMED % b"a", "é".encode()), (FILE % "Ä b.csv".encode(), b"\r\n--x")) + b"--b--"
    fields, upload = parsed(body, b"b")
    assert (fields, upload.name, upload.content) == ({"a": "é"}, "Ä b.csv", b"\r\n--x")
