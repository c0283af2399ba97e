"""Checkpoints: the heads of the chains at a time, to be stored where nobody can rewrite them."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, ValidationError

from db.problem import Problem


class Checkpoint(BaseModel):
    """The head of a chain at a time. As JSON, its hash is hexadecimal."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="hex", val_json_bytes="hex")

    organization_id: UUID
    seq: PositiveInt
    hash: bytes
    made_at: AwareDatetime


# Every chain there is, by skipping from each to the next in the index.
CHAINS = """
WITH RECURSIVE chain (id) AS (
    (SELECT organization_id FROM public.audit_seals ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT organization_id FROM public.audit_seals WHERE organization_id > chain.id
        ORDER BY organization_id LIMIT 1
    ) FROM chain WHERE id IS NOT NULL
)
"""
MAKE = f"""
{CHAINS}
INSERT INTO public.audit_checkpoints (organization_id, seq, hash)
SELECT head.organization_id, head.seq, head.hash FROM chain CROSS JOIN LATERAL (
    SELECT organization_id, seq, hash FROM public.audit_seals
    WHERE organization_id = chain.id ORDER BY seq DESC LIMIT 1
) AS head
RETURNING organization_id, seq, hash, made_at
"""  # noqa: S608 (ours)
KEPT = """
SELECT organization_id, seq, hash, made_at FROM public.audit_checkpoints
WHERE organization_id = $1
"""


async def make_checkpoints(connection: asyncpg.Connection) -> list[Checkpoint]:
    """Keep the heads of all chains as they are now."""
    return [Checkpoint(**row) for row in await connection.fetch(MAKE)]


async def kept_checkpoints(
    connection: asyncpg.Connection, organization_id: UUID
) -> list[Checkpoint]:
    """Return the checkpoints of a chain in the database."""
    return [Checkpoint(**row) for row in await connection.fetch(KEPT, organization_id)]


def read_checkpoints(file: Path) -> list[Checkpoint]:
    """Return the checkpoints of a file, one in a line. Raises Problem."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise Problem("INVALID", f"{file} cannot be read: {error.strerror}.") from error
    return [_read(file, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _read(file: Path, number: int, line: bytes) -> Checkpoint:
    try:
        return Checkpoint.model_validate_json(line)
    except ValidationError as error:
        raise Problem("INVALID", f"Line {number} of {file} is not a checkpoint.") from error


class Witnesses:
    """The checkpoints of one chain, compared with its events in order."""

    def __init__(self, checkpoints: Iterable[Checkpoint]) -> None:
        self._to_come = deque(sorted(checkpoints, key=lambda one: (one.seq, one.made_at)))
        self._seen_at: datetime | None = None

    def contradict(self, seq: int, hash: bytes) -> Checkpoint | None:
        """Return the checkpoint with another hash for this sequence number, if there is one."""
        while self._to_come and self._to_come[0].seq <= seq:
            checkpoint = self._to_come.popleft()
            if checkpoint.seq == seq and checkpoint.hash != hash:
                return checkpoint
            self._seen_at = max(checkpoint.made_at, self._seen_at or checkpoint.made_at)
        return None

    @property
    def seen_at(self) -> datetime | None:
        """Return the time of the newest checkpoint that was compared, None before the first."""
        return self._seen_at

    @property
    def missed(self) -> Checkpoint | None:
        """Return a checkpoint past the last event that was compared, None when there is none."""
        return self._to_come[-1] if self._to_come else None
