"""Selections of a chain: the events that match a filter, each with its seal.

A record is a line of JSON: the number, the hash before it, its own hash, and the event as it was
hashed. So each event proves to be the one of its seal, and neighbours prove to be neighbours. What
a selection leaves out is not proved: a `db.audit.export` is whole.
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

RECORDS = """
SELECT s.seq, s.event_id, s.event_at, s.hash, before.hash AS previous, ctx.sealed_line(e) AS line
FROM unnest($2::uuid[], $3::timestamptz[]) AS wanted (id, at)
JOIN public.audit_seals AS s
    ON s.organization_id = $1 AND s.event_id = wanted.id AND s.event_at = wanted.at
JOIN public.audit_logs AS e ON e.id = s.event_id AND e.created_at = s.event_at
LEFT JOIN public.audit_seals AS before
    ON before.organization_id = $1 AND before.seq = s.seq - 1
ORDER BY s.event_at, s.event_id
"""


class Record(NamedTuple):
    """An event of a selection, with its seal."""

    seq: int
    previous: bytes
    hash: bytes
    line: bytes

    def as_line(self) -> bytes:
        """Return the record as a line of JSON, without its end."""
        seal = b'{"seq":%d,"previous_hash":"%b","hash":"%b","event":'
        hashes = (self.previous.hex().encode(), self.hash.hex().encode())
        return seal % (self.seq, *hashes) + self.line + b"}"


class SelectionManifest(BaseModel):
    """The contents of a selection. As JSON, hashes are hexadecimal.

    `head_seq` and `head_hash` are the end of the chain when the selection was made. `unsealed` is
    the number of events that matched, but had no seal yet, and are not in the file.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="hex", val_json_bytes="hex")

    format: Literal["gateway audit selection 1"] = "gateway audit selection 1"
    gateway: str
    organization_id: UUID
    organization: str | None
    filter: dict[str, Any]
    count: NonNegativeInt
    unsealed: NonNegativeInt
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
        found.append(Record(row["seq"], previous, row["hash"], line))
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
    name: str, lines: BinaryIO, manifest: SelectionManifest, checkpoints: Iterable[Checkpoint]
) -> None:
    """Prove each event by its seal, the file by its manifest, and both by the checkpoints.

    Raises ChainBrokenError.
    """
    known = {
        one.seq: one.hash for one in checkpoints if one.organization_id == manifest.organization_id
    }
    digest, count, last = sha256(), 0, ("", "")
    hashes: dict[int, bytes] = {0: genesis(manifest.organization_id)}
    for line in lines:
        digest.update(line)
        count += 1
        place = f"Line {count} of {name}"
        try:
            record = read_record(line)
            event = json.loads(record.line)
            at = (event["created_at"], event["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise ChainBrokenError(f"{place} is not an event with its seal.") from error
        if at <= last:
            raise ChainBrokenError(f"{place} is not behind the one before.")
        if (event["organization_id"] or "") not in (str(manifest.organization_id), ""):
            raise ChainBrokenError(f"{place} is an event of another organization.")
        if following(record.previous, record.seq, record.line) != record.hash:
            raise ChainBrokenError(f"{place} does not fit its seal: the event was changed.")
        told = known.get(record.seq, record.hash)
        before = hashes.get(record.seq - 1, record.previous)
        if told != record.hash or before != record.previous:
            raise ChainBrokenError(f"{place} has a seal that contradicts another one.")
        last = at
        hashes = {0: hashes[0], record.seq: record.hash}
    if count != manifest.count:
        raise ChainBrokenError(f"{name} has {count} events, its manifest says {manifest.count}.")
    if digest.digest() != manifest.sha256:
        raise ChainBrokenError(f"{name} is not what was exported: its SHA-256 is another.")
