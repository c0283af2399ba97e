"""The printing of an export: in a thread, with what the user can read."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from auth.session import ViewerSession
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet
from graph.requirements.exchange.model.draft import Draft
from graph.requirements.exchange.registry import Written
from graph.requirements.exchange.store.selection import Selection
from graph.requirements.printing.labels import LABELS
from graph.requirements.printing.report import Report, report_of

PRINTED = frozenset({"html", "pdf", "matrix"})
"""The formats that are only read, and have tests besides."""


async def printed(
    session: ViewerSession,
    draft: Draft,
    selection: Selection,
    payload: Mapping[str, Any],
    title: str,
) -> Written:
    """Return a draft as a printed document, or as the matrix of its tests. Raises INVALID."""
    language = payload.get("language") or "en"
    labels = LABELS[language]
    subtitle = [(labels["printed"], datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))]
    states = (("baselineId", "baseline", Baseline), ("changeSetId", "change_set", ChangeSet))
    for key, label, model in states:
        if id := payload.get(key):
            rows = await session.rows(model, model.id == UUID(id), limit=1)
            subtitle += [(labels[label], row.name) for row in rows]
    arguments: Any = (session, draft, selection, title, subtitle, language, labels)
    report = await report_of(*arguments)
    return await asyncio.to_thread(_write, report, payload["format"])


def _write(report: Report, format: str) -> Written:
    from graph.requirements.printing.write import WRITERS  # noqa: PLC0415 (its libraries)

    return WRITERS[format](report)
