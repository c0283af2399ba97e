"""Edits of imported folders of Doorstop: only the changed attributes of items are replaced."""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

import yaml

from graph.requirements.exchange.back.edits import Edits, RowEdit
from graph.requirements.exchange.back.writing import write_edited
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.doorstop.reader import (
    FIELDS,
    INTERNAL,
    MORE,
    items_of,
    parsed,
)
from graph.requirements.exchange.formats.doorstop.writer import KEY
from graph.requirements.exchange.model.draft import Draft, Limits
from graph.requirements.exchange.model.fields import CHOICES, untyped
from graph.requirements.exchange.model.versions import KeptImport

_ATTRIBUTE = re.compile(r"([^\s#:'\"-][^:\n]*):(?:\s|$)")
"""The first line of an attribute; what goes on is indented, or an item of a list."""
NAMES = {field: name for name, field in FIELDS.items()}


def write_back(draft: Draft, kept: Sequence[KeptImport], _: str, file: IO[bytes]) -> str | None:
    """Write an imported file with the edits; return its ending, or None if it cannot hold them."""
    return write_edited(draft, kept, file, _with_edits)


def _with_edits(kept: KeptImport, edits: Edits) -> bytes | None:
    """Return the archive with the edits; None if it has no place for them."""
    source = kept.source
    if edits.added or edits.removed or kept.columns != untyped(kept.columns):
        return None
    items = items_of(source, untyped(kept.columns), Limits())
    replaced: dict[str, bytes] = {}
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
        for key, edit in edits.changed.items():
            path = items[key].removeprefix(f"{source.name}/")
            data = _edited(Source(path, archive.read(path)), edit)
            if data is None:
                return None
            replaced[path] = data
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
            for member in archive.infolist():
                content = replaced.get(member.filename)
                written.writestr(member, archive.read(member) if content is None else content)
    return file.getvalue()


def _edited(item: Source, edit: RowEdit) -> bytes | None:
    """Return the file of an item with an edit; None if it has no place for it."""
    if "external_id" in edit.fields:
        return None
    values = parsed(item)
    more = json.loads(values.get(MORE) or "{}")
    before = json.dumps(more)
    changed = _fields(edit, more)
    if "text" in changed and not values.get("header"):
        changed["header"] = edit.now.name  # which was the first line of the text
    for key, value in _properties(edit, more).items():
        if value is not None or key in values:
            changed[key] = value
    if json.dumps(more) != before:
        changed[MORE] = json.dumps(more, separators=(",", ":")) if more else None
    return _spliced(item, changed)


def _fields(edit: RowEdit, more: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of fields; put into `more` those that Doorstop does not have."""
    changed: dict[str, Any] = {}
    for field, value in edit.fields.items():
        more.pop(field, None)
        if field in NAMES:
            changed[NAMES[field]] = str(value.value if field in CHOICES else value or "")
        elif value:
            more[field] = value if field == "tags" else value.value
    return changed


def _properties(edit: RowEdit, more: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of properties; put into `more` those that are no texts."""
    changed: dict[str, Any] = {}
    left = dict(more.pop("properties", None) or {})
    for key, value in edit.properties.items():
        left.pop(key, None)
        is_own = bool(KEY.fullmatch(key)) and key not in INTERNAL and key not in FIELDS
        is_text = isinstance(value, str) and value not in ("", "null")
        changed[key] = value if is_own and is_text else None
        if value is not None and not (is_own and is_text):
            left[key] = value
    more |= {"properties": left} if left else {}
    return changed


def _spliced(item: Source, changed: Mapping[str, Any]) -> bytes | None:
    """Return YAML with these attributes replaced, added or, if they are None, removed."""
    try:
        text = item.data.decode()
    except UnicodeDecodeError:
        return None
    lines = text.splitlines(keepends=True)
    starts = [(n, found[1]) for n, line in enumerate(lines) if (found := _ATTRIBUTE.match(line))]
    ends = [*(n for n, _ in starts[1:]), len(lines)]
    places = {name: (start, end) for (start, name), end in zip(starts, ends, strict=True)}
    parts: dict[int, str] = dict(enumerate(lines))
    added: list[str] = []
    for name, value in changed.items():
        markup = "" if value is None else _attribute(name, value)
        if name not in places:
            added.append(markup)
            continue
        start, end = places[name]
        parts |= {start: markup} | dict.fromkeys(range(start + 1, end), "")
    whole = "".join(parts.values())
    if any(added) and whole and not whole.endswith("\n"):
        whole += "\n"
    return (whole + "".join(added)).encode()


def _attribute(name: str, value: str) -> str:
    """Return an attribute; a text of several lines as Doorstop writes it, where YAML allows it."""
    lines = value.split("\n")
    is_plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    is_framed = bool(lines[0]) and bool(lines[-1]) and not lines[0].startswith(" ")
    if len(lines) > 1 and is_plain and is_framed:
        return f"{name}: |-\n" + "".join(f"  {line}\n" if line else "\n" for line in lines)
    found: str = yaml.dump({name: value}, Dumper=yaml.CSafeDumper, allow_unicode=True)
    return found
