"""The job that analyzes requirements which have changed, and the one of changed settings."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import inf
from typing import Any
from uuid import UUID

import structlog

from db.pool import Database
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run
from graph.requirements.quality.analysis import Profile, analyze, keys_of
from graph.requirements.quality.duplicates import MAX_COMPARED_LENGTH, Corpus, Pairs
from graph.requirements.quality.rules import MAX_TEXT_LENGTH, QualityRule, Statement
from graph.requirements.sql.quality import (
    Analyzed,
    Text,
    forget,
    stale_documents,
    stale_texts,
    store,
    texts_beside,
    texts_of,
)

EVERY = timedelta(seconds=5)
"""The time between two passes: changes within it are analyzed together."""
BATCH_SIZE = 250
"""Requirements that are analyzed together."""
MAX_DOCUMENTS = 100
"""Documents that one statement looks for."""
MAX_BESIDE = 20_000
"""Requirements of a document that are compared with each other, the first in its order."""
LONGEST_PASS = 30.0
"""Seconds after which a pass begins no further document."""
FIRST = UUID(int=0)

log = structlog.get_logger()


async def _analyze(run: Run) -> Result:
    """Analyze what has changed in any document."""
    return {"analyzed": await analyze_stale(run.database)}


async def analyze_stale(database: Database) -> int:
    """Analyze requirements that have changed since their analysis, and return their number.

    A document whose analysis fails does not hold up the others.
    """
    total, after, end = 0, FIRST, time.monotonic() + LONGEST_PASS
    while documents := await stale_documents(database, after, MAX_DOCUMENTS):
        for document in documents:
            after = document
            if time.monotonic() > end:
                return total
            try:
                total += await analyze_document(database, document, end)
            except Exception:
                log.exception("quality", document=str(document))
    return total


async def analyze_document(database: Database, document: UUID, end: float = inf) -> int:
    """Analyze what has changed in a document, until `time.monotonic` is at the end."""
    total, corpus = 0, None
    while texts := await stale_texts(database, document, BATCH_SIZE):
        profile = Profile.of(texts[0].settings)
        if corpus is None and QualityRule.DUPLICATE in profile.severities:
            beside = await texts_beside(database, document, MAX_COMPARED_LENGTH, MAX_BESIDE)
            corpus = await asyncio.to_thread(Corpus, beside)
        stored = await _analyze_texts(database, texts, profile, corpus)
        total += stored
        if not stored or len(texts) < BATCH_SIZE or time.monotonic() > end:
            break
    return total


async def _analyze_texts(
    database: Database, texts: Sequence[Text], profile: Profile, corpus: Corpus | None
) -> int:
    """Analyze requirements of one document, and those whose duplicates change by it.

    Texts that were written after the corpus was read are stale, and analyzed once more.
    """
    ids = {text.id for text in texts}
    changed = [text.id for text in texts if not text.is_deleted]
    pairs: Pairs = await asyncio.to_thread(corpus.pairs, changed) if corpus else {}
    neighbors = {id for text in texts for id in named_duplicates(text.analysis)} | pairs.keys()
    others = await texts_of(database, sorted(neighbors - ids)) if neighbors - ids else []
    analyzed = await asyncio.to_thread(_analyzed, profile, texts, others, pairs)
    return min(await store(database, analyzed), len(texts))


def _analyzed(
    profile: Profile, texts: Sequence[Text], others: Sequence[Text], pairs: Pairs
) -> list[Analyzed]:
    found = [_one(text, profile, pairs.get(text.id, {})) for text in texts]
    ids = {text.id for text in texts}
    for other in others:
        if other.is_stale or other.is_deleted:
            continue  # it is analyzed for itself
        before = named_duplicates(other.analysis)
        kept = {id: similarity for id, similarity in before.items() if id not in ids}
        now = kept | pairs.get(other.id, {})
        if now != before:
            found.append(_one(other, Profile.of(other.settings), now))
    return found


def _one(text: Text, profile: Profile, pairs: Mapping[str, float]) -> Analyzed:
    if text.is_deleted:
        return Analyzed(text.id, text.of, {}, ())
    statement = Statement(text.text[:MAX_TEXT_LENGTH], text.format, text.level)
    nearest = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    analysis = analyze(statement, profile, nearest)
    return Analyzed(text.id, text.of, {**analysis, "of": text.of}, keys_of(analysis, profile))


def named_duplicates(analysis: Mapping[str, Any]) -> dict[str, float]:
    """Return the duplicates that a stored analysis names, with their similarity."""
    return {
        one["id"]: one["similarity"]
        for finding in analysis.get("findings", ())
        for one in finding.get("duplicates", ())
    }


async def _forget(run: Run) -> Result:
    """Have all requirements of a project be analyzed again, by its present settings."""
    project, last = UUID(run.payload["projectId"]), FIRST
    while found := await forget(run.database, project, last, BATCH_SIZE):
        last = found
    return None


FORGET = Kind("quality.reset", _forget)
KINDS = (FORGET, Kind("quality.analyze", _analyze, every=EVERY))
