"""The writer of ReqIF files (OMG ReqIF 1.2, formal/2016-07-01), one element after the other.

Requirements and headings are SPEC-OBJECTs, documents are SPECIFICATIONs, and links are
SPEC-RELATIONs. What ReqIF has no place for is in attributes of `reqif_own`.
"""

import zipfile
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any

from lxml import etree

from graph.requirements.exchange.files.archives import add_member
from graph.requirements.exchange.files.content import PIECE
from graph.requirements.exchange.files.spill import content_of
from graph.requirements.exchange.formats.reqif import own
from graph.requirements.exchange.formats.reqif.attributes import (
    CHAPTER,
    FIELDS,
    ILLEGAL,
    NAME,
    TAGS,
    TEXT,
    Attribute,
    attributes_of,
    is_identifier,
    tags_of,
    written,
)
from graph.requirements.exchange.formats.reqif.xhtml import plain_text
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftRequirement,
    Limits,
)
from graph.requirements.exchange.model.tree import Node, tree_of

REQIF = "http://www.omg.org/spec/ReqIF/20110401/reqif.xsd"
XHTML = "http://www.w3.org/1999/xhtml"
TOOL = "Requirements gateway"
_BOUNDS = {
    "STRING": {"MAX-LENGTH": "1000000"},
    "INTEGER": {"MIN": str(-(2**63)), "MAX": str(2**63 - 1)},
    "REAL": {"ACCURACY": "17", "MIN": "-1.8E308", "MAX": "1.8E308"},
}
PLAIN = ("STRING", "INTEGER", "REAL", "BOOLEAN", "DATE", "XHTML")


def write(draft: Draft, title: str, file: IO[bytes]) -> str:
    """Write a draft as a ReqIF file, or as an archive; return the ending of its name."""
    write_reqif(draft, title, file)
    return compact(file)


def compact(file: IO[bytes]) -> str:
    """Return the ending of a ReqIF file that was written.

    It is made an archive if it is larger than a file that can be imported.
    """
    if file.tell() <= Limits().size:
        return ".reqif"
    file.seek(0)
    content = content_of(iter(lambda: file.read(PIECE), b""))
    file.seek(0)
    file.truncate()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        add_member(archive, "requirements.reqif", content)
    return ".reqifz"


def write_reqif(
    draft: Draft,
    title: str,
    file: IO[bytes],
    at: datetime | None = None,
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Write a draft as a ReqIF file that was created at this time.

    `elsewhere` are the identifiers of objects in other files, by their external IDs.
    """
    at = at or datetime.now(UTC)
    with etree.xmlfile(file, encoding="utf-8") as xml:
        xml.write_declaration()
        writer = _Writer(xml, draft, at.isoformat(timespec="seconds"))
        writer.elsewhere = elsewhere or {}
        writer.taken |= set(writer.elsewhere.values())
        writer.whole(title)


def xhtml_of(text: str) -> Any:
    """Return a text as XHTML (an element of lxml): its lines, with breaks between them."""
    division = etree.Element(f"{{{XHTML}}}div", nsmap={"xhtml": XHTML})
    first, *others = ILLEGAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    division.text = first
    for line in others:
        etree.SubElement(division, f"{{{XHTML}}}br").tail = line
    return division


def storable(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return ILLEGAL.sub("", text)


def read_back(text: str) -> str:
    """Return the text that the reader makes of the XHTML of a text."""
    value = etree.Element("THE-VALUE")
    value.append(xhtml_of(text))
    return plain_text(value)


class _Writer:
    def __init__(self, xml: Any, draft: Draft, at: str) -> None:
        self.xml, self.draft, self.at = xml, draft, at
        self.properties = attributes_of(draft)
        external = Attribute("gateway-external-id", own.EXTERNAL_ID, "STRING")
        more = Attribute("gateway-more", own.MORE, "STRING")
        fields = [
            Attribute(f"gateway-{name.lower()}", name, "ENUMERATION", [m.value for m in members])
            for name, members in FIELDS.items()
        ]
        self.of_requirements = {
            each.name: each
            for each in (
                external,
                Attribute("gateway-name", NAME, "STRING"),
                Attribute("gateway-text", TEXT, "XHTML"),
                Attribute("gateway-exact-text", own.TEXT, "STRING"),
                *fields,
                Attribute("gateway-tags", TAGS, "ENUMERATION", tags_of(draft), many=True),
                *self.properties.values(),
                more,
            )
        }
        self.of_headings = _copies("heading", CHAPTER, TEXT, own.TEXT, own.BLOCK_TYPE, own.CONTENT)
        self.of_documents = _copies("document", NAME, "ReqIF.Description", own.TEXT)
        self.of_relations = _copies("relation", own.DESCRIPTION)
        self.taken: set[str] = set()
        self.number = 0
        self.ids: dict[str, str] = {}
        """The IDENTIFIER of the first object with an external ID."""
        self.elsewhere: Mapping[str, str] = {}

    def whole(self, title: str) -> None:
        trees = [tree_of(document) for document in self.draft.documents]
        with self.element("REQ-IF", nsmap={None: REQIF, "xhtml": XHTML}):
            header = self.element("REQ-IF-HEADER", IDENTIFIER="gateway-header")
            with self.element("THE-HEADER"), header:
                for name, text in (
                    ("CREATION-TIME", self.at),
                    ("REQ-IF-TOOL-ID", TOOL),
                    ("REQ-IF-VERSION", "1.0"),
                    ("SOURCE-TOOL-ID", TOOL),
                    ("TITLE", ILLEGAL.sub("", title)),
                ):
                    self.text(name, text)
            with self.element("CORE-CONTENT"), self.element("REQ-IF-CONTENT"):
                self.datatypes()
                self.types()
                with self.element("SPEC-OBJECTS"):
                    for tree in trees:
                        for node in tree.walk():
                            self.object(node)
                with self.element("SPEC-RELATIONS"):
                    self.relations()
                with self.element("SPECIFICATIONS"):
                    for document, tree in zip(self.draft.documents, trees, strict=True):
                        self.specification(document, tree)

    def datatypes(self) -> None:
        with self.element("DATATYPES"):
            for kind in PLAIN:
                name = f"DATATYPE-DEFINITION-{kind}"
                bounds = _BOUNDS.get(kind, {})
                with self.named(name, f"gateway-{kind.lower()}", kind.lower(), **bounds):
                    pass
            for each in self.of_requirements.values():
                if each.kind == "ENUMERATION":
                    named = self.named("DATATYPE-DEFINITION-ENUMERATION", each.datatype, each.name)
                    with named, self.element("SPECIFIED-VALUES"):
                        for key, (label, id) in enumerate(each.choices.items()):
                            with self.named("ENUM-VALUE", id, label), self.element("PROPERTIES"):
                                values = {"KEY": str(key), "OTHER-CONTENT": ""}
                                self.text("EMBEDDED-VALUE", None, **values)

    def types(self) -> None:
        with self.element("SPEC-TYPES"):
            for tag, id, name, attributes in (
                ("SPEC-OBJECT-TYPE", "gateway-requirement", "Requirement", self.of_requirements),
                ("SPEC-OBJECT-TYPE", "gateway-heading", "Heading", self.of_headings),
                ("SPECIFICATION-TYPE", "gateway-document", "Document", self.of_documents),
                *(
                    ("SPEC-RELATION-TYPE", f"gateway-{type_}", _words(type_), self.of_relations)
                    for type_ in dict.fromkeys(link.type.value for link in self.draft.links)
                ),
            ):
                suffix = f"-{id}" if tag == "SPEC-RELATION-TYPE" else ""
                with self.named(tag, id, name), self.element("SPEC-ATTRIBUTES"):
                    for each in attributes.values():
                        more = {"MULTI-VALUED": _flag(each.many)} if each.choices else {}
                        definition = f"ATTRIBUTE-DEFINITION-{each.kind}"
                        named = self.named(definition, each.id + suffix, each.name, **more)
                        with named, self.element("TYPE"):
                            self.text(f"DATATYPE-DEFINITION-{each.kind}-REF", each.datatype)

    def object(self, node: Node) -> None:
        thing = node.requirement or node.block
        assert thing is not None  # noqa: S101 (a node is one of the two)
        external = thing.external_id or ""
        node.identifier = self.identifier(external)
        self.ids.setdefault(external, node.identifier)
        with self.named("SPEC-OBJECT", node.identifier, thing.name):
            with self.element("TYPE"):
                kind = "requirement" if node.requirement else "heading"
                self.text("SPEC-OBJECT-TYPE-REF", f"gateway-{kind}")
            with self.element("VALUES"):
                if node.requirement:
                    self.requirement(node.requirement, node.identifier)
                elif node.block:
                    self.heading(node.block, node.identifier)

    def requirement(self, requirement: DraftRequirement, identifier: str) -> None:
        of = self.of_requirements
        properties = requirement.properties
        self.external(of, requirement.external_id, identifier)
        self.value(of[NAME], requirement.name)
        self.described(of, requirement.description)
        for name in FIELDS:
            self.value(of[name], getattr(requirement, name.lower()))
        self.value(of[TAGS], requirement.tags)
        left = {}
        for key, value in properties.items():
            attribute = self.properties.get(key)
            if attribute is not None and attribute.holds(value):
                self.value(attribute, value)
            elif value is not None:
                left[key] = value
        self.value(of[own.MORE], own.as_json(left) if left else None)

    def heading(self, block: DraftBlock, identifier: str) -> None:
        of, content = self.of_headings, dict(block.content)
        self.external(of, block.external_id, identifier)
        self.value(of[CHAPTER], block.name)
        if isinstance(content.get("text"), str) and content["text"]:
            self.described(of, content.pop("text"))
        self.value(of[own.BLOCK_TYPE], block.type)
        self.value(of[own.CONTENT], own.as_json(content) if content else None)

    def external(self, of: dict[str, Attribute], external: str | None, identifier: str) -> None:
        self.value(of[own.EXTERNAL_ID], external if external != identifier else None)

    def described(self, of: dict[str, Attribute], text: str | None) -> None:
        if not text:
            return
        self.value(of[TEXT], text)
        if read_back(text) != text:
            self.value(of[own.TEXT], own.as_json(text))

    def relations(self) -> None:
        for link in self.draft.links:
            with self.named("SPEC-RELATION", self.identifier("")):
                with self.element("TYPE"):
                    self.text("SPEC-RELATION-TYPE-REF", f"gateway-{link.type.value}")
                for end, external in (("SOURCE", link.source), ("TARGET", link.target)):
                    with self.element(end):
                        name = self.ids.get(external) or self.elsewhere[external]
                        self.text("SPEC-OBJECT-REF", name)
                if link.description:
                    attribute = self.of_relations[own.DESCRIPTION]
                    with self.element("VALUES"):
                        self.value(attribute, link.description, f"-gateway-{link.type.value}")

    def specification(self, document: DraftDocument, tree: Node) -> None:
        of, identifier = self.of_documents, self.identifier(document.external_id or "")
        with self.named("SPECIFICATION", identifier, document.name):
            with self.element("TYPE"):
                self.text("SPECIFICATION-TYPE-REF", "gateway-document")
            with self.element("VALUES"):
                self.external(of, document.external_id, identifier)
                self.value(of[NAME], document.name)
                self.value(of["ReqIF.Description"], document.description)
                if document.description and ILLEGAL.search(document.description):
                    self.value(of[own.TEXT], own.as_json(document.description))
            self.children(tree)

    def children(self, node: Node) -> None:
        if not node.children:
            return
        with self.element("CHILDREN"):
            for child in node.children:
                with self.named("SPEC-HIERARCHY", self.identifier("")):
                    with self.element("OBJECT"):
                        self.text("SPEC-OBJECT-REF", child.identifier)
                    self.children(child)

    def value(self, attribute: Attribute, value: Any, suffix: str = "") -> None:
        """Write a value; none for one that is empty."""
        if value is None or value in ("", []):
            return
        reference = f"ATTRIBUTE-DEFINITION-{attribute.kind}-REF"
        is_plain = attribute.kind not in ("XHTML", "ENUMERATION")
        text = {"THE-VALUE": ILLEGAL.sub("", written(attribute, value))} if is_plain else {}
        with self.element(f"ATTRIBUTE-VALUE-{attribute.kind}", **text):
            with self.element("DEFINITION"):
                self.text(reference, attribute.id + suffix)
            if attribute.kind == "ENUMERATION":
                with self.element("VALUES"):
                    for label in value if isinstance(value, list) else [value]:
                        self.text("ENUM-VALUE-REF", attribute.choices[label])
            elif attribute.kind == "XHTML":
                with self.element("THE-VALUE"):
                    self.xml.write(xhtml_of(value))

    def identifier(self, wanted: str) -> str:
        """Return an identifier that is free: the one that is wanted, if XML allows it."""
        is_allowed = is_identifier(wanted)
        while not is_allowed or wanted in self.taken:
            self.number += 1
            wanted, is_allowed = f"gateway-{self.number}", True
        self.taken.add(wanted)
        return wanted

    def named(self, tag: str, id: str, name: str = "", **attributes: str) -> Any:
        given = {"IDENTIFIER": id, "LAST-CHANGE": self.at}
        given |= {"LONG-NAME": ILLEGAL.sub("", name)} if name else {}
        return self.element(tag, **given, **attributes)

    @contextmanager
    def element(self, tag: str, nsmap: Any = None, **attributes: str) -> Any:
        with self.xml.element(f"{{{REQIF}}}{tag}", attributes, nsmap=nsmap):
            self.xml.write("\n")
            yield
        self.xml.write("\n") if tag != "REQ-IF" else None

    def text(self, tag: str, text: str | None, **attributes: str) -> None:
        with self.xml.element(f"{{{REQIF}}}{tag}", attributes):
            if text:
                self.xml.write(text)
        self.xml.write("\n")


def _copies(kind: str, *names: str) -> dict[str, Attribute]:
    """Return the attributes of a type; texts are XHTML, all others are strings."""
    every: Iterable[str] = names if kind == "relation" else (own.EXTERNAL_ID, *names)
    return {
        name: Attribute(f"gateway-{kind}-{n}", name, "XHTML" if name == TEXT else "STRING")
        for n, name in enumerate(every)
    }


def _words(type_: str) -> str:
    return type_.replace("_", " ")


def _flag(value: bool) -> str:
    return "true" if value else "false"
