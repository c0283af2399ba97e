"""ReqIF as XML: refused when it is hostile or incomplete, before the reader of ReqIF sees it.

The reader, `reqif`, takes a well-formed file for granted, fails on comments and prefixes, and
holds all of a file; so it reads the definitions of a file that was parsed, checked and written
again here, and then one object after the other. The required content of a file
is defined in the OMG's Requirements Interchange Format 1.2 (formal/2016-07-01).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree
from reqif.models.reqif_spec_object import SpecObjectAttribute
from reqif.parser import ReqIFParser
from reqif.parsers.spec_object_parser import SpecObjectParser
from reqif.reqif_bundle import ReqIFBundle

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.spill import Spill
from graph.requirements.exchange.files.xml import stream_xml, strip_namespace
from graph.requirements.exchange.formats.reqif.defaults import Defaults
from graph.requirements.exchange.model.draft import MAX_NAME_LENGTH, Limits, refused

KINDS = ("STRING", "INTEGER", "REAL", "BOOLEAN", "DATE", "ENUMERATION", "XHTML")

NEEDED: dict[str, tuple[str, ...]] = {
    "THE-HEADER": ("REQ-IF-HEADER",),
    "SPEC-OBJECT": ("TYPE/SPEC-OBJECT-TYPE-REF",),
    "SPEC-HIERARCHY": ("OBJECT/SPEC-OBJECT-REF",),
    "SPEC-RELATION": (
        "TYPE/SPEC-RELATION-TYPE-REF",
        "SOURCE/SPEC-OBJECT-REF",
        "TARGET/SPEC-OBJECT-REF",
    ),
    "ATTRIBUTE-VALUE-XHTML": ("THE-VALUE",),
    **{f"ATTRIBUTE-DEFINITION-{kind}": (f"TYPE/DATATYPE-DEFINITION-{kind}-REF",) for kind in KINDS},
}
"""The required children of an element, without which nothing can be read."""

IDENTIFIED = frozenset(
    {
        *(f"ATTRIBUTE-DEFINITION-{kind}" for kind in KINDS),
        *(f"DATATYPE-DEFINITION-{kind}" for kind in KINDS),
        *("SPEC-OBJECT", "SPEC-HIERARCHY", "SPEC-RELATION", "SPECIFICATION", "ENUM-VALUE"),
        *("REQ-IF-HEADER", "RELATION-GROUP"),
        *("SPEC-OBJECT-TYPE", "SPEC-RELATION-TYPE", "SPECIFICATION-TYPE", "RELATION-GROUP-TYPE"),
    }
)
"""Elements whose IDENTIFIER is required."""

UNIQUE = frozenset({"SPEC-OBJECT", "SPECIFICATION"})
"""Elements whose IDENTIFIER becomes an identity in the store."""


SPILLED = ("SPEC-OBJECT", "SPEC-RELATION")
"""Elements of which a file has many: each is checked, written to disk, and read when it is used."""

NODE = "SPEC-HIERARCHY"


@dataclass(slots=True)
class Item:
    """An object or a relation: what names it, and the place of the rest on disk."""

    identifier: str
    type: str
    long_name: str | None
    description: str | None
    ends: tuple[str, str] | None
    """The source and the target of a relation."""
    place: tuple[int, int]
    is_counted: bool = False
    """True once the default values that it lacks have counted towards the limit."""


@dataclass
class Parsed:
    """A file that was read: its definitions, and its objects and relations."""

    bundle: ReqIFBundle
    defaults: Defaults
    objects: list[Item]
    relations: list[Item]
    nodes: list[list[tuple[int, str]]]
    """The hierarchy of each specification: the depth and the object of each node, in order."""
    spill: Spill

    def attributes(self, item: Item) -> list[SpecObjectAttribute]:
        """Return the values of an object or a relation, with those of its type's defaults."""
        holder = etree.fromstring(self.spill.piece(item.place))
        strip_namespace(holder)  # it has the one that was declared above it again
        self.defaults.fill(holder, is_counted=item.is_counted)
        item.is_counted = True
        _complete(holder)
        return _attributes(holder.iterfind("VALUES/*"))

    def default_attributes(self, type_: str | None) -> list[SpecObjectAttribute]:
        """Return the default values of a type."""
        return _attributes(self.defaults.of_type(type_ or ""))


def parse_reqif(source: Source, limits: Limits) -> Parsed:
    """Return the contents of a ReqIF file. Raises INVALID with one sentence about the fault."""
    stream = _Stream(source, limits)
    for event, element in stream_xml(source, "ReqIF"):
        stream.see(event, element)
    root = stream.root
    if root is None or etree.QName(root).localname != "REQ-IF":
        name = etree.QName(root).localname
        raise refused(source.name, f"this is not ReqIF: its root element is <{name}>.")
    strip_namespace(root)
    stream.finish()
    defaults = Defaults(source, root, limits)
    _complete(root)
    try:
        text = etree.tostring(root, encoding="unicode")
        bundle = ReqIFParser.parse_from_string(text)
    except Exception as error:
        # The reader has no error of its own for much that it cannot read; at best it names the
        # element it stumbled over.
        at = next((f" at <{it.tag}>" for it in error.args if etree.iselement(it)), "")
        message = f"this is not ReqIF that can be read; the reader stopped{at}."
        raise refused(source.name, message) from error
    objects, relations = stream.items.values()
    return Parsed(bundle, defaults, objects, relations, stream.nodes, stream.spill)


class _Stream:
    """The elements of a file as they are read; the many are taken out of its tree."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source, self.limits = source, limits
        self.root: Any = None
        self.spill = Spill()
        self.items: dict[str, list[Item]] = {name: [] for name in SPILLED}
        self.nodes: list[list[tuple[int, str]]] = []
        self._namespace = ""
        self._pending: list[int] = []
        """The places of the nodes that are open, in the hierarchy of their specification."""
        self._in_specification = False
        self._lines: dict[str, int] = {}
        self._names: dict[str, str] = {}

    def see(self, event: str, element: Any) -> None:
        """Take an element that begins or ends."""
        if self.root is None:
            self.root = element
            self._namespace = etree.QName(element).namespace or ""
        name = self._name(element)
        if event == "start":
            if name == "SPECIFICATION" and self._is_in(element, "SPECIFICATIONS"):
                self._in_specification = True
                self.nodes.append([])
            elif name == NODE and self._in_specification:
                self._pending.append(len(self.nodes[-1]))
                self.nodes[-1].append((len(self._pending), ""))
        elif name in self.items and self._is_in(element, f"{name}S"):
            self._item(name, element)
        elif name == NODE and self._in_specification:
            self._node(element)
        elif name == "SPECIFICATION":
            self._in_specification = False

    def finish(self) -> None:
        """Check what is left in the tree, which has no namespace by now."""
        for name in (*SPILLED, NODE):
            for emptied in self.root.findall(f".//{name}"):
                if not emptied.attrib and not len(emptied):
                    emptied.getparent().remove(emptied)
        self._check(self.root)

    def _name(self, element: Any) -> str:
        name: str = element.tag
        if self._namespace:
            prefix = f"{{{self._namespace}}}"
            return name[len(prefix) :] if name.startswith(prefix) else ""
        return name

    def _is_in(self, element: Any, name: str) -> bool:
        above = element.getparent()
        return above is not None and self._name(above) == name

    def _same(self, text: str) -> str:
        """Return one text for all that are equal."""
        return self._names.setdefault(text, text)

    def _item(self, name: str, element: Any) -> None:
        strip_namespace(element, self._namespace)
        self._check(element)
        ends: tuple[str, str] | None = None
        if name == "SPEC-RELATION":
            source, target = (_referred(element, f"{end}/*") for end in ("SOURCE", "TARGET"))
            ends = (self._same(source), self._same(target))
        type_ = self._same(_referred(element, f"TYPE/{name}-TYPE-REF"))
        identifier = self._same(element.get("IDENTIFIER"))
        named = (element.get("LONG-NAME"), element.get("DESC"))
        element.tail = None
        place = self.spill.add(etree.tostring(element))
        self.items[name].append(Item(identifier, type_, *named, ends, place))
        if len(self.items["SPEC-OBJECT"]) > 2 * self.limits.items:  # with headings
            message = f"there are more than {2 * self.limits.items:,} objects."
            raise refused(self.source.name, message)
        _empty(element)

    def _node(self, element: Any) -> None:
        strip_namespace(element, self._namespace)
        self._check(element)
        at, nodes = self._pending.pop(), self.nodes[-1]
        nodes[at] = (nodes[at][0], self._same(_referred(element, "OBJECT/SPEC-OBJECT-REF")))
        _empty(element)

    def _check(self, root: Any) -> None:
        for element in _elements(root):
            name = element.tag
            if name == NODE and element is not root and not element.attrib:
                continue  # it was checked when it ended
            if name in IDENTIFIED:
                identifier = _identifier(self.source, element)
                if name in UNIQUE and identifier in self._lines:
                    both = f"lines {self._lines[identifier]} and {element.sourceline}"
                    message = f"{both} have the same IDENTIFIER {identifier!r}."
                    raise refused(self.source.name, message)
                if name in UNIQUE:
                    self._lines[self._same(identifier)] = element.sourceline
            for path in NEEDED.get(name, ()):
                _need(self.source, element, path)
            if name.startswith("ATTRIBUTE-VALUE-") and element.getparent().tag == "VALUES":
                _check_value(self.source, element, name.removeprefix("ATTRIBUTE-VALUE-"))


def _empty(element: Any) -> None:
    """Empty an element that has ended, and remove the emptied one before it.

    The parser appends behind the element itself, so that it stays until the next one has ended.
    """
    element.clear()
    before = element.getprevious()
    if before is not None:
        element.getparent().remove(before)


def _referred(element: Any, path: str) -> str:
    found = element.find(path)
    return "".join(found.itertext()).strip() if found is not None else ""


def _attributes(values: Iterable[Any]) -> list[SpecObjectAttribute]:
    """Return values as the reader of ReqIF reads those of an object."""
    example = etree.Element("SPEC-OBJECT", IDENTIFIER="example")
    etree.SubElement(etree.SubElement(example, "TYPE"), "SPEC-OBJECT-TYPE-REF").text = "example"
    holder = etree.SubElement(example, "VALUES")
    holder.extend(list(values))
    found: list[SpecObjectAttribute] = SpecObjectParser.parse(example).attributes
    return found


def _identifier(source: Source, element: Any) -> str:
    identifier: str = element.get("IDENTIFIER", "")
    if not identifier.strip():
        where = f"line {element.sourceline}: <{element.tag}>"
        raise refused(source.name, f"{where} has no IDENTIFIER.")
    if len(identifier) > MAX_NAME_LENGTH:
        where = f"line {element.sourceline}: an IDENTIFIER"
        raise refused(source.name, f"{where} has more than {MAX_NAME_LENGTH} characters.")
    return identifier


def _check_value(source: Source, element: Any, kind: str) -> None:
    _need(source, element, f"DEFINITION/ATTRIBUTE-DEFINITION-{kind}-REF")
    if kind not in ("ENUMERATION", "XHTML") and element.get("THE-VALUE") is None:
        where = f"line {element.sourceline}: <{element.tag}>"
        raise refused(source.name, f"{where} has no THE-VALUE.")


def _complete(root: Any) -> None:
    """Add the elements that the reader needs and tools leave out; remove those not read."""
    for element in list(_elements(root)):
        name = element.tag
        if name.endswith("-REF"):
            element.text = "".join(element.itertext()).strip()
        elif name == "DEFAULT-VALUE":
            element.getparent().remove(element)
        elif name == "EMBEDDED-VALUE":
            _default(element, "KEY", "")
        elif name in IDENTIFIED:
            _default(element, "LAST-CHANGE", "")
            if name.startswith("ATTRIBUTE-DEFINITION-"):
                _default(element, "LONG-NAME", element.get("IDENTIFIER"))
            elif name == "SPEC-RELATION-TYPE":
                _default(element, "LONG-NAME", "")


def _default(element: Any, attribute: str, value: str) -> None:
    if element.get(attribute) is None:
        element.set(attribute, value)


def _elements(root: Any) -> Iterator[Any]:
    return (element for element in root.iter() if isinstance(element.tag, str))


def _need(source: Source, element: Any, path: str) -> None:
    found = element.find(path)
    if found is None or (path.endswith("-REF") and not (found.text or "").strip()):
        where = f"line {element.sourceline}: <{element.tag}>"
        raise refused(source.name, f"{where} has no {path.replace('/', ' with a ')}.")
