"""A ReqIF file that was imported, written again as its rows are now.

Objects, relations and specifications that are as they were keep their bytes. Rows that are not in
the export, because they were deleted or the viewer cannot read them, are removed from it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db.requirements.collaboration import TraceLinkType
from graph.requirements.exchange.files.nodes import Element
from graph.requirements.exchange.formats.reqif import own
from graph.requirements.exchange.formats.reqif.attributes import is_identifier
from graph.requirements.exchange.formats.reqif.back.edits import Parts
from graph.requirements.exchange.formats.reqif.back.file import FileBack, parts_of, versions_differ
from graph.requirements.exchange.formats.reqif.back.hierarchy import Hierarchy, Outline, outline_of
from graph.requirements.exchange.formats.reqif.values import Definition
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftLink
from graph.requirements.exchange.model.versions import Versions
from graph.requirements.exchange.model.vocabulary import relation_meant


@dataclass
class Original:
    """The current rows of the files of one import, and their names."""

    draft: Draft
    read: Draft
    versions: Versions
    places: Mapping[int, int]
    """The place of each document in the import, by its identity."""
    documents: Mapping[int, DraftDocument]
    """The documents of the export, by their places in the import."""
    is_compared: bool
    """True to compare rows even if their versions are those of the import."""
    names: dict[UUID, str] = field(default_factory=dict)
    """The identifier of the object of each row."""

    def __post_init__(self) -> None:
        self.rows: dict[UUID, tuple[DraftDocument, Any]] = {
            each.stored.id: (document, each)
            for document in self.documents.values()
            for each in document.parts
            if each.stored
        }
        self.told = {_key(link): link.description for link in self.read.links}
        self.identifiers: dict[str, str] = {}
        """The identifiers of the objects of the import, by their external IDs."""


class OriginalFile:
    """One file: what its parts were, and what their rows are now."""

    def __init__(self, back: FileBack, original: Original) -> None:
        self.back, self.reader, self.original = back, back.reader, original
        self.documents: list[tuple[str | None, DraftDocument, DraftDocument | None]] = [
            (id_, read, original.documents.get(original.places[id(read)]))
            for id_, read in self.reader.documents
        ]
        self.old: dict[str, Parts] = {}
        self.new: dict[str, Parts] = {}
        self._touched: set[str] = set()
        self._parents: set[str] = set()
        for name, external in self.reader.external.items():
            original.identifiers.setdefault(external, name)

    def match(self) -> None:
        """Find the rows that the objects of the file are now."""
        for identifier, made in self.reader.places.items():
            for read, block, requirement in made:
                self._match(identifier, self.original.places[id(read)], block, requirement)

    def _match(self, identifier: str, place: int, block: Any, requirement: Any) -> None:
        versions, rows = self.original.versions, self.original.rows
        kept = [
            found
            for part, known in (
                (block, versions.blocks[place]),
                (requirement, versions.requirements[place]),
            )
            if part and (found := known.get(part.external_id)) and found.id in rows
        ]
        if len(kept) > 1:
            (document, above), (other, inside) = (rows[one.id] for one in kept)
            if document is not other or inside.block != above.external_id:
                del kept[1]  # the requirement has left its block
                self._touched.add(identifier)
        if not kept:
            return
        if len(kept) < (block is not None) + (requirement is not None):
            self._touched.add(identifier)
        for one in kept:
            self.original.names.setdefault(one.id, identifier)
        is_touched = self.original.is_compared or any(
            versions_differ(rows[one.id][1].stored, one) for one in kept
        )
        if identifier in self.new and (identifier in self._touched or not is_touched):
            return  # in several specifications, the first change counts
        self.old[identifier] = Parts(block, requirement)
        self.new[identifier] = parts_of([rows[one.id][1] for one in kept])
        if is_touched:
            self._touched.add(identifier)

    def name_new(self) -> None:
        """Name the rows that no object is yet."""
        for _, _, document in self.documents:
            for each in document.parts if document else []:
                if each.stored is None or each.stored.id in self.original.names:
                    continue
                wanted = each.external_id or ""
                if not is_identifier(wanted):
                    wanted = f"gateway-{each.stored.id}"
                name = self.back.free(wanted)
                self.original.names[each.stored.id] = name
                self.new[name] = parts_of([each])

    def write(self) -> None:
        """Write objects, hierarchies, specifications, and what is left out."""
        with_children = self._hierarchies()
        used: dict[tuple[int, bool], Counter[str]] = defaultdict(Counter)
        for name, old in self.old.items():
            holder = self.original.rows[self.new[name].main.stored.id][0]
            type_ = self.reader.objects[name].type
            if type_ in self.back.types and old.main:
                used[id(holder), old.requirement is None][type_] += 1
        for name, parts in self.new.items():
            has_children = name in with_children
            if name in self.old:
                self._write_object(name, parts, has_children=has_children)
                continue
            holder = self.original.rows[parts.main.stored.id][0]
            is_heading = parts.requirement is None
            type_ = self.back.type_for(holder, used[id(holder), is_heading], heading=is_heading)
            seen = self.back.unseen(type_, name)
            edit = self.back.differ.edit(seen, Parts(), parts, has_children=has_children)
            if parts.main.external_id != name:
                edit.own = {**(edit.own or {}), "externalId": parts.main.external_id}
            self.back.write_new(seen, edit)
        self._remove()
        for identifier, read, document in self.documents:
            if identifier and document:
                self._write_document(identifier, read, document)

    def _write_object(self, name: str, parts: Parts, *, has_children: bool) -> None:
        was_parent = name in self._parents
        if name not in self._touched and was_parent == has_children:
            return
        seen, old = self.back.seen(name), self.old[name]
        if old.requirement:
            old = Parts(old.block, self.reader.whole(name, old.requirement))
        if old.requirement and not parts.requirement and old.block:
            old = Parts(requirement=old.requirement)  # its name and text were the requirement's
        edit = self.back.differ.edit(seen, old, parts, has_children=has_children)
        if edit:
            self.back.write(seen, edit)

    def _hierarchies(self) -> set[str]:
        """Write the hierarchies that differ; return the objects with others beneath them."""
        with_children: set[str] = set()
        for identifier, read, document in self.documents:
            if document is None or (identifier is None and not document.blocks):
                continue
            old = outline_of(
                [(self._old(e.external_id), self._old(e.parent)) for e in read.blocks],
                [(self._old(e.external_id), self._old(e.block)) for e in read.requirements],
            )
            at = {
                e.external_id: self.original.names[e.stored.id] for e in document.blocks if e.stored
            }
            new = outline_of(
                [(at[e.external_id], at.get(e.parent or "")) for e in document.blocks],
                [
                    (self.original.names[e.stored.id], at.get(e.block or ""))
                    for e in document.requirements
                    if e.stored
                ],
            )
            for outline, parents in ((old, self._parents), (new, with_children)):
                for part in (outline.leaves, outline.branches):
                    parents |= {above for above, names in part.items() if above and names}
            ids = (self.back.free("gateway-place") for _ in iter(int, 1))
            if identifier is None:
                self._new_specification(document, new, ids)
                continue
            aboves = {*old.leaves, *old.branches, *new.leaves, *new.branches}
            if not all(new.is_as(old, above) for above in aboves):
                element = self.back.specifications[identifier]
                Hierarchy(self.back.splices, self.back.markup, element, ids).write(old, new)
        return with_children

    def _new_specification(
        self, document: DraftDocument, outline: Outline, ids: Iterable[str]
    ) -> None:
        """Write a specification for objects that were in none, and are under headings now."""
        markup = self.back.markup
        types = self.back.types.items()
        type_ = next((id_ for id_, e in types if e.name == "SPECIFICATION-TYPE"), None)
        if type_ is None:
            type_ = self.back.free("gateway-document")
            given = {"IDENTIFIER": type_, "LAST_CHANGE": markup.at, "LONG_NAME": "Document"}
            self.back.add("SPEC-TYPES", markup.element("SPECIFICATION-TYPE", **given))
        of = markup.element("TYPE", markup.reference("SPECIFICATION-TYPE", type_))
        nowhere = Element("", "", {}, 0, 0)
        content = Hierarchy(self.back.splices, markup, nowhere, ids).content(outline)
        given = {"IDENTIFIER": self.back.free(document.external_id or "gateway-document")}
        given |= {"LAST_CHANGE": markup.at, "LONG_NAME": document.name}
        given |= {"DESC": document.description} if document.description else {}
        self.back.add("SPECIFICATIONS", markup.element("SPECIFICATION", of, content, **given))

    def _old(self, external: str | None) -> Any:
        """Return the identifier of the object that has this external ID in the file."""
        return self.original.identifiers.get(external, external) if external else None

    def _write_document(self, id_: str, read: DraftDocument, document: DraftDocument) -> None:
        known = self.original.versions.documents[self.original.places[id(read)]]
        if not versions_differ(document.stored, known) and not self.original.is_compared:
            return
        element = self.back.specifications[id_]
        specification = next(each for each in self.reader.specifications if each.identifier == id_)
        type_ = specification.specification_type
        values = self.reader.definitions.values(type_, specification.values)
        raw = own.parsed_fields(values)
        more = dict(raw)
        changed: dict[str, Any] = {}
        if read.name != document.name:
            if values.get("ReqIF.Name"):
                changed["ReqIF.Name"] = document.name
            else:
                self.back.splices.set(element, "LONG-NAME", document.name)
        if (read.description or "") != (document.description or ""):
            more.pop("text", None)
            if "ReqIF.Description" in values:
                changed["ReqIF.Description"] = document.description or None
            else:
                self.back.splices.set(element, "DESC", document.description or "")
            more["text"] = document.description
        if read.external_id != document.external_id:
            more["externalId"] = document.external_id
        more = {key: value for key, value in more.items() if value}
        if changed or more != raw:
            self.back.write_values(element, type_, changed, more if more != raw else None)

    def _remove(self) -> None:
        """Remove what has no row: objects, relations with them, and specifications."""
        gone = {name for name in self.reader.objects if name not in self.new}
        for name in gone:
            self.back.splices.remove(self.back.objects[name])
        left_out = {id_ for id_, _, document in self.documents if id_ and document is None}
        for id_ in left_out:
            self.back.splices.remove(self.back.specifications[id_])
        if any(document is None for _, _, document in self.documents):
            for extensions in self.back.root.all("TOOL-EXTENSIONS"):
                self.back.splices.remove(extensions)
        for group in self.back.root.all("RELATION-GROUP"):
            if any(ref.text.strip() in left_out for ref in group.all("SPECIFICATION-REF")):
                self.back.splices.remove(group)

    def write_links(self, links: Mapping[UUID, DraftLink], known: Mapping[str, str]) -> set[UUID]:
        """Write the relations of the file; return the links that it has.

        `links` are those of the export by their rows; `known` are objects of other files.
        """
        written: set[UUID] = set()
        gone: set[str] = set()
        here = {*self.new, *known}
        for element, (relation, link) in zip(self.back.relations, self.reader.links, strict=True):
            kept = self.original.versions.links.get(_key(link)) if link else None
            ends = relation.ends or ()
            if any(end in self.reader.owners and end not in here for end in ends):
                now = None
            elif link is None:
                continue
            else:
                now = links.get(kept.id) if kept else None
            if now is None or now.stored is None:
                gone.add(relation.identifier)
                self.back.splices.remove(element)
                continue
            written.add(now.stored.id)
            told = self.original.told.get(_key(link)) if link else None
            is_compared = self.original.is_compared or versions_differ(now.stored, kept)
            if is_compared and now.description != told:
                more = {"description": now.description}
                self.back.write_values(element, relation.type, {}, more)
        for reference in self.back.root.all("SPEC-RELATION-REF"):
            if reference.text.strip() in gone:
                self.back.splices.remove(reference)
        return written

    def add_link(self, link: DraftLink, source: str, target: str) -> None:
        """Add a relation between two objects."""
        type_ = self._type_of(link)
        markup = self.back.markup
        ends = [
            markup.element(end, markup.reference("SPEC-OBJECT", name))
            for end, name in (("SOURCE", source), ("TARGET", target))
        ]
        values = []
        if link.description and type_.startswith("gateway-"):
            id_ = f"{type_}-description"
            definition = Definition(own.DESCRIPTION, {})
            value = markup.value(id_, definition, link.description, {})
            values = [markup.element("VALUES", value)]
        of = markup.element("TYPE", markup.reference("SPEC-RELATION-TYPE", type_))
        identifier = self.back.free(f"gateway-link-{link.stored.id if link.stored else ''}")
        relation = markup.element(
            "SPEC-RELATION", of, *ends, *values, IDENTIFIER=identifier, LAST_CHANGE=markup.at
        )
        self.back.add("SPEC-RELATIONS", relation)

    def _type_of(self, link: DraftLink) -> str:
        """Return the type of a new relation: one of the file if it says the same, or our own."""
        for id_, element in self.back.types.items():
            name = self.reader.definitions.type_name(id_)
            same_type = relation_meant(name) == (TraceLinkType(link.type), False)
            if element.name == "SPEC-RELATION-TYPE" and same_type and name == link.description:
                return id_
        found = f"gateway-link-{link.type.value}"
        if found not in self.back.taken:
            self.back.taken.add(found)
            markup = self.back.markup
            definition = self.back.string_attribute(f"{found}-description", own.DESCRIPTION)
            attributes = markup.element("SPEC-ATTRIBUTES", definition)
            name = link.type.value.replace("_", " ")
            given = {"IDENTIFIER": found, "LAST_CHANGE": markup.at, "LONG_NAME": name}
            self.back.add("SPEC-TYPES", markup.element("SPEC-RELATION-TYPE", attributes, **given))
        return found


def _key(link: DraftLink) -> tuple[str, str, str]:
    return link.source, link.target, link.type.value
