"""Tags of a request as a whole, sent in a header or in `extensions`.

Operations on sockets have no headers, and some clients cannot set members of a body; so both are
read, and both may be sent when they are equal. A header's value may be bare or one quoted
string of structured fields.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.datastructures import Headers

from db.problem import Problem
from graph.http.operation.params import Params

T = TypeVar("T")
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
"""A string of structured fields (RFC 9651, section 3.3.3)."""


@dataclass(frozen=True)
class RequestTag(Generic[T]):
    """One tag. `read` returns the value of a text, or None for a text without this `form`."""

    header: str
    member: str
    form: str
    read: Callable[[str], T | None]

    def of(self, headers: Headers, params: Params) -> T | None:
        """Return the request's value, None where it has none. Raises INVALID with the path."""
        sent = headers.getlist(self.header)
        if len(sent) > 1:
            message = f"The header {self.header} must be sent once."
            raise Problem("INVALID", message, field=[self.header])
        header = self._of_header(sent[0].strip(" \t")) if sent else None
        extensions = params.extensions or {}
        if self.member not in extensions:
            return header
        given = extensions[self.member]
        value = self.read(given) if isinstance(given, str) else None
        field = ["extensions", self.member]
        if value is None:
            raise Problem("INVALID", f"`{self.member}` must be {self.form}.", field=field)
        if header not in (None, value):
            message = f"The header {self.header} has another value."
            raise Problem("INVALID", message, field=field)
        return value

    def _of_header(self, text: str) -> T:
        if text.startswith('"'):
            quoted = QUOTED.fullmatch(text)
            text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
        value = self.read(text)
        if value is None:
            message = f"The header {self.header} must be {self.form}, with or without quotes."
            raise Problem("INVALID", message, field=[self.header])
        return value
