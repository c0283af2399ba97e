"""People who open an address of the gateway in a browser, and programs that do the same."""

import pytest

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ASKING = {"query": "{ __typename }"}


async def test_a_browser_at_the_address_of_the_api_is_led_to_the_explorer(client):
    answer = await client.get("/graphql", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/explorer")


@pytest.mark.parametrize(
    "request_of", [{"params": ASKING, "headers": BROWSER}, {"params": ASKING}, {}]
)
async def test_whoever_asks_the_api_something_or_is_no_browser_is_answered_by_it(
    client, request_of
):
    answer = await client.get("/graphql", **request_of)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.status_code == (200 if "params" in request_of else 400)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing/here", 404), ("GET", "/sign-out", 405), ("POST", "/account/nothing", 404)],
)
async def test_where_there_is_no_page_a_browser_is_shown_one_that_says_so(
    client, method, path, status
):
    page = await client.request(method, path, headers=BROWSER)
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert "Page not found" in page.text
    assert 'href="/"' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"
    line = await client.request(method, path)
    assert line.status_code == status
    assert line.headers["content-type"].startswith("text/plain")
    assert page.headers.get("allow") == line.headers.get("allow")
    assert ("allow" in page.headers) is (status == 405)
