"""Files of earlier imports and exports: kept with the versions of their rows, and found again."""

import asyncio
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.session import Transaction, ViewerSession
from db.requirements.exchange import ExchangeDirection, keep_exchange_file
from graph.requirements.exchange.files.source import Source
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
    packed, content = await asyncio.to_thread(_packed, versions, source)
    call = keep_exchange_file(
        id=uuid7(),
        project=project,
        documents=[one.id for one in versions.documents],
        direction=ExchangeDirection.IMPORT,
        format=format,
        name=source.name,
        sha256=sha256(source.data).digest(),
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


def untouched(kept: Collection[KeptImport], draft: Draft) -> Source | None:
    """Return the file of which a draft is all, unless a row of it was changed since."""
    if len(kept) != 1:
        return None
    (only,) = kept
    now = Versions.of_export(draft).by_row()
    return only.source if not only.is_compared and now == only.versions.by_row() else None


def _packed(versions: Versions, source: Source) -> tuple[bytes, bytes]:
    return versions.packed(), zlib.compress(source.data)


def _import(record: Any, defined_at: datetime | None, *, is_compared: bool) -> KeptImport:
    return KeptImport(
        record["id"],
        Source(record["name"], zlib.decompress(record["content"])),
        record["format"],
        record["options"].get("columns") or {},
        Versions.unpacked(record["versions"]),
        is_compared=is_compared or (defined_at is not None and defined_at > record["created_at"]),
        delimiter=record["options"].get("delimiter"),
        encoding=record["options"].get("encoding"),
    )
