"""Whatever is sent, the answer is an OAuth error or a page, never a 500 (A17)."""

from urllib.parse import urlencode

import httpx
import pytest

from auth.oauth.clients import GRANT_TYPES
from auth.pages.forms import MOST_BYTES
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
SENT = ("grant_type", "code", "redirect_uri", "client_id", "code_verifier", "refresh_token", "x")
SPECIAL = [*VALUES, *RAW]


def harmless(answer):
    """No failure, no header that was asked for, and nothing that another page could be."""
    assert 200 <= answer.status_code < 500, answer.text
    assert "evil" not in str(answer.headers.get("set-cookie"))
    location = answer.headers.get("location", "")
    assert not {"\r", "\n", "\0"} & set(location)
    assert location.isascii()
    assert "<script>" not in answer.text
    return answer


async def raw(person, query):
    """Ask with this query, byte for byte; an HTTP client would encode or refuse it."""
    cookies = "; ".join(f"{name}={value}" for name, value in person.browser.cookies.items())
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/oauth/authorize",
        "raw_path": b"/oauth/authorize",
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


def encoded(form):
    return b"&".join(name.encode() + b"=" + value for name, value in form.items())


@pytest.mark.parametrize("path", ["token", "revoke", "introspect", "par", "device"])
@pytest.mark.parametrize("kind", SPECIAL)
async def test_a17_so_do_the_others(applications, path, kind):
    planner = await applications(grant_types=GRANT_TYPES)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for name in (*SENT, "token", "token_type_hint", "client_secret", "resource", "scope"):
        form = {"grant_type": b"authorization_code", "token": b"x", "code": b"x"}
        if kind in RAW:
            form[name] = RAW[kind]
            body = encoded(form)
        else:
            body = urlencode(form | {name: VALUES[kind].encode()}).encode()
        answer = await planner.http.post(
            f"/oauth/{path}", content=body, headers=headers, auth=planner.credentials()["auth"]
        )
        assert harmless(answer).headers["content-type"] == "application/json"
        assert answer.status_code == 200 or "error" in answer.json()


BODIES = [
    ("application/json", b'{"grant_type": "authorization_code"}'),
    ("application/json", b"["),
    ("text/plain", b"grant_type=x"),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
    ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfeg\0"),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(5000))),
    ("application/x-www-form-urlencoded", b"=&=&&&=="),
    ("", b""),
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
async def test_what_is_no_form_is_refused(planner, person, kind, body):
    headers = {"content-type": kind} if kind else {}
    for path in ("token", "revoke", "introspect", "par"):
        answer = await planner.http.post(
            f"/oauth/{path}", content=body, headers=headers, auth=planner.credentials()["auth"]
        )
        assert harmless(answer).status_code == (413 if len(body) > MOST_BYTES else 400)
        assert answer.json()["error"] == "invalid_request"
    page = await person.browser.post("/oauth/authorize", content=body, headers=headers)
    assert harmless(page).status_code in (400, 303)


async def test_a_verifier_that_is_no_text_is_no_verifier(planner, person):
    code = await planner.code(person)
    for verifier in ("\u00e9" * 64, VERIFIER + "\0", "x" * 20_000):
        assert (await planner.redeem(code, code_verifier=verifier)).status_code in (400, 413)
