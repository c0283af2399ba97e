"""ReqIF as XML: refused when it is hostile or incomplete, before the reader of ReqIF sees it.

The reader, `reqif`, takes a well-formed file for granted and fails on comments and prefixes;
so it reads a file that was parsed, checked and written again here. The required content of a file
is defined in the OMG's Requirements Interchange Format 1.2 (formal/2016-07-01).
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree
from reqif.models.reqif_spec_object import SpecObjectAttribute
from reqif.parser import ReqIFParser
from reqif.parsers.spec_object_parser import SpecObjectParser
from reqif.reqif_bundle import ReqIFBundle

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.xml import parsed_xml, strip_namespace
from graph.requirements.exchange.model.draft import MAX_NAME_LENGTH, Limits, refused
from graph.requirements.exchange.reqif.defaults import fill_defaults

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


@dataclass(frozen=True)
class Parsed:
    """A file that was read: its contents, and the default values of each type."""

    bundle: ReqIFBundle
    defaults: Mapping[str, Sequence[SpecObjectAttribute]]


def parse_reqif(source: Source, limits: Limits) -> Parsed:
    """Return the contents of a ReqIF file. Raises INVALID with one sentence about the fault."""
    root = parsed_xml(source, "ReqIF")
    if etree.QName(root).localname != "REQ-IF":
        name = etree.QName(root).localname
        raise refused(source.name, f"this is not ReqIF: its root element is <{name}>.")
    strip_namespace(root)
    _check(source, root, limits)
    defaults = fill_defaults(source, root, limits)
    _complete(root)
    try:
        found = {type_: _attributes(values) for type_, values in defaults.items()}
        text = etree.tostring(root, encoding="unicode")
        return Parsed(ReqIFParser.parse_from_string(text), found)
    except Exception as error:
        # The reader has no error of its own for much that it cannot read; at best it names the
        # element it stumbled over.
        at = next((f" at <{it.tag}>" for it in error.args if etree.iselement(it)), "")
        message = f"this is not ReqIF that can be read; the reader stopped{at}."
        raise refused(source.name, message) from error


def _attributes(values: Sequence[Any]) -> Sequence[SpecObjectAttribute]:
    """Return values as the reader of ReqIF reads those of an object."""
    example = etree.Element("SPEC-OBJECT", IDENTIFIER="example")
    etree.SubElement(etree.SubElement(example, "TYPE"), "SPEC-OBJECT-TYPE-REF").text = "example"
    holder = etree.SubElement(example, "VALUES")
    holder.extend(copy.deepcopy(value) for value in values)
    found: Sequence[SpecObjectAttribute] = SpecObjectParser.parse(example).attributes
    return found


def _check(source: Source, root: Any, limits: Limits) -> None:
    seen: dict[str, int] = {}
    objects = 0
    for element in _elements(root):
        name = element.tag
        if name in IDENTIFIED:
            identifier = _identifier(source, element)
            if name in UNIQUE and identifier in seen:
                both = f"lines {seen[identifier]} and {element.sourceline}"
                raise refused(source.name, f"{both} have the same IDENTIFIER {identifier!r}.")
            if name in UNIQUE:
                seen[identifier] = element.sourceline
        for path in NEEDED.get(name, ()):
            _need(source, element, path)
        if name.startswith("ATTRIBUTE-VALUE-") and element.getparent().tag == "VALUES":
            _check_value(source, element, name.removeprefix("ATTRIBUTE-VALUE-"))
        objects += name == "SPEC-OBJECT"
        if objects > limits.items:
            raise refused(source.name, f"there are more than {limits.items:,} objects.")


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
