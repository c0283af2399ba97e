"""Attributes of ReqIF files that the gateway writes, for what ReqIF's standard ones cannot hold."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graph.requirements.exchange.model.fields import CHOICES
from graph.requirements.exchange.model.vocabulary import meant

PREFIX = "Gateway."
EXTERNAL_ID = f"{PREFIX}ExternalID"
"""The external ID, where it cannot be the IDENTIFIER of the object."""
TEXT = f"{PREFIX}Text"
"""The description as a text in JSON, where XHTML would not give it back."""
MORE = f"{PREFIX}Properties"
"""Properties whose values are of no type of ReqIF, as an object in JSON."""
BLOCK_TYPE = f"{PREFIX}BlockType"
CONTENT = f"{PREFIX}Content"
"""The content of a block except its text, as an object in JSON."""
DESCRIPTION = f"{PREFIX}Description"
"""The description of a relation."""
FIELDS = f"{PREFIX}Fields"
"""The attribute for values without an attribute in another tool's type, as an object in JSON."""


@dataclass
class Own:
    """The values in the attributes of one object; empty for an object of another tool."""

    is_own: bool = False
    external_id: str | None = None
    text: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    block_type: str | None = None
    content: dict[str, Any] = field(default_factory=dict)
    kind: str | None = None
    """`heading`, `requirement`, or `both`: what the object is, where its type does not say so."""
    block_name: str | None = None
    """The name of the block of a requirement with child objects, where it has another."""
    values: dict[str, Any] = field(default_factory=dict)
    """The values of fields for which the type has no attribute."""

    @classmethod
    def taken(cls, values: dict[str, Any]) -> "Own":
        """Remove the attributes from the values of an object, and return what they say."""
        is_own = EXTERNAL_ID in values
        more = _object(values.pop(FIELDS, None))
        for name, default in _dict(more.get("empty")).items():
            if name in values and values[name] == default:
                values[name] = None
        return cls(
            is_own,
            _text(values.pop(EXTERNAL_ID, None)) or _text(more.get("externalId")),
            _text(_parsed(values.pop(TEXT, None))) or _text(more.get("text")),
            _object(values.pop(MORE, None)) | _dict(more.get("properties")),
            _text(values.pop(BLOCK_TYPE, None)) or _text(more.get("blockType")),
            _object(values.pop(CONTENT, None)) | _dict(more.get("content")),
            _text(more.get("kind")),
            _text(more.get("blockName")),
            _dict(more.get("values")),
        )

    def fill(self, fields: dict[str, Any]) -> None:
        """Add the values of fields for which the type of the object has no attribute."""
        for name, value in self.values.items():
            if fields.get(name) or not isinstance(value, str | list):
                continue
            if name in CHOICES:
                fields[name] = meant(CHOICES[name], str(value))
            elif name == "tags" and isinstance(value, list):
                fields[name] = [each for each in value if isinstance(each, str)]
            elif name in ("name", "description") and isinstance(value, str):
                fields[name] = value

    def described(self, read: str, *written: Callable[[str], str]) -> str:
        """Return the text as it was, unless another tool has changed the XHTML since.

        `read` is the text of the XHTML, `written` what the file made of a text.
        """
        text = self.text
        return text if text is not None and any(by(text) == read for by in written) else read


def described_by(values: dict[str, Any]) -> str | None:
    """Remove the attribute from the values of a relation; return the description that it has."""
    return _text(_object(values.pop(FIELDS, None)).get("description"))


def as_json(value: Any) -> str:
    """Return a value in JSON that every XML document can hold."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _object(value: Any) -> dict[str, Any]:
    found = _parsed(value)
    return found if isinstance(found, dict) else {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


def parsed_fields(values: dict[str, Any]) -> dict[str, Any]:
    """Return what an object has no attribute for, as it is in the file."""
    return _object(values.get(FIELDS))
