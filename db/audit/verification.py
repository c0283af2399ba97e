"""Verify the audit log: every event against its seal, every seal against the one before it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from db.audit.chain import ChainBrokenError, Link, clock, following, genesis
from db.audit.checkpoint import CHAINS, Checkpoint, Witnesses, kept_checkpoints
from db.audit.personal import altered
from db.audit.seal import NO_ORGANIZATION
from db.pool import Lent
from db.problem import Problem

Connected: TypeAlias = "asyncpg.Connection | Lent"

PAGE = 1000
"""Events in memory at a time."""
CLOCK_STEP = timedelta(minutes=1)
"""The largest step back of the server's clock that is not reported as a backdated event."""
MAX_TRANSACTION_TIME = timedelta(days=1)
"""The longest transaction that is assumed: an event sealed after a checkpoint is not older than it
by more."""
AUDIT_LINE = "99a0ba79368f3015b24e29b256c0d88f082c9d559ba99ed65550c7a4563dec6c"
SEALED_LINE = "bdfef1894205b033e7193339431928d88c9bf4ed9d54fb5c2e25694637116fd8"
"""SHA-256 of the sources of ctx.audit_line and ctx.sealed_line, so that no others are trusted."""

SOURCE = """
SELECT encode(sha256(convert_to(prosrc, 'UTF8')), 'hex') FROM pg_proc
WHERE oid = to_regprocedure($1)
"""
WALK = f"""
SELECT s.seq, s.event_id, s.event_at, s.hash, s.not_before,
    CASE WHEN e.id IS NOT NULL THEN ctx.sealed_line(e) END AS line
FROM (
    SELECT * FROM public.audit_seals
    WHERE organization_id = $1 AND seq > $2 AND seq <= coalesce($3::bigint, 9223372036854775807)
    ORDER BY seq LIMIT {PAGE}
) AS s
LEFT JOIN public.audit_logs AS e ON e.id = s.event_id AND e.created_at = s.event_at
ORDER BY s.seq
"""  # noqa: S608 (ours)
ALL = """
SELECT id FROM chain WHERE id IS NOT NULL
UNION SELECT organization_id FROM public.audit_checkpoints
"""
HEAD = (
    "SELECT seq, hash FROM public.audit_seals WHERE organization_id = $1 ORDER BY seq DESC LIMIT 1"
)
ARCHIVED = """
SELECT first_seq, last_seq, previous_hash, head_hash, until FROM public.audit_archives
WHERE organization_id = $1 AND restored_at IS NULL ORDER BY first_seq
"""
ELSEWHEN = "SELECT created_at FROM public.audit_logs WHERE id = $1 ORDER BY created_at LIMIT 1"

# An event without a seal waits for the next second, unless its transaction was over before the
# last one, or never was, or had not begun then although the event says it is older.
UNSEALED = """
WITH reached AS (
    SELECT sealed, sealed_at FROM public.audit_seal_cursor
    WHERE cluster = (SELECT system_identifier FROM pg_control_system()) AND sealed IS NOT NULL
),
unsealed AS (
    SELECT coalesce(e.organization_id, $1) AS chain, e.id, e.created_at, CASE
        WHEN sealed IS NULL THEN NULL
        WHEN pg_visible_in_snapshot(e.xid, sealed)
            OR NOT pg_visible_in_snapshot(e.xid, pg_current_snapshot()) THEN 'passed'
        WHEN e.xid >= pg_snapshot_xmax(sealed) AND e.created_at < sealed_at - $2::interval
            THEN 'dated back'
    END AS wrong
    FROM public.audit_logs AS e LEFT JOIN reached ON true
    WHERE ({chain}) AND NOT EXISTS (
        SELECT FROM public.audit_seals AS s
        WHERE s.organization_id = coalesce(e.organization_id, $1)
            AND s.event_id = e.id AND s.event_at = e.created_at
    )
)
"""
COUNT = """
SELECT chain, count(*) AS count, min(created_at) AS oldest, bool_or(wrong IS NOT NULL) AS wrong
FROM unsealed GROUP BY chain
"""
FIRST_WRONG = """
SELECT DISTINCT ON (chain) chain, id, created_at, wrong FROM unsealed WHERE wrong IS NOT NULL
ORDER BY chain, created_at, id
"""


@dataclass(frozen=True)
class Chain:
    """The organization whose events a chain holds."""

    id: UUID
    slug: str | None

    def __str__(self) -> str:
        if self.id == NO_ORGANIZATION:
            return "no organization"
        return f"organization {self.slug or self.id}"


class Archive(NamedTuple):
    """A part of a chain that is in a file; `until` is the end of its month."""

    first_seq: int
    last_seq: int
    previous_hash: bytes
    head_hash: bytes
    until: datetime


@dataclass
class Unsealed:
    """The events of a chain without a seal: their number, the oldest, and a fault of one if any."""

    count: int = 0
    oldest: datetime | None = None
    fault: str | None = None


@dataclass
class Verdict:
    """The result for one chain: the number of its verified events, and the first fault found.

    `archived` is the number of events in archives, which only fit the events beside them by their
    hashes: the files prove them.
    """

    chain: Chain
    verified: int = 0
    archived: int = 0
    unsealed: Unsealed = field(default_factory=Unsealed)
    fault: str | None = None


async def verify(
    connection: asyncpg.Connection, organization_id: UUID | None, witnesses: Sequence[Checkpoint]
) -> AsyncIterator[Verdict]:
    """Verify one chain or all, in one snapshot of the database, a page in memory at a time.

    The checkpoints in the database count as well as those given. Raises ChainBrokenError when the
    database cannot be trusted at all.
    """
    async with reading(connection):
        unsealed = await _unsealed(connection, organization_id)
        personal = await altered(connection, organization_id)
        if organization_id is None:
            chains = await connection.fetch(CHAINS + ALL)
            ids = {row["id"] for row in chains} | {one.organization_id for one in witnesses}
            ids |= set(unsealed) | set(personal)
        else:
            ids = {organization_id}
        for id in sorted(ids):
            chain = await named(connection, id)
            verdict = Verdict(chain, unsealed=unsealed.get(id, Unsealed()))
            known = await kept_checkpoints(connection, id)
            known += [one for one in witnesses if one.organization_id == id]
            passed = await archives_of(connection, chain)
            verdict.archived = sum(one.last_seq - one.first_seq + 1 for one in passed)
            try:
                async for _ in proven(connection, chain, witnesses=known):
                    verdict.verified += 1
            except ChainBrokenError as error:
                verdict.fault = str(error)
            verdict.fault = verdict.fault or verdict.unsealed.fault or personal.get(id)
            yield verdict


@asynccontextmanager
async def reading(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Hold one snapshot for the block, with a search path of PostgreSQL's own names.

    Raises ChainBrokenError when the database would not render events as this version does.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        await connection.execute("SET LOCAL statement_timeout = 0")
        await require_own_lines(connection)
        yield


async def require_own_lines(connection: Connected) -> None:
    """Raise ChainBrokenError when the database would not render events as this version does."""
    for name, known in (("audit_line", AUDIT_LINE), ("sealed_line", SEALED_LINE)):
        if await connection.fetchval(SOURCE, f"ctx.{name}(public.audit_logs)") != known:
            raise ChainBrokenError(
                f"The function ctx.{name} is not the one of this version of the gateway: what the"
                " database says about events proves nothing."
            )


async def named(connection: Connected, organization_id: UUID) -> Chain:
    """Return the chain of an organization, which may have been deleted since."""
    slug = "SELECT slug FROM public.organizations WHERE id = $1"
    return Chain(organization_id, await connection.fetchval(slug, organization_id))


async def proven(
    connection: Connected,
    chain: Chain,
    *,
    after: int = 0,
    until: int | None = None,
    witnesses: Iterable[Checkpoint] = (),
) -> AsyncIterator[Link]:
    """Yield the events of a chain after this number, each proved to be the one that was sealed.

    Raises ChainBrokenError at the first that is not. Without `until` the chain must also reach the
    last checkpoint. Events in archives are passed over if their hashes fit, and are not yielded.
    """
    known = Witnesses(witnesses)
    archives = {one.first_seq: one for one in await archives_of(connection, chain)}
    ends = {one.last_seq: one.head_hash for one in archives.values()}
    seq, previous = after, await hash_at(connection, chain, after)
    while page := await connection.fetch(WALK, chain.id, seq, until):
        for row in page:
            while archive := archives.get(seq + 1):
                seq, previous = _passed(chain, archive, previous, known)
            if row["seq"] <= seq:
                if ends.get(row["seq"]) != row["hash"]:
                    raise ChainBrokenError(f"Number {row['seq']} of {chain} ends no archive.")
                continue
            seq += 1
            if row["seq"] != seq:
                raise _missing(chain, seq, row)
            line = await _line(connection, chain, previous, row)
            if fault := _contradicted(chain, row, known):
                raise fault
            previous = row["hash"]
            yield Link(seq, row["event_id"], row["event_at"], previous, line)
    if until is None and (checkpoint := known.missed):
        raise ChainBrokenError(
            f"The chain of {chain} was cut: it ends at number {seq}, but the checkpoint of"
            f" {clock(checkpoint.made_at)} knows number {checkpoint.seq}."
        )


async def _line(connection: Connected, chain: Chain, previous: bytes, row: asyncpg.Record) -> bytes:
    """Return the line of an event that follows this hash. Raises ChainBrokenError."""
    if row["line"] is None:
        raise await _gone(connection, chain, row)
    line = sealed(previous, row)
    if line is None:
        raise await _altered(connection, chain, row)
    return line


def sealed(previous: bytes, row: asyncpg.Record) -> bytes | None:
    """Return the line from which the event's hash was made; None when no line matches it.

    The first releases hashed lines without the number of the transaction.
    """
    if row["line"] is None:
        return None
    line: bytes = row["line"].encode()
    for known in (line, line.rpartition(b', "xid" : ')[0] + b"}"):
        if following(previous, row["seq"], known) == row["hash"]:
            return known
    return None


async def archives_of(connection: Connected, chain: Chain) -> list[Archive]:
    """Return the parts of a chain that are in files, in its order."""
    return [Archive(*row) for row in await connection.fetch(ARCHIVED, chain.id)]


def _passed(chain: Chain, archive: Archive, previous: bytes, known: Witnesses) -> tuple[int, bytes]:
    """Return the number and hash of the last event of an archive that follows this hash."""
    last, head = archive.last_seq, archive.head_hash
    if archive.previous_hash != previous:
        raise ChainBrokenError(
            f"In {chain}, the archive of numbers {archive.first_seq} to {last} does not follow the"
            " event before it: the event or the archive was exchanged."
        )
    if checkpoint := known.contradict(last, head):
        raise ChainBrokenError(
            f"In {chain}, number {last}, the last of an archive, is not what the checkpoint of"
            f" {clock(checkpoint.made_at)} says: the chain was re-hashed."
        )
    return last, head


async def head_of(connection: Connected, chain: Chain) -> tuple[int, bytes]:
    """Return the number and the hash of the last event of a chain; 0 for one without events."""
    row = await connection.fetchrow(HEAD, chain.id)
    return (row["seq"], row["hash"]) if row else (0, genesis(chain.id))


async def hash_at(connection: Connected, chain: Chain, seq: int) -> bytes:
    """Return the chain's hash at this number; at 0, the hash before the first event.

    Raises INVALID if it is in an archive, and ChainBrokenError if it is missing.
    """
    if seq == 0:
        return genesis(chain.id)
    stored = "SELECT hash FROM public.audit_seals WHERE organization_id = $1 AND seq = $2"
    hash: bytes | None = await connection.fetchval(stored, chain.id, seq)
    if hash is None:
        if any(one.first_seq <= seq < one.last_seq for one in await archives_of(connection, chain)):
            raise Problem(
                "INVALID", f"In {chain}, number {seq} is in an archive: restore it first."
            )
        raise ChainBrokenError(f"In {chain}, number {seq} of the chain is missing.")
    return hash


def _event(chain: Chain, row: asyncpg.Record) -> str:
    return f"event {row['event_id']} of {clock(row['event_at'])} in {chain}"


def _missing(chain: Chain, seq: int, row: asyncpg.Record) -> ChainBrokenError:
    lost = f"number {seq}" if row["seq"] == seq + 1 else f"numbers {seq} to {row['seq'] - 1}"
    return ChainBrokenError(
        f"Before {_event(chain, row)}, {lost} of the chain is missing: what stood there was deleted"
        " together with its seal."
    )


async def _gone(connection: Connected, chain: Chain, row: asyncpg.Record) -> ChainBrokenError:
    """Return the fault of an event that is not where its seal says: deleted, or at another time."""
    now: datetime | None = await connection.fetchval(ELSEWHEN, row["event_id"])
    what = f"its time was changed to {clock(now)}" if now else "it was deleted"
    return ChainBrokenError(
        f"Number {row['seq']}, {_event(chain, row)}, is not there any more: {what}."
    )


async def _altered(connection: Connected, chain: Chain, row: asyncpg.Record) -> ChainBrokenError:
    """Return the fault of an event that does not match its hash.

    The hash is genuine if the next one builds on it.
    """
    heir = await connection.fetchrow(WALK, chain.id, row["seq"], row["seq"] + 1)
    genuine = heir is None or sealed(row["hash"], heir) is not None
    if not genuine:
        what = "from here on the chain was re-hashed or reordered"
    elif row["seq"] == 1:
        what = "the event was edited or exchanged"
    else:
        what = (
            "the event was edited or exchanged, unless the one before was altered together with its"
            " seal"
        )
    return ChainBrokenError(
        f"Number {row['seq']}, {_event(chain, row)}, does not fit its seal: {what}."
    )


def _contradicted(chain: Chain, row: asyncpg.Record, known: Witnesses) -> ChainBrokenError | None:
    """Return the fault of an event that matches its seal, but not the times or a checkpoint."""
    limits = [
        row["not_before"] and row["not_before"] - CLOCK_STEP,
        known.seen_at and known.seen_at - MAX_TRANSACTION_TIME,
    ]
    if late := [limit for limit in limits if limit and row["event_at"] < limit]:
        return ChainBrokenError(
            f"Number {row['seq']}, {_event(chain, row)}, was dated back: it was not there at"
            f" {clock(max(late))}."
        )
    if checkpoint := known.contradict(row["seq"], row["hash"]):
        return ChainBrokenError(
            f"Number {row['seq']}, {_event(chain, row)}, is not what the checkpoint of"
            f" {clock(checkpoint.made_at)} says: the chain was re-hashed."
        )
    return None


async def _unsealed(
    connection: asyncpg.Connection, organization_id: UUID | None
) -> dict[UUID, Unsealed]:
    """Return the events without a seal, by chain."""
    arguments: list[object] = [NO_ORGANIZATION, CLOCK_STEP]
    if organization_id is None:
        condition = "true"
    elif organization_id == NO_ORGANIZATION:
        condition = "e.organization_id IS NULL"
    else:
        condition = "e.organization_id = $3"
        arguments.append(organization_id)
    unsealed = UNSEALED.format(chain=condition)
    counted = await connection.fetch(unsealed + COUNT, *arguments)
    found = {row["chain"]: Unsealed(row["count"], row["oldest"]) for row in counted}
    if any(row["wrong"] for row in counted):
        for row in await connection.fetch(unsealed + FIRST_WRONG, *arguments):
            chain = await named(connection, row["chain"])
            what = (
                "it was dated back"
                if row["wrong"] == "dated back"
                else "it was inserted past the sealer, or its seal was deleted"
            )
            found[row["chain"]].fault = (
                f"Event {row['id']} of {clock(row['created_at'])} in {chain} has no seal, although"
                f" events of its time have theirs: {what}."
            )
    return found
