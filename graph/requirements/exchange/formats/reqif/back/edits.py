"""Differences between an object of a ReqIF file and the rows that it is now, as values to write."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graph.requirements.definitions import Definition as Typed
from graph.requirements.exchange.formats.reqif.attributes import CHAPTER, ILLEGAL, is_exact
from graph.requirements.exchange.formats.reqif.reader import HEADING_TYPE, Reader
from graph.requirements.exchange.formats.reqif.values import Definition
from graph.requirements.exchange.formats.reqif.writer import read_back, storable
from graph.requirements.exchange.model.draft import (
    DEFAULTS,
    Draft,
    DraftBlock,
    DraftRequirement,
    fitting_name,
)
from graph.requirements.exchange.model.fields import CHOICES, IGNORE, PROPERTY
from graph.requirements.exchange.model.vocabulary import meant
from graph.requirements.exchange.store.typed import converted, definition_of


@dataclass(slots=True)
class Parts:
    """The rows of one object: a heading, a requirement, or both."""

    block: DraftBlock | None = None
    requirement: DraftRequirement | None = None

    @property
    def main(self) -> Any:
        """Return the row whose name and text the object has."""
        return self.requirement or self.block

    @property
    def text(self) -> str:
        """Return the text of the object."""
        if self.requirement:
            return self.requirement.description or ""
        text = self.block.content.get("text") if self.block else None
        return text if isinstance(text, str) else ""

    @property
    def properties(self) -> dict[str, Any]:
        """Return the properties that have a value."""
        if self.requirement:
            found = self.requirement.properties
        else:
            found = self.block.content.get("properties") or {} if self.block else {}
        return {key: value for key, value in found.items() if value is not None}

    @property
    def content(self) -> dict[str, Any]:
        """Return the rest of the content of the block."""
        content = self.block.content if self.block else {}
        left = () if self.requirement else ("text", "properties")
        return {key: value for key, value in content.items() if key not in left}


@dataclass
class Edit:
    """The values to write to an object, by the names of attributes; None clears one.

    `own` is what the type has no attribute for; None where that stays as it is.
    """

    values: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] | None = None
    long_name: str | None = None

    def __bool__(self) -> bool:
        return bool(self.values) or self.own is not None or self.long_name is not None


@dataclass
class Seen:
    """An object as the reader sees it: the values of its attributes, and their fields."""

    type: str | None
    values: dict[str, Any]
    targets: dict[int, str]
    own: dict[str, Any]
    long_name: str
    identifier: str

    def named(self, target: str) -> list[str]:
        """Return the attributes that are read as a field."""
        return [name for i, name in enumerate(self.values) if self.targets.get(i) == target]


class Differ:
    """Compares the objects of a file with rows. `draft` is what was gathered."""

    def __init__(self, reader: Reader, draft: Draft) -> None:
        self.reader, self.draft = reader, draft
        self._typed: dict[str, Typed] = {}

    def edit(self, seen: Seen, old: Parts, new: Parts, *, has_children: bool) -> Edit:
        """Return what is written so that the object is read as `new` again."""
        edit, own = Edit(), dict(seen.own)
        self._text(edit, own, seen, old, new)
        self._name(edit, seen, old, new)
        if new.requirement:
            self._fields(edit, own, seen, old.requirement, new.requirement)
        self._properties(edit, own, seen, old, new)
        self._block(own, old, new)
        is_heading = self.reads_heading(seen, edit, new, has_children=has_children)
        own.pop("kind", None)
        if new.block and new.requirement and not has_children:
            own["kind"] = "both"
        elif is_heading != (new.requirement is None):
            own["kind"] = "requirement" if new.requirement else "heading"
        self._empty(edit, own, seen, is_new=old.main is None)
        own = {key: value for key, value in own.items() if value not in ({}, [], None)}
        edit.own = None if own == seen.own else own
        return edit

    def definition(self, seen: Seen, name: str) -> Definition:
        """Return the definition of an attribute of the object's type."""
        type_ = self.reader.definitions.types[seen.type or ""]
        return self.reader.definitions.attributes[type_.id_of(name) or ""]

    def reads_heading(self, seen: Seen, edit: Edit, new: Parts, *, has_children: bool) -> bool:
        """Return whether the reader takes the object for a heading."""
        if HEADING_TYPE.search(self.reader.definitions.type_name(seen.type)):
            return True
        chapter = {**seen.values, **edit.values}.get(CHAPTER)
        return not new.text and bool(has_children or (chapter and chapter != ""))

    def _text(self, edit: Edit, own: dict[str, Any], seen: Seen, old: Parts, new: Parts) -> None:
        if old.text == new.text:
            return
        own.pop("text", None)
        values = own["values"] = dict(own.get("values", {}))
        values.pop("description", None)
        names = seen.named("description")
        if not names:
            values["description"] = new.text
            return
        edit.values[names[0]] = new.text or None
        if self.definition(seen, names[0]).type == "XHTML":
            is_exact_text = read_back(new.text) == new.text
        else:
            is_exact_text = storable(new.text) == new.text and bool(new.text.strip())
        if new.text and not is_exact_text:
            own["text"] = new.text

    def _name(self, edit: Edit, seen: Seen, old: Parts, new: Parts) -> None:
        before = old.main.name if old.main else ""
        now = new.main.name
        attributes = seen.named("name")
        given = next((name for name in attributes if seen.values[name]), None)
        chapter = seen.values.get(CHAPTER)
        is_derived = not given and not seen.long_name
        if is_derived and not chapter and old.main:
            first = next(iter(new.text.splitlines()), "")
            stays = fitting_name(first) == now if new.text != old.text else before == now
            if stays:
                return
        elif before == now and old.main:
            return
        if not old.main and not new.requirement and not attributes and CHAPTER in seen.values:
            edit.values[CHAPTER] = now
        elif given or (attributes and not seen.long_name and not chapter):
            edit.values[given or attributes[0]] = now
        elif seen.long_name or not chapter:
            edit.long_name = now
        if chapter and chapter == before:
            edit.values[CHAPTER] = now

    def _fields(
        self,
        edit: Edit,
        own: dict[str, Any],
        seen: Seen,
        old: DraftRequirement | None,
        new: DraftRequirement,
    ) -> None:
        values = own["values"] = dict(own.get("values", {}))
        for field_, type_ in CHOICES.items():
            before, now = getattr(old, field_, None), getattr(new, field_)
            if now is None or now == before or (before is None and now == DEFAULTS[field_]):
                continue
            values.pop(field_, None)
            if names := seen.named(field_):
                labels = self.definition(seen, names[0]).labels.values()
                label = next((one for one in labels if meant(type_, one) == now), now.value)
                edit.values[names[0]] = label
            else:
                values[field_] = now.value
        before_tags, tags = (old.tags if old else None) or [], new.tags or []
        if sorted(before_tags) == sorted(tags):
            return
        values.pop("tags", None)
        names = seen.named("tags")
        for name in names:
            edit.values[name] = None
        kind = self.definition(seen, names[0]) if len(names) == 1 else None
        fits = kind is not None and (len(tags) <= 1 or (kind.type == "ENUMERATION" and kind.many))
        if kind and fits and not any(ILLEGAL.search(tag) for tag in tags):
            edit.values[names[0]] = (tags if kind.many else tags[0]) if tags else None
        elif tags:
            values["tags"] = tags

    def _properties(
        self, edit: Edit, own: dict[str, Any], seen: Seen, old: Parts, new: Parts
    ) -> None:
        left = own["properties"] = dict(own.get("properties", {}))
        before, now = old.properties, new.properties
        of_fields = {name for name, value in edit.values.items() if value is not None}
        for key in dict.fromkeys([*before, *now]):
            was, value = before.get(key), now.get(key)
            if self.is_same(key, was, value) and key not in of_fields:
                continue
            if key == CHAPTER and value is None and key in edit.values:
                continue
            left.pop(key, None)
            is_own = key in seen.values and key not in of_fields
            target = seen.targets.get([*seen.values].index(key), PROPERTY) if is_own else None
            if target in (PROPERTY, *CHOICES) and value is None:
                edit.values[key] = None
            elif target == PROPERTY and self.holds(self.definition(seen, key), key, value):
                edit.values[key] = value
            elif value is not None:
                if target not in (None, IGNORE):
                    edit.values[key] = None
                left[key] = value

    def _empty(self, edit: Edit, own: dict[str, Any], seen: Seen, *, is_new: bool) -> None:
        """Note the attributes that have no value though their definitions have a default."""
        empty = own["empty"] = dict(own.get("empty", {}))
        for name, default in self.reader.defaults_of(seen.type).items():
            if name in edit.values:
                is_empty = edit.values[name] is None
                empty.pop(name, None)
            else:
                is_empty = is_new
            if is_empty and default is not None:
                empty[name] = default

    def _block(self, own: dict[str, Any], old: Parts, new: Parts) -> None:
        if old.content != new.content:
            own["content"] = new.content
        was, now = old.block, new.block
        if now is not None and (was is None or was.type != now.type):
            own["blockType"] = now.type
        if now is not None and new.requirement:
            own["blockName"] = now.name if now.name != new.requirement.name else None
        if old.main and old.main.external_id != new.main.external_id:
            own["externalId"] = new.main.external_id

    def is_same(self, key: str, was: Any, now: Any) -> bool:
        """Return whether a stored value says what the file says."""
        if was == now and isinstance(was, bool) == isinstance(now, bool):
            return True
        property_ = self.draft.properties.get(key)
        if now is None and was is not None:
            return self.draft.strict and property_ is None
        if property_ is None or was is None:
            return False
        if key not in self._typed:
            self._typed[key] = definition_of(property_)
        return bool(converted(self._typed[key], was) == now)

    def holds(self, attribute: Definition, key: str, value: Any) -> bool:
        """Return whether an attribute can have a value, and would be read as it is."""
        if attribute.type == "ENUMERATION":
            every = value if isinstance(value, list) else [value]
            are_labels = all(isinstance(one, str) and one.strip() == one != "" for one in every)
            is_legal = are_labels and not any(ILLEGAL.search(one) for one in every)
            return is_legal and isinstance(value, list) == attribute.many
        text = text_of(attribute, value)
        if text is None or ILLEGAL.search(text) or not text.strip():
            return False
        read: str | None
        if attribute.type == "XHTML":
            read = read_back(text)
        elif is_exact(attribute.type, value):
            return True
        elif attribute.type == "STRING":
            read = text
        elif attribute.type == "DATE":
            read = _date(text)
        else:
            return False
        return self.is_same(key, read, value)


def text_of(attribute: Definition, value: Any) -> str | None:
    """Return a value as an attribute has it, or None for one that is no text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        return None
    is_day = attribute.type == "DATE" and "T" not in value
    return f"{value}T00:00:00" if is_day else value


def _date(text: str) -> str | None:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None
