"""Providers of webhooks: what the gateway needs to know of each system that sends it events."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from db.core.webhook_events import WORD
from db.pool import Lent
from db.webhook_events import NewEvent, StoredEvent

if TYPE_CHECKING:
    from graph.platform.jobs.run import Run

TOLERANCE = 300
"""Seconds that a signature may be old."""

Headers = Mapping[str, str]
"""Headers by their names in lower case."""
Handle = Callable[[Lent, StoredEvent, "Run"], Awaitable[None]]
"""Does what an event asks for, on a connection of the gateway. It may be called twice. Raises
JobFailed if it never can."""


class Unverified(Exception):
    """The request is not one of the provider; the message may be told to anybody."""


@dataclass(frozen=True)
class Named:
    """The columns by which an event is told from others."""

    external_id: Any
    event_type: Any
    occurred_at: datetime | None


@dataclass(frozen=True)
class Provider:
    """A system that sends webhooks to `/webhooks/NAME`.

    `verify` raises Unverified unless the body was signed with one of the secrets: the present one,
    and the one before during a rotation. `name_of` finds the ID and type in the JSON and headers.
    Events of a type that `handles` refuses are stored and left alone.
    """

    name: str
    secrets: Sequence[str]
    verify: Callable[[bytes, Headers, str], None]
    name_of: Callable[[Mapping[str, Any], Headers], Named]
    handles: Callable[[str], bool] = lambda _: False
    handle: Handle | None = None

    @property
    def kind(self) -> str:
        """Return the kind of the jobs that handle its events."""
        return f"webhooks.{self.name.replace('-', '_')}"

    def read(self, body: bytes, headers: Headers) -> NewEvent:
        """Return the event of a request. Raises Unverified for one that is not signed or no event.

        It takes milliseconds for each megabyte.
        """
        self._require_signed(body, headers)
        try:
            text, content = body.decode(), orjson.loads(body)
        except ValueError:
            raise Unverified("The body is no JSON.") from None
        if not isinstance(content, dict) or "\0" in text:
            raise Unverified("The body is no JSON object.")
        named = self.name_of(content, headers)
        for value in (named.external_id, named.event_type):
            if not isinstance(value, str) or not re.fullmatch(WORD, value):
                raise Unverified("The event has no ID or no type.")
        return NewEvent(named.external_id, named.event_type, named.occurred_at, text)

    def _require_signed(self, body: bytes, headers: Headers) -> None:
        refusal = Unverified("The signature does not match.")
        for secret in self.secrets:
            try:
                return self.verify(body, headers, secret)
            except Unverified as refused:
                refusal = refused
        raise refusal


def time_of(seconds: Any) -> datetime | None:
    """Return the time of a Unix timestamp; None if it is none."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
