"""The options of a run, and the section that a part of it returns."""

from dataclasses import dataclass
from typing import NamedTuple


class Section(NamedTuple):
    """One section of RESULTS.md."""

    title: str
    text: str


@dataclass(frozen=True)
class Options:
    """The scope of the parts that compare servers, and their duration."""

    operations: tuple[str, ...] = ("q1", "q2", "q3", "q4")
    clients: tuple[int, ...] = (1, 32)
    rounds: int = 3
    seconds: float = 3.0
    """Seconds of one slice."""
    followers: int = 5_000
    """Subscriptions at a time."""
    servers: tuple[str, ...] = ()
    """Prefixes of the names of servers; empty for all."""

    def takes(self, name: str) -> bool:
        """Return whether this server is measured."""
        return not self.servers or any(name.lower().startswith(one.lower()) for one in self.servers)
