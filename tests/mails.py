"""The mails that development writes to its log, as tests read them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from structlog.testing import capture_logs


class Mails:
    """The mails that have been written to the log."""

    def __init__(self, logged: list[Any]) -> None:
        self._logged = logged

    def to(self, email: str) -> list[tuple[str, str]]:
        """Return the subjects and texts of the mails to this address, oldest first."""
        mails: list[tuple[str, str, str]] = []
        for line in self._logged:
            if "subject" in line:
                mails.append((line["to"], line["subject"], ""))
            elif mails and line.keys() == {"event", "log_level"}:
                to, subject, text = mails[-1]
                mails[-1] = (to, subject, f"{text}{line['event']}\n")
        return [(subject, text) for to, subject, text in mails if to == email]

    async def arrived(self, email: str, number: int = 1) -> list[tuple[str, str]]:
        """Return the mails to this address, once there are this many."""
        async with asyncio.timeout(20):
            while len(self.to(email)) < number:  # noqa: ASYNC110 (the log tells nobody)
                await asyncio.sleep(0.01)
        return self.to(email)

    async def link(self, email: str, number: int = 1) -> str:
        """Return the path of the link in the last of this many mails to this address."""
        text = (await self.arrived(email, number))[-1][1]
        [address] = [line for line in text.splitlines() if "?token=" in line]
        parts = urlsplit(address)
        return f"{parts.path}?{parts.query}"


@contextmanager
def captured() -> Iterator[Mails]:
    """Yield the mails that are sent during the block."""
    with capture_logs() as logged:
        yield Mails(logged)
