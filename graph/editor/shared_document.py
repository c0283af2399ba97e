"""The pages of shared documents, and of shared baselines as they were."""

from typing import Any

from auth.session import Past, Row, ViewerSession
from db.problem import Problem
from db.requirements.documents import Document
from graph.editor.shared_content import part, sections
from graph.editor.shared_object import Asked, Shown
from graph.kit.scalars import uuid_of
from graph.requirements.sql.baseline_past import Frozen

TEMPLATE = "shared.html"
MAX_DOCUMENTS = 500
"""Documents that the page of a baseline lists, at most."""


EMPTY = {"frozen_at": None, "above": None, "documents": (), "sections": (), "pages": 1}


async def show_document(asked: Asked) -> Shown:
    """Return the page of a document as it is now."""
    return Shown(TEMPLATE, EMPTY | await _document(asked, asked.row, None, asked.beneath()))


async def show_baseline(asked: Asked) -> Shown:
    """Return the page of a baseline: of its document, or of those that it has."""
    baseline, past = asked.row, Frozen(asked.row.id)
    values: dict[str, Any] = EMPTY | {"frozen_at": baseline.created_at}
    id = baseline.document_id or uuid_of(asked.request.query_params.get("document", ""))
    if id is None:
        documents = await _documents(asked.session, baseline, past)
        values |= _named(baseline) | {"documents": documents, "here": asked.beneath()}
        return Shown(TEMPLATE, values)
    pages = await asked.session.pages(Document, "id", [id], past=past)
    if id not in pages:
        raise Problem("NOT_FOUND", "There is no such document.")
    beneath = asked.beneath()
    if baseline.document_id is None:
        values["above"], beneath = beneath, asked.beneath(document=str(id))
    values |= {"baseline": baseline.name}
    return Shown(TEMPLATE, values | await _document(asked, pages[id][0], past, beneath))


async def _documents(session: ViewerSession, baseline: Row, past: Past) -> list[Row]:
    pages = await session.pages(
        Document,
        "project_id",
        [baseline.project_id],
        order=(Document.position, Document.id),
        limit=MAX_DOCUMENTS,
        past=past,
    )
    return pages.get(baseline.project_id, [])


async def _document(asked: Asked, row: Row, past: Past | None, beneath: str) -> dict[str, Any]:
    whole = await sections(asked.session, row.id, past)
    here, pages = part(whole, asked.number)
    paged = {"sections": here, "pages": pages, "number": asked.number, "beneath": beneath}
    return _named(row) | paged


def _named(row: Row) -> dict[str, Any]:
    return {"name": row.name, "description": row.description or ""}
