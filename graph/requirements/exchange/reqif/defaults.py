"""Default values of ReqIF: an object without a value has the default of its definition.

OMG Requirements Interchange Format 1.2, section 10.8 (AttributeDefinition, defaultValue).
"""

import copy
from typing import Any

from lxml import etree

from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits, refused

HOLDERS = ("SPEC-OBJECT", "SPECIFICATION", "SPEC-RELATION", "RELATION-GROUP")
"""Elements that hold values, each of a type that defines attributes."""


def fill_defaults(source: Source, root: Any, limits: Limits) -> dict[str, list[Any]]:
    """Give each object (of lxml) the default values of the attributes that it leaves out.

    Returns the default values by type. Raises INVALID where that would exceed the size limit of a
    file.
    """
    defaults = _defaults(root)
    found = {type_: [value for value, _ in each.values()] for type_, each in defaults.items()}
    if not found:
        return found
    left = limits.size
    for holder in root.iter(*HOLDERS):
        missing = defaults.get(_type_of(holder), {})
        given = {_definition_of(value) for value in holder.iterfind("VALUES/*")}
        for definition, (value, size) in missing.items():
            if definition in given:
                continue
            left -= size
            if left < 0:
                message = f"its default values make more than the limit of {limits.size:,} bytes."
                raise refused(source.name, message)
            values = holder.find("VALUES")
            if values is None:
                values = etree.SubElement(holder, "VALUES")
            values.append(copy.deepcopy(value))
    return found


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
