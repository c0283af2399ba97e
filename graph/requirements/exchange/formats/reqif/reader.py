"""The reader of ReqIF files: specifications, headings, requirements and relations.

The IDENTIFIER of an object is its external id, by which a later import finds it again. ReqIF
does not distinguish headings from requirements; `Reader.is_heading` does.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reqif.models.reqif_specification import ReqIFSpecification

from db.problem import Problem
from graph.requirements.exchange.files.archives import is_archive, unpacked
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.reqif import own
from graph.requirements.exchange.formats.reqif.own import Own
from graph.requirements.exchange.formats.reqif.parsing import Item, Parsed, parse_reqif
from graph.requirements.exchange.formats.reqif.values import Definitions
from graph.requirements.exchange.formats.reqif.writer import read_back, storable
from graph.requirements.exchange.model.draft import (
    MAX_NAME_LENGTH,
    MAX_TEXT_LENGTH,
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftProperty,
    DraftRequirement,
    Limits,
    fitting_name,
    joined,
    refused,
)
from graph.requirements.exchange.model.fields import CHOICES, IGNORE, PROPERTY, assign
from graph.requirements.exchange.model.vocabulary import meant, relation_meant

STANDARD = {"ReqIF.Name": "name", "ReqIF.Text": "description", "ReqIF.Description": "description"}
"""Attributes whose names the ReqIF implementation guide fixes, and the fields they fill."""

Requirement = DraftRequirement | None
CHAPTER = "ReqIF.ChapterName"
HEADING_TYPE = re.compile(r"\b(heading|headline|chapter|section|folder)s?\b", re.IGNORECASE)
FOREIGN_ID = "ReqIF.ForeignID"


def read(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of a .reqif file, or of all those in a .reqifz archive.

    `chosen` maps attributes to fields, as for CSV. Raises Problem INVALID, with one sentence, for
    anything else.
    """
    return read_files(source, chosen=chosen, limits=limits)[0]


def read_files(
    source: Source, *, chosen: Mapping[str, str], limits: Limits, is_outline: bool = False
) -> tuple[Draft, list["Reader"]]:
    """Return the draft, and the readers of the files that it was read from.

    An outline has requirements without their contents, which `Reader.whole` reads again.
    """
    if "external_id" in chosen.values():
        message = "the external id is always the object's IDENTIFIER; nothing else can be."
        raise refused(source.name, message)
    draft = Draft(structured=True, counts={"specifications": 0, "objects": 0, "relations": 0})
    is_one = not is_archive(source)
    files, others = ([source], 0) if is_one else unpacked(source, limits.unpacked, ".reqif")
    if others:
        draft.notes.append(f"{others} attached files of the archive are not imported.")
    readers = [Reader(file, parse_reqif(file, limits), chosen) for file in files]
    for reader in readers:
        reader.is_outline = is_outline
    _read_together(readers, draft)
    if sum(len(each.requirements) for each in draft.documents) > limits.items:
        raise refused(source.name, f"there are more than {limits.items:,} requirements.")
    missing = set(chosen)
    for reader in readers:
        missing -= {attribute.name for attribute in reader.definitions.attributes.values()}
    if missing:
        raise refused(source.name, f"there is no attribute {min(missing)!r}.")
    if len(draft.documents) > limits.documents:
        message = f"there are more than {limits.documents:,} specifications."
        raise refused(source.name, message)
    return draft, readers


def _read_together(readers: list["Reader"], draft: Draft) -> None:
    """Read the files of an archive; specifications and relations may refer to other files."""
    owners = {id: reader for reader in reversed(readers) for id in reader.objects}
    for reader in readers:
        reader.owners = owners
        reader.read_specifications(draft)
    placed = set().union(*(reader.placed for reader in readers))
    for reader in readers:
        reader.read_others(draft, placed)


class Reader:
    """One file: its objects by identifier, and the notes about them."""

    def __init__(self, source: Source, parsed: Parsed, chosen: Mapping[str, str]) -> None:
        self.source, self.parsed, self.chosen = source, parsed, chosen
        bundle = parsed.bundle
        self.content = bundle.core_content.req_if_content if bundle.core_content else None
        if self.content is None:
            raise refused(source.name, "the file has no <CORE-CONTENT> with a <REQ-IF-CONTENT>.")
        self.definitions = Definitions(self.content)
        self.objects: dict[str, Item] = {each.identifier: each for each in parsed.objects}
        self.external = {id: id for id in self.objects}
        """The external IDs of the objects."""
        self.owners: Mapping[str, Reader] = dict.fromkeys(self.objects, self)
        self.placed: set[str] = set()
        self.kept: set[str] = set()
        """The attributes that become properties."""
        self.assigned: dict[tuple[str, ...], dict[int, str]] = {}
        self.documents: list[tuple[str | None, DraftDocument]] = []
        """The documents, each with the IDENTIFIER of its specification."""
        self.places: dict[str, list[tuple[DraftDocument, DraftBlock | None, Requirement]]] = {}
        """The drafts of each object, one for each of its documents."""
        self.links: list[tuple[Item, DraftLink | None]] = []
        """The relations, and what was made of them."""
        self.is_outline = False
        self.unknown: Counter[tuple[str, str]] = Counter()
        self.notes: list[str] = []

    def read_specifications(self, draft: Draft) -> None:
        assert self.content is not None  # noqa: S101 (as checked when the reader was made)
        self.specifications = specifications = self.content.specifications or []
        self.documents += [
            (each.identifier, self.document(each, nodes))
            for each, nodes in zip(specifications, self.parsed.nodes, strict=True)
        ]
        draft.documents += [document for _, document in self.documents]
        draft.counts["specifications"] += len(specifications)

    def read_others(self, draft: Draft, placed: Collection[str]) -> None:
        """Read the objects that no specification of any file holds, and the relations."""
        assert self.content is not None  # noqa: S101 (as checked when the reader was made)
        if loose := [o for id, o in self.objects.items() if id not in placed]:
            self.documents.append((None, self.document_of(loose)))
            draft.documents.append(self.documents[-1][1])
        relations = self.parsed.relations
        self.links = [(each, self.link(each)) for each in relations]
        draft.links += joined([link for _, link in self.links if link])
        draft.counts["objects"] += len(self.objects)
        draft.counts["relations"] += len(relations)
        self.define(draft)
        if groups := self.content.spec_relation_groups:
            self.notes.append(f"{len(groups)} groups of relations are not imported.")
        for (name, word), count in self.unknown.items():
            self.notes.append(
                f"{name} has no equivalent for {word!r} (objects: {count});"
                " it is kept as a property."
            )
        for element, count in self.definitions.unread.items():
            self.notes.append(f"Of <{element}> only the text is taken over (places: {count}).")
        draft.notes += self.notes

    def define(self, draft: Draft) -> None:
        """Add the properties that attributes of objects define; none where two differ."""
        defined: dict[str, DraftProperty | None] = {}
        for id, attribute in self.definitions.attributes.items():
            if attribute.name in self.kept:
                found = self.definitions.property_of(id)
                same = defined.setdefault(attribute.name, found) == found
                defined[attribute.name] = found if same else None
        for key, property in defined.items():
            if property is not None:
                draft.properties.setdefault(key, property)

    def document(
        self, specification: ReqIFSpecification, nodes: Sequence[tuple[int, str]]
    ) -> DraftDocument:
        values = self.definitions.values(specification.specification_type, specification.values)
        said = Own.taken(values)
        title = _text(values.pop("ReqIF.Name", None))
        text = _text(values.pop("ReqIF.Description", None))
        text = said.described(text, storable, read_back)
        name = title or specification.long_name or self.title
        description = text or specification.description
        if unplaced := [key for key, value in values.items() if value is not None]:
            self.notes.append(f"{name}: a document has no place for {', '.join(unplaced)}.")
        external_id = said.external_id or specification.identifier
        document = DraftDocument(fitting_name(name), external_id, description)
        here: set[str] = set()
        blocks: list[str | None] = [None]
        """The block at each depth above a node."""
        depths = [*(depth for depth, _ in nodes[1:]), 0][: len(nodes)]
        for (depth, object_id), following in zip(nodes, depths, strict=True):
            block = blocks[depth - 1]
            owner = self if object_id in self.objects else self.owners.get(object_id)
            if owner is None:
                self.notes.append(f"{name} refers to {object_id!r}, which is not there.")
            elif object_id in here:
                self.notes.append(f"{name} holds {object_id!r} twice; the first counts.")
            else:
                here.add(object_id)
                object_, has_children = owner.objects[object_id], following > depth
                block = owner.place(object_, document, block, has_children=has_children)
            blocks[depth:] = [block]
        self.placed |= here
        return document

    def document_of(self, objects: list[Item]) -> DraftDocument:
        """Return a document for the objects that are in no specification."""
        # Found again by its name: the header's identifier is a new one in every export.
        document = DraftDocument(fitting_name(f"{self.title} (outside of specifications)"))
        for object_ in objects:
            self.place(object_, document, None, has_children=False)
        return document

    def place(
        self,
        object_: Item,
        document: DraftDocument,
        block: str | None,
        *,
        has_children: bool,
    ) -> str | None:
        """Put the object into the document; return the external ID of its children's block.

        A requirement with children opens a block of its own name and comes first in it.
        """
        requirement, said = self.requirement(object_)
        drafted = None
        if said.kind:
            heading = said.kind == "heading"
            has_children |= said.kind == "both"
        elif said.is_own:
            heading = self.has_heading_type(object_)
        else:
            heading = self.is_heading(object_, requirement, has_children=has_children)
        if requirement.properties.get(CHAPTER) == requirement.name:
            requirement.properties[CHAPTER] = None  # it is told by the name
        if heading or has_children:
            content = dict(said.content)
            if heading:
                properties = {k: v for k, v in requirement.properties.items() if v is not None}
                content |= {"text": requirement.description} if requirement.description else {}
                content |= {"properties": properties} if properties else {}
            external_id = requirement.external_id or object_.identifier
            name = said.block_name or requirement.name
            drafted = DraftBlock(external_id, name, block, content, said.block_type)
            document.blocks.append(drafted)
            block = drafted.external_id
        if not heading:
            if self.is_outline:
                requirement = DraftRequirement("", requirement.external_id)
            requirement.block = block
            document.requirements.append(requirement)
        made = (document, drafted, None if heading else requirement)
        self.places.setdefault(object_.identifier, []).append(made)
        return block

    def is_heading(self, object_: Item, drafted: DraftRequirement, *, has_children: bool) -> bool:
        """Return whether the object is a heading.

        It is one by the name of its type, or when it has no text but either the name of a chapter
        or children.
        """
        if self.has_heading_type(object_):
            return True
        return not drafted.description and bool(has_children or drafted.properties.get(CHAPTER))

    def has_heading_type(self, object_: Item) -> bool:
        return bool(HEADING_TYPE.search(self.definitions.type_name(object_.type)))

    def values_of(self, object_: Item) -> dict[str, Any]:
        """Return the values of an object. Raises INVALID for a text that is too long."""
        values = self.definitions.values(object_.type, self.parsed.attributes(object_))
        for name, value in values.items():
            if isinstance(value, str) and len(value) > MAX_TEXT_LENGTH:
                limit = f"{MAX_TEXT_LENGTH:,} characters"
                message = f"{name} of {object_.identifier!r} has more than {limit}."
                raise refused(self.source.name, message)
        return values

    def defaults_of(self, type_: str | None) -> dict[str, Any]:
        """Return the default values of a type, by the names of the attributes."""
        values = self.definitions.values(None, self.parsed.default_attributes(type_))
        return {name: value for name, value in values.items() if value is not None}

    def requirement(self, object_: Item) -> tuple[DraftRequirement, Own]:
        values = self.values_of(object_)
        said = Own.taken(values)
        targets = self.targets(object_, tuple(values))
        fields: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for index, (name, value) in enumerate(values.items()):
            target = targets.get(index, PROPERTY)
            if target in ("name", "description"):
                fields[target] = _text(value)
            elif target == "tags":
                tags = value if isinstance(value, list) else [value]
                fields["tags"] = [*fields.get("tags", ()), *(_text(tag) for tag in tags if tag)]
            elif target in CHOICES:
                fields[target] = member = meant(CHOICES[target], _text(value))
                unknown = value is not None and member is None
                properties[name] = value if unknown else None
                if unknown:
                    self.unknown[name, _text(value)] += 1
            elif target != IGNORE:
                properties[name] = value
                self.kept.add(name)
        if said.text is not None:
            fields["description"] = said.described(
                fields.get("description", ""), read_back, storable
            )
        properties |= said.properties
        said.fill(fields)
        name = fields.get("name") or object_.long_name or ""
        if len(name) > MAX_NAME_LENGTH:
            properties["ReqIF.Name"] = name
        fields["name"] = fitting_name(name) or _name_from(object_, fields, properties)
        self.external[object_.identifier] = external_id = said.external_id or object_.identifier
        return DraftRequirement(**fields, external_id=external_id, properties=properties), said

    def whole(self, identifier: str, outlined: DraftRequirement) -> DraftRequirement:
        """Return a requirement of an outline with its contents."""
        found, _ = self.requirement(self.objects[identifier])
        if found.properties.get(CHAPTER) == found.name:
            found.properties[CHAPTER] = None
        found.block = outlined.block
        return found

    def targets(self, object_: Item, names: tuple[str, ...]) -> dict[int, str]:
        """Return the field of each attribute, by its index; cached by the attributes' names."""
        if names not in self.assigned:
            chosen = {name: field for name, field in self.chosen.items() if name in names}
            standard = {
                name: field
                for name, field in STANDARD.items()
                if name in names and name not in chosen and field not in chosen.values()
            }
            try:
                targets = assign(list(names), standard | chosen)
            except Problem as problem:
                message = f"{object_.identifier}: {problem.message}"
                raise refused(self.source.name, message) from None
            # The IDENTIFIER is the external id; whatever else looks like one is a property.
            self.assigned[names] = {i: t for i, t in targets.items() if t != "external_id"}
        return self.assigned[names]

    def link(self, relation: Item) -> DraftLink | None:
        name = self.definitions.type_name(relation.type)
        type_, inverse = relation_meant(name)
        ends = relation.ends or ("", "")
        for end in ends:
            if end not in self.owners:
                message = f"Relation {relation.identifier!r} refers to {end!r}, which is not there."
                self.notes.append(message)
                return None
        if ends[0] == ends[1]:
            self.notes.append(f"Relation {relation.identifier!r} joins an object with itself.")
            return None
        source, target = [self.owners[end].external[end] for end in ends]
        if inverse:
            source, target = target, source
        said = [name, relation.long_name or "", relation.description or ""]
        values = self.definitions.values(relation.type, self.parsed.attributes(relation))
        if (told := own.described_by(values)) is not None:
            return DraftLink(source, target, type_, told)
        if own.DESCRIPTION in values:
            return DraftLink(source, target, type_, values[own.DESCRIPTION])
        said += [f"{key}: {_text(value)}" for key, value in values.items() if value is not None]
        return DraftLink(source, target, type_, "; ".join(filter(None, said)) or None)

    @property
    def title(self) -> str:
        """Return the title in the file's header, or else its name."""
        header = self.parsed.bundle.req_if_header
        return (header.title if header else None) or self.source.stem


def _name_from(object_: Item, fields: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    """Return a name for an object without one: chapter, first line, foreign ID or IDENTIFIER."""
    first_line = next(iter(fields.get("description", "").splitlines()), "")
    names = (_text(properties.get(CHAPTER)), first_line, _text(properties.get(FOREIGN_ID)))
    return next(filter(None, map(fitting_name, names)), object_.identifier)


def _text(value: Any) -> str:
    """Return a typed value as text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(_text, value))
        case _:
            return str(value)
