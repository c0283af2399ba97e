"""The markup of new and changed parts of a ReqIF file of another tool, in its own prefixes."""

from collections.abc import Iterable
from typing import Any

from lxml import etree

from graph.requirements.exchange.files.nodes import Element, escaped
from graph.requirements.exchange.formats.reqif.attributes import ILLEGAL
from graph.requirements.exchange.formats.reqif.back.edits import text_of
from graph.requirements.exchange.formats.reqif.values import Definition

XHTML = "http://www.w3.org/1999/xhtml"


class Markup:
    """Writes elements as the root of a file writes its own. `at` is the time of changes."""

    def __init__(self, root: Element, at: str) -> None:
        self.prefix, self.at = root.prefix, at
        spaces = {
            name.removeprefix("xmlns:"): space
            for name, space in root.attributes.items()
            if name.startswith("xmlns:")
        }
        self._spaces = {
            f' {name}="{escaped(space, quoted=True)}"'
            for name, space in root.attributes.items()
            if name.startswith("xmlns")
        }
        known = sorted(prefix for prefix, space in spaces.items() if space == XHTML)
        self.xhtml = "xhtml" if "xhtml" in known or not known else known[0]
        self._declared = bool(known)

    def within(self, markup: bytes) -> bytes:
        """Return a part of the file as a document, with the namespaces of its root."""
        return b"<part%s>%s</part>" % ("".join(self._spaces).encode(), markup)

    def of(self, element: Any) -> str:
        """Return an element of such a document as a part of the file."""
        found: str = etree.tostring(element, encoding="unicode", with_tail=False)
        for space in self._spaces:
            found = found.replace(space, "")
        return found

    def inside_of(self, element: Any) -> str:
        """Return what is within an element of such a document."""
        inside = "".join(self.of(child) + legal(child.tail or "") for child in element)
        return legal(element.text or "") + inside

    def element(self, name: str, *content: str, **attributes: str) -> str:
        """Return an element; names of attributes have underscores for hyphens."""
        given = "".join(
            f' {key.replace("_", "-")}="{legal(value, quoted=True)}"'
            for key, value in attributes.items()
        )
        tag = f"{self.prefix}{name}"
        inside = "".join(content)
        return f"<{tag}{given}>{inside}</{tag}>" if inside else f"<{tag}{given}/>"

    def reference(self, kind: str, identifier: str) -> str:
        """Return a reference to an object of this kind."""
        return self.element(f"{kind}-REF", legal(identifier))

    def value(self, id: str, definition: Definition, value: Any, labels: dict[str, str]) -> str:
        """Return the value of an attribute; `labels` are the identifiers of its choices."""
        kind = definition.type
        of = self.element("DEFINITION", self.reference(f"ATTRIBUTE-DEFINITION-{kind}", id))
        name = f"ATTRIBUTE-VALUE-{kind}"
        if kind == "ENUMERATION":
            chosen = value if isinstance(value, list) else [value]
            ids = [self.reference("ENUM-VALUE", labels[label]) for label in chosen if label]
            return self.element(name, of, self.element("VALUES", *ids))
        text = (text_of(definition, value) if value is not None else None) or ""
        if kind == "XHTML":
            return self.element(name, of, self.element("THE-VALUE", self.division(text)))
        return self.element(name, of, THE_VALUE=text)

    def division(self, text: str) -> str:
        """Return a text as XHTML: its lines, with breaks between them."""
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        space = "" if self._declared else f' xmlns:{self.xhtml}="{XHTML}"'
        inside = f"<{self.xhtml}:br/>".join(legal(line) for line in lines)
        return f"<{self.xhtml}:div{space}>{inside}</{self.xhtml}:div>"

    def object(
        self, identifier: str, type_: str, long_name: str | None, values: Iterable[str]
    ) -> str:
        """Return a SPEC-OBJECT."""
        of = self.element("TYPE", self.reference("SPEC-OBJECT-TYPE", type_))
        named = {"LONG_NAME": long_name} if long_name else {}
        inside = self.element("VALUES", *values)
        return self.element(
            "SPEC-OBJECT", of, inside, IDENTIFIER=identifier, LAST_CHANGE=self.at, **named
        )

    def string_definition(self, id: str, name: str, datatype: str) -> str:
        """Return the definition of an attribute of texts."""
        of = self.element("TYPE", self.reference("DATATYPE-DEFINITION-STRING", datatype))
        kind = "ATTRIBUTE-DEFINITION-STRING"
        return self.element(kind, of, IDENTIFIER=id, LAST_CHANGE=self.at, LONG_NAME=name)

    def label(self, id: str, label: str, key: int) -> str:
        """Return a value of an enumeration."""
        embedded = self.element("EMBEDDED-VALUE", KEY=str(key), OTHER_CONTENT="")
        properties = self.element("PROPERTIES", embedded)
        return self.element(
            "ENUM-VALUE", properties, IDENTIFIER=id, LAST_CHANGE=self.at, LONG_NAME=label
        )


def legal(text: str, *, quoted: bool = False) -> str:
    """Return a text as XML has it, without the characters that it cannot hold."""
    return escaped(ILLEGAL.sub("", text), quoted=quoted)
