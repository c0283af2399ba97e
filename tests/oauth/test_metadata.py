"""The metadata of the authorization server (M01-M06)."""

import re
from pathlib import Path

import pytest

from auth.policy.scope_names import SCOPES
from tests.oauth.conftest import API, ISSUER

SERVER = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource/graphql"


@pytest.fixture
async def metadata(http):
    answer = await http.get(SERVER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_m01_the_issuer_is_the_address_that_the_document_stands_under(metadata):
    assert metadata["issuer"] == ISSUER


async def test_m02_codes_with_s256_are_all_there_is(metadata):
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["response_types_supported"] == ["code"]
    device = "urn:ietf:params:oauth:grant-type:device_code"
    exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    grants = {"authorization_code", "refresh_token", "client_credentials", device, exchange}
    assert set(metadata["grant_types_supported"]) == grants
    assert "none" in metadata["token_endpoint_auth_methods_supported"]


async def test_m03_answers_name_the_issuer(metadata):
    assert metadata["authorization_response_iss_parameter_supported"] is True


async def test_requests_may_be_pushed_and_need_not_be(metadata):
    assert metadata["pushed_authorization_request_endpoint"] == f"{ISSUER}/oauth/par"
    assert metadata["require_pushed_authorization_requests"] is False


async def test_devices_find_where_they_ask(metadata):
    assert metadata["device_authorization_endpoint"] == f"{ISSUER}/oauth/device"


async def test_m04_every_endpoint_is_ours_and_answers_its_own_method(metadata, http):
    endpoints = {name: url for name, url in metadata.items() if name.endswith("_endpoint")}
    assert "registration_endpoint" in endpoints
    assert len(endpoints) >= 5
    for name, url in endpoints.items():
        assert url.startswith(f"{ISSUER}/")
        ask = http.get if name == "authorization_endpoint" else http.post
        assert (await ask(url)).status_code in (303, 400, 401)


async def test_m05_the_api_names_its_authorization_server(http):
    document = (await http.get(RESOURCE)).json()
    assert document["resource"] == API
    assert document["authorization_servers"] == [ISSUER]
    assert document["bearer_methods_supported"] == ["header"]
    assert "requirements:read" in document["scopes_supported"]


@pytest.mark.parametrize("path", [SERVER, RESOURCE])
async def test_m06_pages_of_other_sites_may_read_it(http, path):
    answer = await http.get(path, headers={"origin": "https://spa.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", [SERVER, RESOURCE])
async def test_its_head_is_that_of_the_whole(http, path):
    """RFC 9110, section 9.1."""
    whole, head = await http.get(path), await http.head(path)
    assert head.status_code == 200
    for name in ("content-type", "content-length", "cache-control", "access-control-allow-origin"):
        assert head.headers[name] == whole.headers[name]
    assert (await http.post(path)).headers["allow"] == "GET, HEAD"


async def test_the_page_on_applications_lists_the_scopes_as_people_read_them():
    page = (Path(__file__).parents[2] / "docs" / "oauth.md").read_text()
    section = page.split("\n## Scopes\n")[1].split("\n## ")[0].split("\n### ")[0]
    listed = dict(re.findall(r"^\| `([a-z:]+)` \| (.*) \|$", section, re.MULTILINE))
    assert listed == SCOPES
