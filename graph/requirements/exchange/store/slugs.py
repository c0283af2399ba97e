"""Slugs for new documents: their names in lower-case letters and digits, unique in the project."""

import re
import unicodedata
from collections.abc import Collection
from itertools import count
from uuid import UUID

from auth.session import Transaction
from db.requirements.documents import Document

MAX_LENGTH = 55
"""The most characters of a base, which leaves eight of a slug's 63 for a number."""


def slug_of(name: str) -> str:
    """Return the name as one DNS label, without accents and characters that are not Latin."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", plain))[:MAX_LENGTH].strip("-") or "document"


async def free_slug(
    transaction: Transaction, project_id: UUID, name: str, taken: Collection[str]
) -> str:
    """Return a slug of this name that is neither taken in the project nor one of `taken`."""
    base = slug_of(name)
    rows = await transaction.find_all(
        Document, Document.project_id == project_id, Document.slug.startswith(base), lock=False
    )
    used = {row.slug for row in rows} | set(taken)
    numbered = (f"{base}-{number}" for number in count(2))
    return base if base not in used else next(slug for slug in numbered if slug not in used)
