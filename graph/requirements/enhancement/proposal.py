"""The prompt for a better wording, and the form and limits of what is accepted as an answer."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from db.text import fault_in

VERSION = "requirement-1"
"""The version of the prompt, stored with each proposal. Another text is another version."""
PROMPT = (Path(__file__).parent / "prompts" / "requirement_1.txt").read_text(encoding="utf-8")
MAX_SOURCE_LENGTH = 10_000
"""Characters of a text that is sent to a language model."""
MAX_PROPOSAL_LENGTH = 20_000
MAX_GROWTH, SPARE = 4, 1_000
"""Times that a proposal may be as long as its source, and characters besides."""
MAX_FINDINGS = 20

FOREIGN = re.compile(
    r"<[a-zA-Z/!?][^<>]{0,500}>?"
    r"|\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s]{1,500}|\bjavascript:|\bdata:[a-z]"
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
)
"""Markup, addresses and IDs, which a proposal may have only from its source."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Characters that cannot be seen, and those that change the order of others."""


class Proposal(BaseModel):
    """The answer of the language model."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text: str = Field(min_length=1, max_length=MAX_PROPOSAL_LENGTH)


def quoted(row: Any, text: str) -> str:
    """Return the data of a requirement for the model, as a JSON object."""
    found: list[Mapping[str, Any]] = row.ai_analysis.get("findings", [])
    data = {
        "title": row.name,
        "text": text,
        "format": str(row.format),
        "weaknesses": [{"rule": one["rule"], "part": one["text"]} for one in found[:MAX_FINDINGS]],
    }
    return orjson.dumps(data).decode()


def fault_of(proposed: str, source: str) -> str | None:
    """Return the reason why a proposal is refused; None for none."""
    if not proposed.strip() or proposed.strip() == source.strip():
        return "The language model proposed no other text."
    if len(proposed) > MAX_GROWTH * len(source) + SPARE:
        return "The proposal is much longer than the text."
    if CONTROL.search(proposed.replace("\r\n", "\n")) or fault_in(proposed):
        return "The proposal has characters that cannot be seen."
    if any(match[0] not in source for match in FOREIGN.finditer(proposed)):
        return "The proposal has markup, a URL or an ID that the text does not have."
    return None
