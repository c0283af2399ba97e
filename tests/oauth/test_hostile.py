"""Any input gets an OAuth error or a page, never a 500 (A17)."""

from urllib.parse import urlencode

import httpx
import pytest

from auth.oauth.clients import GRANT_TYPES
from auth.web.forms import MAX_BYTES
from tests.oauth.conftest import VERIFIER, told

VALUES = {
    "quote": "\"'\\",
    "nul": "a\0b",
    "crlf": "x\r\nSet-Cookie: evil=1\r\n\r\n<script>",
    "not ascii": "gréen \u2028 \U0001f600",
    "30 kB": "x" * 30_000,
    "100 kB": "x" * 100_000,
    "format": "%s%n{0}${x}",
    "sql": "'; DROP TABLE oauth_clients; --",
}
RAW = {
    "not UTF-8": b"%ff%fe",
    "half an escape": b"%",
    "overlong": b"%c0%80",
    "surrogate": b"%ed%a0%80",
    "bytes": b"\xff\xfe",
}
ASKED = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "prompt")
SENT = (
    *("grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "x"),
    *("refresh_token", "device_code", "token", "token_type_hint", "scope", "resource"),
)
SPECIAL = [*VALUES, *RAW]
PATHS = ("token", "revoke", "introspect", "par", "device")
"""The endpoints that take forms of applications."""


def harmless(answer):
    """Check for no failure, no injected header, and nothing that another page could frame."""
    assert 200 <= answer.status_code < 500, answer.text
    headers = dict(answer.headers)
    location = headers.pop("location", "")
    assert "evil" not in str(headers)
    assert not {"\r", "\n", "\0"} & set(location)
    assert location.isascii()
    assert "<script>" not in answer.text
    return answer


async def raw(person, query, path="/oauth/authorize"):
    """Send this query byte for byte; an HTTP client would encode or refuse it."""
    cookies = "; ".join(f"{name}={value}" for name, value in person.browser.cookies.items())
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"gateway.example"), (b"cookie", cookies.encode())],
        "client": ("10.1.1.1", 1),
        "server": ("gateway.example", 443),
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await person.browser._transport.app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


@pytest.mark.parametrize("kind", VALUES)
async def test_a17_the_authorization_endpoint_withstands(planner, person, kind):
    for name in ASKED:
        query = urlencode(planner.question(**{name: VALUES[kind]})).encode()
        answer = harmless(await raw(person, query))
        if name in ("client_id", "redirect_uri"):
            assert answer.status_code == 400
        elif answer.status_code == 303:
            assert answer.headers["location"].startswith(planner.callback)
            assert "code" not in told(answer)


@pytest.mark.parametrize("kind", RAW)
async def test_a17_so_does_it_what_is_no_text(planner, person, kind):
    for name in ASKED:
        asked = planner.question()
        asked.pop(name, None)
        query = "&".join(f"{key}=x" for key in asked).encode() + b"&" + name.encode() + b"="
        answer = await raw(person, query + RAW[kind])
        assert harmless(answer).status_code in (400, 303)
        answer = await person.browser.post(
            "/oauth/authorize",
            content=query + RAW[kind],
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert harmless(answer).status_code in (400, 303)


def spoilt(form, name, kind):
    """Return the form as it is sent, with an invalid value in this field."""
    if kind in VALUES:
        return urlencode(form | {name: VALUES[kind]}).encode()
    rest = urlencode({other: value for other, value in form.items() if other != name})
    return rest.encode() + b"&" + name.encode() + b"=" + RAW[kind]


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", SPECIAL)
async def test_a17_so_do_the_others(applications, path, kind):
    planner = await applications(grant_types=GRANT_TYPES)
    form = {"grant_type": "authorization_code", "token": "x", "code": "x"}
    if path == "par":
        form = planner.question()
    for name in {*SENT, *ASKED}:
        answer = await planner.http.post(
            f"/oauth/{path}",
            content=spoilt(form, name, kind),
            headers=FORM,
            auth=planner.credentials()["auth"],
        )
        assert harmless(answer).headers["content-type"] == "application/json"
        assert answer.status_code in (200, 201) or "error" in answer.json()


@pytest.mark.parametrize("path", PATHS)
async def test_a17_no_parameter_stands_anywhere_twice(applications, path):
    planner = await applications(grant_types=GRANT_TYPES)
    form = {"grant_type": "client_credentials", "token": "x", "scope": "requirements:read"}
    form |= {"client_id": planner.client_id, "x": "y"}
    if path == "par":
        form |= planner.question()
    assert (await planner.post(path, form)).status_code in (200, 201)
    for name in form.keys() - {"resource"}:
        answer = await planner.post(path, form | {name: [form[name]] * 2})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), name


EMPTY = b"=&=&&&=="
BODIES = [
    ("application/json", b'{"grant_type": "authorization_code"}'),
    ("application/json", b"["),
    ("text/plain", b"grant_type=x"),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
    ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfeg\0"),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(5000))),
    ("application/x-www-form-urlencoded", EMPTY),
    ("", b""),
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
async def test_what_is_no_form_is_refused(applications, person, kind, body):
    planner = await applications(grant_types=GRANT_TYPES)
    headers = {"content-type": kind} if kind else {}
    for path in PATHS:
        answer = await planner.http.post(
            f"/oauth/{path}", content=body, headers=headers, auth=planner.credentials()["auth"]
        )
        if path == "device" and body == EMPTY:  # it needs no parameter at all
            assert harmless(answer).status_code == 200
            continue
        assert harmless(answer).status_code == (413 if len(body) > MAX_BYTES else 400)
        assert answer.json()["error"] == "invalid_request"
    for path in ("/oauth/authorize", "/device"):
        page = await person.browser.post(path, content=body, headers=headers)
        assert harmless(page).status_code in (400, 403, 413, 303)
        assert page.headers.get("location", "/").startswith("/")


async def test_a_verifier_that_is_no_text_is_no_verifier(planner, person):
    code = await planner.code(person)
    for verifier in ("\u00e9" * 64, VERIFIER + "\0", "x" * 20_000):
        assert (await planner.redeem(code, code_verifier=verifier)).status_code in (400, 413)


@pytest.mark.parametrize("path", PATHS)
async def test_two_headers_authorization_are_refused_like_two_of_anything(planner, path):
    """A proxy before the gateway might use the other one."""
    basic = httpx.BasicAuth(planner.client_id, planner.secret)
    right = next(basic.auth_flow(httpx.Request("POST", "https://x"))).headers["authorization"]
    for pair in ((right, "Basic eDp5"), ("Basic eDp5", right), (right, right), (right, "")):
        answer = await planner.http.post(
            f"/oauth/{path}",
            data={"token": "x", "grant_type": "refresh_token", "refresh_token": "x"},
            headers=[("authorization", value) for value in pair],
        )
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"
