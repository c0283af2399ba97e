"""Export of a chain: a file with a line for each event, and a manifest to verify it."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, Literal
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, ValidationError

from db.audit.chain import ChainBrokenError, clock, following, genesis
from db.audit.checkpoint import Checkpoint, Witnesses
from db.audit.verification import Chain, Connected, archives_of, hash_at, proven, reading
from db.problem import Problem

# The seal at the end of an archive stays, without its event.
SPAN = """
SELECT min(seq) AS first, max(seq) AS last FROM public.audit_seals AS s
WHERE organization_id = $1
    AND event_at >= coalesce($2::timestamptz, '-infinity')
    AND event_at < coalesce($3::timestamptz, 'infinity')
    AND NOT EXISTS (
        SELECT FROM public.audit_archives AS a
        WHERE a.organization_id = s.organization_id AND a.restored_at IS NULL
            AND s.seq BETWEEN a.first_seq AND a.last_seq
    )
"""


class Manifest(BaseModel):
    """The contents of an export. As JSON, hashes are hexadecimal.

    `previous_hash` is the chain's before the first line, `head_hash` behind the last one.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="hex", val_json_bytes="hex")

    format: Literal["gateway audit export 1"] = "gateway audit export 1"
    gateway: str
    organization_id: UUID
    organization: str | None
    from_time: AwareDatetime | None
    to_time: AwareDatetime | None
    count: PositiveInt
    first_seq: PositiveInt
    last_seq: PositiveInt
    previous_hash: bytes
    head_hash: bytes
    sha256: bytes
    exported_at: AwareDatetime


@dataclass(frozen=True)
class Draft:
    """An export that is written, but does not bear its name yet."""

    manifest: Manifest
    lines: Path
    described: Path
    target: Path

    def publish(self) -> None:
        """Give both files their names, the manifest last: without it an export is not one."""
        self.lines.replace(self.target)
        self.described.replace(manifest_of(self.target))


def manifest_of(file: Path) -> Path:
    """Return the path of an export's manifest."""
    return file.with_name(file.name + ".manifest.json")


@asynccontextmanager
async def drafted(
    connection: asyncpg.Connection,
    chain: Chain,
    from_time: datetime | None,
    to_time: datetime | None,
    target: Path,
    version: str,
) -> AsyncIterator[Draft]:
    """Write a part of the chain beside `target`; remove it at the end unless it was published.

    The part reaches from the first to the last event of these times, and holds all that was
    sealed in between. Every event is verified as it is written: raises ChainBrokenError at the
    first that does not match its seal, and Problem when there is nothing to export or the file
    cannot be written.
    """
    if taken := [file for file in (target, manifest_of(target)) if file.exists()]:
        raise Problem("ALREADY_EXISTS", f"{taken[0]} already exists.")
    with beside(target) as lines, beside(target) as described:
        async with reading(connection):
            span = await span_of(connection, chain, from_time, to_time)
            if span is None:
                raise Problem("NOT_FOUND", f"There is no event of {chain} in this period.")
            first, last = span
            previous = head = await hash_at(connection, chain, first - 1)
            digest = sha256()
            with lasting(lines) as file:
                async for link in proven(connection, chain, after=first - 1, until=last):
                    line = link.line + b"\n"
                    file.write(line)
                    digest.update(line)
                    head = link.hash
        manifest = Manifest(
            gateway=version,
            organization_id=chain.id,
            organization=chain.slug,
            from_time=from_time,
            to_time=to_time,
            count=last - first + 1,
            first_seq=first,
            last_seq=last,
            previous_hash=previous,
            head_hash=head,
            sha256=digest.digest(),
            exported_at=datetime.now(UTC),
        )
        with lasting(described) as file:
            file.write(manifest.model_dump_json(indent=2).encode() + b"\n")
        yield Draft(manifest, lines, described, target)


async def span_of(
    connection: Connected,
    chain: Chain,
    from_time: datetime | None,
    to_time: datetime | None,
) -> tuple[int, int] | None:
    """Return the numbers of the first and the last event of a period; None if it has none.

    Events in archives are left out. Raises INVALID if there are some in between.
    """
    row = await connection.fetchrow(SPAN, chain.id, from_time, to_time)
    if row is None or row["first"] is None:
        return None
    for archive in await archives_of(connection, chain):
        if row["first"] < archive.first_seq < row["last"]:
            raise Problem(
                "INVALID",
                f"Numbers {archive.first_seq} to {archive.last_seq} of {chain} are in an archive."
                " Restore it, or choose a later period.",
            )
    return row["first"], row["last"]


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Yield a new file in the same folder, for its owner alone; remove it unless it was renamed."""
    try:
        descriptor, name = mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise Problem("INVALID", f"{target} cannot be written: {error.strerror}.") from error
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def lasting(path: Path) -> Iterator[BinaryIO]:
    """Yield the file to write; sync it to disk before it is given its name."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def check_export(file: Path, checkpoints: Iterable[Checkpoint]) -> Manifest:
    """Prove an export by its manifest, without a database, and by the checkpoints in its part.

    Raises ChainBrokenError, and Problem when a file cannot be read.
    """
    try:
        manifest = Manifest.model_validate_json(manifest_of(file).read_bytes())
        with file.open("rb") as lines:
            _check(file, lines, manifest, checkpoints)
    except OSError as error:
        raise Problem("INVALID", f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise Problem(
            "INVALID", f"{manifest_of(file)} is not the manifest of an export."
        ) from error
    return manifest


def _check(
    file: Path, lines: BinaryIO, manifest: Manifest, checkpoints: Iterable[Checkpoint]
) -> None:
    ours = (one for one in checkpoints if one.organization_id == manifest.organization_id)
    known = Witnesses(one for one in ours if manifest.first_seq <= one.seq <= manifest.last_seq)
    digest, seq, hash = sha256(), manifest.first_seq - 1, manifest.previous_hash
    if seq == 0 and hash != genesis(manifest.organization_id):
        raise ChainBrokenError(f"{file} does not begin where the chain of its organization does.")
    for line in lines:
        digest.update(line)
        seq += 1
        hash = following(hash, seq, line.removesuffix(b"\n"))
        if checkpoint := known.contradict(seq, hash):
            raise ChainBrokenError(
                f"Line {seq - manifest.first_seq + 1} of {file}, or one before it, is not what the"
                f" checkpoint of {clock(checkpoint.made_at)} says."
            )
    if seq != manifest.last_seq or manifest.count != seq - manifest.first_seq + 1:
        found = seq - manifest.first_seq + 1
        raise ChainBrokenError(f"{file} has {found} events, its manifest says {manifest.count}.")
    if digest.digest() != manifest.sha256:
        raise ChainBrokenError(f"{file} is not what was exported: its SHA-256 is another.")
    if hash != manifest.head_hash:
        raise ChainBrokenError(f"{file} does not lead from the first to the last hash it names.")
