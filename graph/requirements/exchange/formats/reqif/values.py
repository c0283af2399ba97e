"""The attributes of ReqIF's objects as named and typed values."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reqif.models.reqif_data_type import ReqIFDataTypeDefinitionEnumeration
from reqif.models.reqif_req_if_content import ReqIFReqIFContent
from reqif.models.reqif_spec_object import SpecObjectAttribute
from reqif.models.reqif_spec_object_type import SpecAttributeDefinition
from reqif.models.reqif_types import SpecObjectAttributeType

from db.requirements.properties import PropertyType
from db.text import as_identifier
from graph.requirements.exchange.formats.reqif.xhtml import plain_text
from graph.requirements.exchange.model.draft import DraftProperty
from graph.requirements.exchange.store.typed import property_of

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
"""The range of integers that every JSON reader here can hold; others stay text."""


@dataclass(frozen=True)
class Definition:
    """The name of an attribute, and the labels of its enumeration by identifier."""

    name: str
    labels: dict[str, str]
    many: bool = False
    kind: PropertyType | None = None
    """The type of a property with its values, where one has them."""
    type: str = "STRING"
    """The type of the values in the file, as in the names of its elements."""
    datatype: str = ""
    """The identifier of the definition of this type."""


@dataclass(frozen=True)
class SpecType:
    """A type of objects, specifications or relations: its name and its attributes' names."""

    name: str
    attributes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """The identifiers of the attributes, in the same order."""

    def id_of(self, name: str) -> str | None:
        """Return the identifier of the attribute of this name, or None."""
        return dict(zip(self.attributes, self.ids, strict=True)).get(name)


class Definitions:
    """The types and attributes that a file defines."""

    def __init__(self, content: ReqIFReqIFContent) -> None:
        self.unread: Counter[str] = Counter()  # elements of XHTML that are not known, by name
        enumerations = {
            type_.identifier: _labels(type_)
            for type_ in content.data_types or []
            if isinstance(type_, ReqIFDataTypeDefinitionEnumeration)
        }
        self.attributes: dict[str, Definition] = {}
        self.types: dict[str, SpecType] = {}
        for type_ in content.spec_types or []:
            names: list[str] = []
            ids: list[str] = []
            for attribute in _attributes(type_):
                name = as_identifier(attribute.long_name or "") or attribute.identifier
                if name in names:
                    name = f"{name} ({attribute.identifier})"  # neither of the two may get lost
                names.append(name)
                ids.append(attribute.identifier)
                self.attributes[attribute.identifier] = Definition(
                    name,
                    enumerations.get(attribute.datatype_definition, {}),
                    bool(attribute.multi_valued),
                    _kind(attribute),
                    attribute.attribute_type.name,
                    attribute.datatype_definition,
                )
            self.types[type_.identifier] = SpecType(type_.long_name or "", tuple(names), tuple(ids))

    def type_name(self, id: str | None) -> str:
        """Return the long name of a type, or an empty text."""
        return self.types[id].name if id in self.types else ""

    def values(
        self, type_id: str | None, attributes: list[SpecObjectAttribute] | None
    ) -> dict[str, Any]:
        """Return the value of every attribute of the type, by its long name.

        XHTML becomes plain text; numbers and booleans keep their type; a date is in ISO 8601; an
        enumeration's value is its label, several are a list. An empty or absent value is None; one
        that does not fit its type stays text.
        """
        known = self.types[type_id].attributes if type_id in self.types else ()
        values: dict[str, Any] = dict.fromkeys(known)
        for attribute in attributes or []:
            id = attribute.definition_ref
            definition = self.attributes.get(id) or Definition(id, {})
            values[definition.name] = _typed(attribute, definition, self.unread)
        return values

    def property_of(self, id: str) -> DraftProperty | None:
        """Return the property that an attribute defines, if it defines one."""
        attribute = self.attributes[id]
        if attribute.kind is None:
            return None
        return property_of(attribute.name, attribute.kind, attribute.labels.values())


def _kind(attribute: SpecAttributeDefinition) -> PropertyType | None:
    if attribute.attribute_type is SpecObjectAttributeType.ENUMERATION:
        return PropertyType.MULTI_SELECT if attribute.multi_valued else PropertyType.SELECT
    return KINDS.get(attribute.attribute_type)


def _labels(enumeration: ReqIFDataTypeDefinitionEnumeration) -> dict[str, str]:
    return {
        value.identifier: value.long_name or value.other_content or value.key or value.identifier
        for value in enumeration.values or []
    }


def _attributes(type_: Any) -> list[SpecAttributeDefinition]:
    """Return the attributes of a type, which `reqif` stores under either of two names."""
    found = getattr(type_, "attribute_definitions", None) or getattr(type_, "spec_attributes", None)
    return list(found or [])


def _typed(attribute: SpecObjectAttribute, definition: Definition, unread: Counter[str]) -> Any:
    value = attribute.value
    match attribute.attribute_type:
        case SpecObjectAttributeType.XHTML:
            return plain_text(attribute.xml_node.find("THE-VALUE"), unread) or None
        case SpecObjectAttributeType.ENUMERATION:
            labels = [definition.labels.get(id, id) for id in value]
            return labels if definition.many or len(labels) > 1 else next(iter(labels), None)
        case kind if kind in READERS and value.strip():
            return READERS[kind](value.strip())
        case _:
            return value if value.strip() else None


def _integer(text: str) -> int | str:
    try:
        number = int(text)
    except ValueError:
        return text
    return number if MIN_INTEGER <= number <= MAX_INTEGER else text


def _real(text: str) -> float | str:
    if isinstance(whole := _integer(text), int) and text == str(whole):
        return whole  # so that a number that was stored as an integer stays one
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _date(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text


def _boolean(text: str) -> bool | str:
    return {"true": True, "1": True, "false": False, "0": False}.get(text, text)


KINDS = {
    SpecObjectAttributeType.INTEGER: PropertyType.NUMBER,
    SpecObjectAttributeType.REAL: PropertyType.NUMBER,
    SpecObjectAttributeType.BOOLEAN: PropertyType.BOOLEAN,
}
"""The types of properties, by the types of attributes; texts and times define none."""
READERS: dict[SpecObjectAttributeType, Callable[[str], Any]] = {
    SpecObjectAttributeType.INTEGER: _integer,
    SpecObjectAttributeType.REAL: _real,
    SpecObjectAttributeType.BOOLEAN: _boolean,
    SpecObjectAttributeType.DATE: _date,
}
