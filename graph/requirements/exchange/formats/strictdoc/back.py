"""Edits of imported StrictDoc documents: only the fields that were changed are replaced."""

from collections.abc import Sequence
from typing import IO, Any

from graph.requirements.exchange.back.edits import Edits, RowEdit
from graph.requirements.exchange.back.writing import write_edited
from graph.requirements.exchange.files.documents import write_replaced
from graph.requirements.exchange.formats.strictdoc.reader import FIELDS, Element, elements_of
from graph.requirements.exchange.formats.strictdoc.writer import field_of
from graph.requirements.exchange.model.draft import Draft, Limits
from graph.requirements.exchange.model.fields import CHOICES, untyped
from graph.requirements.exchange.model.versions import KeptImport

NAMES = {field: name for name, field in FIELDS.items()}


def write_back(draft: Draft, kept: Sequence[KeptImport], _: str, file: IO[bytes]) -> str | None:
    """Write an imported file with the edits; return its ending, or None if it cannot hold them."""
    return write_edited(draft, kept, file, _with_edits)


def _with_edits(kept: KeptImport, edits: Edits) -> bytes | None:
    """Return the document or the archive with the edits; None if it has no place for them."""
    if edits.added or edits.removed or untyped(kept.columns):
        return None
    places = elements_of(kept.source, Limits())
    by_file: dict[str, list[tuple[Element, RowEdit]]] = {}
    for key, edit in edits.changed.items():
        if key not in places:
            return None
        name, element = places[key]
        by_file.setdefault(name, []).append((element, edit))
    return write_replaced(kept.source, by_file, _edited)


def _edited(data: bytes, edits: Sequence[tuple[Element, RowEdit]]) -> bytes | None:
    """Return a document with the edits; None if it has no place for them."""
    if b"\r" in data:
        return None
    lines = data.decode().split("\n")
    for element, edit in sorted(edits, key=lambda each: -each[0].line):  # from the end
        changed = _fields(element, edit)
        if changed is None:
            return None
        for name, value in changed.items():
            start, end = element.places.get(name, (0, 0))
            markup = field_of(name, value).split("\n") if value else []
            if start:
                lines[start:end] = markup
            elif markup:
                return None
    return "\n".join(lines).encode()


def _fields(element: Element, edit: RowEdit) -> dict[str, Any] | None:
    """Return the fields that are changed, the last first; None if there is no place for one."""
    changed: dict[str, Any] = {}
    for field, value in edit.fields.items():
        if field not in NAMES or field == "external_id":
            return None
        is_choice = field in CHOICES
        changed[NAMES[field]] = value.value if is_choice else value
        if field == "tags":
            changed[NAMES[field]] = ", ".join(value)
    for key, value in edit.properties.items():
        if key in FIELDS or not (value is None or isinstance(value, str)):
            return None
        changed[key] = value
    places = element.places
    return dict(sorted(changed.items(), key=lambda each: -places.get(each[0], (0, 0))[0]))
