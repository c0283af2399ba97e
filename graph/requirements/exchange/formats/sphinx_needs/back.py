"""Edits of an imported `needs.json`: the members that were changed, and all others as they were."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

from db.text import as_identifier
from graph.requirements.exchange.back.edits import Edits, RowEdit
from graph.requirements.exchange.back.writing import write_edited
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.rows import decoded
from graph.requirements.exchange.formats.sphinx_needs.reader import (
    FIELDS,
    INTERNAL,
    MORE,
    parsed_needs,
)
from graph.requirements.exchange.model.draft import Draft
from graph.requirements.exchange.model.fields import CHOICES, PROPERTY, untyped
from graph.requirements.exchange.model.versions import KeptImport
from graph.requirements.exchange.model.vocabulary import meant

_INDENT = re.compile(r"\n([ \t]+)\S")
MEMBERS = {"name": "title", "description": "content"}
"""The members of fields that a need does not have yet, where they have other names."""


def write_back(draft: Draft, kept: Sequence[KeptImport], _: str, file: IO[bytes]) -> str | None:
    """Write an imported file with the edits; return its ending, or None if it cannot hold them."""
    return write_edited(draft, kept, file, _with_edits)


def _with_edits(kept: KeptImport, edits: Edits) -> bytes | None:
    """Return the file with the edits; None if it has no place for them."""
    whole, version = parsed_needs(kept.source)
    needs: dict[str, dict[str, Any]] = version["needs"]
    keys = {_id_of(key, need): key for key, need in needs.items()}
    if edits.added or len(keys) < len(needs):
        return None
    writer = _Writer(needs, FIELDS | untyped(kept.columns))
    for (_, id), edit in edits.changed.items():
        if not writer.change(needs[keys[id]], edit):
            return None
    for _, id in edits.removed:
        writer.remove(keys[id])
    if edits.removed and "needs_amount" in version:
        version["needs_amount"] = len(needs)
    return _dumped(whole, kept.source)


def _id_of(key: str, need: Mapping[str, Any]) -> str | None:
    """Return the external ID of a need, as it is read."""
    own = need.get(MORE)
    id = own.get("id") if isinstance(own, dict) else None
    return as_identifier(str(id or need.get("id") or key)) or None


class _Writer:
    def __init__(self, needs: dict[str, dict[str, Any]], targets: Mapping[str, str]) -> None:
        self.needs, self.targets = needs, targets

    def change(self, need: dict[str, Any], edit: RowEdit) -> bool:
        """Change the members of a need; return whether all values have one."""
        for field, value in edit.fields.items():
            if field == "external_id":
                return False
            names = [name for name in need if self.targets.get(name) == field]
            name = names[0] if names else MEMBERS.get(field, field)
            self._set(need, name, self._word(name, field, value))
        for key, value in edit.properties.items():
            names = [name for name in need if as_identifier(name) == key]
            name = names[0] if names else key
            is_taken = name in INTERNAL or self.targets.get(name, PROPERTY) != PROPERTY
            if is_taken or name.endswith("_back") or isinstance(value, list):
                return False
            self._set(need, name, value)
        return True

    def remove(self, key: str) -> None:
        """Remove a need, and its ID from the lists of others."""
        gone = self.needs.pop(key)
        id = gone.get("id") or key
        for need in self.needs.values():
            for name, value in need.items():
                if isinstance(value, list) and id in value and name != "tags":
                    need[name] = [each for each in value if each != id]

    def _set(self, need: dict[str, Any], name: str, value: Any) -> None:
        if value is None and name in need:
            need[name] = "" if isinstance(need[name], str) else None
        elif value is not None:
            need[name] = value

    def _word(self, name: str, field: str, value: Any) -> Any:
        """Return the word by which the file says a member of an enumeration."""
        if field not in CHOICES or value is None:
            return value
        words = (need[name] for need in self.needs.values() if isinstance(need.get(name), str))
        found = (word for word in words if meant(CHOICES[field], word) == value)
        return next(found, value.value)


def _dumped(whole: Mapping[str, Any], source: Source) -> bytes:
    """Return the file with the indentation and the escapes that it had."""
    text = decoded(source)
    found = _INDENT.search(text)
    separators = None if found or '": ' in text else (",", ":")
    written = json.dumps(
        whole,
        indent=found[1] if found else None,
        separators=separators,
        ensure_ascii=text.isascii(),
    )
    return (written + text[len(text.rstrip()) :]).encode()
