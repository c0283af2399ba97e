"""The forms of browsers, and the redirects after them."""

import pytest

from auth.accounts.mail import Outbox
from auth.pages import routes
from auth.web.forms import FORM, local_path
from db.pool import Database
from graph.settings import Settings
from tests.auth.conftest import form_of, sign_in

ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
    "/x\\..\\evil.example",
    "/\x00/evil.example",
    "/" + "x" * 5000,
]
HERE = ["/", "/explorer", "/explorer?a=//b&c=%2F#d", "/projekte/größe", "/a//b", "/.//evil.example"]

SETTINGS = Settings(gateway_secret="a secret that the tests of forms use alone")
ROUTES = routes(Database(""), SETTINGS, Outbox(SETTINGS))
FOR_PROVIDERS = {"/sso/{id}/logout"}
"""The path to which identity providers send logout tokens: its answers are no pages."""
FORMS = [
    route.path
    for route in ROUTES
    if "POST" in (route.methods or ()) and route.path not in FOR_PROVIDERS
]
PAGES = [route.path for route in ROUTES if "GET" in (route.methods or ())]


@pytest.mark.slow
@pytest.mark.parametrize("target", ELSEWHERE)
async def test_no_form_leads_to_another_site(browser, person, target):
    assert local_path(target) == "/"
    page = await browser.get("/sign-in", params={"next": target})
    assert 'name="next" value="/"' in page.text
    answer = await sign_in(browser, person.email, next=target)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.slow
@pytest.mark.parametrize("target", HERE)
async def test_a_form_leads_back_to_where_one_wanted(browser, person, target):
    assert local_path(target) == target
    answer = await sign_in(browser, person.email, next=target)
    assert answer.status_code == 303
    assert answer.next_request is not None
    assert answer.next_request.url == browser.base_url.join(target)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"email=%ff%fe&password=x", FORM),
        (b"email=\xff\xfe&password=x", FORM),
        (b"email=a&email=b&password=x", FORM),
        (b"&".join(b"f%d=1" % number for number in range(50)), FORM),
        (b"password=" + b"x" * 20_000, FORM),
        (b'{"email": "a"}', "application/json"),
        (b"email=a", "text/plain"),
        (
            b"--x\r\ncontent-disposition: form-data\r\n\r\na\r\n--x--",
            "multipart/form-data; boundary=x",
        ),
        (b"email=a", ""),
    ],
)
async def test_what_is_no_proper_form_is_refused(browser, person, body, type):
    await sign_in(browser, person.email)
    for path in FORMS:
        answer = await browser.post(path, content=body, headers={"content-type": type})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "body", [b"", b"%", b"&&", b"=", b"csrf_token=%00", b"csrf_token=%C3%A9.x"]
)
async def test_a_form_with_nothing_proper_in_it_is_refused(browser, body):
    await form_of(browser)
    for path in ("/sign-in", "/sign-in/code", "/sign-out", "/sign-up", "/forgotten-password"):
        answer = await browser.post(path, content=body, headers={"content-type": FORM})
        assert answer.status_code == 403


@pytest.mark.slow
async def test_odd_addresses_get_a_page(browser, person):
    await sign_in(browser, person.email)
    for path in PAGES:
        for query in ("next=%00&token=%0d%0aA:b&news=%ff", "token=" + "x" * 30_000, "%&=&&;"):
            answer = await browser.get(f"{path}?{query}")
            assert answer.status_code in (200, 303, 404)
            assert "\n" not in answer.headers.get("location", "")
            assert "a" not in answer.headers


async def test_odd_text_in_a_form_signs_nobody_in(browse, person):
    for email, password in (
        ("a\0b@demo.example", "x"),
        (person.email, "x\0y"),
        (person.email, "x" * 2000),
        ("<script>alert(1)</script>", "x"),
        ("'; DROP TABLE profiles; --", "x"),
        ("x" * 5000, "x"),
        ("", ""),
    ):
        answer = await sign_in(browse(), email, password)
        assert answer.status_code == 401
        assert "<script>" not in answer.text
