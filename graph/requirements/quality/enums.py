"""Descriptions of the enumerations of quality in the schema."""

from graph.kit.enums import describe_enum
from graph.requirements.quality.rules import (
    RULES,
    EarsPattern,
    QualityLanguage,
    QualityRule,
    QualitySeverity,
)

describe_enum(
    QualityRule,
    "A rule for the wording of requirements.",
    {rule.rule.name: rule.reason for rule in RULES},
)
describe_enum(
    QualitySeverity,
    "The severity of a finding.",
    {
        "LOW": "The wording can be improved.",
        "MEDIUM": "The wording can be misunderstood.",
        "HIGH": "The requirement cannot be verified as it is worded.",
    },
)
describe_enum(
    QualityLanguage,
    "The language in which requirements are written.",
    {
        "ENGLISH": "English. All rules apply.",
        "OTHER": "Another language. Only PLACEHOLDER and DUPLICATE apply.",
    },
)
describe_enum(
    EarsPattern,
    "A sentence pattern of EARS.",
    {
        "UBIQUITOUS": "The system shall respond: no condition.",
        "STATE_DRIVEN": "While a state holds, the system shall respond.",
        "EVENT_DRIVEN": "When an event occurs, the system shall respond.",
        "OPTIONAL_FEATURE": "Where a feature is included, the system shall respond.",
        "UNWANTED_BEHAVIOR": "If something unwanted occurs, then the system shall respond.",
        "COMPLEX": "Several conditions, then the response.",
    },
)
