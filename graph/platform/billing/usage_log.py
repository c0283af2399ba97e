"""The usage that one process collects, and writes in batches: what is lost is at most two seconds.

What is billed is not collected here: writing requests and credits are counted in the transactions
that use them.
"""

import asyncio
from collections.abc import Callable, Iterable
from math import ceil
from typing import Protocol
from uuid import UUID

import structlog

from auth.viewer import Viewer
from db import billing
from db.attempts import Attempts
from db.billing import Used
from db.pool import NOBODY, Database

log = structlog.get_logger(__name__)

INTERVAL = 2.0
"""Seconds between two batches."""
MAX_WAITING = 50_000
"""Sums that wait to be written, at most; further ones are dropped, and the log says so."""
BATCH = 2_000
Key = tuple[UUID, UUID, str, str]
"""The organization, the person, the feature and the unit of a sum."""


class Recorded(Protocol):
    """Operations whose cost is recorded."""

    used: Callable[[Viewer, str, int], None]


class UsageLog:
    """The sums of one process that wait to be written to `usage_logs`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sums: dict[Key, tuple[int, int]] = {}
        self._wanted, self._writing = asyncio.Event(), asyncio.Lock()

    @classmethod
    def of(cls, database: Database, operations: Recorded) -> "UsageLog":
        """Return the usage of one process, to which its operations add their cost."""
        usage = cls(database)
        operations.used = usage.operation
        return usage

    def operation(self, viewer: Viewer, kind: str, cost: int) -> None:
        """Add the cost of an operation, in equal parts to each organization of the viewer."""
        if viewer.id is None or viewer.shared is not None or not viewer.organizations:
            return
        places = [viewer.confined_to] if viewer.confined_to else [*viewer.organizations]
        part = ceil(cost / len(places))
        for place in places:
            self.add(place, viewer.id, kind, "cost", part)

    def job(self, organization_id: UUID | None, user_id: UUID | None, feature: str) -> None:
        """Add a job that has succeeded."""
        if organization_id and user_id:
            self.add(organization_id, user_id, feature, "job", 1)

    def delivery(self, organization_id: UUID, service_account_id: UUID) -> None:
        """Add the delivery of a message to a webhook endpoint."""
        self.add(organization_id, service_account_id, "webhook_delivery", "delivery", 1)

    def add(self, organization_id: UUID, user_id: UUID, feature: str, unit: str, by: int) -> None:
        """Add a quantity to the usage of a feature."""
        key = (organization_id, user_id, feature, unit)
        quantity, count = self._sums.get(key, (0, 0))
        if not count and len(self._sums) >= MAX_WAITING:
            log.warning("usage not recorded", feature=feature)
            return
        self._sums[key] = (quantity + by, count + 1)
        self._wanted.set()

    async def write(self) -> None:
        """Write what waits. What fails is written the next time."""
        async with self._writing:
            sums, self._sums = self._sums, {}
            rows = [Used(*key, *sum_) for key, sum_ in sums.items()]
            for start in range(0, len(rows), BATCH):
                try:
                    async with self._database.auth.lend(NOBODY) as lent:
                        await billing.add_usage(lent, rows[start : start + BATCH])
                except BaseException:
                    self._put_back(rows[start:])
                    raise

    def _put_back(self, rows: Iterable[Used]) -> None:
        for row in rows:
            key = (row.organization_id, row.user_id, row.feature, row.unit_type)
            quantity, count = self._sums.get(key, (0, 0))
            self._sums[key] = (quantity + row.quantity, count + row.count)

    async def keep_writing(self) -> None:
        """Write usage for the life of the process, and what is left at its end."""
        attempts = Attempts("recording usage")
        try:
            while True:
                await self._wanted.wait()
                await asyncio.sleep(INTERVAL)
                with attempts.attempt():
                    self._wanted.clear()
                    await self.write()
                if self._sums:
                    self._wanted.set()
        finally:
            await self.finish()

    async def finish(self) -> None:
        """Write what is left, for the last time; the log says how much could not be written."""
        try:
            await self.write()
        except Exception as error:  # noqa: BLE001 (the process ends, whatever the reason)
            log.warning("usage lost", sums=len(self._sums), error=type(error).__name__)
