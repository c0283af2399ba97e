"""Media types: of answers, and of bodies that are accepted."""

from functools import lru_cache

from graph.http.operation.errors import Refusal

GRAPHQL = "application/graphql-response+json"
"""The media type whose HTTP status tells whether the request was good (GraphQL over HTTP)."""
JSON = "application/json"
"""The older media type: 200 for every answer to a well-formed request, errors inside."""

PLAIN = JSON.encode()
EVENT_STREAM = "text/event-stream"
"""Server-sent events, for clients that prefer them, or accept neither of the others."""

MAX_ACCEPT_LENGTH = 1000
"""Characters of an Accept header that are read; browsers send about 150."""

# A wildcard means the older type: a client that does not name the newer one may not know it.
RANGES = {
    GRAPHQL: (GRAPHQL, 2),
    JSON: (JSON, 2),
    EVENT_STREAM: (EVENT_STREAM, 2),
    "application/*": (JSON, 1),
    "*/*": (JSON, 0),
}
PREFERRED = (EVENT_STREAM, JSON, GRAPHQL)
"""The last of those that a client takes equally well."""


@lru_cache(maxsize=256)
def answer_type(accept: str | None) -> str | None:
    """Return the media type to answer with, or None when the client accepts none of them.

    The highest weight wins, then the more specific range, then the newer type of JSON, and JSON
    before events (RFC 9110, section 12.5.1): clients list all that they know with every query.
    Without an Accept header it is `application/json`.
    """
    if not accept:
        return JSON
    best: tuple[float, int, int] = (0.0, 0, 0)
    chosen = None
    for part in accept[:MAX_ACCEPT_LENGTH].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name in RANGES:
            media_type, specific = RANGES[name]
            rank = (_weight(parameters), specific, PREFERRED.index(media_type))
            if rank[0] > 0 and rank > best:
                best, chosen = rank, media_type
    return chosen


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 1.0  # not a weight: as if there were none
    return 1.0


def require_readable(content_type: bytes | None, encoding: bytes | None) -> None:
    """Refuse a body that is not plain JSON in UTF-8 (415).

    Forms, multipart bodies and plain text are what another site's page can send without a CORS
    preflight, so they are refused; compressed ones could unpack to a thousand times their size.
    """
    if content_type == PLAIN and encoding is None:
        return
    name, *parameters = (content_type or b"").decode("latin-1").lower().split(";")
    if name.strip() != JSON:
        raise Refusal(415, f"The body is sent as {JSON}.", headers={"Accept-Post": JSON})
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            raise Refusal(415, "The body is encoded as UTF-8.")
    if (encoding or b"identity").lower() != b"identity":
        encodings = {"Accept-Encoding": "identity"}  # RFC 7694, section 3
        raise Refusal(415, "The body is sent without compression.", headers=encodings)
