"""Canonical JSON, of which a digest can be computed anywhere.

Keys are sorted, there is no white space, and text is UTF-8 without escapes that it does not need.
"""

import json
from typing import Any


def canonical(value: Any) -> str:
    """Return a value as canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
