"""Anchors of threads: spans of texts, by a quote, what is around it, and a place in code points.

They are the TextQuoteSelector and the TextPositionSelector of the W3C Web Annotation Data Model.
PostgreSQL moves them when the texts change (`ctx.move_anchors`).
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from db.base import Entity
from db.problem import Problem
from db.requirements.comments import ANCHORED, CONTEXT_LENGTH, MAX_QUOTE_LENGTH
from db.text import fault_in
from db.values import unix_lines
from graph.kit.fields import described
from graph.kit.json_items import STORE
from graph.kit.mutations import Place, Verbatim

MAX_PATH_LENGTH = 10
"""Keys in the path to a text."""
MAX_KEY_LENGTH = 500
"""Characters of a key."""
MAX_OCCURRENCES = 1_000
"""Occurrences of a quote that are compared."""


@strawberry.enum(description="The state of the text that a thread is about.")
class TextAnchorState(Enum):
    PRESENT = strawberry.enum_value("present", description="The text is as it was quoted.")
    CHANGED = strawberry.enum_value("changed", description="A part of the text was changed.")
    GONE = strawberry.enum_value("gone", description="The text was removed.")


@strawberry.type(
    description="The span of a text that a thread is about. It stays on its text when the text"
    " around it changes."
)
class TextAnchor:
    field: str = described("The name of the field with the text, such as `description`.")
    path: list[str] = described(
        "The keys that lead to the text in a field with a JSON object; empty for other fields."
    )
    state: TextAnchorState = described("Whether the text is still there.")
    quote: str = described("The text as it was when the thread was created.")
    text: str = described("The text as it is now; if it was removed, as it was last.")
    prefix: str = described(f"Up to {CONTEXT_LENGTH} code points before the text.")
    suffix: str = described(f"Up to {CONTEXT_LENGTH} code points after the text.")
    start: int | None = described(
        "The number of code points before the text; null if it was removed."
    )
    end: int | None = described(
        "The number of code points up to the end of the text; null if it was removed."
    )

    @classmethod
    def of(cls, row: Any) -> "TextAnchor":
        """Return the anchor of the row of a thread that has one."""
        state = TextAnchorState.PRESENT if row.anchored_text == row.quote else None
        if row.start_at is None:
            state = TextAnchorState.GONE
        return cls(
            field=to_camel_case(row.field),
            path=list(row.path),
            state=state or TextAnchorState.CHANGED,
            quote=row.quote,
            text=row.anchored_text,
            prefix=row.prefix,
            suffix=row.suffix,
            start=row.start_at,
            end=row.end_at,
        )


@strawberry.input(
    description="The span of a text that a thread is to be about. If the quote occurs more than"
    " once, `start`, `prefix` or `suffix` tell which one is meant."
)
class TextAnchorInput:
    field: str = described("The name of the field with the text, such as `description`.")
    quote: str = described(f"The text of the span, of 1 to {MAX_QUOTE_LENGTH} characters.")
    path: list[str] | None = strawberry.field(
        default=UNSET,
        description="The keys that lead to the text in a field with a JSON object, at most"
        f" {MAX_PATH_LENGTH}.",
    )
    prefix: str | None = strawberry.field(
        default=UNSET, description="The text immediately before the span."
    )
    suffix: str | None = strawberry.field(
        default=UNSET, description="The text immediately after the span."
    )
    start: int | None = strawberry.field(
        default=UNSET, description="The number of code points before the span."
    )


def _stored(anchor: TextAnchorInput, place: Place) -> TextAnchorInput:
    """Return the input, with its texts as they are stored. Raises INVALID for one that is not."""
    for name in ("field", "quote", "prefix", "suffix"):
        text = getattr(anchor, name) or ""
        longest = 100 if name == "field" else MAX_QUOTE_LENGTH
        fault = fault_in(text)
        if len(text) > longest or (name == "quote" and not text):
            fault = f"Must have 1 to {longest} characters."
        if fault:
            raise Problem("INVALID", fault, field=(*place, name))
        setattr(anchor, name, unix_lines(text))
    path = anchor.path or []
    fault = next(filter(None, map(fault_in, path)), None)
    if len(path) > MAX_PATH_LENGTH or any(len(key) > MAX_KEY_LENGTH for key in path):
        fault = f"At most {MAX_PATH_LENGTH} keys of {MAX_KEY_LENGTH} characters."
    if fault:
        raise Problem("INVALID", fault, field=(*place, "path"))
    return anchor


def anchor_field() -> Any:
    """Declare the field of an input with the anchor of a new thread."""
    return strawberry.field(
        default=UNSET,
        metadata={STORE: _stored},
        description="The span of a text of the object that the thread is about. Without it, the"
        " thread is about the object.",
    )


def anchored(row: Entity, anchor: TextAnchorInput) -> dict[str, Any]:
    """Return the columns of a thread with this anchor in a text of the row.

    Raises INVALID when there is no such field or text, and when it is not clear which of several
    occurrences is meant; CONFLICT when the text does not have the quote.
    """
    within = ["input", "anchor"]
    field, path = to_snake_case(anchor.field), list(anchor.path or [])
    known = ANCHORED.get(type(row), ())
    if field not in known:
        names = [to_camel_case(name) for name in known]
        message = f"Threads can be about {', '.join(names)}." if names else "It has no texts."
        raise Problem("INVALID", message, field=[*within, "field"], known=names)
    text = _at(getattr(row, field), path)
    if not isinstance(text, str):
        message = "There is no text at this path."
        raise Problem("INVALID", message, field=[*within, "path", *map(Verbatim, path)])
    start = locate(
        text,
        anchor.quote,
        anchor.prefix or "",
        anchor.suffix or "",
        anchor.start if isinstance(anchor.start, int) else None,
    )
    if start is None:
        message = "The text does not contain the quote. It may have been changed."
        raise Problem("CONFLICT", message, field=[*within, "quote"])
    end = start + len(anchor.quote)
    return {
        "field": field,
        "path": path,
        "quote": anchor.quote,
        "anchored_text": anchor.quote,
        "prefix": text[max(0, start - CONTEXT_LENGTH) : start],
        "suffix": text[end : end + CONTEXT_LENGTH],
        "start_at": start,
        "end_at": end,
    }


def locate(text: str, quote: str, prefix: str, suffix: str, start: int | None) -> int | None:
    """Return the place of the quote in the text; None if it is not there.

    Of several, it is the one at `start`, or else that with most of the prefix and suffix around it,
    or else the nearest to `start`. Raises INVALID when nothing tells them apart.
    """
    if start is not None and start >= 0 and text.startswith(quote, start):
        return start
    found: list[int] = []
    at = text.find(quote)
    while at >= 0 and len(found) < MAX_OCCURRENCES:
        found.append(at)
        at = text.find(quote, at + 1)
    if len(found) < 2:  # noqa: PLR2004 (nothing to choose)
        return found[0] if found else None
    scores = {at: _score(text, at, at + len(quote), prefix, suffix) for at in found}
    highest = max(scores.values())
    best = [at for at in found if scores[at] == highest]
    if len(best) > 1 and start is None:
        message = "The text has the quote more than once. Send `start`, `prefix` or `suffix`."
        raise Problem("INVALID", message, field=["input", "anchor", "quote"])
    return min(best, key=lambda at: abs(at - (start or 0)))


def _score(text: str, start: int, end: int, prefix: str, suffix: str) -> int:
    before, after = prefix[-CONTEXT_LENGTH:], suffix[:CONTEXT_LENGTH]
    return _common(before[::-1], text[max(0, start - len(before)) : start][::-1]) + _common(
        after, text[end : end + len(after)]
    )


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the number of characters that two texts have in common at their beginning."""
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _at(value: Any, path: Sequence[str]) -> Any:
    """Return the member of a JSON value at this path of keys and indexes; None without one."""
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
