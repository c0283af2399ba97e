"""Cursors: where a stream stands, as clients give it back."""

import re
from typing import NamedTuple
from uuid import UUID

from db.problem import Problem

CURSOR = re.compile(r"([0-9a-f]{32})\.(0|[1-9][0-9]{0,17})")


class Cursor(NamedTuple):
    """A position of the feed, in the order that `epoch` names."""

    epoch: UUID
    position: int

    def __str__(self) -> str:
        return f"{self.epoch.hex}.{self.position}"


def read_cursor(text: str) -> Cursor:
    """What a client has given back. Raises INVALID when it is no cursor of any feed."""
    found = CURSOR.fullmatch(text)
    if found is None:
        raise Problem("INVALID", "This is no cursor of an event.", field=["after"])
    return Cursor(UUID(found[1]), int(found[2]))
