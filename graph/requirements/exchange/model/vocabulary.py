"""The vocabulary of other tools for states, priorities, levels and relations, mapped to ours.

An ambiguous word is left out: the import then keeps the word itself as a property.
"""

import re
from enum import StrEnum
from typing import TypeVar

from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)

E = TypeVar("E", bound=StrEnum)

SYNONYMS: dict[type[StrEnum], dict[str, str]] = {
    RequirementStatus: {
        "new": "draft",
        "open": "draft",
        "to do": "draft",
        "todo": "draft",
        "proposed": "draft",
        "backlog": "draft",
        "review": "in_review",
        "under review": "in_review",
        "accepted": "approved",
        "agreed": "approved",
        "released": "approved",
        "baselined": "approved",
        "declined": "rejected",
        "won't do": "rejected",
        "in development": "in_progress",
        "in work": "in_progress",
        "started": "in_progress",
        "done": "implemented",
        "closed": "implemented",
        "completed": "implemented",
        "resolved": "implemented",
        "fulfilled": "implemented",
        "tested": "verified",
        "validated": "verified",
        "passed": "verified",
        "obsolete": "deprecated",
        "superseded": "deprecated",
        "retired": "deprecated",
        "withdrawn": "deprecated",
        "deleted": "deprecated",
    },
    RequirementPriority: {
        "lowest": "low",
        "minor": "low",
        "trivial": "low",
        "optional": "low",
        "could": "low",
        "may": "low",
        "normal": "medium",
        "moderate": "medium",
        "should": "medium",
        "desired": "medium",
        "major": "high",
        "important": "high",
        "highest": "critical",
        "must": "critical",
        "shall": "critical",
        "mandatory": "critical",
        "essential": "critical",
        "urgent": "critical",
        "showstopper": "blocker",
    },
    RequirementLevel: {
        "stakeholder": "business",
        "customer": "business",
        "user": "business",
        "product": "system",
        "sub system": "subsystem",
        "segment": "subsystem",
        "software": "component",
        "hardware": "component",
        "unit": "component",
        "module": "component",
        "functional": "feature",
        "epic": "feature",
        "story": "user_story",
    },
    RequirementFormat: {
        "text": "natural_language",
        "free text": "natural_language",
        "prose": "natural_language",
        "natural": "natural_language",
        "template": "structured",
        "mathematical": "formal",
        "bdd": "gherkin",
        "cucumber": "gherkin",
        "given when then": "gherkin",
    },
    TraceLinkType: {
        "derived": "derived_from",
        "derives from": "derived_from",
        "derivation": "derived_from",
        "satisfy": "satisfies",
        "fulfils": "satisfies",
        "fulfills": "satisfies",
        "covers": "satisfies",
        "verify": "verifies",
        "validates": "verifies",
        "tests": "verifies",
        "refine": "refines",
        "refinement": "refines",
        "elaborates": "refines",
        "implement": "implements",
        "realizes": "implements",
        "realises": "implements",
        "depends": "depends_on",
        "requires": "depends_on",
        "needs": "depends_on",
        "conflict": "conflicts_with",
        "conflicts": "conflicts_with",
        "contradicts": "conflicts_with",
        "excludes": "conflicts_with",
        "duplicate": "duplicates",
        "duplicate of": "duplicates",
        "copy of": "duplicates",
        "contains": "parent_of",
        "decomposes into": "parent_of",
        "has child": "parent_of",
        "relates": "relates_to",
        "related to": "relates_to",
        "traces to": "relates_to",
    },
}
"""Words of other tools, and the label of the member that each of them means."""

INVERSES = {
    "satisfied by": "satisfies",
    "fulfilled by": "satisfies",
    "covered by": "satisfies",
    "verified by": "verifies",
    "validated by": "verifies",
    "tested by": "verifies",
    "refined by": "refines",
    "implemented by": "implements",
    "realized by": "implements",
    "realised by": "implements",
    "required by": "depends_on",
    "needed by": "depends_on",
    "duplicated by": "duplicates",
    "source of": "derived_from",
    "has parent": "parent_of",
    "child of": "parent_of",
    "part of": "parent_of",
    "contained in": "parent_of",
}
"""Words for a relation whose source and target are exchanged here."""


def words(text: str) -> str:
    """Return the text in lower case, its words separated by single spaces, for comparison."""
    return " ".join(re.sub(r"[_-]+", " ", text).casefold().split())


def heading(column: str) -> str:
    """Return the words of a column's name: `Req. ID*`, `ReqID` and `req_id` are all `req id`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).replace("#", " no ")
    return words(re.sub(r"[.:*()]", " ", parted))


def meant(enumeration: type[E], text: str) -> E | None:
    """Return the member that a word of another tool means, or None when it is unknown."""
    said = words(text)
    label = SYNONYMS[enumeration].get(said, said.replace(" ", "_"))
    return enumeration(label) if label in {member.value for member in enumeration} else None


def relation_meant(name: str) -> tuple[TraceLinkType, bool]:
    """Return the type of a relation of this name, and whether source and target are exchanged."""
    if (inverse := INVERSES.get(words(name))) is not None:
        return TraceLinkType(inverse), True
    return meant(TraceLinkType, name) or TraceLinkType.RELATES_TO, False
