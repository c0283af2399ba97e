"""Cross-site requests: another site's page must not act with a visitor's cookie."""

from starlette.datastructures import Headers
from strawberry.http.websocket_origin import is_same_origin, normalize_origin

from graph.http.operation.errors import Refusal
from graph.http.request.trusted import trusted_origins
from graph.settings import Settings


class OwnSite:
    """The pages that may act with a visitor's cookie: the gateway's own, and those it trusts."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = trusted_origins(settings)
        self._secure = settings.url.startswith("https://")

    def includes(self, origin: str, headers: Headers) -> bool:
        """Return whether a page of this origin may act with the cookie.

        The origin is trusted, or of the request's host. Where the gateway is reached by https, a
        page of the same host by http may not: an attacker on the network could have changed it.
        """
        normal = normalize_origin(origin)
        if normal in self._trusted:
            return True
        if self._secure and not (normal or "").startswith("https://"):
            return False
        return is_same_origin(origin, headers.get("host"))

    def require(self, headers: Headers) -> None:
        """Refuse a request from a page of another site (403).

        A request with an Authorization header passes: a browser adds a cookie on its own, never a
        token, and a page that sets the header has passed the CORS preflight. Clients that are no
        browsers send none of the headers checked here. Sibling subdomains are other sites, too:
        they are only as safe as the least of them.
        """
        if "authorization" in headers:
            return
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and normalize_origin(origin) in self._trusted:
            return
        if site is not None:
            foreign = site not in ("same-origin", "none")
        else:  # browsers send Sec-Fetch-Site over HTTPS only, and a few do not know it
            foreign = origin is not None and not self.includes(origin, headers)
        if foreign:
            raise Refusal(403, "Requests from other sites are refused.", code="FORBIDDEN")
