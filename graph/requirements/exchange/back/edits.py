"""The edits of an imported file: its rows as they are now, compared with the file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.requirements.exchange.model.draft import (
    DEFAULTS,
    Draft,
    DraftBlock,
    DraftDocument,
    DraftRequirement,
)
from graph.requirements.exchange.model.fields import CHOICES
from graph.requirements.exchange.store.typed import converted, definition_of
from graph.requirements.exchange.tables.cells import says

Find = Callable[[int, DraftRequirement], DraftRequirement | None]
"""Returns the row that a requirement of a file is now, given the place of its document."""
Key = tuple[int, str | None]
"""The place of a document in the file, and the external ID of a requirement in it."""


@dataclass
class RowEdit:
    """A requirement of the file whose row says something else: its new values, None for none."""

    read: DraftRequirement
    now: DraftRequirement
    fields: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.properties)


@dataclass
class Added:
    """A requirement that the file does not have, and the one of the file that it follows."""

    place: int
    after: str | None
    now: DraftRequirement


@dataclass
class Edits:
    """The requirements of the file that were changed, removed and added."""

    changed: dict[Key, RowEdit] = field(default_factory=dict)
    removed: set[Key] = field(default_factory=set)
    added: list[Added] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed or self.added)


def edits_of(
    read: Draft,
    draft: Draft,
    documents: Mapping[int, DraftDocument],
    find: Find,
    is_same: Callable[[int, DraftRequirement, DraftRequirement], bool],
) -> Edits | None:
    """Return the edits since a file was read; None for others than those of requirements.

    `documents` are the present ones by their places in the file. `is_same` is whether a row need
    not be compared.
    """
    edits, told = Edits(), _Told(read, draft)
    for place, document in enumerate(read.documents):
        now = documents.get(place)
        if now is None or (read.structured and not _is_alike(document, now)):
            return None
        rows: dict[int, str | None] = {}
        for each in document.requirements:
            row = find(place, each)
            if row is None:
                edits.removed.add((place, each.external_id))
                continue
            rows[id(row)] = each.external_id
            edit = RowEdit(each, row)
            if not is_same(place, each, row):
                told.compare(edit)
            if edit:
                edits.changed[place, each.external_id] = edit
        if read.structured and not _is_placed(document, now, rows):
            return None
        edits.added += _added(place, now, rows)
    return edits if not read.structured or _has_links(read, draft, edits) else None


def _is_placed(read: DraftDocument, now: DraftDocument, rows: Mapping[int, str | None]) -> bool:
    """Return whether the requirements of a file are where they were, and in their order."""
    kept = set(rows.values())
    before = [(e.external_id, e.block) for e in read.requirements if e.external_id in kept]
    return before == [(rows[id(e)], e.block) for e in now.requirements if id(e) in rows]


def _added(place: int, now: DraftDocument, rows: Mapping[int, str | None]) -> Iterator[Added]:
    last: str | None = None
    for row in now.requirements:
        last = rows.get(id(row), last)
        if id(row) not in rows:
            yield Added(place, last, row)


class _Told:
    """The comparison of what a file says with what is stored."""

    def __init__(self, read: Draft, draft: Draft) -> None:
        self._textual = read.textual
        self._strict = draft.strict
        self._definitions = {key: definition_of(one) for key, one in draft.properties.items()}

    def compare(self, edit: RowEdit) -> None:
        """Add to an edit what differs."""
        read, now = edit.read, edit.now
        if read.external_id and read.external_id != now.external_id:
            edit.fields["external_id"] = now.external_id
        if read.name != now.name:
            edit.fields["name"] = now.name
        if (read.description or "") != (now.description or ""):
            edit.fields["description"] = now.description
        for name in CHOICES:
            given = getattr(read, name) or DEFAULTS[name]
            if getattr(now, name) not in (None, given):
                edit.fields[name] = getattr(now, name)
        if sorted(read.tags or ()) != sorted(now.tags or ()):
            edit.fields["tags"] = now.tags or []
        for key in dict.fromkeys([*read.properties, *now.properties]):
            was, value = read.properties.get(key), now.properties.get(key)
            if not self._is_same(key, was, value):
                edit.properties[key] = value

    def _is_same(self, key: str, was: Any, now: Any) -> bool:
        if was == now and isinstance(was, bool) == isinstance(now, bool):
            return True
        definition = self._definitions.get(key)
        if now is None:
            return self._strict and definition is None
        if self._textual and says(was, now):
            return True
        return definition is not None and was is not None and converted(definition, was) == now


def _is_alike(read: DraftDocument, now: DraftDocument) -> bool:
    """Return whether a document and its headings are as the file says."""
    about = [(each.name, each.external_id, each.description or "") for each in (read, now)]
    return about[0] == about[1] and [*map(_block, read.blocks)] == [*map(_block, now.blocks)]


def _block(block: DraftBlock) -> tuple[Any, ...]:
    return block.external_id, block.name, block.parent, block.content, block.type


def _has_links(read: Draft, draft: Draft, edits: Edits) -> bool:
    """Return whether the links are those of the file, except of what was removed."""
    gone = {name for _, name in edits.removed}
    before = {
        (each.source, each.target, each.type): each.description
        for each in read.links
        if each.source not in gone and each.target not in gone
    }
    now = {(each.source, each.target, each.type): each.description for each in draft.links}
    return before == now
