"""Requirements to analyze, of all tenants, and what was found: functions of the job alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from db.pool import NOBODY, Database

DOCUMENTS = "SELECT * FROM ctx.stale_analyses($1, $2)"
TEXTS = "SELECT * FROM ctx.texts_to_analyze($1, $2, $3)"
BESIDE = "SELECT id, text FROM ctx.texts_beside($1, $2, $3)"
STORE = "SELECT ctx.store_analyses($1)"
FORGET = "SELECT ctx.forget_analyses($1, $2, $3)"


@dataclass(frozen=True)
class Text:
    """A requirement to analyze: its text, what its analysis is `of`, and the present one."""

    id: str
    text: str
    format: str
    level: str
    of: str
    is_stale: bool
    is_deleted: bool
    analysis: Mapping[str, Any]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Analyzed:
    """An analysis to store, with the keys by which the requirement is found."""

    id: str
    of: str
    analysis: Mapping[str, Any]
    keys: Sequence[str]


async def stale_documents(database: Database, after: UUID, most: int) -> list[UUID]:
    """Return the next documents with requirements that have changed since their analysis."""
    async with database.auth.lend(NOBODY) as lent:
        return [row[0] for row in await lent.fetch(DOCUMENTS, after, most)]


async def stale_texts(database: Database, document: UUID, most: int) -> list[Text]:
    """Return requirements of a document that have changed since their analysis."""
    async with database.auth.lend(NOBODY) as lent:
        return [_text(row) for row in await lent.fetch(TEXTS, document, None, most)]


async def texts_of(database: Database, ids: Sequence[str]) -> list[Text]:
    """Return these requirements."""
    chosen = [UUID(id) for id in ids]
    async with database.auth.lend(NOBODY) as lent:
        return [_text(row) for row in await lent.fetch(TEXTS, None, chosen, len(chosen))]


async def texts_beside(
    database: Database, document: UUID, longest: int, most: int
) -> dict[str, str]:
    """Return the beginnings of the texts of a document, by ID; one statement."""
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(BESIDE, document, longest, most)
    return {str(row["id"]): row["text"] for row in rows}


async def store(database: Database, analyzed: Sequence[Analyzed]) -> int:
    """Store analyses, without a version and a record; return their number.

    One of a requirement that has changed meanwhile, or that somebody is writing, is left out.
    """
    rows = [vars(one) for one in analyzed]
    async with database.auth.lend(NOBODY) as lent:
        number: int = await lent.fetchval(STORE, orjson.dumps(rows).decode())
    return number


async def forget(database: Database, project: UUID, after: UUID, most: int) -> UUID | None:
    """Have the next requirements of a project be analyzed again; return the last one's ID."""
    async with database.auth.lend(NOBODY) as lent:
        last: UUID | None = await lent.fetchval(FORGET, project, after, most)
    return last


def _text(row: Mapping[str, Any]) -> Text:
    return Text(**{**row, "id": str(row["id"])})
