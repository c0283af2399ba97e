"""Full-text search: parse a search into a condition on a search vector."""

import re
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, func, select

from db.problem import Problem

MAX_SEARCH_LENGTH = 2_000
"""Characters in one search."""
MAX_WORDS = 100
"""Words and phrases in one search."""

TERM = re.compile(r'(-*)("[^"]*"?|[^\s"]+)')
"""A word or a quoted phrase of a search, and whether it is to be absent."""


def searched(model: Any, text: str) -> ColumnElement[bool] | None:
    """Return the condition for rows with all of these words; None for an empty search.

    A word matches as it is written, in its other forms in English, and as a prefix; quoted words
    match in this order, and not as prefixes. `or` separates alternatives; a hyphen before a word
    excludes it. Raises INVALID when the search is too long.
    """
    if not text.strip():
        return None
    found = TERM.findall(text) if len(text) <= MAX_SEARCH_LENGTH else None
    if found is None or len(found) > MAX_WORDS:
        message = f"A search has at most {MAX_WORDS} words and {MAX_SEARCH_LENGTH} characters."
        raise Problem("INVALID", message, field=["search"])
    terms = [_term(bool(minus), term) for minus, term in found]
    query = func.ctx.search_query(bindparam(None, terms, type_=ARRAY(Text), unique=True))
    return model.search.bool_op("@@")(select(query).scalar_subquery())


def _term(excluded: bool, term: str) -> str:
    if excluded:
        return f"-{term}"
    if term.lower() == "or":
        return "|"
    whole = term.startswith('"') or not term[-1].isalnum()
    return f"={term}" if whole else f"*{term}"
