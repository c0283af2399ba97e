"""Files of earlier imports and exports: kept with the versions of their rows, and found again."""

import asyncio
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.session import Transaction, ViewerSession
from db.requirements.exchange import ExchangeDirection, keep_exchange_file
from graph.requirements.exchange.files.content import PIECE, Content, pieces
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.spill import content_of
from graph.requirements.exchange.model.draft import Draft
from graph.requirements.exchange.model.versions import KeptImport, Versions, Written
from graph.requirements.sql import exchange_files as sql


async def keep_import(
    transaction: Transaction,
    project: UUID,
    source: Source,
    format: str,
    options: Mapping[str, Any],
    written: Written,
) -> None:
    """Keep a file that was imported, in the transaction of the import.

    `options` are those with which it was read: columns, delimiter and encoding.
    """
    versions = Versions.of_import(written)
    packed, content, digest = await asyncio.to_thread(_packed, versions, source)
    call = keep_exchange_file(
        id=uuid7(),
        project=project,
        documents=[one.id for one in versions.documents],
        direction=ExchangeDirection.IMPORT,
        format=format,
        name=source.name,
        sha256=digest,
        options=dict(options),
        versions=packed,
        content=content,
    )
    await transaction.call(call)


async def keep_export(
    transaction: Transaction, id: UUID, project: UUID, draft: Draft, format: str, name: str
) -> None:
    """Keep the versions of the rows that are in an export."""
    versions = Versions.of_export(draft)
    packed = await asyncio.to_thread(versions.packed)
    call = keep_exchange_file(
        id=id,
        project=project,
        documents=[one.id for one in versions.documents],
        direction=ExchangeDirection.EXPORT,
        format=format,
        name=name,
        sha256=sha256(packed).digest(),
        options={},
        versions=packed,
        content=None,
    )
    await transaction.call(call)


async def imports_of(
    session: ViewerSession, project: UUID, format: str, draft: Draft, *, is_proposal: bool = False
) -> list[KeptImport]:
    """Return the imports of a format that the documents of a draft came from, the newest first.

    A document came from the last import that it was in. The rows of a proposal have the versions of
    the rows that it would change.
    """
    left = {each.id for each in draft.documents if each.id}
    chosen: list[UUID] = []
    for record in await sql.imports(session, project):
        if record["format"] == format and (here := left & set(record["document_ids"])):
            chosen.append(record["id"])
            left -= here
    records = await sql.contents(session, chosen)
    return [
        await asyncio.to_thread(_import, records[id], draft.defined_at, is_compared=is_proposal)
        for id in chosen
        if id in records
    ]


async def export_of(session: ViewerSession, project: UUID, id: UUID) -> Versions | None:
    """Return the versions of the rows of an export of a project, if they are kept."""
    record = (await sql.contents(session, [id])).get(id)
    if record is None or record["project_id"] != project:
        return None
    if record["direction"] != ExchangeDirection.EXPORT:
        return None
    return await asyncio.to_thread(Versions.unpacked, record["versions"])


def _packed(versions: Versions, source: Source) -> tuple[bytes, bytes, bytes]:
    packing = zlib.compressobj()
    digest, packed = sha256(), []
    for piece in pieces(source.content):
        digest.update(piece)
        packed.append(packing.compress(piece))
    return versions.packed(), b"".join([*packed, packing.flush()]), digest.digest()


def _import(record: Any, defined_at: datetime | None, *, is_compared: bool) -> KeptImport:
    return KeptImport(
        record["id"],
        Source(record["name"], _content(record["content"])),
        record["format"],
        record["options"].get("columns") or {},
        Versions.unpacked(record["versions"]),
        is_compared=is_compared or (defined_at is not None and defined_at > record["created_at"]),
        delimiter=record["options"].get("delimiter"),
        encoding=record["options"].get("encoding"),
    )


def _content(packed: bytes) -> Content:
    """Return the content of a file; a large one waits on disk."""

    def parts() -> Iterator[bytes]:
        unpacking = zlib.decompressobj()
        view = memoryview(packed)
        for at in range(0, len(view), PIECE):
            left = bytes(view[at : at + PIECE])
            while left:
                yield unpacking.decompress(left, PIECE)
                left = unpacking.unconsumed_tail
        yield unpacking.flush()

    return content_of(parts())
