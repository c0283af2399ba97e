"""Editors and other common clients: redirects to their own schemes, scopes of OpenID."""

import pytest

from tests.oauth.conftest import CALLBACK, Application, bearer, press, told, works
from tests.oauth.test_refresh import error
from tests.oauth.waiting import DEVICE_CODE, device

CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
OF_EDITORS = [
    CURSOR,
    "vscode://vscode.github-authentication/did-authenticate",
    "vscode-insiders://publisher.extension/cb",
    "zed://oauth/callback",
    "windsurf://codeium.windsurf/cb",
    "obsidian://callback",
]
OF_NO_APP = [
    "javascript://app.example/%0aalert(1)",
    "javascript:alert(1)",
    "data://text/html,x",
    "data:text/html,x",
    "file:///etc/passwd",
    "file://host/share",
    "vbscript://x",
    "blob://x",
    "view-source://app.example",
    "chrome://settings",
    "chrome-extension://abcdef/cb",
    "ms-msdt://x",
    "ms-officecmd://x",
    "search-ms://x",
    "ftp://app.example/cb",
    "ws://app.example/cb",
    "mailto://a@b.example",
    "cursor:callback",
    "cursor:///callback",
    "Cursor://app/cb",
    "c://app/cb",
]


@pytest.fixture
async def editor(announce, dial):
    made = await announce(
        client_name="Cursor",
        redirect_uris=["http://localhost:8787/callback", CURSOR],
        token_endpoint_auth_method="none",
        scope=None,
    )
    assert made.status_code == 201, made.text
    return Application(dial(), made.json()["client_id"], None, CURSOR)


async def test_an_editor_registers_and_is_told_apart_from_a_site(editor, person, http):
    for _ in range(2):  # any program may take the scheme: people are asked each time
        page = await editor.open(person.browser)
        assert "the app cursor on this device" in page.text
        assert "Any program can use this name" in page.text
        assert "https: cursor:" in page.headers["content-security-policy"]
        answer = await press(person.browser, page)
        assert answer.headers["location"].startswith(f"{CURSOR}?code=")
    tokens = (await editor.redeem(told(answer)["code"])).json()
    assert await works(http, tokens["access_token"])


@pytest.mark.parametrize("uri", OF_EDITORS)
async def test_schemes_of_editors_are_registered(announce, uri):
    answer = await announce(redirect_uris=[CALLBACK, uri], application_type="native")
    assert answer.status_code == 201
    assert (await announce(redirect_uris=[uri], application_type="web")).status_code == 400


@pytest.mark.parametrize("uri", OF_NO_APP)
async def test_schemes_that_are_no_app_s_own_are_refused(announce, uri):
    answer = await announce(redirect_uris=[CALLBACK, uri], application_type="native")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


WHO = {"query": "{ viewer { profile { email } } projects { totalCount } }"}


async def test_a_client_that_asks_for_openid_is_told_what_it_gets(planner, person, http):
    scope = "openid offline_access organizations:read"
    page = await planner.open(person.browser, scope=scope)
    assert "Recognize you by the ID of your account" in page.text
    tokens = (await planner.redeem(told(await press(person.browser, page))["code"])).json()
    assert tokens["scope"] == scope
    assert "id_token" in tokens
    tokens = (await planner.refresh(tokens["refresh_token"])).json()
    assert tokens["scope"] == scope
    answer = await http.post("/graphql", json=WHO, headers=bearer(tokens["access_token"]))
    assert answer.json()["data"]["viewer"]["profile"]["email"] == person.email
    assert answer.json()["data"]["projects"] == {"totalCount": 0}


async def test_openid_alone_tells_whose_account_it_is_and_reaches_nothing(
    applications, person, http
):
    planner = await applications(scope="requirements:read")
    tokens = await planner.connect(person, scope="openid")
    assert tokens["scope"] == "openid"
    tokens = (await planner.refresh(tokens["refresh_token"])).json()
    token = tokens["access_token"]
    held = await planner.introspect(token)
    assert (held["scope"], held["sub"]) == ("openid", str(person.id))
    for query in ("{ projects { totalCount } }", "{ organizations { totalCount } }"):
        answer = await http.post("/graphql", json={"query": query}, headers=bearer(token))
        assert answer.status_code == 403
        assert "insufficient_scope" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("scope", ["openid address", "openid nonsense", "offline"])
async def test_other_scopes_of_openid_are_unknown(planner, person, scope):
    assert told(await planner.open(person.browser, scope=scope))["error"] == "invalid_scope"


async def test_openid_is_registered_and_asked_for_everywhere(announce, applications, robot):
    answer = await announce(scope="openid offline_access requirements:read")
    assert answer.json()["scope"] == "openid offline_access requirements:read"
    screen = await applications(grant_types=(DEVICE_CODE,), scope="requirements:read")
    assert (await device(screen, scope="openid requirements:read")).user_code
    answer = await robot.token(grant_type="client_credentials", scope="openid")
    assert answer.json()["scope"] == "openid"
    answer = await robot.token(grant_type="client_credentials", scope="phone")
    assert error(answer) == "invalid_scope"
