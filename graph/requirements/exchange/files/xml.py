"""XML of a file, which is refused when it is hostile or malformed."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException
from lxml import etree

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import refused

OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def parsed_xml(source: Source, format: str) -> Any:
    """Return the root element of a file. Raises INVALID with one sentence about the fault.

    A document type is refused, because it can declare entities: the formats have none, attacks do.
    `format` is the name of the expected format.
    """
    _refuse_declarations(source, format)
    try:
        return etree.parse(source.opened(), etree.XMLParser(**OPTIONS)).getroot()
    except etree.XMLSyntaxError as error:
        raise _malformed(source, error.position, error.msg or "it is empty") from None


def stream_xml(source: Source, format: str) -> Iterator[tuple[str, Any]]:
    """Yield the elements of a file as they begin (`start`) and end (`end`), as `parsed_xml` does.

    Whoever takes them empties those that are not needed any more.
    """
    _refuse_declarations(source, format)
    events = etree.iterparse(source.opened(), ("start", "end"), **OPTIONS)
    try:
        yield from events
    except etree.XMLSyntaxError as error:
        raise _malformed(source, error.position, error.msg or "it is empty") from None


def strip_namespace(root: Any, namespace: str | None = None) -> None:
    """Remove the namespace of the root from its elements, whatever prefix the file gives it.

    `namespace` is that of a root which was stripped before in part.
    """
    namespace = namespace or etree.QName(root).namespace
    for element in root.iter(f"{{{namespace}}}*" if namespace else None):
        element.tag = etree.QName(element).localname
    etree.cleanup_namespaces(root)


def _refuse_declarations(source: Source, format: str) -> None:
    try:
        start = defusedxml.ElementTree.iterparse(
            source.opened(), events=("start",), forbid_dtd=True
        )
        next(start, None)
    except DefusedXmlException:
        message = f"the file declares a document type or entities, which {format} does not have."
        raise refused(source.name, message) from None
    except ParseError as error:
        raise _malformed(source, error.position, str(error)) from None
    except (ValueError, LookupError) as error:
        raise refused(source.name, f"the file's encoding cannot be read: {error}.") from None


def _malformed(source: Source, position: tuple[int, int], message: str) -> Exception:
    line, column = position
    what = message.partition(": line ")[0].partition(", line ")[0]
    return refused(source.name, f"line {line}, column {column}: this is not XML: {what}.")
