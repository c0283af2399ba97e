"""Writing rows back into the ReqIF file that they were imported from: only what differs changes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from graph.requirements.exchange.files.content import Content
from graph.requirements.exchange.files.nodes import Element, Splices, elements
from graph.requirements.exchange.formats.reqif import own
from graph.requirements.exchange.formats.reqif.back.edits import Differ, Edit, Parts, Seen
from graph.requirements.exchange.formats.reqif.back.formatting import reformatted
from graph.requirements.exchange.formats.reqif.back.markup import Markup
from graph.requirements.exchange.formats.reqif.own import as_json
from graph.requirements.exchange.formats.reqif.reader import HEADING_TYPE, Reader
from graph.requirements.exchange.formats.reqif.values import Definition
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftRequirement, StoredAs

KINDS = ("STRING", "INTEGER", "REAL", "BOOLEAN", "DATE", "ENUMERATION", "XHTML")
CONTAINERS = ("DATATYPES", "SPEC-TYPES", "SPEC-OBJECTS", "SPEC-RELATIONS", "SPECIFICATIONS")
TYPES = ("SPEC-OBJECT-TYPE", "SPEC-RELATION-TYPE", "SPECIFICATION-TYPE")
NAMES = frozenset(
    {
        *("REQ-IF-CONTENT", "TOOL-EXTENSIONS", *CONTAINERS, *TYPES),
        *("SPEC-OBJECT", "SPEC-RELATION", "SPECIFICATION"),
        *("SPEC-RELATION-GROUPS", "RELATION-GROUP", "SPEC-RELATION-REF", "SPECIFICATION-REF"),
        *("SPEC-ATTRIBUTES", "SPECIFIED-VALUES"),
        *("ENUM-VALUE", "EMBEDDED-VALUE", "DATATYPE-DEFINITION-STRING"),
        "DATATYPE-DEFINITION-ENUMERATION",
    }
)
VALUE_NAMES = frozenset(
    {"VALUES", "DEFINITION"}
    | {f"ATTRIBUTE-VALUE-{kind}" for kind in KINDS}
    | {f"ATTRIBUTE-DEFINITION-{kind}-REF" for kind in KINDS}
)
DATATYPE = "gateway-string"


class FileBack:
    """One file: its reader, its elements, and the replacements in it."""

    def __init__(self, reader: Reader, data: Content, draft: Draft, at: str) -> None:
        self.reader, self.draft = reader, draft
        self.splices = Splices(data)
        self.root = elements(data, NAMES)
        self.markup = Markup(self.root, at)
        self.differ = Differ(reader, draft)
        content = self.root.first("REQ-IF-CONTENT") or self.root
        self.containers = {each.name: each for each in content.children if each.name in CONTAINERS}
        self.objects = {each.identifier: each for each in self.inside("SPEC-OBJECTS")}
        self.relations = self.inside("SPEC-RELATIONS")
        self.specifications = {each.identifier: each for each in self.inside("SPECIFICATIONS")}
        self.types = {each.identifier: each for each in self.inside("SPEC-TYPES")}
        self.taken = {*self.objects, *self.types, *self.specifications}
        self.number = 0
        self._more: dict[str, list[str]] = {}
        self._own_ids: dict[str, str] = {}
        self._labels: dict[str, dict[str, str]] = {}
        self._new_labels: dict[str, list[str]] = {}

    def inside(self, name: str) -> Sequence[Element]:
        """Return the elements directly inside a container of the content."""
        found = self.containers.get(name)
        return found.children if found else ()

    def add(self, container: str, markup: str) -> None:
        """Add an element to a container, which is made if the file has none."""
        self._more.setdefault(container, []).append(markup)

    def free(self, wanted: str) -> str:
        """Return an identifier that no object of the file has."""
        found = wanted
        while found in self.taken:
            self.number += 1
            found = f"{wanted}-{self.number}"
        self.taken.add(found)
        return found

    def seen(self, identifier: str) -> Seen:
        """Return an object of the file as its reader sees it."""
        object_ = self.reader.objects[identifier]
        values = self.reader.values_of(object_)
        said = own.parsed_fields(values)
        own.Own.taken(values)
        targets = self.reader.targets(object_, tuple(values))
        type_, long_name = object_.type, object_.long_name or ""
        return Seen(type_, values, targets, said, long_name, identifier)

    def unseen(self, type_: str, identifier: str) -> Seen:
        """Return a new object of this type, without a value."""
        values: dict[str, Any] = dict.fromkeys(self.reader.definitions.types[type_].attributes)
        own.Own.taken(values)
        example: Any = _Named(identifier)
        targets = self.reader.targets(example, tuple(values))
        return Seen(type_, values, targets, {}, "", identifier)

    def write(self, seen: Seen, edit: Edit) -> None:
        """Write what differs of an object of the file."""
        element = self.objects[seen.identifier]
        self.write_values(element, seen.type, edit.values, edit.own)
        if edit.long_name is not None:
            self.splices.set(element, "LONG-NAME", edit.long_name)
        self.splices.set(element, "LAST-CHANGE", self.markup.at)

    def write_new(self, seen: Seen, edit: Edit) -> None:
        """Write a new object."""
        values = [
            self.value(seen.type, name, value)
            for name, value in edit.values.items()
            if value is not None
        ]
        if edit.own:
            values.append(self.own_value(seen.type, edit.own))
        markup = self.markup.object(seen.identifier, seen.type or "", edit.long_name, values)
        self.add("SPEC-OBJECTS", markup)

    def write_values(
        self,
        element: Element,
        type_: str | None,
        values: Mapping[str, Any],
        more: Mapping[str, Any] | None,
    ) -> None:
        """Replace, add or remove values of an object, a specification or a relation."""
        data = self.splices.data
        detail = elements(data, VALUE_NAMES, element.start, element.end)
        holder = next((each for each in detail.children if each.name == "VALUES"), None)
        known: dict[str, Element] = {}
        for each in holder.children if holder else ():
            reference = next((ref for ref in each.all(*VALUE_NAMES) if ref.text), None)
            known[reference.text.strip() if reference else ""] = each
        wanted: list[tuple[str, str | None]] = []
        for name, value in values.items():
            id = self.reader.definitions.types[type_ or ""].id_of(name) or ""
            wanted.append((id, self._changed(type_, name, value, known.get(id))))
        if more is not None:
            markup = self.own_value(type_, more) if more else None
            wanted.append((self.own_id(type_), markup))
        added: list[str] = []
        for id, markup in wanted:
            present = known.get(id)
            if present and markup:
                self.splices.replace(present.start, present.end, markup)
            elif present:
                self.splices.remove(present)
            elif markup:
                added.append(markup)
        self._add_values(element, holder, added)

    def _changed(
        self, type_: str | None, name: str, value: Any, present: Element | None
    ) -> str | None:
        """Return the markup of a value; of a text, with the formatting that it had."""
        if value is None:
            return None
        if present and present.name == "ATTRIBUTE-VALUE-XHTML" and isinstance(value, str):
            old = self.splices.data[present.start : present.end]
            if markup := reformatted(old, value, self.markup):
                return markup
        return self.value(type_, name, value)

    def _add_values(self, element: Element, holder: Element | None, added: Sequence[str]) -> None:
        if added and holder:
            space = self.splices.space_before(holder.children[0]) if holder.children else "\n"
            self.splices.append(holder, "".join(f"{space}{markup}" for markup in added))
        elif added:
            self.splices.append(element, f"\n{self.markup.element('VALUES', *added)}")

    def value(self, type_: str | None, name: str, value: Any) -> str:
        """Return the markup of a value of an attribute."""
        id = self.reader.definitions.types[type_ or ""].id_of(name) or ""
        definition = self.reader.definitions.attributes[id]
        labels = self.labels(definition, value) if definition.type == "ENUMERATION" else {}
        return self.markup.value(id, definition, value, labels)

    def labels(self, definition: Definition, value: Any) -> dict[str, str]:
        """Return the identifiers of labels; those that the enumeration lacks are added to it."""
        known = self._labels.setdefault(
            definition.datatype, {label: id for id, label in reversed(definition.labels.items())}
        )
        for label in value if isinstance(value, list) else [value]:
            if label is not None and label not in known:
                known[label] = self.free("gateway-value")
                self._new_labels.setdefault(definition.datatype, []).append(label)
        return known

    def own_id(self, type_: str | None) -> str:
        """Return the identifier of the attribute for what a type has no attribute for, or ''."""
        spec_type = self.reader.definitions.types.get(type_ or "")
        return (spec_type.id_of(own.FIELDS) if spec_type else None) or ""

    def own_value(self, type_: str | None, more: Mapping[str, Any]) -> str:
        """Return the markup of what a type has no attribute for; define the attribute."""
        id = self.own_id(type_) or self._own_ids.get(type_ or "")
        if not id:
            id = self._own_ids[type_ or ""] = self.free("gateway-fields")
            self.define(type_ or "", self.string_attribute(id, own.FIELDS))
        return self.markup.value(id, Definition(own.FIELDS, {}), as_json(more), {})

    def string_attribute(self, id: str, name: str) -> str:
        """Return the definition of an attribute of texts, with a type of the file if it has one."""
        known = next(
            (e for e in self.inside("DATATYPES") if e.name == "DATATYPE-DEFINITION-STRING"), None
        )
        if known is None and DATATYPE not in self.taken:
            self.taken.add(DATATYPE)
            text = self.markup.element(
                "DATATYPE-DEFINITION-STRING",
                IDENTIFIER=DATATYPE,
                LAST_CHANGE=self.markup.at,
                LONG_NAME="string",
            )
            self.add("DATATYPES", text)
        datatype = known.identifier if known else DATATYPE
        return self.markup.string_definition(id, name, datatype)

    def define(self, type_: str, definition: str) -> None:
        """Add the definition of an attribute to a type of the file."""
        element = self.types[type_]
        holder = next((e for e in element.children if e.name == "SPEC-ATTRIBUTES"), None)
        if holder is None:
            definition = self.markup.element("SPEC-ATTRIBUTES", definition)
        self.splices.append(holder or element, f"\n{definition}")

    def type_for(self, document: DraftDocument, used: Counter[str], *, heading: bool) -> str:
        """Return the type of a new object: that of most objects of its kind, or a new type."""
        if used:
            return used.most_common(1)[0][0]
        for id, type_ in self.types.items():
            name = self.reader.definitions.type_name(id)
            if type_.name == "SPEC-OBJECT-TYPE" and bool(HEADING_TYPE.search(name)) is heading:
                return id
        found = next((i for i, e in self.types.items() if e.name == "SPEC-OBJECT-TYPE"), None)
        if found is None:
            raise LookupError(document.name)
        return found

    def done(self) -> Iterator[bytes]:
        """Yield the file with everything that was replaced and added."""
        for datatype, labels in self._new_labels.items():
            self._add_labels(datatype, labels)
        for name, markup in self._more.items():
            text = "".join(f"\n{each}" for each in markup)
            if holder := self.containers.get(name):
                self.splices.append(holder, text)
            else:
                self._add_container(name, self.markup.element(name, text))
        return self.splices.done()

    def _add_container(self, name: str, markup: str) -> None:
        content = self.root.first("REQ-IF-CONTENT") or self.root
        later = (*CONTAINERS[CONTAINERS.index(name) + 1 :], "SPEC-RELATION-GROUPS")
        following = next((e for e in content.children if e.name in later), None)
        if following is None:
            self.splices.append(content, f"\n{markup}")
        else:
            self.splices.replace(following.start, following.start, f"{markup}\n")

    def _add_labels(self, datatype: str, labels: Sequence[str]) -> None:
        element = next((e for e in self.inside("DATATYPES") if e.identifier == datatype), None)
        if element is None:
            return
        keys = [e.attributes.get("KEY", "") for e in element.all("EMBEDDED-VALUE")]
        first = max((int(key) for key in keys if key.lstrip("-").isdigit()), default=0) + 1
        known = self._labels[datatype]
        markup = "".join(
            f"\n{self.markup.label(known[label], label, key)}"
            for key, label in enumerate(labels, first)
        )
        holder = next((e for e in element.children if e.name == "SPECIFIED-VALUES"), None)
        if holder is None:
            markup = self.markup.element("SPECIFIED-VALUES", markup)
        self.splices.append(holder or element, markup)


class _Named:
    """An object of which only the identifier is known."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier


def versions_differ(stored: StoredAs | None, kept: StoredAs | None) -> bool:
    """Return whether a row was changed since it was imported."""
    return stored is None or kept is None or stored.version != kept.version


def rows_of(draft: Draft) -> dict[UUID, tuple[DraftDocument, Any]]:
    """Return blocks and requirements by the ID of their row, each with its document."""
    return {
        each.stored.id: (document, each)
        for document in draft.documents
        for each in document.parts
        if each.stored
    }


def parts_of(rows: Sequence[Any]) -> Parts:
    """Return the rows of one object by their kind."""
    found = Parts()
    for row in rows:
        if isinstance(row, DraftRequirement):
            found.requirement = row
        else:
            found.block = row
    return found
