"""Default values of ReqIF: an object without a value has the default of its definition.

OMG Requirements Interchange Format 1.2, section 10.8 (AttributeDefinition, defaultValue).
"""

import copy
from typing import Any

from lxml import etree

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits, refused

HOLDERS = ("SPECIFICATION", "RELATION-GROUP")
"""Elements with values of which a file has few; those of objects are filled as they are read."""


class Defaults:
    """The default values that the types of a file (the root of lxml) give."""

    def __init__(self, source: Source, root: Any, limits: Limits) -> None:
        self._source, self._most = source, limits.size
        self._left = limits.size
        self._by_type = _defaults(root)
        for holder in root.iter(*HOLDERS):
            self.fill(holder)

    def of_type(self, type_: str) -> list[Any]:
        """Return copies of the default values of a type."""
        return [copy.deepcopy(value) for value, _ in self._by_type.get(type_, {}).values()]

    def fill(self, holder: Any, *, is_counted: bool = False) -> None:
        """Give an object the default values of the attributes that it leaves out.

        Raises INVALID where all of them exceed the size limit of a file, unless those of the object
        were counted before.
        """
        missing = self._by_type.get(_type_of(holder))
        if not missing:
            return
        given = {_definition_of(value) for value in holder.iterfind("VALUES/*")}
        for definition, (value, size) in missing.items():
            if definition in given:
                continue
            self._left -= 0 if is_counted else size
            if self._left < 0:
                message = f"its default values make more than the limit of {self._most:,} bytes."
                raise refused(self._source.name, message)
            values = holder.find("VALUES")
            if values is None:
                values = etree.SubElement(holder, "VALUES")
            values.append(copy.deepcopy(value))


def _defaults(root: Any) -> dict[str, dict[str, tuple[Any, int]]]:
    """Return the default values by type and attribute, each with its size in bytes."""
    found: dict[str, dict[str, tuple[Any, int]]] = {}
    for default in root.iter("DEFAULT-VALUE"):
        definition = default.getparent()
        type_ = definition.getparent().getparent()
        value = next((child for child in default if isinstance(child.tag, str)), None)
        if value is None or type_ is None:
            continue
        kind = definition.tag.removeprefix("ATTRIBUTE-DEFINITION-")
        if value.find("DEFINITION") is None:
            reference = etree.SubElement(value, "DEFINITION")
            etree.SubElement(reference, f"{definition.tag}-REF").text = definition.get("IDENTIFIER")
        if value.tag == f"ATTRIBUTE-VALUE-{kind}":
            of_type = found.setdefault(type_.get("IDENTIFIER"), {})
            of_type[definition.get("IDENTIFIER")] = (value, len(etree.tostring(value)))
    return found


def _type_of(holder: Any) -> str:
    reference = holder.find("TYPE")
    return "".join(reference.itertext()).strip() if reference is not None else ""


def _definition_of(value: Any) -> str:
    reference = value.find("DEFINITION")
    return "".join(reference.itertext()).strip() if reference is not None else ""
