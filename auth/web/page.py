"""Render pages from templates, with the headers that every answer carries."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from auth.web.app_schemes import app_scheme

HERE = Path(__file__).parent

SECURE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with `Origin: null`
    "X-Content-Type-Options": "nosniff",
}

SCRIPTS = {
    name: (HERE / "static" / name).read_text(encoding="utf-8")
    for name in ("pages.js", "passkeys.js")
}
"""The scripts of pages with a password, a time or passkeys. Pages of consent run none."""
STYLES = {
    name: (HERE / name).read_text(encoding="utf-8")
    for name in ("palette.css", "pages.css", "shared.css")
}

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return the page of this template, filled with these values, which it escapes.

    The value `next` is the final target of its forms: browsers apply the policy to redirects after
    a form, too, and signing in may end at an application's address. `application` is that address,
    when it is known. A module, which calls the API, may connect to this site.
    """
    html = _templates.get_template(template).render(values)
    beyond = _beyond(str(values.get("next", "")), str(values.get("application", "")))
    policy = SECURE["Content-Security-Policy"].replace(
        "form-action 'self'", f"form-action 'self'{beyond}"
    )
    if "<script" in html:  # what people write is escaped
        policy += "; script-src 'self'"
    if '<script type="module"' in html:
        policy += "; connect-src 'self'"
    return HTMLResponse(html, status, headers={**SECURE, "Content-Security-Policy": policy})


def _beyond(next: str, application: str) -> str:
    """Return the schemes, besides our own origin, of addresses that this path may redirect to.

    Not only the application's host: it may redirect the browser to another of its own. A pushed
    request does not name its address; but without a page in between, only https is allowed.
    """
    parts = urlsplit(next)
    if parts.path not in ("/oauth/authorize", "/oauth/logout"):
        return ""
    if parts.path == "/oauth/logout" and not application:
        return ""
    address = application or parse_qs(parts.query).get("redirect_uri", [""])[0]
    scheme = "http" if address.startswith("http:") else app_scheme(address)
    return " https:" + (f" {scheme}:" if scheme else "")
