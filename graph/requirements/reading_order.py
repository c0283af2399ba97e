"""The order of requirements of many documents: by document, then in the order of the document."""

from typing import Any

from db.requirements.requirements import Requirement
from graph.kit.cursor import Key


def keys_in(columns: Any) -> tuple[Key, ...]:
    """Return the sort keys in these columns."""
    return tuple(Key(columns[name]) for name in ("document_id", "position", "id"))


KEYS = keys_in(Requirement.__table__.c)
"""The keys of the cursors."""
