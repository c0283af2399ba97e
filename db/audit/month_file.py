"""Months of the audit log in files: a record has an event as it was hashed, and its seal."""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID
from zipfile import ZipFile

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt

from db.archives.month_file import MANIFEST, lines_of, member, opened
from db.audit.chain import ChainBrokenError, following, genesis
from db.audit.checkpoint import Checkpoint
from db.zip_errors import DAMAGED

PAGE = 1000
"""Records in memory at a time."""


class ArchivedPart(BaseModel):
    """The part of a chain that a file has. As JSON, hashes are hexadecimal.

    `previous_hash` is the chain's before the first event, `head_hash` that of the last, and
    `sha256` that of the records.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="hex", val_json_bytes="hex")

    organization_id: UUID
    organization: str | None
    first_seq: PositiveInt
    last_seq: PositiveInt
    previous_hash: bytes
    head_hash: bytes
    sha256: bytes

    @property
    def count(self) -> int:
        """Return the number of events."""
        return self.last_seq - self.first_seq + 1


class MonthManifest(BaseModel):
    """The contents of a file of a month, such as 2026-09."""

    model_config = ConfigDict(frozen=True)

    format: Literal["gateway audit month 1"] = "gateway audit month 1"
    gateway: str
    month: str
    archived_at: AwareDatetime
    parts: list[ArchivedPart]

    @property
    def count(self) -> int:
        """Return the number of events."""
        return sum(part.count for part in self.parts)


class ArchivedRecord(NamedTuple):
    """An event with its seal; `xid` is its transaction, which the first releases did not hash."""

    seq: int
    hash: bytes
    xid: str
    not_before: str | None
    sealed_at: str
    line: bytes

    def as_line(self) -> bytes:
        """Return the record as a line of JSON, without its end."""
        seal = {
            "seq": self.seq,
            "hash": self.hash.hex(),
            "xid": self.xid,
            "not_before": self.not_before,
            "sealed_at": self.sealed_at,
        }
        return (
            json.dumps(seal, separators=(",", ":")).encode()[:-1] + b',"event":' + self.line + b"}"
        )


def is_month_file(file: Path) -> bool:
    """Return whether this is a file of a month, and not the archive of an export."""
    try:
        with ZipFile(file) as archive:
            return MANIFEST in archive.namelist()
    except (*DAMAGED, OSError):
        return False


def pages(
    archive: ZipFile, part: ArchivedPart, checkpoints: Iterable[Checkpoint] = ()
) -> Iterator[list[ArchivedRecord]]:
    """Yield the records of a part, each proved by its hash, a page at a time.

    Raises ChainBrokenError at the first that does not hold, and at the end if some are missing:
    nothing is proved before the end.
    """
    name = member(part.organization_id)
    known = {
        one.seq: one.hash for one in checkpoints if one.organization_id == part.organization_id
    }
    seq, hash, digest = part.first_seq - 1, part.previous_hash, sha256()
    if seq == 0 and hash != genesis(part.organization_id):
        raise ChainBrokenError(f"{name} does not begin where the chain of its organization does.")
    page: list[ArchivedRecord] = []
    for line in lines_of(archive, part.organization_id):
        digest.update(line)
        seq += 1
        record = _record(name, seq, line)
        hash = following(hash, seq, record.line)
        if record.seq != seq or record.hash != hash or known.get(seq, hash) != hash:
            raise ChainBrokenError(
                f"Number {seq} of {name} does not fit its seal or a checkpoint: it was changed."
            )
        page.append(record)
        if len(page) == PAGE:
            yield page
            page = []
    if (seq, hash, digest.digest()) != (part.last_seq, part.head_hash, part.sha256):
        raise ChainBrokenError(f"{name} is not what its manifest says: events are missing.")
    if page:
        yield page


def check_month_file(file: Path, checkpoints: Sequence[Checkpoint] = ()) -> MonthManifest:
    """Prove all parts of a file, without a database. Raises ChainBrokenError and INVALID."""
    with opened(file, MonthManifest) as (archive, manifest):
        for part in manifest.parts:
            for _ in pages(archive, part, checkpoints):
                pass
    return manifest


def _record(name: str, seq: int, line: bytes) -> ArchivedRecord:
    seal, found, event = line.rstrip(b"\n").partition(b',"event":')
    fault = ChainBrokenError(f"Number {seq} of {name} is not an event with its seal.")
    if not found or not event.endswith(b"}"):
        raise fault
    try:
        fields: dict[str, Any] = json.loads(seal + b"}")
        return ArchivedRecord(
            int(fields["seq"]),
            bytes.fromhex(fields["hash"]),
            str(int(fields["xid"])),
            fields["not_before"],
            fields["sealed_at"],
            event[:-1],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise fault from error
