"""ReqIF as XML: refused when it is hostile or incomplete, before the reader of ReqIF sees it.

The reader, `reqif`, takes a well-formed file for granted and stumbles over comments and prefixes;
so it is given a file that was parsed, looked through and written again here. What a file must
hold is said in the OMG's Requirements Interchange Format 1.2 (formal/2016-07-01).
"""

import io
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException
from lxml import etree
from reqif.parser import ReqIFParser
from reqif.reqif_bundle import ReqIFBundle

from graph.requirements.exchange.draft import LONGEST_NAME, Limits, refused
from graph.requirements.exchange.source import Source

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
"""The elements inside an element that nothing can be read without."""

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
"""Those whose IDENTIFIER becomes an identity in the store."""


def parse_reqif(source: Source, limits: Limits) -> ReqIFBundle:
    """The contents of a ReqIF file, or Problem INVALID with one sentence about what is wrong."""
    _refuse_declarations(source)
    root = _parsed(source)
    if etree.QName(root).localname != "REQ-IF":
        name = etree.QName(root).localname
        raise refused(source.name, f"this is not ReqIF: its root element is <{name}>.")
    _strip_namespace(root)
    _check(source, root, limits)
    _complete(root)
    try:
        return ReqIFParser.parse_from_string(etree.tostring(root, encoding="unicode"))
    except Exception as error:
        # The reader has no error of its own for much that it cannot read; at best it names the
        # element it stumbled over.
        at = next((f" at <{it.tag}>" for it in error.args if etree.iselement(it)), "")
        message = f"this is not ReqIF that can be read; the reader stopped{at}."
        raise refused(source.name, message) from error


def _refuse_declarations(source: Source) -> None:
    """Refuse a document type, where entities are declared: ReqIF has none, attacks have."""
    try:
        start = defusedxml.ElementTree.iterparse(
            io.BytesIO(source.data), events=("start",), forbid_dtd=True
        )
        next(start, None)
    except DefusedXmlException:
        message = "the file declares a document type or entities, which ReqIF does not have."
        raise refused(source.name, message) from None
    except ParseError as error:
        raise _malformed(source, error.position, str(error)) from None
    except (ValueError, LookupError) as error:
        raise refused(source.name, f"the file's encoding cannot be read: {error}.") from None


def _parsed(source: Source) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(source.data, parser)
    except etree.XMLSyntaxError as error:
        raise _malformed(source, error.position, error.msg or "it is empty") from None


def _malformed(source: Source, position: tuple[int, int], message: str) -> Exception:
    line, column = position
    what = message.partition(": line ")[0].partition(", line ")[0]
    return refused(source.name, f"line {line}, column {column}: this is not XML: {what}.")


def _strip_namespace(root: Any) -> None:
    """Take the elements of ReqIF out of its namespace, whatever prefix the file gives it."""
    namespace = etree.QName(root).namespace
    for element in root.iter(f"{{{namespace}}}*" if namespace else None):
        element.tag = etree.QName(element).localname
    etree.cleanup_namespaces(root)


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
    if len(identifier) > LONGEST_NAME:
        where = f"line {element.sourceline}: an IDENTIFIER"
        raise refused(source.name, f"{where} has more than {LONGEST_NAME} characters.")
    return identifier


def _check_value(source: Source, element: Any, kind: str) -> None:
    _need(source, element, f"DEFINITION/ATTRIBUTE-DEFINITION-{kind}-REF")
    if kind not in ("ENUMERATION", "XHTML") and element.get("THE-VALUE") is None:
        where = f"line {element.sourceline}: <{element.tag}>"
        raise refused(source.name, f"{where} has no THE-VALUE.")


def _complete(root: Any) -> None:
    """Give the reader what it asks for, but tools leave out, and spare it what we do not read."""
    for element in list(_elements(root)):
        name = element.tag
        if name == "DEFAULT-VALUE":
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
