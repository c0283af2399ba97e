"""How a page is made from its template, and the headers that every answer carries."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent

SECURE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with `Origin: null`
    "X-Content-Type-Options": "nosniff",
}

STYLES = {name: (HERE / name).read_text(encoding="utf-8") for name in ("palette.css", "pages.css")}

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """The page of this template, filled with these values, which it escapes.

    The value `next` is where its forms lead in the end: browsers hold redirects after a form, too,
    against the policy, and an application's address is where signing in may end. `application` is
    that address, when it is known.
    """
    html = _templates.get_template(template).render(values)
    beyond = _beyond(str(values.get("next", "")), str(values.get("application", "")))
    policy = SECURE["Content-Security-Policy"].replace(
        "form-action 'self'", f"form-action 'self'{beyond}"
    )
    return HTMLResponse(html, status, headers={**SECURE, "Content-Security-Policy": policy})


def _beyond(next: str, application: str) -> str:
    """The schemes, besides our own origin, of addresses that this path of ours may lead to.

    Not only the application's host: it may send the browser on to another of its own. A pushed
    request does not tell its address; but without a page in between, only https is led to.
    """
    parts = urlsplit(next)
    if parts.path != "/oauth/authorize":
        return ""
    address = application or parse_qs(parts.query).get("redirect_uri", [""])[0]
    scheme = re.match(r"(http|[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+):", address)
    return " https:" + (f" {scheme[0]}" if scheme else "")
