"""Imports of files that the job downloads."""

from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auth.outbound import Outbound
from graph.requirements.exchange.model.draft import Limits
from tests.requirements.transferring import IMPORT, Transfers, counts
from tests.serving import served
from tests.storage.uploading import Uploading
from tests.world import Refused

HERE = Outbound([ip_network("127.0.0.0/8")], insecure=True, seconds=5.0)
CSV = b"ID,Name,Description\nB1,Brake,The car stops.\nB2,Horn,It sounds.\n"
asked = []


async def file(request: Request) -> Response:
    name = request.path_params["name"]
    asked.append(name)
    if name == "moved.csv":
        return RedirectResponse("/files/brakes.csv")
    if name == "inside.csv":
        return RedirectResponse("http://10.0.0.1/brakes.csv")
    if name == "packed.csv":
        return Response(CSV, headers={"Content-Encoding": "gzip"})
    return Response(CSV, 404 if name == "gone.csv" else 200)


@asynccontextmanager
async def serving():
    routes = [Route("/files/{name}", file)]
    async with served(lambda _: Starlette(routes=routes)) as url:
        yield f"{url}/files"


@pytest.fixture(scope="module")
async def files():
    async with serving() as url:
        yield url


@pytest.fixture
def transfers(world, client, app):
    return Transfers(Uploading(world, app.state.storage, client))


async def imported(transfers, url, outbound=HERE, *, dry_run=False, **input):
    given = {"projectId": transfers.world.project, "url": url} | input
    started = await transfers.world.ask("editor", IMPORT, input=given, dryRun=dry_run)
    await transfers.run(outbound)
    return await transfers.job(started["jobId"])


async def test_a_file_is_imported_from_a_url(transfers, files):
    dry = await imported(transfers, f"{files}/brakes.csv?key=1", dry_run=True)
    assert counts(dry, "requirements") == {"created": 2}
    job = await imported(transfers, f"{files}/moved.csv", documentName="Brakes")
    assert (job["error"], counts(job, "requirements")) == (None, {"created": 2})
    assert job["importReport"]["documents"] == ["Brakes"]
    again = await imported(transfers, f"{files}/any", format="CSV", documentName="Brakes")
    assert counts(again, "requirements") == {"unchanged": 2}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("gone.csv", "The server of the file answered with status 404."),
        ("inside.csv", "The URL does not lead to a public server."),
        ("packed.csv", "The server of the file compressed its answer, which is not read."),
    ],
)
async def test_a_url_without_a_file_fails_the_job(transfers, files, name, error):
    job = await imported(transfers, f"{files}/{name}")
    assert (job["status"], job["error"], job["importReport"]) == ("FAILED", error, None)


async def test_an_import_does_not_reach_into_the_network_of_the_gateway(transfers, files):
    asked.clear()
    job = await imported(transfers, f"{files}/brakes.csv", replace(HERE, networks=()))
    assert (job["status"], job["error"]) == ("FAILED", "The URL does not lead to a public server.")
    assert asked == []


async def test_a_download_ends_at_the_size_limit(transfers, files, monkeypatch):
    monkeypatch.setattr(Limits, "__init__", lambda self: None)
    monkeypatch.setattr(Limits, "size", 20)
    job = await imported(transfers, f"{files}/brakes.csv")
    assert (job["status"], job["error"]) == ("FAILED", "The file has more than 20 bytes.")


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({}, "url"),
        ({"url": "https://files.example/a.csv", "fileId": None, "format": "PDF"}, "format"),
        ({"url": "https://files.example/a"}, "format"),
        ({"url": "ftp://files.example/a.csv"}, "url"),
        ({"url": "https://files.example/a.csv", "fileId": "the file"}, "url"),
    ],
)
async def test_an_import_has_one_source_of_a_known_format(transfers, input, field):
    if input.get("fileId"):
        input = input | {"fileId": await transfers.uploaded("brakes.csv", CSV)}
    given = {"projectId": transfers.world.project} | input
    with pytest.raises(Refused) as refused:
        await transfers.world.ask("editor", IMPORT, input=given, dryRun=False)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", field])
