"""Elements of an XML file with their places in its bytes, so that a part can be replaced alone."""

import codecs
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from graph.requirements.exchange.files.content import Content, pieces

_TAG = re.compile(rb"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_SPACE = b" \t\r\n"
TAG = 512
"""Bytes in which most start tags end."""
NAMING = ("KEY", "r", "s")
"""The attributes of elements beneath the root that are kept: of ReqIF, and of cells."""
_NONE: Mapping[str, str] = {}


@dataclass(slots=True)
class Element:
    """An element: the bytes from `start` to `end`, of which its start tag ends at `opened`."""

    tag: str
    """The name in the file, with its prefix."""
    identifier: str
    """The IDENTIFIER, or an empty text."""
    attributes: Mapping[str, str]
    """Others that are kept: all of the root, those of NAMING of what is beneath it."""
    start: int
    opened: int
    end: int = 0
    text: str = ""
    children: Sequence["Element"] = ()

    @property
    def name(self) -> str:
        """Return the name without its prefix."""
        return self.tag.rpartition(":")[2]

    @property
    def prefix(self) -> str:
        """Return the prefix of the name, with its colon."""
        before, colon, _ = self.tag.rpartition(":")
        return before + colon

    def add(self, child: "Element") -> None:
        """Add an element directly beneath."""
        if isinstance(self.children, list):
            self.children.append(child)
        else:
            self.children = [child]

    def all(self, *names: str) -> Iterator["Element"]:
        """Yield the elements of these names beneath, in the order of the file."""
        pending = [*reversed(self.children)]
        while pending:
            element = pending.pop()
            if element.name in names:
                yield element
            pending += reversed(element.children)

    def first(self, *names: str) -> "Element | None":
        """Return the first element of these names beneath, or None."""
        return next(self.all(*names), None)

    def of_child(self, name: str) -> str:
        """Return the text of the first element of this name beneath, without outer spaces."""
        found = self.first(name)
        return found.text.strip() if found else ""


def elements(
    data: Content, names: Collection[str] | None, start: int = 0, end: int | None = None
) -> Element:
    """Return the root of XML in UTF-8, with the elements of these names beneath it, or all.

    From `start` to `end`, the bytes may be an element in a larger file, to which the places refer.

    Others are left out, and what is in them hangs on the next element above. The XML is known to be
    well-formed: it was read before.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = False
    wanted = None if names is None else frozenset(names)
    root: Element | None = None
    open_elements: list[Element | None] = []
    above: list[Element] = []

    def open_element(tag: str, attributes: dict[str, Any]) -> None:
        nonlocal root
        is_wanted = root is None or wanted is None or tag.rpartition(":")[2] in wanted
        if not is_wanted:
            open_elements.append(None)
            return
        at = start + parser.CurrentByteIndex
        kept: Mapping[str, str] = attributes
        if root is not None:  # of many elements, what names them is enough
            kept = {name: attributes[name] for name in NAMING if name in attributes} or _NONE
        identifier = attributes.get("IDENTIFIER", "")
        element = Element(tag, identifier, kept, at, _end_of_tag(data, at))
        if root is None:
            root = element
        else:
            above[-1].add(element)
        open_elements.append(element)
        above.append(element)

    def close_element(_: str) -> None:
        element = open_elements.pop()
        if element is None:
            return
        above.pop()
        is_empty = data[element.opened - 2 : element.opened] == b"/>"
        element.end = (
            element.opened if is_empty else data.find(b">", start + parser.CurrentByteIndex) + 1
        )

    def characters(text: str) -> None:
        if open_elements and (element := open_elements[-1]) and element.tag.endswith("-REF"):
            element.text += text

    parser.StartElementHandler, parser.EndElementHandler = open_element, close_element
    parser.CharacterDataHandler = characters
    for piece in pieces(data, start, end):
        parser.Parse(piece, False)
    parser.Parse(b"", True)
    assert root is not None  # noqa: S101 (well-formed XML has a root)
    return root


def _end_of_tag(data: Content, at: int) -> int:
    """Return where a start tag ends."""
    size = TAG
    while not (found := _TAG.match(data[at : at + size])):
        if at + size > len(data):
            return at
        size *= 8
    return at + found.end()


class Splices:
    """Replacements of parts of some bytes, which are made together."""

    def __init__(self, data: Content) -> None:
        self.data = data
        self._found: list[tuple[int, int, int, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def replace(self, start: int, end: int, by: str) -> None:
        """Replace the bytes from `start` to `end`; insert where both are the same."""
        self._found.append((start, end, len(self._found), by.encode()))

    def remove(self, element: Element) -> None:
        """Remove an element, with the white space before it."""
        self.replace(self.before(element), element.end, "")

    def before(self, element: Element) -> int:
        """Return where the white space before an element begins."""
        start = element.start
        while start and self.data[start - 1] in _SPACE:
            start -= 1
        return start

    def space_before(self, element: Element) -> str:
        """Return the white space before an element."""
        return self.data[self.before(element) : element.start].decode()

    def text_of(self, element: Element) -> str:
        """Return an element as it is in the file."""
        return self.data[element.start : element.end].decode()

    def append(self, parent: Element, content: str) -> None:
        """Insert content at the end of an element, before its end tag."""
        if self.data[parent.opened - 2 : parent.opened] == b"/>":
            closing = f">{content}</{parent.tag}>"
            self.replace(parent.opened - 2, parent.opened, closing)
            return
        at = self.data.rfind(b"</", parent.opened, parent.end)
        while self.data[at - 1] in _SPACE and at > parent.opened:
            at -= 1
        self.replace(at, at, content)

    def set(self, element: Element, name: str, value: str) -> None:
        """Set an attribute of an element."""
        tag = self.data[element.start : element.opened].decode()
        pattern = re.compile(rf"""(\s{re.escape(name)}\s*=\s*)(?:"[^"]*"|'[^']*')""")
        new = f'"{escaped(value, quoted=True)}"'
        if found := pattern.search(tag):
            start = element.start + len(tag[: found.end(1)].encode())
            end = element.start + len(tag[: found.end()].encode())
            self.replace(start, end, new)
        else:
            at = element.start + 1 + len(element.tag.encode())
            self.replace(at, at, f" {name}={new}")

    def done(self) -> Iterator[bytes]:
        """Yield the bytes with all replacements; of those within another, the outer counts."""
        at = 0
        for start, end, _, by in sorted(self._found, key=lambda one: (one[0], -one[1], one[2])):
            if start < at:
                continue
            yield from pieces(self.data, at, start)
            yield by
            at = end
        yield from pieces(self.data, at)


def escaped(text: str, *, quoted: bool = False) -> str:
    """Return a text as the content of an element or, if it is `quoted`, of an attribute."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("\r", "&#13;")
    if quoted:
        text = text.replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def encoding_of(data: bytes) -> str:
    """Return the encoding of XML, by its byte order mark or declaration (XML 1.0, section F)."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if data.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    if data[:2] in (b"<\0", b"\0<"):
        return "utf-16-le" if data[:1] == b"<" else "utf-16-be"
    found = _DECLARED.match(data[:200])
    return found[1].decode() if found else "utf-8"


def in_utf8(data: Content) -> Content:
    """Return XML in UTF-8, whatever its declaration says."""
    encoding = encoding_of(data[:200])
    return data if _is_utf8(encoding) else data[:].decode(encoding).encode()


def in_encoding(parts: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    """Return XML in UTF-8 in another encoding; what that does not have are references."""
    if _is_utf8(encoding):
        return parts
    return [b"".join(parts).decode().encode(encoding, "xmlcharrefreplace")]


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
