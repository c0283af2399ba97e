"""The content of the page of a share: a template, its values, and how they are read."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from auth.session import Row, ViewerSession
from graph.kit.storage import Storage

MAX_DIGITS = 5


class Asked(NamedTuple):
    """The request for a page: the object of the share, and the session that reads for it."""

    request: Request
    session: ViewerSession
    storage: Storage
    row: Row

    @property
    def number(self) -> int:
        """The number of the page that is asked for; 0 for what is none."""
        text = self.request.query_params.get("page", "1")
        is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        return int(text) if is_number else 0

    def beneath(self, **parameters: str) -> str:
        """Return the address of the page with these parameters."""
        path = self.request.url.path
        return f"{path}?{urlencode(parameters)}" if parameters else path


class Shown(NamedTuple):
    """The name of a template, and its values."""

    template: str
    values: Mapping[str, Any]


Show = Callable[[Asked], Awaitable[Shown]]
"""Reads what the page of one kind of object shows. Raises NOT_FOUND, and QUERY_TOO_COMPLEX."""
