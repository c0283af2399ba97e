"""Evidence of signatures: one file that a script verifies without the gateway.

It has one JSON object in each line: a header, the signatures, what they sign, the part of the audit
chain from the head that the first of them names to the end, checkpoints, and the SHA-256 of all
lines before. `docs/verify_evidence.py` verifies it.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from auth.session.write.audit import recorded
from db.audit.checkpoint import kept_checkpoints
from db.audit.verification import Chain, hash_at, proven, reading
from db.problem import Problem
from graph.kit.canonical import canonical
from graph.requirements.sql import evidence as sql

FORMAT = "gateway evidence 1"
SIGNED = (
    "organization_id",
    "project_id",
    "entity_type",
    "entity_id",
    "signer_id",
    "signer_name",
    "signer_email",
    "meaning",
    "comment",
    "signed_at",
    "authenticated_at",
    "content",
    "content_hash",
    "chain_seq",
    "chain_hash",
)
KINDS = ("signature", "reviewItem", "baseline", "item", "event", "checkpoint")


async def write_evidence(
    connection: Any,
    chain: Chain,
    review: UUID | None,
    baseline: UUID | None,
    version: str,
    write: Callable[[bytes], object],
) -> dict[str, Any]:
    """Write the file, and return its header. Raises NOT_FOUND, and ChainBrokenError.

    Every event is verified as it is written.
    """
    async with reading(connection):
        objects = await sql.objects_of(connection, chain.id, review, baseline)
        if objects == []:
            raise Problem("NOT_FOUND", f"There is no such object in {chain}.")
        rows = await sql.signatures(connection, chain.id, objects)
        if not rows:
            raise Problem("NOT_FOUND", f"There is no such signature in {chain}.")
        if any(row["event_seq"] is None for row in rows):
            raise Problem("NOT_FOUND", "The record of a signature is missing in the audit log.")
        counts: Counter[str] = Counter()
        async for kind, _ in _records(connection, chain, rows):
            counts[kind] += 1
        first = min(row["chain_seq"] for row in rows)
        previous = await hash_at(connection, chain, first - 1 if first else 0)
        header = {
            "format": FORMAT,
            "gateway": version,
            "organizationId": str(chain.id),
            "organization": chain.slug,
            "review": str(review) if review else None,
            "baseline": str(baseline) if baseline else None,
            "exportedAt": datetime.now(UTC).isoformat(),
            "counts": {kind: counts[kind] for kind in KINDS},
            "firstSeq": max(first, 1),
            "previousHash": previous.hex(),
        }
        last: Any = None
        async for link in proven(connection, chain, after=max(first, 1) - 1):
            last = link
        header |= {"lastSeq": last.seq, "headHash": last.hash.hex()}
        digest = sha256()
        for record in [header]:
            _put(record, digest, write)
        async for kind, record in _records(connection, chain, rows):
            _put({kind: record}, digest, write)
        write((canonical({"sha256": digest.hexdigest()}) + "\n").encode())
        return header


def _put(record: Any, digest: Any, write: Callable[[bytes], object]) -> None:
    line = (canonical(record) + "\n").encode()
    digest.update(line)
    write(line)


async def _records(
    connection: Any, chain: Chain, rows: list[Any]
) -> AsyncIterator[tuple[str, Any]]:
    """Yield the kind and the content of each record."""
    items: set[UUID] = set()
    signed: set[UUID] = set()
    for row in rows:
        yield "signature", {"id": str(row["id"]), **_recorded(row)}
        content = json.loads(row["content"])
        within = [*content.get("items", ()), *([content["item"]] if "item" in content else [])]
        items |= {UUID(item["id"]) for item in within}
        signed |= {row["entity_id"]} if row["entity_type"] == "Baseline" else set()
    for item in await sql.review_items(connection, chain.id, [*items]):
        yield "reviewItem", {"id": str(item["id"]), "content": _json(item["content"])}
    for one in await sql.baselines(connection, chain.id, [*signed]):
        about = {"id": str(one["id"]), "name": one["name"]}
        yield "baseline", {**about, "contentHash": one["content_hash"].hex()}
        async for item in sql.baseline_items(connection, chain.id, one["id"]):
            yield (
                "item",
                {
                    "baselineId": str(one["id"]),
                    "entityType": item["entity_type"],
                    "entityId": str(item["entity_id"]),
                    "canonical": item["canonical"],
                    "contentHash": item["content_hash"].hex(),
                },
            )
    first = max(min(row["chain_seq"] for row in rows), 1)
    last = first
    async for link in proven(connection, chain, after=first - 1):
        yield "event", {"seq": link.seq, "line": link.line.decode()}
        last = link.seq
    for checkpoint in await kept_checkpoints(connection, chain.id):
        if first <= checkpoint.seq <= last:
            yield (
                "checkpoint",
                {
                    "seq": checkpoint.seq,
                    "hash": checkpoint.hash.hex(),
                    "madeAt": checkpoint.made_at.isoformat(),
                },
            )


def _recorded(row: Any) -> dict[str, Any]:
    """Return the columns of a signature as the record of its creation has them."""
    values = {name: recorded(row[name]) for name in SIGNED}
    return {name: value for name, value in values.items() if value is not None}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
