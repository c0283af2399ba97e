"""Edits of imported Markdown documents: only headings, rows and texts that were changed differ."""

import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

from graph.requirements.exchange.back.edits import Added, Edits, RowEdit
from graph.requirements.exchange.back.writing import write_edited
from graph.requirements.exchange.files.documents import write_replaced
from graph.requirements.exchange.formats.markdown.reader import Section, sections_of
from graph.requirements.exchange.formats.markdown.syntax import (
    ATTRIBUTE,
    FIELDS,
    VALUE,
    escaped,
    is_free,
)
from graph.requirements.exchange.formats.markdown.writer import held, requirement_lines
from graph.requirements.exchange.model.draft import Draft, Limits
from graph.requirements.exchange.model.fields import CHOICES, untyped
from graph.requirements.exchange.model.versions import KeptImport
from graph.requirements.exchange.model.vocabulary import meant

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_END = re.compile(r"\r\n|\r|\n")
_BAR = re.compile(r"(?<!\\)\|")
_NAMED = re.compile(
    r"(?P<before>\s{0,3}#{1,6}\s+(?:`[^`]+`:?\s+|\[[^\s\]]+\]\s+|[\w.-]+\d(?::|\s+[-\u2013\u2014])\s+)?)"
    r"(?P<name>.*?)(?P<after>(?:\s+#+)?\s*)"
)
"""A heading: the marks and the identifier, the name, and closing marks."""
LABELS = {field: label for label, field in FIELDS.items()}

Splice = tuple[int, int, list[str]]
"""Lines that replace those from one place to another."""


def write_back(draft: Draft, kept: Sequence[KeptImport], _: str, file: IO[bytes]) -> str | None:
    """Write an imported file with the edits; return its ending, or None if it cannot hold them."""
    return write_edited(draft, kept, file, _with_edits)


def _with_edits(kept: KeptImport, edits: Edits) -> bytes | None:
    """Return the document or the archive with the edits; None if it has no place for them."""
    if untyped(kept.columns):
        return None
    sections = sections_of(kept.source, Limits())
    files: dict[str, _Edited] = {}

    def file_of(key: tuple[int, str | None]) -> tuple[_Edited, Section] | None:
        if key not in sections:
            return None
        name, section = sections[key]
        return files.setdefault(name, _Edited()), section

    for key, edit in edits.changed.items():
        found = file_of(key)
        if found is None:
            return None
        found[0].changed.append((found[1], edit))
    for key in edits.removed:
        found = file_of(key)
        if found is None:
            return None
        found[0].removed.append(found[1])
    for new in edits.added:
        found = file_of((new.place, new.after))
        if found is None:
            return None
        found[0].added.append((found[1], new))
    return write_replaced(kept.source, files, lambda data, each: each.written(data))


class _Edited:
    """The edits of one document."""

    def __init__(self) -> None:
        self.changed: list[tuple[Section, RowEdit]] = []
        self.removed: list[Section] = []
        self.added: list[tuple[Section, Added]] = []

    def written(self, data: bytes) -> bytes | None:
        """Return the document with the edits; None if it has no place for them."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        lines = [each for each in _LINE.findall(text) if each]
        found = _END.search(text)
        end = found[0] if found else "\n"
        splices: list[Splice] = [(each.line, each.end, []) for each in self.removed]
        for section, edit in self.changed:
            changed = _changed(lines, section, edit)
            if changed is None:
                return None
            splices += changed
        for section, new in self.added:
            splices.append((section.end, section.end, _new(section, new)))
        for place, stop, by in sorted(splices, key=lambda one: one[:2], reverse=True):
            start = min(place, len(lines))
            if by and start and not _END.search(lines[start - 1]):
                lines[start - 1] += end
            lines[start:stop] = [f"{line}{end}" for line in by]
        return "".join(lines).encode()


def _new(after: Section, new: Added) -> list[str]:
    """Return the lines of a new requirement, on the level of the one that it follows."""
    return ["", *requirement_lines(new.now, after.level, {})]


def _changed(lines: Sequence[str], section: Section, edit: RowEdit) -> list[Splice] | None:
    """Return the lines that an edit replaces; None if there is no place for it."""
    splices: list[Splice] = []
    values: dict[str, Any] = {}
    for field, value in edit.fields.items():
        if field == "name":
            heading = _heading(lines[section.line], section, value)
            if heading is None:
                return None
            splices.append((section.line, section.line + 1, [heading]))
        elif field == "description":
            splice = _text(lines, section, value or "")
            if splice is None:
                return None
            splices.append(splice)
        elif field in LABELS:
            values[LABELS[field]] = value
        else:
            return None
    rows = _rows(lines, section, values | edit.properties)
    return None if rows is None else splices + rows


def _heading(line: str, section: Section, name: str) -> str | None:
    title, found = escaped(name), _NAMED.fullmatch(line.rstrip("\r\n"))
    if title is None or found is None or "name" in section.more:
        return None
    return f"{found['before']}{title}{found['after']}"


def _text(lines: Sequence[str], section: Section, text: str) -> Splice | None:
    """Return the new text of a section in the place of its old one."""
    if section.more.keys() & {"text", "form", "end"} or (text and not is_free(text)):
        return None
    below = range(section.start, min(section.end, len(lines)))
    filled = [at for at in below if lines[at].strip()]
    new = text.split("\n") if text else []
    if filled:
        return filled[0], filled[-1] + 1, new
    is_last = section.end >= len(lines)
    return section.start, section.start, ["", *new, *([] if is_last else [""])] if new else []


def _rows(lines: Sequence[str], section: Section, values: Mapping[str, Any]) -> list[Splice] | None:
    """Return the rows of the table of attributes that differ, and new ones at its end."""
    if not values:
        return []
    known = {key.text.casefold(): at for at, (key, _) in enumerate(section.rows or ())}
    splices: list[Splice] = []
    new: list[str] = []
    for key, value in values.items():
        held_ = _held(key, value)
        at = known.get(key.casefold())
        label = escaped(key)
        if label is None or (held_ is None and value not in (None, [])):
            return None
        place = section.table + 2 + at if at is not None else 0
        if at is None:
            new += [f"| {label} | {held_} |"] if held_ else []
        elif not held_:
            splices.append((place, place + 1, []))
        else:
            row = _row(lines[place].rstrip("\r\n"), _worded(section, at, key, value) or held_)
            if row is None:
                return None
            splices.append((place, place + 1, [row]))
    if new and section.rows is None:
        new = ["", f"| {ATTRIBUTE} | {VALUE} |", "|---|---|", *new]
        splices.append((section.start, section.start, new))
    elif new:
        end = section.table + 2 + len(section.rows or ())
        splices.append((end, end, new))
    return splices


def _held(key: str, value: Any) -> str | None:
    """Return a value as a cell holds it; None if it cannot."""
    if key == "Tags" and isinstance(value, list):
        return escaped(", ".join(value)) if value and not any("," in tag for tag in value) else None
    return held(value)


def _worded(section: Section, at: int, key: str, value: Any) -> str | None:
    """Return the word that the row has for a member of an enumeration, if it means the same."""
    field = FIELDS.get(key)
    word = (section.rows or [])[at][1].text
    return word if field in CHOICES and meant(CHOICES[field], word) == value else None


def _row(line: str, value: str) -> str | None:
    """Return a row with another value in its second cell."""
    parts = _BAR.split(line)
    at = 2 if line.lstrip().startswith("|") else 1
    if at >= len(parts):
        return None
    parts[at] = f" {value} " if at + 1 < len(parts) else f" {value}"
    return "|".join(parts)
