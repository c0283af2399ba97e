"""Rows of an import: the document that is meant, the values that are given, and new rows."""

from collections.abc import Mapping
from typing import Any

from auth.policy.scopes import scopes_beneath
from db.problem import Problem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.requirements.exchange.model.draft import (
    HEADING,
    DraftBlock,
    DraftDocument,
    DraftRequirement,
    own_identifier,
)


def document_for(draft: DraftDocument, known: list[Document]) -> Document | None:
    """Return the document by ID, or by external ID, or by name if one of them has no external ID.

    Raises NOT_FOUND for an unknown ID, and INVALID for an ambiguous name.
    """
    if draft.id is not None:
        meant = [row for row in known if row.id == draft.id]
        if not meant:
            raise Problem("NOT_FOUND", "There is no such Document.", field=("document",))
        return meant[0]
    for row in known:
        if draft.external_id and draft.external_id in (row.external_id, own_identifier(row.id)):
            return row
    named = [
        row
        for row in known
        if row.name == draft.name and not (draft.external_id and row.external_id)
    ]
    if len(named) > 1:
        message = f"{len(named)} documents of the project are called {draft.name!r}."
        raise Problem("INVALID", message, field=("document",))
    return named[0] if named else None


def said(**values: Any) -> dict[str, Any]:
    """Return the values that the file gives; an empty text becomes None."""
    given = {name: value for name, value in values.items() if value is not None}
    return {name: None if value == "" else value for name, value in given.items()}


def filled(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that have a value."""
    return {name: value for name, value in properties.items() if value is not None}


def first(rows: list[Any] | None) -> Any:
    """Remove and return the first of the rows, if there is one."""
    return rows.pop(0) if rows else None


def new_block(
    document: Document, draft: DraftBlock, position: float, values: dict[str, Any]
) -> Block:
    values |= scopes_beneath(Document, document)
    return Block(
        **values,
        type=draft.type or HEADING,
        position=position,
        content=draft.content,
        external_id=draft.external_id,
    )


def new_requirement(
    document: Document, draft: DraftRequirement, position: float, values: dict[str, Any]
) -> Requirement:
    values |= scopes_beneath(Document, document)
    return Requirement(
        **values,
        position=position,
        external_id=draft.external_id,
    )
