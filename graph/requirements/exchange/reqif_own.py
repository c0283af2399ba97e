"""Attributes of ReqIF files that the gateway writes, for what ReqIF's standard ones cannot hold."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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


@dataclass
class Own:
    """What the attributes of one object say; nothing for an object of another tool."""

    is_own: bool = False
    external_id: str | None = None
    text: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    block_type: str | None = None
    content: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def taken(cls, values: dict[str, Any]) -> "Own":
        """Remove the attributes from the values of an object, and return what they say."""
        is_own = EXTERNAL_ID in values
        return cls(
            is_own,
            _text(values.pop(EXTERNAL_ID, None)),
            _text(_parsed(values.pop(TEXT, None))),
            _object(values.pop(MORE, None)),
            _text(values.pop(BLOCK_TYPE, None)),
            _object(values.pop(CONTENT, None)),
        )

    def described(self, read: str, written: Callable[[str], str]) -> str:
        """Return the text as it was, unless another tool has changed the XHTML since.

        `read` is the text of the XHTML, `written` what XHTML made of a text.
        """
        return self.text if self.text is not None and written(self.text) == read else read


def as_json(value: Any) -> str:
    """Return a value in JSON that every XML document can hold."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _object(value: Any) -> dict[str, Any]:
    found = _parsed(value)
    return found if isinstance(found, dict) else {}


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
