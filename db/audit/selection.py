"""Records of a chain, each an event with its seal: those of a period, or those that match a filter.

A record is a line of JSON: the number, the hash before it, its own hash, and the event as it was
hashed. So each event proves to be the one of its seal, and neighbours prove to be neighbours. An
event that the reader may not see is null. What a filter leaves out is not proved.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, BinaryIO, Literal, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt

from db.audit.chain import ChainBrokenError, following, genesis
from db.audit.checkpoint import Checkpoint
from db.audit.verification import Chain, sealed
from db.pool import Lent

# Each event and seal is looked up by its key, whatever the planner knows of the tables.
RECORDS = """
SELECT s.seq, wanted.id AS event_id, wanted.at AS event_at, s.hash, before.hash AS previous, e.line
FROM unnest($2::uuid[], $3::timestamptz[]) AS wanted (id, at)
CROSS JOIN LATERAL (
    SELECT seq, hash FROM public.audit_seals
    WHERE organization_id = $1 AND event_id = wanted.id AND event_at = wanted.at OFFSET 0
) AS s
CROSS JOIN LATERAL (
    SELECT ctx.sealed_line(l) AS line FROM public.audit_logs AS l
    WHERE l.id = wanted.id AND l.created_at = wanted.at OFFSET 0
) AS e
LEFT JOIN LATERAL (
    SELECT hash FROM public.audit_seals
    WHERE organization_id = $1 AND seq = s.seq - 1 OFFSET 0
) AS before ON true
ORDER BY wanted.at, wanted.id
"""


WITHHELD = b"null"
"""The placeholder of an event that the reader may not see."""


class Record(NamedTuple):
    """An event with its seal; the line is `WITHHELD` if the reader may not see it."""

    seq: int
    previous: bytes
    hash: bytes
    line: bytes
    event_id: UUID | None = None

    def as_line(self) -> bytes:
        """Return the record as a line of JSON, without its end."""
        seal = b'{"seq":%d,"previous_hash":"%b","hash":"%b","event":'
        hashes = (self.previous.hex().encode(), self.hash.hex().encode())
        return seal % (self.seq, *hashes) + self.line + b"}"


class RecordsManifest(BaseModel):
    """The contents of a file of records. As JSON, hashes are hexadecimal.

    Without a `filter` it has all records from the number after `previous_hash` up to `head_seq`.
    With one, `head_seq` and `head_hash` are the end of the chain when the file was made, and
    `unsealed` is the number of events that matched, but had no seal yet, and are not in it.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="hex", val_json_bytes="hex")

    format: Literal["gateway audit records 1"] = "gateway audit records 1"
    gateway: str
    organization_id: UUID
    organization: str | None
    from_time: AwareDatetime | None
    to_time: AwareDatetime | None
    filter: dict[str, Any] | None
    count: NonNegativeInt
    withheld: NonNegativeInt
    unsealed: NonNegativeInt
    previous_hash: bytes | None
    head_seq: NonNegativeInt
    head_hash: bytes
    sha256: bytes
    exported_at: AwareDatetime


async def records(
    lent: Lent, chain: Chain, ids: Sequence[UUID], times: Sequence[datetime]
) -> list[Record]:
    """Return the records of these events, in the order of time; those without a seal are absent.

    Raises ChainBrokenError for an event that is not the one that was sealed.
    """
    found = []
    for row in await lent.fetch(RECORDS, chain.id, list(ids), list(times)):
        previous = row["previous"] or genesis(chain.id)
        line = sealed(previous, row)
        if line is None:
            raise ChainBrokenError(
                f"Number {row['seq']}, event {row['event_id']} of {chain}, does not fit its seal."
            )
        found.append(Record(row["seq"], previous, row["hash"], line, row["event_id"]))
    return found


def read_record(line: bytes) -> Record:
    """Return the record of a line. Raises ValueError."""
    seal, found, event = line.rstrip(b"\n").partition(b',"event":')
    if not found or not event.endswith(b"}"):
        raise ValueError
    fields = json.loads(seal + b"}")
    hashes = (bytes.fromhex(fields["previous_hash"]), bytes.fromhex(fields["hash"]))
    return Record(int(fields["seq"]), *hashes, event[:-1])


def check_records(
    name: str, lines: BinaryIO, manifest: RecordsManifest, checkpoints: Iterable[Checkpoint]
) -> None:
    """Prove each event by its seal, the file by its manifest, and both by the checkpoints.

    Raises ChainBrokenError.
    """
    checked = _Checked(manifest, checkpoints)
    digest, count = sha256(), 0
    for line in lines:
        digest.update(line)
        count += 1
        if fault := checked.fault_of(line):
            raise ChainBrokenError(f"Line {count} of {name} {fault}.")
    if count != manifest.count:
        raise ChainBrokenError(f"{name} has {count} events, its manifest says {manifest.count}.")
    if digest.digest() != manifest.sha256 or checked.withheld != manifest.withheld:
        raise ChainBrokenError(f"{name} is not what was exported: its SHA-256 is another.")
    end = (manifest.head_seq, manifest.head_hash)
    if manifest.filter is None and (checked.before.seq, checked.before.hash) != end:
        raise ChainBrokenError(f"{name} does not end with the event that its manifest names.")


class _Checked:
    """The records of a file so far."""

    def __init__(self, manifest: RecordsManifest, checkpoints: Iterable[Checkpoint]) -> None:
        self._manifest, self._id = manifest, manifest.organization_id
        self._known = {c.seq: c.hash for c in checkpoints if c.organization_id == self._id}
        self._last = ("", "")
        self.before = Record(0, b"", genesis(self._id), b"")
        self.withheld, self._first = 0, True

    def fault_of(self, line: bytes) -> str | None:
        """Return the fault of the next line, None if it has none."""
        try:
            record = read_record(line)
            at = _time_of(record, self._id)
        except (ValueError, KeyError, TypeError, AttributeError):
            return "is not an event with its seal"
        fault = self._fault(record, at)
        self.withheld += record.line == WITHHELD
        self._last = self._last if record.line == WITHHELD else at
        self.before, self._first = record, False
        return fault

    def _fault(self, record: Record, at: tuple[str, str]) -> str | None:
        shown, whole, before = record.line != WITHHELD, self._manifest.filter is None, self.before
        if shown and following(record.previous, record.seq, record.line) != record.hash:
            return "does not fit its seal: the event was changed"
        is_next = record.seq == before.seq + 1
        follows = not is_next or record.previous == before.hash
        if self._known.get(record.seq, record.hash) != record.hash or not follows:
            return "has a seal that contradicts another one"
        if not whole and shown and at <= self._last:
            return "is not behind the one before"
        if whole and self._first and record.previous != self._manifest.previous_hash:
            return "is not the first event that the manifest names"
        if whole and not (self._first or is_next):
            return "is not the event after the one before: events are missing"
        return None


def _time_of(record: Record, organization_id: UUID) -> tuple[str, str]:
    """Return the place of an event in time. Raises ValueError for one of another organization."""
    if record.line == WITHHELD:
        return ("", "")
    event = json.loads(record.line)
    if event["organization_id"] not in (str(organization_id), None):
        raise ValueError
    return (event["created_at"], event["id"])
