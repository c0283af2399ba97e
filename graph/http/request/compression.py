"""Compression of responses for clients that accept it."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

MIN_COMPRESSED_BYTES = 1000
"""Bytes of a body, at least."""


def compressed(app: ASGIApp) -> ASGIApp:
    """Return the application with gzip for responses of a kilobyte and more.

    The length of a compressed response reveals a secret in it to an attacker who can vary a part of
    it, have a victim's browser send requests and see the lengths of responses (BREACH). So only
    the API is compressed, where requests of other sites are refused before anything is read, and
    never a page with a form's secret. Level 1 takes a third of the default's time and compresses
    JSON nearly as well.
    """
    return GZipMiddleware(app, minimum_size=MIN_COMPRESSED_BYTES, compresslevel=1)
