"""Cross-site requests: another site's page must not act with a visitor's cookie."""

from starlette.datastructures import Headers
from strawberry.http.websocket_origin import is_same_origin, normalize_origin

from graph.http.errors import Refusal


def require_same_site(headers: Headers, trusted: frozenset[str]) -> None:
    """Refuse what a page of another site has sent (403), unless its origin is `trusted`.

    A request with an Authorization header passes: a browser adds a cookie on its own, never a
    token, and a page that sets the header has passed the CORS preflight. Clients that are no
    browsers send none of the headers looked at here. Sibling subdomains are other sites, too: they
    are only as safe as the least of them.
    """
    if "authorization" in headers:
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and normalize_origin(origin) in trusted:
        return
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:  # browsers send Sec-Fetch-Site over HTTPS only, and a few do not know it
        foreign = origin is not None and not is_same_origin(origin, headers.get("host"))
    if foreign:
        raise Refusal(403, "Requests from other sites are refused.", code="FORBIDDEN")
