"""The server's answers beneath /explorer, without a browser."""

import httpx
import pytest
from starlette.applications import Starlette

from graph.explorer import routes
from graph.explorer.build import build
from graph.explorer.bundle import Bundle
from graph.explorer.page import Explorer
from graph.settings import Settings


def client_of(routes) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=routes))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway.example")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    build()
    built = Bundle.read()
    assert built is not None
    return built


async def test_the_page_permits_nothing_from_elsewhere_and_nothing_inline(bundle):
    async with client_of(routes(Settings())) as client:
        response = await client.get("/explorer")
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in response.headers["content-security-policy"].split(";")
    )
    assert policy == {
        "default-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert response.headers["cache-control"] == "no-store"
    assert "<title>Gateway API explorer</title>" in response.text
    assert f'src="/explorer/assets/{bundle.script}"' in response.text


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_files_are_kept_for_ever_because_their_names_change(bundle, encoding):
    async with client_of(routes(Settings())) as client:
        response = await client.get(
            f"/explorer/assets/{bundle.script}", headers={"Accept-Encoding": encoding}
        )
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers.get("content-encoding", "identity") == encoding
    assert "graphql" in response.text


@pytest.mark.parametrize(
    "name", ["manifest.json", ".lock", "explorer-0.js", "..%2Fpage.py", "%2Fetc%2Fpasswd"]
)
async def test_nothing_but_the_bundle_is_served(bundle, name):
    async with client_of(routes(Settings())) as client:
        assert (await client.get(f"/explorer/assets/{name}")).status_code == 404


async def test_without_a_bundle_the_page_says_how_to_build_it(tmp_path):
    async with client_of(Explorer(Settings(), tmp_path).routes()) as client:
        response = await client.get("/explorer")
    assert response.status_code == 503
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "make explorer" in response.text


async def test_in_production_nobody_is_told_of_the_demonstration(bundle):
    production = Settings(gateway_env="production")
    async with client_of(routes(Settings())) as client, client_of(routes(production)) as theirs:
        assert "editor@demo.example" in (await client.get("/explorer")).text
        assert "demo.example" not in (await theirs.get("/explorer")).text
