"""The patterns of EARS, the Easy Approach to Requirements Syntax (Mavin et al., 2009)."""

import re
from enum import Enum

MAX_HEAD = 1_000
"""Code points before "shall" in which the conditions of a statement are looked for."""
SHALL = re.compile(r"\bshall\b", re.IGNORECASE)
CONDITION = re.compile(r"(?:^|,)\s{0,20}(while|when|where|if)\b", re.IGNORECASE)
THEN = re.compile(r",\s{0,20}then\b", re.IGNORECASE)


class EarsPattern(Enum):
    """A pattern of EARS."""

    UBIQUITOUS = "UBIQUITOUS"
    STATE_DRIVEN = "STATE_DRIVEN"
    EVENT_DRIVEN = "EVENT_DRIVEN"
    OPTIONAL_FEATURE = "OPTIONAL_FEATURE"
    UNWANTED_BEHAVIOR = "UNWANTED_BEHAVIOR"
    COMPLEX = "COMPLEX"


KEYWORDS = {
    "while": EarsPattern.STATE_DRIVEN,
    "when": EarsPattern.EVENT_DRIVEN,
    "where": EarsPattern.OPTIONAL_FEATURE,
    "if": EarsPattern.UNWANTED_BEHAVIOR,
}


def ears_pattern(text: str) -> EarsPattern | None:
    """Return the pattern that a statement follows; None for none.

    A condition begins the statement or follows a comma, and ends in a comma before the response.
    "If" is followed by "then".
    """
    text = text.strip()
    shall = SHALL.search(text[: MAX_HEAD + len("shall")])
    if shall is None:
        return None
    head = text[: shall.start()].rstrip()
    if not head:
        return None
    found = [match[1].lower() for match in CONDITION.finditer(head)]
    if not found:
        return EarsPattern.UBIQUITOUS if "," not in head else None
    if CONDITION.match(head) is None or "," not in head.rpartition(found[-1])[2]:
        return None
    if "if" in found and not THEN.search(head):
        return None
    return KEYWORDS[found[0]] if len(found) == 1 else EarsPattern.COMPLEX
